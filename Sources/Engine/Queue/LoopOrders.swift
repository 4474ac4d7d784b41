import Contracts
import GRDB
import OSSProtocol
import Platform
import TransferCore

/// Orders in: answered quickly, read in the background, never queued twice.
extension EngineLoop {
    private static let mostSources = 100_000
    /// How long an answer waits for the scan, so that a small order's uploads are known at once.
    private static let patience = Duration.milliseconds(300)
    /// The same for an order of a few files, whose ids whoever asks wants to have, on a machine that is busy.
    private static let fewFiles = (count: 1_000, patience: Duration.seconds(5))

    public func add(_ order: JobOrder) async throws(OrderError) -> JobView {
        try Self.check(order)
        guard !isFinishing, !isDead else {
            throw OrderError(
                code: "Stopping", message: "the engine is stopping and takes no orders. Start it again, then repeat the order", exit: 5)
        }
        let submission = order.submissionId
        if let known = try? await store.read({ db in try QueueStore.job(db, submission: submission) }),
            let view = await job(JobID.text(known))
        {
            return view
        }
        let (order, target) = try await withoutSignedURL(order)
        let dest = order.dest ?? ""
        var plan = try OrderPlan(order.options, target: target, partSize: settings.partSize, now: clocks.wall())
        let kinds = order.sources.count <= Self.fewFiles.count ? await SourceReader.kinds(order.sources) : []
        try settle(&plan, order.sources, kinds)
        if order.options.dryRun == true { return await dryRun(order, plan) }

        let at = clocks.wall()
        let made = Lock<(id: Int64, isNew: Bool)?>(nil)
        let stored = plan
        do {
            try await writeNow { db in
                let job = try QueueStore.addJob(db, order, dest: dest, plan: stored, at: at)
                made.withLock { $0 = job }
            }
        } catch {
            throw storeFailure(error)
        }
        guard let job = made.withLock({ $0 }) else { throw storeFailure(StoreIsGone()) }
        if job.isNew {
            jobs[job.id] = JobFacts(id: job.id, dest: dest, target: plan.target, options: plan.options, headers: plan.headers)
            startScan(job.id, plan, order.sources)
            let isFew = !kinds.isEmpty && !kinds.contains(.folder)
            await waitForScan(job.id, isFew ? Self.fewFiles.patience : Self.patience)
        }
        guard let view = await self.job(JobID.text(job.id)) else { throw storeFailure(StoreIsGone()) }
        return view
    }

    private static func check(_ order: JobOrder) throws(OrderError) {
        guard (1...200).contains(order.submissionId.utf8.count) else { throw .option("the order needs a submission id of 1 to 200 bytes") }
        guard !order.sources.isEmpty else { throw .option("the order names no source") }
        guard order.sources.count <= mostSources else {
            throw .option("the order names more than \(mostSources) sources. Name folders instead")
        }
        for source in order.sources where source.utf8.first != UInt8(ascii: "/") || source.utf8.contains(0) {
            throw .option("the source \(source) is no absolute path")
        }
    }

    /// A single source that is missing is the whole order's mistake; one of many is reported with the others queued.
    private func settle(_ plan: inout OrderPlan, _ sources: [String], _ kinds: [SourceReader.Kind]) throws(OrderError) {
        if sources.count == 1, case .unreadable(let number)? = kinds.first {
            throw OrderError(
                code: "NoSuchSource",
                message: "\(sources[0]) cannot be read (\(FileError.text(of: number))). Name a file or folder that is there", exit: 2)
        }
        try plan.settleKey(isOneFile: sources.count == 1 && kinds.first == .other, count: sources.count)
    }

    private func waitForScan(_ id: Int64, _ patience: Duration) async {
        let until = ContinuousClock.now + patience
        while scans[id] != nil, ContinuousClock.now < until { try? await Task.sleep(for: .milliseconds(2)) }
    }

    // MARK: - Scans

    /// Unstructured on purpose: an order is read on whether or not somebody waits for it.
    ///
    /// - Parameter settlesKey: it goes on after a restart. The kind of a single source decides about the key, as it did when the order came;
    ///   one that is gone is reported by the scan.
    func startScan(_ id: Int64, _ plan: OrderPlan, _ sources: [String], settlesKey: Bool = false) {
        scans[id] = Task {
            var plan = plan
            if settlesKey {
                let isOneFile = sources.count == 1 ? await SourceReader.kinds(sources) != [.folder] : false
                try? plan.settleKey(isOneFile: isOneFile, count: sources.count)
            }
            await scan(id, plan, sources)
            scans[id] = nil
            changed()
            schedule()
        }
    }

