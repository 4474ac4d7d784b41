import ArgumentParser
import Contracts
import Platform
import TerminalUI

/// Waits for uploads to end. Without QUERY: what is unfinished when it starts; only those count for the exit status.
struct Wait: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "wait",
        abstract: "Wait until all matching uploads end.",
        discussion: "While sources are still being walked more uploads may match, and it goes on. Example: davit wait job:j-31 --timeout 2h")
    @OptionGroup var global: GlobalOptions
    @Flag(name: .long, help: "Until one of them ends.") var any = false
    @Argument(help: "Which uploads.") var query: [String] = []

    func run() async throws {
        let deadline = try global.timeoutDuration().map { ContinuousClock.now + $0 }
        let client = try await ControlClient.connect(global)
        let patience = Patience(deadline: deadline)
        defer { patience.interrupts.stop() }
        let outcome: WaitOutcome
        if let jobs = Selection.jobs(query) {
            outcome = try await JobsWait(client: client, jobs: jobs, any: any).untilEnded(patience)
            if global.json { try await printHistory(of: jobs, client) }
        } else {
            var waiting = UploadsWait(client: client, query: Selection(query).query ?? "", any: any)
            outcome = try await waiting.untilEnded(patience)
            if global.json { try Output.json(ListEnvelope(items: Array(waiting.ended.values), total: waiting.ended.count)) }
        }
        if !global.json, !global.quiet { Output.note("\(outcome.good) of \(outcome.all) stored") }
        if outcome.good < outcome.all { throw Finished(exit: outcome.good > 0 ? Exit.partly : Exit.failed) }
    }

    /// A job's uploads may have left the queue long ago; in the history they are.
    private func printHistory(of jobs: [String], _ client: ControlClient) async throws {
        var list = JSONList()
        var after: String?
        repeat {
            let page = try await client.history("job:" + jobs.joined(separator: ","), after: after, limit: 1_000)
            after = page.next
            try list.add(page.items)
        } while after != nil
        list.end(total: list.count)
    }
}

/// What waiting came to.
private struct WaitOutcome {
    /// Stored, or there already.
    var good = 0
    var all = 0
}

/// How long a command waits, and Ctrl-C.
private struct Patience {
    let deadline: ContinuousClock.Instant?
    let interrupts = Interrupts()

    /// - Parameter open: how many uploads have not ended.
    func pause(_ duration: Duration, open: Int) async throws {
        if let deadline, ContinuousClock.now >= deadline {
            throw Failure("time is over (--timeout): \(open) uploads have not ended. They go on", exit: Exit.timeout)
        }
        if interrupts.take() { throw Finished(exit: Exit.interrupted) }
        await interrupts.pause(duration)
    }
}

/// Whole jobs: the engine counts their uploads, also those that left the queue.
private struct JobsWait {
    let client: ControlClient
    let jobs: [String]
    let any: Bool

    private static let intervals = (shortest: Duration.milliseconds(20), longest: Duration.milliseconds(300))

    func untilEnded(_ patience: Patience) async throws -> WaitOutcome {
        let begun = ContinuousClock.now
        while true {
            var (outcome, ended, open, isScanning) = (WaitOutcome(), 0, 0, false)
            for job in jobs {
                guard let view = try await client.find(JobView.self, "/v1/jobs/\(ControlClient.encode(job))?uploads=none") else { continue }
                let over = UploadState.allCases.filter(\.isEnded).reduce(0) { $0 + view.counts[$1.rawValue, default: 0] }
                outcome.good += view.counts["done", default: 0] + view.counts["skipped", default: 0]
                // What could not even be queued is not stored either.
                outcome.all += over + view.refused.count
                ended += over
                open += view.total - over
                if view.state == "scanning" { isScanning = true }
            }
            if any, ended > 0 { return WaitOutcome(good: outcome.good, all: ended) }
            if open <= 0, !isScanning {
                if outcome.all == 0 { throw Finished(exit: Exit.nothingMatched) }
                return outcome
            }
            let interval = min(max((ContinuousClock.now - begun) / 10, Self.intervals.shortest), Self.intervals.longest)
            try await patience.pause(interval, open: open)
        }
    }
}

