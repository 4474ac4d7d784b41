import GRDB
import Platform

/// Uploads that are done and whose rows are written together, as long as nothing else is to be written between them.
final class DoneBatch {
    private(set) var runs: [UploadRun] = []
    let rows = Lock<[UploadRow]>([])

    func add(_ run: UploadRun) {
        runs.append(run)
        let row = run.row
        rows.withLock { $0.append(row) }
    }
}

extension EngineLoop {
    /// So many are written at once, without the wait for more: their runs keep others from starting.
    private static let fullBatch = 192
    /// With more in memory none is looked for that would be the last.
    private static let fewRuns = 16

    /// A small upload that went up in one request and left nothing to settle.
    func writeDone(_ run: UploadRun) {
        guard !isDead else { return }
        if let batch = pending.last?.done {
            batch.add(run)
            if batch.runs.count >= Self.fullBatch { isWriteUrgent = true }
            return flushSoon(urgent: isLastEnd(run))
        }
        let batch = DoneBatch()
        batch.add(run)
        let rows = batch.rows
        pending.append(
            PendingChange(
                change: { db in try QueueStore.finish(db, rows.withLock { $0 }) },
                then: { [self] in for run in batch.runs { left(run) } },
                // One of them is wrong in itself: the others must not suffer.
                failed: { [self] _ in for run in batch.runs { writeAlone(run) } }, isPatient: true, done: batch))
        flushSoon(urgent: isLastEnd(run))
    }

    /// Nothing is on its way whose end could share the flush: waiting for others would only make people wait.
    func isLastEnd(_ run: UploadRun) -> Bool {
        runs.count <= Self.fewRuns && scans.isEmpty && runs.values.allSatisfy { $0 === run || $0.isLanding }
    }

    private func writeAlone(_ run: UploadRun) {
        let row = run.row
        write(urgent: true) { db in
            try row.update(db)
        } then: { [self] in
            left(run)
        } failed: { [self] _ in
            left(run)
            // Its row still says that it waits.
            forgetReady()
        }
    }
}
