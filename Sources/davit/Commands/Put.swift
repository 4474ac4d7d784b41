import ArgumentParser
import Contracts
import FoundationEssentials
import Glibc
import Platform
import TerminalUI

/// Queues, shows progress on standard error, waits. The uploads belong to the engine: leaving never stops them.
struct Put: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "put",
        abstract: "Queue files and folders, show progress, wait for them.",
        discussion: """
            Ctrl-C detaches: the uploads go on. A second Ctrl-C within 2 s cancels them.
            Example: davit put video.mov photos/ oss://my-bucket/2026/
            """)
    @OptionGroup var global: GlobalOptions
    @OptionGroup var flags: OrderFlags
    @Argument(help: ArgumentHelp("PATH... DEST", valueName: "path")) var arguments: [String]

    func run() async throws {
        let deadline = try global.timeoutDuration().map { ContinuousClock.now + $0 }
        let client = try await ControlClient.connect(global)
        let ordering = Ordering(global: global, flags: flags, arguments: arguments)
        if flags.plan { return try await ordering.plan(with: client) }
        let (order, missing) = try await ordering.send(to: client)
        Ordering.report(order.refused)
        if flags.dryRun {
            return try ordering.end(order, missing: missing)
        }
        let follower = Follower(client: client, job: order.job, quiet: global.quiet, deadline: deadline)
        var job = try await follower.untilEnded()
        if global.json { job = try await client.get(JobView.self, "/v1/jobs/\(job.job)") }
        // What the scan came upon after the answer to the order.
        let told = Set(order.refused.map(\.path))
        Ordering.report(job.refused.filter { !told.contains($0.path) })
        if !global.quiet { Ordering.reportLinks(job) }
        try await report(job, missing: missing, client: client)
    }

    private func report(_ job: JobView, missing: Int, client: ControlClient) async throws {
        let done = job.counts["done", default: 0] + job.counts["skipped", default: 0]
        let failed = job.counts["failed", default: 0] + job.counts["cancelled", default: 0]
        let lost = failed + missing + job.refused.count
        if failed > 0 {
            let page = try await client.firstUploads(query: "job:\(job.job) state:failed", limit: 20)
            for upload in page.items {
                let reason = upload.lastError.map { Output.clean($0.message) } ?? "no reason was recorded"
                Output.note("davit: error: \(Output.clean(upload.path)) failed (\(reason))")
            }
            if page.total > page.items.count { Output.note("davit: error: and \(page.total - page.items.count) more: davit queue state:failed") }
        }
        if global.json {
            try Output.json(job)
        } else if !global.quiet {
            Output.note("\(done) of \(job.total + missing) stored, \(Formats.size(job.stored))\(lost > 0 ? ", \(lost) not" : "")")
        }
        if lost > 0 { throw Finished(exit: done > 0 ? Exit.partly : Exit.failed) }
    }
}

extension JobView {
    /// How much of it is stored; 100% only where all of it is done.
    var percent: String {
        if state != "scanning", total > 0, counts[UploadState.done.rawValue] == total { return "100%" }
        return Formats.percent(stored, of: bytes) ?? ""
    }
}

/// Watches one job until all of it ended, the time is over, or a person presses Ctrl-C.
struct Follower {
    let client: ControlClient
    let job: String
    let quiet: Bool
    let deadline: ContinuousClock.Instant?

    /// The engine answers when the job is over, at the latest after this: so long a Ctrl-C may go unnoticed.
    private static let interval = Duration.milliseconds(250)
    /// How long credentials must be refused before `put` gives up waiting for them.
    private static let patience = Duration.seconds(3)

