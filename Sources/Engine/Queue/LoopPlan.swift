import Contracts
import OSSProtocol
import Platform
import TransferCore

/// What an order would do as far as this machine can tell: the destination is asked by whoever holds credentials.
public struct PlannedOrder: Sendable {
    public var view: PlanView
    /// Of every object key of the order; `nil` for more than are remembered.
    public var keys: KeySet?
    /// A few of them, for destinations that are asked key by key.
    public var firstKeys: [String]
}

/// Object keys by their hashes: what is asked is only whether a key is among them, and eight bytes of a million keys are affordable.
public struct KeySet: Sendable {
    private var hashes: Set<UInt64> = []
    private let seed: UInt64

    init(seed: UInt64 = .random(in: .min ... .max)) { self.seed = seed }

    public var count: Int { hashes.count }
    /// - Returns: whether it was new.
    mutating func insert(_ key: String) -> Bool { hashes.insert(hash(key)).inserted }
    public func contains(_ key: String) -> Bool { hashes.contains(hash(key)) }

    private func hash(_ key: String) -> UInt64 {
        var hasher = Hasher()
        hasher.combine(seed)
        var key = key
        key.withUTF8 { hasher.combine(bytes: UnsafeRawBufferPointer($0)) }
        return UInt64(bitPattern: Int64(hasher.finalize()))
    }
}

extension EngineLoop {
    private static let mostKeys = 2_000_000
    private static let mostShown = 100
    private static let mostFirstKeys = 20

    public func plan(_ order: JobOrder) async throws(OrderError) -> PlannedOrder { try await plan(order) { _ in } }

    public func plan(_ order: JobOrder, told: @escaping @Sendable (PlanProgress) -> Void) async throws(OrderError) -> PlannedOrder {
        try Self.check(order)
        guard let dest = order.dest else { throw .option("the order names no destination. Write oss://BUCKET/KEY or REMOTE:KEY") }
        let target = try await resolver.look(dest: dest, credentials: order.credentials)
        var plan = try OrderPlan(order.options, target: target, partSize: settings.partSize, now: clocks.wall())
        let kinds = order.sources.count <= 1_000 ? await SourceReader.kinds(order.sources) : []
        try settle(&plan, order.sources, kinds)
        var count = PlanCount(plan)
        let scan = OrderScan(order.sources, maker: RowMaker(job: 0, plan: plan), wall: clocks.wall)
        while !Task.isCancelled {
            let batch = await scan.next()
            count.add(batch)
            told(count.progress(isScanned: batch.isEnd))
            if batch.isEnd { break }
        }
        return count.order(time: time(count.bytes, order.options.limit))
    }

    /// At a rate that is known, or not at all: the order's own limit, what the engine reached in the last minute, its limit.
    private func time(_ bytes: Int64, _ limit: Int64?) -> PlanView.Time? {
        let seen = rates.perSecond.suffix(60).filter { $0 > 0 }.sorted()
        let reached = seen.count >= 5 ? seen[seen.count / 2] : nil
        let known: [(Int64?, String)] = [(limit, "order limit"), (reached, "last minute"), (limitsNow.rate, "engine limit")]
        let candidates = known.compactMap { rate, basis in rate.flatMap { $0 > 0 ? ($0, basis) : nil } }
        guard let slowest = candidates.min(by: { $0.0 < $1.0 }) else { return nil }
        return PlanView.Time(seconds: Int(bytes / slowest.0 + (bytes % slowest.0 > 0 ? 1 : 0)), rate: slowest.0, basis: slowest.1)
    }

    /// The sums of a plan while files are found.
    private struct PlanCount {
        private let plan: OrderPlan
        private var files = 0
        private(set) var bytes: Int64 = 0
        private var skipped: [String: Int] = [:]
        private var refused: [JobView.Refused] = []
        private var refusedTotal = 0
        private var collisions: [PlanView.Collision] = []
        private var collisionsTotal = 0
        private var requests = PlanView.Requests()
        private var keys: KeySet? = KeySet()
        private var firstKeys: [String] = []

        init(_ plan: OrderPlan) { self.plan = plan }

        mutating func add(_ batch: ScanBatch) {
            skipped.merge(batch.skipped.map { ($0.key.rawValue, $0.value) }, uniquingKeysWith: +)
            refusedTotal += batch.refused.count
            refused += batch.refused.prefix(max(QueueStore.mostRefused - refused.count, 0))
            for row in batch.rows { add(row) }
        }

        private mutating func add(_ row: UploadRow) {
            if keys?.insert(row.key) == false {
                collisionsTotal += 1
                if collisions.count < EngineLoop.mostShown { collisions.append(PlanView.Collision(key: row.key, path: row.path)) }
                return
            }
            if let known = keys, known.count > EngineLoop.mostKeys { keys = nil }
            if firstKeys.count < EngineLoop.mostFirstKeys { firstKeys.append(row.key) }
            files += 1
            bytes.addSaturating(row.size)
            if plan.target.mayRead, ["skip", "newer", "rename"].contains(plan.target.existing) { requests.head += 1 }
            guard let parts = try? PartPlan(fileSize: row.size, partSize: row.partSize), !parts.isSinglePut else {
                requests.put += 1
                return
            }
            requests.initiate += 1
            requests.part += parts.partCount
            requests.complete += 1
        }

        func progress(isScanned: Bool) -> PlanProgress {
            PlanProgress(
                files: files, bytes: bytes, refused: refusedTotal, collisions: collisionsTotal, skipped: skipped, requests: requests,
                scanned: isScanned)
        }

        func order(time: PlanView.Time?) -> PlannedOrder {
            let view = PlanView(
                bucket: plan.target.bucket, prefix: plan.exactKey ?? plan.prefix, files: files, bytes: bytes,
                filtered: skipped[SkippedKind.filtered.rawValue] ?? 0,
                refused: refused, refusedTotal: refusedTotal, collisions: collisions, collisionsTotal: collisionsTotal, requests: requests,
                existing: PlanView.Existing(objects: nil, keys: [], partial: false, rule: plan.target.existing), checks: [], time: time,
                skipped: skipped)
            return PlannedOrder(view: view, keys: keys, firstKeys: firstKeys)
        }
    }
}
