import Contracts
import Credentials
import GRDB
import Logging
import OSSProtocol
import TransferCore

/// What is counted and logged of uploads: each failed request with the service's request id, each end of an upload.
extension EngineLoop {
    /// A request of a run has ended, whatever that means for the run.
    func observe(_ flight: UploadRun.Flight, _ run: UploadRun, _ end: FlightEnd) {
        guard end.event != nil || end.failure != nil else { return }
        let operation = Self.name(of: flight.kind)
        guard let failure = end.failure else {
            observed.count(operation, outcome: "ok")
            observed.storedBytes += flight.length
            log.debug("request", metadata: fields(run, flight, ["bytes": "\(end.bytesSent)", "request_id": "\(end.stored?.requestID ?? "-")"]))
            return
        }
        let judged = classify(failure)
        observed.count(operation, outcome: judged.name)
        observed.resentBytes += end.bytesSent
        let code = StoredError(failure, part: nil, at: clocks.wall()).code
        if judged.isTriedAgain { observed.countRetry(code) }
        guard judged != .cancelled else { return }
        var more: Logger.Metadata = ["code": "\(code)", "class": "\(judged.name)"]
        if case .answer(let status, _, let ec) = failure.cause {
            more["http"] = "\(status)"
            if let ec { more["ec"] = "\(ec)" }
        }
        if let id = failure.requestID { more["request_id"] = "\(id)" }
        if !failure.message.isEmpty { more["reason"] = "\(PlainText.line(failure.message, limit: 300))" }
        log.info("a request failed", metadata: fields(run, flight, more))
    }

    /// The end of a run is on the disk.
    func observe(ended run: UploadRun) {
        let (row, state) = (run.row, run.row.state)
        guard state.isEnded || state == .held || state == .paused else { return }
        if state.isEnded { observed.ended[state.rawValue, default: 0] += 1 }
        // A million small ones would push everything else out of the log, and cost more than their requests.
        guard log.logLevel <= .debug || state == .failed || state == .held || row.partsStored > 1 else { return }
        var more: Logger.Metadata = [
            "upload": "\(UploadID.text(row.id))", "job": "\(JobID.text(row.job))", "key": "\(PlainText.line(row.key, limit: 200))",
            "bytes": "\(row.size)", "tries": "\(row.tries)",
        ]
        if state == .done, let id = row.requestID { more["request_id"] = "\(id)" }
        if let error = row.error, state != .done, state != .skipped {
            more["code"] = "\(error.code)"
            more["reason"] = "\(PlainText.line(error.message, limit: 300))"
            if let id = error.request { more["request_id"] = "\(id)" }
        }
        switch state {
        case .failed: log.warning("an upload failed", metadata: more)
        case .held: log.info("an upload is held", metadata: more)
        case .done where row.partsStored > 1: log.info("an upload is done", metadata: more)
        default: log.debug("an upload is \(state.rawValue)", metadata: more)
        }
    }

    private func fields(_ run: UploadRun, _ flight: UploadRun.Flight, _ more: Logger.Metadata) -> Logger.Metadata {
        var fields: Logger.Metadata = [
            "upload": "\(UploadID.text(run.id))", "operation": "\(Self.name(of: flight.kind))",
            "ms": "\((clocks.steady() - flight.since).inMilliseconds)",
        ]
        if case .part(let number) = flight.kind { fields["part"] = "\(number)" }
        if let id = run.row.uploadID { fields["upload_id"] = "\(id)" }
        return fields.merging(more) { _, new in new }
    }

    private static func name(of kind: UploadRun.Kind) -> String {
        switch kind {
        case .look: "look"
        case .put: "put"
        case .part: "part"
        case .initiate: "initiate"
        case .listParts: "list_parts"
        case .complete: "complete"
        case .abort: "abort"
        case .head: "head"
        case .find: "list_uploads"
        case .hash: "hash"
        }
    }

    // MARK: - Metrics

    public func metrics() async -> QueueMetrics {
        var metrics = observed
        metrics.sentBytes = wire.bytes
        metrics.running = runs.count
        metrics.unwritten = pending.count
        metrics.closedScopes = closedScopes.count
        metrics.closedEndpoints = closedEndpoints.count
        let running = Set(runs.keys)
        let found = try? await store.read { db in
            // Rows of running uploads still say queued: at most as many as run stand before the first that waits.
            let next = try Row.fetchAll(
                db, sql: "SELECT id, added FROM uploads WHERE hidden = 0 AND state = 0 ORDER BY priority, position LIMIT \(Self.mostRuns + 1)")
            let used = try Int.fetchOne(db, sql: "SELECT COUNT(*) FROM ledger WHERE upload IS NOT NULL") ?? 0
            let owed = try Int.fetchOne(db, sql: "SELECT COUNT(*) FROM ledger WHERE upload IS NULL") ?? 0
            return (next.first { !running.contains($0[0]) }.map { $0[1] as Int64 }, used, owed)
        }
        if let (added, used, owed) = found {
            metrics.ledger = (used, owed)
            if let added { metrics.lag = max(.zero, clocks.wall() - Timestamp(milliseconds: added)) }
        }
        return metrics
    }
}

extension FailureClass {
    /// As metrics and the log name it.
    var name: String {
        switch self {
        case .transient: "transient"
        case .throttled: "throttled"
        case .staleLease: "stale_lease"
        case .clockSkew: "clock_skew"
        case .uploadGone: "upload_gone"
        case .partsDiffer: "parts_differ"
        case .checksumMismatch: "checksum_mismatch"
        case .sourceChanged: "source_changed"
        case .conflict: "conflict"
        case .denied: "denied"
        case .permanent: "permanent"
        case .storedCallbackFailed: "callback_failed"
        case .cancelled: "cancelled"
        }
    }

    /// The same request, or one in its place, is sent again by itself.
    var isTriedAgain: Bool {
        switch self {
        case .transient, .throttled, .staleLease, .clockSkew, .uploadGone, .partsDiffer, .checksumMismatch: true
        case .sourceChanged, .conflict, .denied, .permanent, .storedCallbackFailed, .cancelled: false
        }
    }
}