/// Uploads that a query names, or all that are unfinished now.
private struct UploadsWait {
    let client: ControlClient
    /// Empty: what is unfinished when it starts, and what the scans that run then find.
    let query: String
    let any: Bool
    private(set) var ended: [String: UploadView] = [:]
    /// Nothing is known of them any more: nobody can say that they are stored.
    private var gone: Set<String> = []
    private var open: Set<String> = []

    private static let interval = Duration.milliseconds(300)

    init(client: ControlClient, query: String, any: Bool) { (self.client, self.query, self.any) = (client, query, any) }

    mutating func untilEnded(_ patience: Patience) async throws -> WaitOutcome {
        let begun = StartTime.text(SystemClock.wall().milliseconds / 1000)
        // Asked before the rows: a scan that is over by then has left all of its rows.
        var isScanning = try await scans()
        let hasScanned = isScanning
        try await look(for: query.isEmpty ? Self.unfinished : query)
        while !(open.isEmpty && !isScanning), !(any && !(ended.isEmpty && gone.isEmpty)) {
            let looked = ContinuousClock.now
            let mayGrow = !query.isEmpty || isScanning
            let stillScans = try await scans()
            try await follow(mayGrow: mayGrow)
            isScanning = query.isEmpty ? isScanning && stillScans : stillScans
            if open.isEmpty, !isScanning { break }
            // A long queue is not read through again at once.
            try await patience.pause(max(Self.interval, (ContinuousClock.now - looked) * 2), open: open.count)
        }
        // What a scan found may have ended between two looks.
        if hasScanned, query.isEmpty { try await look(for: Self.over, addedSince: begun) }
        if !query.isEmpty, open.isEmpty { try await look(for: query) }
        if ended.isEmpty, gone.isEmpty, !query.isEmpty { throw Finished(exit: Exit.nothingMatched) }
        let good = ended.values.count { $0.state == .done || $0.state == .skipped }
        return WaitOutcome(good: good, all: ended.count + gone.count)
    }

    private static let unfinished = "state:" + UploadState.allCases.filter { !$0.isEnded }.map(\.rawValue).joined(separator: ",")
    private static let over = "state:" + UploadState.allCases.filter(\.isEnded).map(\.rawValue).joined(separator: ",")

    private func scans() async throws -> Bool {
        try await client.get(StatusView.self, "/v1/status").counts[UploadState.scanning.rawValue, default: 0] > 0
    }

    /// - Parameter addedSince: RFC 3339; only those added at or after that second.
    private mutating func look(for text: String, addedSince: String? = nil) async throws {
        var found: [UploadView] = []
        try await client.eachPage(of: text) { found += $0 }
        for upload in found where addedSince.map({ $0.prefix(19) <= upload.added.prefix(19) }) ?? true {
            if upload.state.isEnded { ended[upload.id] = upload } else if addedSince == nil { open.insert(upload.id) }
        }
    }

    /// - Parameter mayGrow: what was not there before counts too.
    private mutating func follow(mayGrow: Bool) async throws {
        var alive: Set<String> = []
        try await client.eachPage(of: query.isEmpty ? Self.unfinished : "(\(query)) and \(Self.unfinished)") { page in
            for upload in page where !upload.state.isEnded { alive.insert(upload.id) }
        }
        if mayGrow { open.formUnion(alive) }
        for id in open.subtracting(alive) {
            guard let upload = try await client.find(UploadDetail.self, "/v1/uploads/\(id)")?.upload else {
                gone.insert(id)
                open.remove(id)
                continue
            }
            // One that was on its way between two pages has not ended.
            guard upload.state.isEnded else { continue }
            ended[id] = upload
            open.remove(id)
        }
    }
}
