import ArgumentParser
import Contracts
import Glibc
import TerminalUI

/// Waits for uploads to end. Without QUERY: what is unfinished when it starts; only those count for the exit status.
struct Wait: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Wait until all matching uploads end.", discussion: "Example: davit wait job:j-31 --timeout 2h")
    @OptionGroup var global: GlobalOptions
    @Flag(name: .long, help: "Until one of them ends.") var any = false
    @Argument(help: "Which uploads.") var query: [String] = []

    private static let interval = Duration.milliseconds(300)

    func run() async throws {
        let client = try await ControlClient.connect(global)
        let deadline = try global.timeoutDuration().map { ContinuousClock.now + $0 }
        let text = Selection(query).query ?? ""
        let matching = try await client.allUploads(query: text.isEmpty ? nil : text)
        if !text.isEmpty && matching.items.isEmpty { throw Finished(exit: Exit.nothingMatched) }
        var ended = text.isEmpty ? [] : matching.items.filter(\.state.isEnded)
        var open = Set(matching.items.filter { !$0.state.isEnded }.map(\.id))
        let interrupts = Interrupts()
        defer { interrupts.stop() }
        while !open.isEmpty && !(any && !ended.isEmpty) {
            // A scan adds uploads to the same query while it runs, so the open set may also grow.
            let alive = try await client.allUploads(query: Self.unfinished(text))
            let aliveIDs = Set(alive.items.map(\.id))
            if !text.isEmpty { open.formUnion(aliveIDs) }
            for id in open.subtracting(aliveIDs) {
                open.remove(id)
                if let upload = try? await client.get(UploadDetail.self, "/v1/uploads/\(id)").upload { ended.append(upload) }
            }
            if open.isEmpty || (any && !ended.isEmpty) { break }
            if let deadline, ContinuousClock.now >= deadline {
                throw Failure("time is over (--timeout): \(open.count) uploads have not ended. They go on", exit: Exit.timeout)
            }
            if interrupts.take() { throw Finished(exit: Exit.interrupted) }
            await interrupts.pause(Self.interval)
        }
        let good = ended.count { $0.state == .done || $0.state == .skipped }
        if global.json {
            try Output.json(ListEnvelope(items: ended, total: ended.count))
        } else if !global.quiet {
            Output.note("\(good) of \(ended.count) stored")
        }
        if good < ended.count { throw Finished(exit: good > 0 ? Exit.partly : Exit.failed) }
    }

    private static func unfinished(_ text: String) -> String {
        let open = "state:" + UploadState.allCases.filter { !$0.isEnded }.map(\.rawValue).joined(separator: ",")
        return text.isEmpty ? open : "(\(text)) and \(open)"
    }
}
