import Contracts
import GRDB
import Glibc
import OSSProtocol
import TransferCore

/// Bytes a second of everything: the last 3 s, and one value a second for the graph.
struct RateHistory {
    static let length = 300
    private(set) var perSecond: [Int64] = []
    private var estimator = RateEstimator()
    private var lastBytes: Int64 = 0
    private var lastMark: (at: Timestamp, bytes: Int64)?

    mutating func sample(_ bytes: Int64, at now: Timestamp) {
        estimator.add(bytes - lastBytes, at: now)
        lastBytes = bytes
        guard let mark = lastMark else {
            lastMark = (now, bytes)
            return
        }
        let span = (now - mark.at).inMilliseconds
        guard span >= 1000 else { return }
        perSecond.append((bytes - mark.bytes) * 1000 / span)
        // A long sleep of the machine is one gap, not a thousand values.
        if perSecond.count > RateHistory.length { perSecond.removeFirst(perSecond.count - RateHistory.length) }
        lastMark = (now, bytes)
    }

    mutating func rate(at now: Timestamp) -> Int64 { estimator.rate(at: now) }
}

/// The whole engine as people see it.
extension EngineLoop {
    func sampleRates(_ now: Timestamp) {
        rates.sample(wire.bytes, at: now)
        let span = etaMeter.begin(now)
        for run in runs.values {
            var gained: Int64 = 0
            for (number, flight) in run.flights where flight.length > 0 {
                let bytes = min(flight.meter.bytes, flight.length)
                let new = bytes - flight.seen
                guard new > 0 else { continue }
                gained += new
                run.flights[number]?.seen = bytes
                run.flights[number]?.rate.add(new, at: now)
            }
            gained += run.unseen
            run.unseen = 0
            if gained > 0 { run.rate.add(gained, at: now) }
            if let span { etaMeter.add(run, gained, over: span, at: now) }
        }
        if let span { etaMeter.end(over: span, at: now) }
    }

    public func status() async -> StatusView {
        let found = try? await store.read { db in
            (try QueueStore.counts(db, job: 0), try Row.fetchAll(db, sql: Self.scopesSQL).map { ($0[0] as String, $0[1] as Int) })
        }
        let scopes = Dictionary((found?.1 ?? []).map { ($0.0, $0.1) }, uniquingKeysWith: +)
        let access = await leases(scopes)
        var view = status(found?.0 ?? [:], access.leases, access.clockOffset)
        view.notice = damageNotice
        view.lastAction = doneAction
        return view
    }

    /// Scopes with work to do, newest jobs only: a count for people, not a sum over a million rows.
    private static let scopesSQL = """
        SELECT j.scope, SUM(c.n) FROM counts c JOIN jobs j ON j.id = c.job
        WHERE c.job > (SELECT COALESCE(MAX(id), 0) - 1000 FROM jobs) AND c.state IN (0, 1) AND c.n > 0 GROUP BY j.scope
        """

    private func status(_ kept: [UploadState: StateCount], _ leases: [LeaseView], _ clockOffset: Double?) -> StatusView {
        let now = clocks.steady()
        var counts = kept
        var resent: Int64 = 0
        for run in runs.values where !run.isLanding {
            overlay(run, &counts)
            if run.isStarted { resent += run.machine.checkpoint.resentBytes - run.row.resent }
        }
        var shown = Dictionary(uniqueKeysWithValues: UploadState.allCases.map { ($0.rawValue, max(counts[$0]?.uploads ?? 0, 0)) })
        shown[UploadState.scanning.rawValue] = scans.count
        // Cancelled and skipped ones are no work any more; failed ones are until somebody decides.
        let work = counts.filter { $0.key != .cancelled && $0.key != .skipped }.values
        let totals = StatusView.Totals(
            bytes: work.map(\.bytes).total, stored: work.map(\.stored).total, resent: (counts.values.map(\.resent) + [resent]).total, uploads: counts.values.reduce(0) { $0 + $1.uploads },
            unknown: scans.count)
        let open = counts.filter { !$0.key.isEnded && $0.key != .paused }.values
        let left = max(open.map { $0.bytes - $0.stored }.total, 0)
        let eta = estimate(uploads: open.reduce(0) { $0 + max($1.uploads, 0) }, bytes: left, now)
        if rateNow.isPausedBySchedule { holdCounts(&shown) }
        return StatusView(
            revision: revision, now: clocks.wall().iso8601,
            engine: StatusView.Engine(
                version: settings.version, pid: Int(getpid()), uptime: Double((now - begun).inMilliseconds) / 1000, frontEnds: frontEndCount
            ),
            counts: shown, totals: totals, rate: rates.rate(at: now), rateHistory: rates.perSecond, limits: limits(),
            slotsUsed: runs.values.count { !$0.isLanding }, partsSending: partSlotsUsed, etaLow: eta?.low, etaHigh: eta?.high,
            leases: leases,
            clockOffset: clockOffset, outage: outage(hasHeld: (counts[.held]?.uploads ?? 0) > 0), queuePaused: queueMachine.isPaused,
            defaultRemote: settings.defaultRemote, slowBecause: queueMachine.isPaused ? nil : waitMeter.verdict?.rawValue)
    }

    private func outage(hasHeld: Bool) -> StatusView.Outage? {
        if let trouble = diskTrouble {
            return StatusView.Outage(
                endpoint: store.path, since: trouble.since.iso8601, nextTry: trouble.nextTry.iso8601,
                reason: "the queue cannot be written (\(trouble.reason)): uploads wait, nothing is lost. Free some space")
        }
        if lacksDescriptors {
            return StatusView.Outage(
                endpoint: "this machine", since: clocks.wall().iso8601, nextTry: nil,
                reason: "too many files and connections are open: uploads wait for one another. Raise the limit: ulimit -Hn")
        }
        let closed = gates.values.filter { if case .endpoint = $0.place { true } else { false } }.min { $0.since < $1.since }
        guard let closed, case .endpoint(let endpoint) = closed.place else {
            // Too few requests to call it an outage, yet nothing got through.
            guard hasHeld, let (endpoint, silence) = silences.min(by: { $0.value.since < $1.value.since }) else { return nil }
            return StatusView.Outage(
                endpoint: endpoint, since: silence.since.iso8601, nextTry: silence.nextTry?.iso8601,
                reason: outageReasons[endpoint] ?? "no answer")
        }
        return StatusView.Outage(
            endpoint: endpoint, since: closed.since.iso8601, nextTry: closed.shownNextTry?.iso8601,
            reason: outageReasons[endpoint] ?? "no answer")
    }

    /// For a day: whoever looks only in the morning should know.
    private var damageNotice: String? {
        damage.flatMap { clocks.wall() - $0.at < QueueDamage.shown ? $0.text : nil }
    }

    public func frontEnds(_ change: Int) { frontEndCount = max(frontEndCount + change, 0) }
}
