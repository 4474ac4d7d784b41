import Contracts
import OSSProtocol
import TransferCore

/// What the estimate of the queue's end is told, collected over one look.
struct EtaMeter {
    private(set) var estimator = EtaEstimator()
    private var last: Timestamp?
    private var gained: Int64 = 0
    private var large = 0
    private var small = 0
    private var lost: Int64 = 0

    /// - Returns: since the look before; `nil` at the first, and after a long sleep.
    mutating func begin(_ now: Timestamp) -> Duration? {
        defer { last = now }
        (gained, large, small) = (0, 0, 0)
        guard let last, now > last, now - last < .seconds(5) else { return nil }
        return now - last
    }

    mutating func add(_ run: UploadRun, _ bytes: Int64, over span: Duration, at now: Timestamp) {
        let bodies = run.flights.values.count { $0.holdsSlot }
        if run.row.size < EtaEstimator.smallBody {
            small += bodies
            return
        }
        gained += bytes
        large += bodies
        if bodies > 0 || bytes > 0 {
            run.longRate.add(bytes, over: span)
            run.movingSince = run.movingSince ?? now
        }
    }

    mutating func end(over span: Duration, at now: Timestamp) {
        estimator.observe(gained - lost, over: span, uploads: large, small: small, at: now)
        lost = 0
    }

    /// One body's end.
    mutating func note(_ flight: UploadRun.Flight, _ end: FlightEnd, at now: Timestamp) {
        if end.failure != nil {
            if flight.length >= EtaEstimator.smallBody { lost += min(end.bytesSent, flight.length) }
        } else if flight.length < EtaEstimator.smallBody {
            estimator.finished(overhead: now - flight.since)
        }
    }

    mutating func changed(share: Double?, at now: Timestamp) { estimator.changed(share: share, at: now) }
}

/// When the queue will be done, as far as it can be known.
extension EngineLoop {
    /// An upload's own end is told when it has moved for so long.
    private static let uploadLeast = Duration.seconds(5)

    func estimate(uploads: Int, bytes: Int64, _ now: Timestamp) -> (low: Int, high: Int)? {
        guard uploads > 0, !queueMachine.isPaused, limitsNow.rate != 0, !runs.isEmpty else { return nil }
        // What is on its way counts as gained, so it is not left either: many files in one request each may all be in flight.
        let bytes = max(bytes - runs.values.reduce(0) { $0 + ($1.isStarted ? $1.sendingBytes : 0) }, 0)
        // The last one may be alone: the one that needs longest. It then has the slots of the others too, unless it is held back by itself.
        var longest: (left: Int64, rate: Double, requests: Int?, seconds: Double)?
        for run in runs.values where run.isStarted && !run.isSmall {
            guard let rate = run.longRate.rate, rate > 0 else { continue }
            let left = run.row.size - run.machine.storedBytes - run.sendingBytes
            let requests = hasOwnLimit(run) ? nil : Int(clamping: left / max(run.row.partSize, 1)) + 1
            let pace = requests.flatMap { etaMeter.estimator.pace(requests: $0, slots: limitsNow.parts) } ?? 0
            let seconds = Double(left) / max(rate, pace)
            if let longest, longest.seconds >= seconds { continue }
            longest = (left, rate, requests, seconds)
        }
        let requests = uploads + Int(clamping: bytes / max(settings.partSize, 1))
        let left = EtaEstimator.Left(
            uploads: uploads, bytes: bytes, requests: requests, largest: longest?.left ?? 0, largestRate: longest?.rate,
            largestRequests: longest?.requests)
        guard case .about(let low, let high) = etaMeter.estimator.estimate(left, slots: limitsNow.parts, limit: limitsNow.rate, at: now) else { return nil }
        return (Int(clamping: low), Int(clamping: high))
    }

    /// A rate of its own or of its order, or a remote with limits: then it gets no faster when the others are done.
    private func hasOwnLimit(_ run: UploadRun) -> Bool {
        let job = jobs[run.row.job] ?? run.job
        return uploadLimits[run.id] != nil || job.options.limit != nil || job.target.remote.flatMap { remotes[$0] } != nil
    }

    func estimate(_ run: UploadRun, left: Int64, _ now: Timestamp) -> (low: Int, high: Int)? {
        guard let since = run.movingSince, now - since >= Self.uploadLeast, let rate = run.longRate.rate, rate > 0, limitsNow.rate != 0 else {
            return nil
        }
        let seconds = Double(left) / rate
        guard seconds < 1e10 else { return nil }
        return (Int(seconds * 0.9), Int((seconds * 1.1).rounded(.up)))
    }

    /// The limit or the slots were changed.
    func etaChanged(from before: Int64?) {
        let fell = limitsNow.rate.map { new in before.map { new < $0 } ?? true } ?? false
        etaMeter.changed(
            share: fell ? limitsNow.rate.map { Double($0) / Double(max(min(partSlotsUsed, limitsNow.parts), 1)) } : nil, at: clocks.steady())
    }

    /// While the schedule pauses everything, what runs or stands in line is held by it.
    func holdCounts(_ shown: inout [String: Int]) {
        for state in [UploadState.queued, .uploading, .retrying] {
            shown[UploadState.held.rawValue, default: 0] += shown[state.rawValue] ?? 0
            shown[state.rawValue] = 0
        }
    }
}
