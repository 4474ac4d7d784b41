import ArgumentParser
import Contracts
import Platform
import TerminalUI

struct Watch: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Events as they happen, a line each, until Ctrl-C.",
        discussion: """
            Each line is the newest state of an upload that has changed. Whoever reads slowly gets fewer lines, never late ones.

            Examples:
              davit watch state:failed                  only what fails from now on
              davit watch --json | jq .state            one object a line
            """)
    @OptionGroup var global: GlobalOptions
    @Argument(help: "Which uploads, as in davit queue.") var query: [String] = []

    /// Before the engine is asked again after a stream has ended.
    private static let pause = Duration.milliseconds(200)

    func run() async throws {
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
                for try await event in client.http.events(path, lastEventID: last) {
                    last = event.id ?? last
                    switch event.event {
                    case "upload": guard show(event) else { return }
                    case "missed": if !global.quiet { Output.note("some changes are not shown: too many came, or this command stood still. See: davit queue") }
                    default: break
                    }
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

    private func show(_ event: ServerEvent) -> Bool {
        // As it came: it is one object on one line already.
        if global.json { return Output.write(String(decoding: event.data, as: UTF8.self) + "\n", to: 1) }
        guard let upload = try? ContractJSON.decode(UploadView.self, from: event.data) else { return true }
        let size = upload.state == .done ? "100%" : Formats.percent(upload.stored, of: upload.size) ?? ""
        let fields = [upload.id, upload.state.rawValue, size, Output.clean(upload.path), Output.clean(upload.dest)]
        return Output.write(fields.joined(separator: global.plain ? "\t" : "  ") + "\n", to: 1)
    }
}
