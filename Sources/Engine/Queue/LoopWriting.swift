import GRDB
import OSSProtocol

/// One change of the store and what is done once it is on the disk.
struct PendingChange {
    var change: QueueStore.Change
    /// Runs on the loop after the commit.
    var then: (() -> Void)?
    /// It cannot be written as it is.
    var failed: ((any Error) -> Void)?
    /// Waits for a full disk to have space again; else `failed` is told at once, since a person waits for it.
    var isPatient: Bool
    /// It writes these and nothing else: others may join them.
    var done: DoneBatch?
}

/// The folder of the queue cannot be written: nothing is lost, everything that needs a promise waits.
struct DiskTrouble: Sendable {
    var since: Timestamp
    var nextTry: Timestamp
    var reason: String
}

/// Stands for a process that was killed, in tests: the store takes nothing any more.
struct StoreIsGone: Error {}

extension EngineLoop {
    /// Most that a change waits for others to share its flush.
    private static let batchDelay = Duration.milliseconds(40)
    private static let diskRetry = Duration.seconds(2)

    /// - Parameter urgent: something waits for it (a request, a person).
    func write(
        urgent: Bool, isPatient: Bool = true, _ change: @escaping QueueStore.Change, then: (() -> Void)? = nil,
        failed: ((any Error) -> Void)? = nil
    ) {
        guard !isDead else { return }
        if urgent { isWriteUrgent = true }
        pending.append(PendingChange(change: change, then: then, failed: failed, isPatient: isPatient))
        flushSoon(urgent: urgent)
    }

    /// Waits until the change is on the disk.
    func writeNow(_ change: @escaping QueueStore.Change) async throws {
        guard !isDead else { throw StoreIsGone() }
        try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Void, any Error>) in
            write(
                urgent: true, isPatient: false, change, then: { continuation.resume() },
                failed: { error in continuation.resume(throwing: error) })
        }
    }

    func flushSoon(urgent: Bool) {
        guard !isFlushing, !pending.isEmpty, !isDead else { return }
        // A person who waits is worth a try of its own: the space may be back.
        if let trouble = diskTrouble, clocks.steady() < trouble.nextTry, pending.allSatisfy(\.isPatient) { return }
        if urgent || isWriteUrgent {
            isFlushing = true
            // Unstructured on purpose: whoever wrote does not wait for the disk.
            Task { await flush() }
        } else if !isFlushDelayed {
            isFlushDelayed = true
            Task {
                try? await Task.sleep(for: Self.batchDelay)
                isFlushDelayed = false
                flushSoon(urgent: true)
            }
        }
    }

    /// One transaction after the other until nobody waits for one; what comes meanwhile shares the next.
    private func flush() async {
        repeat {
            guard !isDead else { break }
            let batch = pending
            pending = []
            isWriteUrgent = false
            do {
                try await store.commit(batch.map(\.change))
                if diskTrouble != nil {
                    diskTrouble = nil
                    log.notice("the queue can be written again")
                    changed()
                }
                for item in batch { item.then?() }
            } catch  where error is StoreIsGone || QueueStore.isDamage(error) {
                die(batch)
            } catch  where QueueStore.isPlaceTrouble(error) {
                troubled(error, batch)
                break
            } catch {
                await writeOneByOne(batch)
            }
        } while !pending.isEmpty && isWriteUrgent && !isDead
        isFlushing = false
        schedule()
        flushSoon(urgent: false)
    }

    /// One of them is wrong in itself: the others must not suffer, and it must not come again for ever.
    private func writeOneByOne(_ batch: [PendingChange]) async {
        for (index, item) in batch.enumerated() {
            do {
                try await store.commit([item.change])
                item.then?()
            } catch  where error is StoreIsGone || QueueStore.isDamage(error) {
                return die(Array(batch[index...]))
            } catch  where QueueStore.isPlaceTrouble(error) {
                return troubled(error, Array(batch[index...]))
            } catch {
                log.error("a change of the queue was refused by the store", metadata: ["error": "\(error)"])
                item.failed?(error)
            }
        }
    }

    /// Kept and tried again; whoever asked for a promise hears that there is none.
    private func troubled(_ error: any Error, _ batch: [PendingChange]) {
        let now = clocks.steady()
        let reason = (error as? DatabaseError)?.message ?? "\(error)"
        if diskTrouble == nil { log.error("the queue cannot be written", metadata: ["path": "\(store.path)", "error": "\(reason)"]) }
        diskTrouble = DiskTrouble(since: diskTrouble?.since ?? now, nextTry: now + Self.diskRetry, reason: reason)
        pending = batch.filter(\.isPatient) + pending
        for item in batch where !item.isPatient { item.failed?(error) }
        changed()
    }

    /// The store is gone, as by a kill, or damaged: nothing more leaves this loop. What the store has is what the next one begins with.
    private func die(_ batch: [PendingChange]) {
        isDead = true
        ticker?.cancel()
        for run in runs.values { for flight in run.flights.values { flight.task.cancel() } }
        for scan in scans.values { scan.cancel() }
        abandoned.cancel()
        let lost = batch + pending
        pending = []
        for item in lost where !item.isPatient { item.failed?(StoreIsGone()) }
        runs = [:]
    }

    /// For a person whose order or action could not be written.
    func storeFailure(_ error: any Error) -> OrderError {
        let reason = (error as? DatabaseError)?.message ?? "\(error)"
        return OrderError(
            code: "QueueNotWritable",
            message:
                "the queue \(store.path) cannot be written (\(reason)). Nothing was changed: free some space or check the folder, then try again",
            exit: 1)
    }
}
