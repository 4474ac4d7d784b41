import Contracts
import Dispatch
import OSSProtocol
import Platform
import TransferCore

/// How far an order has become rows. Written in the same transaction as they are, so that a scan that was cut off goes on where it was.
struct ScanPlace: Sendable, Equatable {
    /// Index of the source that is read.
    var source = 0
    /// Of its scanner: see `Scanner.init`.
    var path: [UInt8] = []
}

/// What a scan found since the batch before.
struct ScanBatch: Sendable {
    var rows: [UploadRow] = []
    var refused: [JobView.Refused] = []
    var skipped: [SkippedKind: Int] = [:]
    var place: ScanPlace
    var isEnd = false
    /// It ends where it does since no folder can be opened now.
    var lacksFiles = false

    fileprivate var isEmpty: Bool { rows.isEmpty && refused.isEmpty && skipped.isEmpty }
}

/// An order that is to be read.
struct WaitingScan: Sendable {
    var id: Int64
    var plan: OrderPlan
    var sources: [String]
    /// Files alone, and not many: nobody waits long for them, and they need no descriptor.
    var isFew = false
    /// It goes on after a restart, where it was.
    var isResumed = false
}

/// Reads an order's sources and makes rows of them, a batch at a time, away from the loop's actor and from the threads of tasks.
final class OrderScan: Sendable {
    /// Of the first batch: a small order is known at once. Each further one is twice as large, up to `Scanner.batchSize`.
    private static let firstBatch = 500
    /// Before a folder is tried again that could not be opened for want of descriptors.
    private static let lackPause = Duration.seconds(1)

    private struct State {
        var place: ScanPlace
        var scanner: Scanner?
        var limit = OrderScan.firstBatch
        var looked = 0
    }

    private let sources: [String]
    private let maker: RowMaker
    private let wall: @Sendable () -> Timestamp
    private let state: Lock<State>
    private let queue = DispatchQueue(label: "davit.scan")

    /// - Parameter place: where an earlier scan of the same sources ended.
    init(_ sources: [String], maker: RowMaker, from place: ScanPlace = ScanPlace(), wall: @escaping @Sendable () -> Timestamp) {
        (self.sources, self.maker, self.wall, state) = (sources, maker, wall, Lock(State(place: place)))
    }

    /// Names that were looked at so far, those of an earlier scan not counted.
    var looked: Int { state.withLock { $0.looked } }

    func next() async -> ScanBatch {
        let batch = await withCheckedContinuation { continuation in
            queue.async { continuation.resume(returning: self.state.withLock { self.batch(&$0) }) }
        }
        // Somebody has to close something first. What was found before that is not kept waiting.
        if batch.lacksFiles, batch.isEmpty { try? await Task.sleep(for: OrderScan.lackPause) }
        return batch
    }

    private func batch(_ state: inout State) -> ScanBatch {
        let at = wall()
        var batch = ScanBatch(place: state.place)
        while batch.rows.count + batch.refused.count < state.limit, state.place.source < sources.count {
            let source = sources[state.place.source]
            let scanner = state.scanner ?? scanner(source, from: state.place.path)
            state.scanner = scanner
            let step = scanner.step(state.limit - batch.rows.count - batch.refused.count)
            state.looked += step.looked
            batch.skipped.merge(step.skipped, uniquingKeysWith: +)
            maker.make(step.items, source: source, at: at, into: &batch)
            if step.isEnd {
                state.place = ScanPlace(source: state.place.source + 1)
                state.scanner = nil
            } else {
                state.place.path = step.place
                batch.lacksFiles = step.lacksFiles
                if step.lacksFiles { break }
                // Much was looked at and little found: whoever waits decides whether it goes on.
                if step.items.isEmpty { break }
            }
        }
        state.limit = min(state.limit * 2, Scanner.batchSize)
        batch.place = state.place
        batch.isEnd = state.place.source >= sources.count
        return batch
    }

    private func scanner(_ source: String, from place: [UInt8]) -> Scanner {
        let plan = maker.plan
        return Scanner(
            source: source, links: plan.options.links == "follow" ? .follow : .skip, from: place,
            encodesNames: plan.options.encodeNames == "percent"
        ) { plan.wants($0, isFolder: $1) }
    }
}

/// Makes rows of what a scan found.
struct RowMaker: Sendable {
    let job: Int64
    let plan: OrderPlan

    func make(_ items: [ScanItem], source: String, at: Timestamp, into batch: inout ScanBatch) {
        let below = plan.options.base.flatMap { KeyRules.below($0, source) }
        let ownName = below ?? KeyRules.ownName(source)
        let encodes = plan.options.encodeNames == "percent"
        // Of a name that a person gave; what lies in folders was judged when it was found.
        let shownName = ownName.map { KeyRules.keyText($0, encodes: encodes) }
        batch.rows.reserveCapacity(batch.rows.count + items.count)
        for item in items {
            switch item {
            case .refused(let path, let reason): batch.refused.append(JobView.Refused(path: PathText.shown(path), reason: reason))
            case .file(let path, let relative, let identity):
                guard plan.wants(size: identity.size, modified: identity.modified) else {
                    batch.skipped[.filtered, default: 0] += 1
                    continue
                }
                // A source that is a file is its own name already.
                let isSource = path.utf8.count == source.utf8.count && path.utf8.elementsEqual(source.utf8)
                let own = isSource ? KeyRules.keyText(below ?? relative, encodes: encodes) : relative
                guard let own, shownName != .some(nil) || isSource else {
                    batch.skipped[.names, default: 0] += 1
                    batch.refused.append(JobView.Refused(path: PathText.shown(path), reason: KeyRules.notUTF8))
                    continue
                }
                let key = plan.key(relative: own, ownName: isSource ? nil : shownName ?? nil)
                if let problem = KeyRules.problem(key) {
                    batch.skipped[.names, default: 0] += 1
                    batch.refused.append(JobView.Refused(path: PathText.shown(path), reason: problem))
                    continue
                }
                if plan.isOnePut, identity.size > OSSLimits.largestPart {
                    let reason = "it is larger than 5 GiB, the most that one request takes. Put it to a destination"
                    batch.refused.append(JobView.Refused(path: path, reason: reason))
                    continue
                }
                do throws(PlanError) {
                    batch.rows.append(try row(path, key, identity, at))
                } catch {
                    batch.refused.append(JobView.Refused(path: PathText.shown(path), reason: error.description))
                }
            }
        }
    }

    private func row(_ path: String, _ key: String, _ identity: SourceIdentity, _ at: Timestamp) throws(PlanError) -> UploadRow {
        let cut = try PartPlan(fileSize: identity.size, preferred: plan.partSize(forFileOf: identity.size))
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
