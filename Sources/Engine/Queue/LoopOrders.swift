import Contracts
import GRDB
import OSSProtocol
import Platform
import TransferCore

/// Orders in: answered quickly, read in the background, never queued twice.
extension EngineLoop {
    private static let mostSources = 100_000
    /// Orders whose folders are read at once: each holds up to a descriptor for every folder it is deep. The others wait.
    static let mostScans = 8
    /// An order of a few files waits longer for its scan than `QueueSettings.scanPatience`: whoever asks wants to have their ids, on a
    /// machine that is busy too.
    private static let fewFiles = (count: 1_000, patience: Duration.seconds(5))

    public func add(_ order: JobOrder) async throws(OrderError) -> JobView {
        try Self.check(order)
        guard !isFinishing, !isDead else {
            throw OrderError(
                code: "Stopping", message: "the engine is stopping and takes no orders. Start it again, then repeat the order", exit: 5)
        }
        let (submission, fingerprint) = (order.submissionId, order.fingerprint)
        if let known = try? await store.read({ db in try QueueStore.job(db, submission: submission) }),
            let view = await job(JobID.text(known.id))
        {
            try known.check(fingerprint)
            return view
        }
        let (order, target) = try await withoutSignedURL(order)
        let dest = order.dest ?? ""
        let at = clocks.wall()
        var plan = try OrderPlan(order.options, target: target, partSize: settings.partSize, now: at)
        let kinds = order.sources.count <= Self.fewFiles.count ? await SourceReader.kinds(order.sources) : []
        try settle(&plan, order.sources, kinds)
        if order.options.dryRun == true { return await dryRun(order, plan) }

        let made = Lock<(job: SubmittedJob, isNew: Bool)?>(nil)
        let stored = plan
        do {
            try await writeNow { db in
                let job = try QueueStore.addJob(db, order, fingerprint: fingerprint, dest: dest, plan: stored, at: at)
                made.withLock { $0 = job }
            }
        } catch {
            throw storeFailure(error)
        }
        guard let (job, isNew) = made.withLock({ $0 }) else { throw storeFailure(StoreIsGone()) }
        if !isNew { try job.check(fingerprint) }
        if isNew {
            jobs[job.id] = JobFacts(id: job.id, dest: dest, target: plan.target, options: plan.options, headers: plan.headers)
            let isFew = !kinds.isEmpty && !kinds.contains(.folder)
            startScan(WaitingScan(id: job.id, plan: plan, sources: order.sources, isFew: isFew))
            await waitForScan(job.id, isFew ? Self.fewFiles.patience : settings.scanPatience)
        }
        guard let view = await self.job(JobID.text(job.id)) else { throw storeFailure(StoreIsGone()) }
        return view
    }

    static func check(_ order: JobOrder) throws(OrderError) {
        guard (1...200).contains(order.submissionId.utf8.count) else { throw .option("the order needs a submission id of 1 to 200 bytes") }
        guard !order.sources.isEmpty else { throw .option("the order names no source") }
        guard order.sources.count <= mostSources else {
            throw .option("the order names more than \(mostSources) sources. Name folders instead")
        }
        for source in order.sources where source.utf8.first != UInt8(ascii: "/") || source.utf8.contains(0) {
            throw .option("the source \(PathText.shown(source)) is no absolute path")
        }
    }

    /// A single source that is missing is the whole order's mistake; one of many is reported with the others queued.
    func settle(_ plan: inout OrderPlan, _ sources: [String], _ kinds: [SourceReader.Kind]) throws(OrderError) {
        if sources.count == 1, case .unreadable(let number)? = kinds.first {
            throw OrderError(
                code: "NoSuchSource",
                message: "\(PathText.shown(sources[0])) cannot be read (\(FileError.text(of: number))). Name a file or folder that is there", exit: 2)
        }
        try plan.settleKey(isOneFile: sources.count == 1 && kinds.first == .other, count: sources.count)
    }

    private func waitForScan(_ id: Int64, _ patience: Duration) async {
        let until = ContinuousClock.now + patience
        while isReading(id), ContinuousClock.now < until { try? await Task.sleep(for: .milliseconds(2)) }
    }

    // MARK: - Scans

    /// Unstructured on purpose: an order is read on whether or not somebody waits for it.
    ///
    /// The kind of a single source decides about the key when a scan goes on, as it did when the order came; one that is gone is reported by
    /// the scan.
    func startScan(_ scan: WaitingScan) {
        guard scan.isFew || foldersRead.count < Self.mostScans else { return waitingScans.append(scan) }
        let (id, sources) = (scan.id, scan.sources)
        if !scan.isFew { foldersRead.insert(id) }
        scans[id] = Task {
            var plan = scan.plan
            if scan.isResumed {
                let isOneFile = sources.count == 1 ? await SourceReader.kinds(sources) != [.folder] : false
                try? plan.settleKey(isOneFile: isOneFile, count: sources.count)
            }
            await self.scan(id, plan, sources, isResumed: scan.isResumed)
            scans[id] = nil
            foldersRead.remove(id)
            if !isFinishing, !isDead, !waitingScans.isEmpty { startScan(waitingScans.removeFirst()) }
            changed()
            schedule()
        }
    }

    private func isReading(_ id: Int64) -> Bool { scans[id] != nil || waitingScans.contains { $0.id == id } }

