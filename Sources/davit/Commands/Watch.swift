import ArgumentParser
import Contracts
import Platform
import TerminalUI

struct Watch: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "watch",
        abstract: "Events as they happen, a line each, until Ctrl-C.",
        discussion: """
            Each line is the newest state of an upload that has changed. Whoever reads slowly gets fewer lines, never late ones.
            It runs at a low priority: looking on takes nothing from uploads on the same processors.

            Examples:
              davit watch state:failed                  only what fails from now on
              davit watch --json | jq .state            one object a line
            """)
    @OptionGroup var global: GlobalOptions
    @Argument(help: "Which uploads, as in davit queue.") var query: [String] = []

    /// Before the engine is asked again after a stream has ended.
    private static let pause = Duration.milliseconds(200)

    func run() async throws {
        Courtesy.lowerPriority()
        let client = try await ControlClient.connect(global, start: false)
        let text = Selection(query).query ?? ""
        if !text.isEmpty {
            // A query that is not understood is told in words; a stream has only a status.
            let window = ControlClient.query([("query", text), ("limit", "1")])
            _ = try await client.get(ListEnvelope<UploadView>.self, "/v1/uploads?" + window)
        }
        let path = "/v1/events?" + ControlClient.query([("kinds", "upload"), ("query", text.isEmpty ? nil : text)])
        let limit = try global.timeoutDuration()
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask { try await follow(client, path) }
            if let limit {
                tasks.addTask {
                    try await Task.sleep(for: limit)
                    throw Finished(exit: Exit.timeout)
                }
            }
            defer { tasks.cancelAll() }
            try await tasks.next()
        }
    }

    /// Until nobody reads what is printed, or the engine is gone. A stream that was cut, as the engine does to a reader that was stopped for
    /// long, is taken up where it ended.
    private func follow(_ client: ControlClient, _ path: String) async throws {
        var last: String?
        while !Task.isCancelled {
            do {
                for try await events in client.http.eventBatches(path, lastEventID: last) {
                    Courtesy.lowerPriority()
                    // Written together: each of a thousand watched uploads a second would else cost a call of its own.
                    var lines: [UInt8] = []
                    for event in events {
                        last = event.id ?? last
                        switch event.event {
                        case "upload": lines += line(event)
                        case "missed": if !global.quiet { Output.note("some changes are not shown: too many came, or this command stood still. See: davit queue") }
                        default: break
                        }
                    }
                    guard Output.write(lines[...], to: 1) else { return }
                }
            } catch is CancellationError {
                return
            } catch {
                // Whether the engine is gone or only the stream is found out below.
            }
            if Task.isCancelled { return }
            guard try await client.answers() else { throw Failure("the engine went away. See: davit engine status", exit: Exit.noEngine) }
            try await Task.sleep(for: Self.pause)
        }
    }

    private func line(_ event: ServerEvent) -> [UInt8] {
        // As it came: it is one object on one line already.
        if global.json { return event.data + [10] }
        guard let upload = try? ContractJSON.decode(UploadView.self, from: event.data) else { return [] }
        let size = upload.state == .done ? "100%" : Formats.percent(upload.stored, of: upload.size) ?? ""
        let fields = [upload.id, upload.state.rawValue, size, Output.clean(upload.path), Output.clean(upload.dest)]
        return Array((fields.joined(separator: global.plain ? "\t" : "  ") + "\n").utf8)
    }
}