    func untilEnded() async throws -> JobView {
        let interrupts = Interrupts()
        defer { interrupts.stop() }
        var refusedSince: ContinuousClock.Instant?
        var shown = false
        var said: String?
        // The first answer comes at once, so that there is something to see.
        var wait = showsProgress ? Duration.zero : Self.interval
        while true {
            let asked = ContinuousClock.now
            if let deadline { wait = min(wait, max(deadline - asked, .zero)) }
            let view = try await client.get(JobView.self, "/v1/jobs/\(job)?uploads=none&wait_ms=\(wait.inMilliseconds)")
            let ended = UploadState.allCases.filter(\.isEnded).reduce(0) { $0 + view.counts[$1.rawValue, default: 0] }
            if showsProgress {
                Output.progress("\r\u{1B}[K" + line(view, ended: ended))
                shown = true
            }
            if view.isOver {
                if shown { Output.progress("\r\u{1B}[K") }
                return view
            }
            let waiting = try await held(view)
            if let waiting, waiting.heldReason == "credentials", waiting.nextTry == nil {
                let reason = waiting.lastError?.message ?? "none are configured for this destination"
                let since = refusedSince ?? ContinuousClock.now
                refusedSince = since
                if ContinuousClock.now - since >= Self.patience {
                    if shown { Output.note("") }
                    throw Failure(
                        "no valid credentials (\(Output.clean(reason))). The uploads are kept and wait: see davit auth status",
                        exit: Exit.noCredentials)
                }
            } else {
                refusedSince = nil
                // On a terminal the line above says "held"; in a log nobody would know why nothing moves.
                if let waiting, !quiet, !Output.errorIsTerminal { said = note(waiting, after: said) }
            }
            if let deadline, ContinuousClock.now >= deadline {
                if shown { Output.note("") }
                throw Failure("time is over (--timeout). The uploads go on; follow them with: davit wait job:\(job)", exit: Exit.timeout)
            }
            if interrupts.take() { try await detach(interrupts, shown: shown) }
            // An engine from before this could wait answers at once.
            await interrupts.pause(max(wait - (ContinuousClock.now - asked), .zero))
            wait = Self.interval
        }
    }

    private var showsProgress: Bool { !quiet && Output.errorIsTerminal }

    /// One of the uploads that wait for something outside, when nothing else is left to do.
    private func held(_ view: JobView) async throws -> UploadView? {
        let alive = ["uploading", "verifying", "retrying", "queued"].reduce(0) { $0 + view.counts[$1, default: 0] }
        guard view.counts["held", default: 0] > 0, alive == 0 else { return nil }
        return try await client.firstUploads(query: "job:\(job) state:held", limit: 1).items.first
    }

    /// Says once what is waited for.
    private func note(_ upload: UploadView, after said: String?) -> String {
        let reason = upload.lastError.map { " (\(Output.clean($0.message)))" } ?? ""
        let text = "waiting for \(upload.heldReason ?? "something outside")\(reason). The uploads go on by themselves"
        if text != said { Output.note(text) }
        return text
    }

    private func line(_ view: JobView, ended: Int) -> String {
        let percent = view.bytes > 0 ? " \(view.percent)" : ""
        let scanning = view.state == "scanning" ? "+" : ""
        let held = view.counts["held", default: 0]
        let retrying = view.counts["retrying", default: 0]
        var text = "\(ended) of \(view.total)\(scanning) files, \(Formats.size(view.stored)) of \(Formats.size(view.bytes))\(scanning)\(percent)"
        if retrying > 0 { text += ", \(retrying) retrying" }
        if held > 0 { text += ", \(held) held" }
        return text
    }

    private func detach(_ interrupts: Interrupts, shown: Bool) async throws {
        if shown { Output.note("") }
        Output.note("detached: the uploads go on. Follow them with: davit wait job:\(job). Ctrl-C again within 2 s cancels them")
        let until = ContinuousClock.now + .seconds(2)
        while ContinuousClock.now < until {
            if interrupts.take() {
                _ = try await client.post("/v1/actions", ActionRequest(action: "cancel", query: "job:\(job)"), as: ActionResult.self)
                throw Failure("cancelled. Stored parts are kept for a while: davit undo brings the uploads back", exit: Exit.interrupted)
            }
            await interrupts.pause(.milliseconds(100))
        }
        throw Finished(exit: Exit.interrupted)
    }
}