    private func scan(_ id: Int64, _ plan: OrderPlan, _ sources: [String]) async {
        guard await writeUntilDone({ { db in try QueueStore.beginScan(db, job: id) } }) else { return }
        let maker = RowMaker(job: id, plan: plan)
        for source in sources {
            let scanner = Scanner(source: source, links: plan.options.links == "follow" ? .follow : .skip) { plan.wants($0, isFolder: $1) }
            while !Task.isCancelled {
                let items = await scanner.next()
                if items.isEmpty { break }
                let (rows, refused) = maker.rows(items, source: source, at: clocks.wall())
                let add = { [self] () -> QueueStore.Change in
                    // Where credentials are missing they are held from the beginning.
                    let made = gates["s:" + plan.target.scope].map { maker.held(rows, StoredError($0, at: clocks.wall())) } ?? rows
                    return { db in try QueueStore.addRows(db, job: id, made, refused: refused) }
                }
                guard await writeUntilDone(add) else { return }
                // Within a priority new rows come last; a higher one comes before what was read ahead.
                let priority = plan.options.priority ?? .normal
                if let last = ready.last, last.priority.code > priority.code { forgetReady() } else { moreMayBeReady() }
                changed()
                schedule()
            }
            if Task.isCancelled { return }
        }
        _ = await writeUntilDone { { db in try QueueStore.endScan(db, job: id) } }
    }

    /// A scan has time: a full disk only makes it wait.
    ///
    /// - Parameter change: asked anew for each try, since what was right before the wait may not be any more.
    private func writeUntilDone(_ change: () -> QueueStore.Change) async -> Bool {
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
        let maker = RowMaker(job: 0, plan: plan)
        var view = JobView(job: "", state: "ready", uploads: [], total: 0, bytes: 0, refused: [])
        for source in order.sources {
            let scanner = Scanner(source: source, links: plan.options.links == "follow" ? .follow : .skip) { plan.wants($0, isFolder: $1) }
            while !Task.isCancelled {
                let items = await scanner.next()
                if items.isEmpty { break }
                let (rows, refused) = maker.rows(items, source: source, at: clocks.wall())
                view.total += rows.count
                view.bytes.addSaturating(rows.map(\.size).total)
                view.refused += refused.prefix(max(QueueStore.mostRefused - view.refused.count, 0))
            }
        }
        return view
    }

    // MARK: - Looking at a job

    public func job(_ id: String) async -> JobView? {
        guard let row = JobID.row(id), let state = try? await store.read({ db in try QueueStore.jobState(db, id: row) }) else { return nil }
        var counts = state.counts
        for run in runs.values where run.job.id == row { overlay(run, &counts) }
        let refused = state.refused
        return JobView(
            job: id, state: state.isScanning ? "scanning" : "ready", uploads: state.uploads.map(UploadID.text),
            total: counts.values.reduce(0) { $0 + $1.uploads }, bytes: counts.values.map(\.bytes).total, refused: refused,
            counts: Dictionary(uniqueKeysWithValues: counts.filter { $0.value.uploads > 0 }.map { ($0.key.rawValue, $0.value.uploads) }),
            stored: counts.values.map(\.stored).total)
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

/// Makes rows of what a scan found.
struct RowMaker: Sendable {
    let job: Int64
    let plan: OrderPlan

    func rows(_ items: [ScanItem], source: String, at: Timestamp) -> (rows: [UploadRow], refused: [JobView.Refused]) {
        let ownName = KeyRules.ownName(source)
        var rows: [UploadRow] = []
        var refused: [JobView.Refused] = []
        rows.reserveCapacity(items.count)
        for item in items {
            switch item {
            case .refused(let path, let reason): refused.append(JobView.Refused(path: path, reason: reason))
            case .file(let path, let relative, let identity):
                guard plan.wants(size: identity.size, modified: identity.modified) else { continue }
                // A source that is a file is its own name already.
                let isSource = path.utf8.elementsEqual(source.utf8)
                let key = plan.key(relative: relative, ownName: isSource ? nil : ownName)
                if let problem = KeyRules.problem(key) {
                    refused.append(JobView.Refused(path: path, reason: problem))
                    continue
                }
                if plan.isOnePut, identity.size > OSSLimits.largestPart {
                    let reason = "it is larger than 5 GiB, the most that one request takes. Put it to a destination"
                    refused.append(JobView.Refused(path: path, reason: reason))
                    continue
                }
                do throws(PlanError) {
                    rows.append(try row(path, key, identity, at))
                } catch {
                    refused.append(JobView.Refused(path: path, reason: error.description))
                }
            }
        }
        return (rows, refused)
    }

    /// As they are while there are no credentials.
    func held(_ rows: [UploadRow], _ error: StoredError) -> [UploadRow] {
        rows.map { row in
            guard row.state == .queued else { return row }
            var row = row
            (row.state, row.held, row.error) = (.held, .credentials, error)
            return row
        }
    }

    private func row(_ path: String, _ key: String, _ identity: SourceIdentity, _ at: Timestamp) throws(PlanError) -> UploadRow {
        let cut = try PartPlan(fileSize: identity.size, preferred: plan.preferredPartSize)
        var row = UploadRow(job: job, path: path, key: key, identity: identity, added: at, partSize: cut.partSize)
        row.priority = plan.options.priority ?? .normal
        if plan.options.paused == true {
            row.state = .paused
        } else if let notBefore = plan.notBefore {
            (row.state, row.held, row.nextTry) = (.held, .schedule, notBefore)
        }
        return row
    }
}