    /// What a person has put an end to in the store.
    func endScans(_ ids: [Int64]) {
        waitingScans.removeAll { ids.contains($0.id) }
        for id in ids { scans[id]?.cancel() }
    }

    private func scan(_ id: Int64, _ plan: OrderPlan, _ sources: [String], isResumed: Bool) async {
        let place = Lock(ScanPlace())
        if isResumed {
            let begin: QueueStore.Change = { db in
                let kept = try QueueStore.resumeScan(db, job: id)
                place.withLock { $0 = kept }
            }
            guard await writeUntilDone({ begin }) else { return }
        }
        let begun = clocks.steady()
        let scan = OrderScan(sources, maker: RowMaker(job: id, plan: plan), from: place.withLock { $0 }, wall: clocks.wall)
        var batch = await scan.next()
        while !Task.isCancelled {
            // The next batch is read while this one is written.
            let current = batch
            async let following = current.isEnd ? nil : scan.next()
            let written = await write(current, job: id, plan)
            guard case .some(let priority?) = written else {
                if written == nil, !isDead, !Task.isCancelled { giveUpScan(id, jobs[id], "a part of it cannot be written. Give it again") }
                return
            }
            // Within a job new rows come last; a job that was not there has its turn among the others at once.
            if ready.holds(job: id, priority: priority) { moreMayBeReady() } else { forgetReady() }
            changed()
            schedule()
            guard let next = await following else { break }
            batch = next
        }
        if batch.isEnd {
            log.info(
                "an order is read",
                metadata: [
                    "job": "\(JobID.text(id))", "looked": "\(scan.looked)", "resumed": "\(isResumed)",
                    "milliseconds": "\((clocks.steady() - begun).inMilliseconds)",
                ])
        }
    }

    /// The rows, where the scan goes on behind them, and at last that it has ended: together or not at all.
    ///
    /// - Returns: the priority that the rows have, in it `nil` where a person has put an end to the scan; `nil` when it cannot be written.
    private func write(_ batch: ScanBatch, job: Int64, _ plan: OrderPlan) async -> Priority?? {
        let priority = Lock<Priority?>(nil)
        let isWritten = await writeUntilDone { [self] in
            // Where credentials are missing they are held from the beginning.
            let holding = gates["s:" + plan.target.scope].map { StoredError($0, at: clocks.wall()) }
            return { db in
                let found = try QueueStore.add(db, batch, job: job, holding: holding)
                priority.withLock { $0 = found }
            }
        }
        return isWritten ? .some(priority.withLock { $0 }) : nil
    }

    /// A scan has time: a full disk only makes it wait.
    ///
    /// - Parameter change: asked anew for each try, since what was right before the wait may not be any more.
    func writeUntilDone(_ change: () -> QueueStore.Change) async -> Bool {
        while !isDead && !Task.isCancelled {
            do {
                try await writeNow(change())
                return true
            } catch  where QueueStore.isPlaceTrouble(error) {
                try? await Task.sleep(for: .seconds(1))
            } catch {
                if !isDead { log.error("a scan cannot be written", metadata: ["error": "\(error)"]) }
                return false
            }
        }
        return false
    }

    private func dryRun(_ order: JobOrder, _ plan: OrderPlan) async -> JobView {
        let scan = OrderScan(order.sources, maker: RowMaker(job: 0, plan: plan), wall: clocks.wall)
        var view = JobView(job: "", state: "ready", uploads: [], total: 0, bytes: 0, refused: [])
        while !Task.isCancelled {
            let batch = await scan.next()
            view.total += batch.rows.count
            view.bytes.addSaturating(batch.rows.map(\.size).total)
            view.refused += batch.refused.prefix(max(QueueStore.mostRefused - view.refused.count, 0))
            view.skipped.merge(batch.skipped.map { ($0.key.rawValue, $0.value) }, uniquingKeysWith: +)
            if batch.isEnd { break }
        }
        return view
    }

    // MARK: - Looking at a job

    public func job(_ id: String, withUploads: Bool = true) async -> JobView? {
        guard let row = JobID.row(id),
            let state = try? await store.read({ db in try QueueStore.jobState(db, id: row, withUploads: withUploads) })
        else { return nil }
        var counts = state.counts
        for run in runs.values where run.job.id == row { overlay(run, &counts) }
        let refused = state.refused
        return JobView(
            job: id, state: state.isScanning ? "scanning" : "ready", uploads: state.uploads.map(UploadID.text),
            total: counts.values.reduce(0) { $0 + $1.uploads }, bytes: counts.values.map(\.bytes).total, refused: refused,
            counts: Dictionary(uniqueKeysWithValues: counts.filter { $0.value.uploads > 0 }.map { ($0.key.rawValue, $0.value.uploads) }),
            stored: counts.values.map(\.stored).total, skipped: state.skipped)
    }

    /// Counts say what rows say; a run knows better.
    func overlay(_ run: UploadRun, _ counts: inout [UploadState: StateCount]) {
        guard !run.isLanding else { return }
        counts[run.stateOnDisk, default: StateCount()].uploads -= 1
        counts[run.stateOnDisk, default: StateCount()].bytes.addSaturating(-run.row.size)
        let now = run.state
        counts[now, default: StateCount()].uploads += 1
        counts[now, default: StateCount()].bytes.addSaturating(run.row.size)
        counts[now, default: StateCount()].stored += (run.isStarted ? run.machine.storedBytes : run.row.stored) - run.storedOnDisk
    }
}
