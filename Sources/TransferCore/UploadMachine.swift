import OSSProtocol

/// Every decision about one upload, from its first request to its end or to the moment a person stops it.
///
/// Tell it what happened with `on`, perform the actions in order, and fetch parts with `takePart` whenever a slot is free. Each run begins
/// with `.started` and ends with `.finish`; after that everything is ignored, and the next run is a new machine on the checkpoint.
///
/// - Saved before it matters: that an Initiate goes out, the upload id before the first part, a part before its slot is reused, `completing` before Complete goes out.
/// - What the server lists wins over our notes; what it lists and we never heard of is kept only when it holds the bytes of the file.
/// - An Initiate whose answer was lost is not repeated before the server was asked what it began: an upload without a part is ours.
/// - A Complete whose answer was lost is settled by HEAD, or by ListParts where HEAD may not be asked, before it is sent again.
/// - News that comes late or twice is ignored and counted.
public struct UploadMachine: Sendable {
    public struct Settings: Sendable, Hashable {
        public var policy: RetryPolicy
        /// Whether HEAD may be asked.
        public var mayRead: Bool
        /// The object may not exist yet (`x-oss-forbid-overwrite`).
        public var forbidOverwrite: Bool

        public init(policy: RetryPolicy = RetryPolicy(), mayRead: Bool = true, forbidOverwrite: Bool = false) {
            (self.policy, self.mayRead, self.forbidOverwrite) = (policy, mayRead, forbidOverwrite)
        }
    }

    /// Why it is not known what the object is now.
    enum Doubt: Sendable, Equatable {
        case completeLost
        /// Complete was answered with NoSuchUpload.
        case completeGone
        case completeConflict(RequestFailure)
        /// Stored, but the answer was about the callback.
        case callbackFailed
        /// Abort was answered with NoSuchUpload after a Complete had gone out.
        case abortGone(AbortPurpose)
        /// A put that may not overwrite was not answered.
        case putLost
        /// Such a put was refused, perhaps because of an earlier try of itself.
        case putConflict(RequestFailure)
        /// The checkpoint says done; only the details are missing.
        case finished
    }

    enum ListPurpose: Sendable, Equatable {
        case resume
        /// Complete was answered with InvalidPart.
        case repair
        /// Is the upload id gone? `head`: what HEAD said before, `nil` where it may not be asked.
        case confirm(Doubt, head: HeadResult?)
    }

    enum AbortPurpose: Sendable, Equatable {
        case ordered
        /// What is stored is worthless; the run ends with this in any case.
        case cleanUp(UploadOutcome)
    }

    enum Request: Sendable, Equatable {
        case initiate, put, complete
        /// What a lost Initiate may have begun.
        case find
        case list(ListPurpose)
        case head(Doubt)
        case abort(AbortPurpose)
        /// Reading the whole file to compare it with what HEAD found.
        case hashWhole(Doubt, etag: String, crc64: UInt64)
    }

    enum Step: Sendable, Equatable {
        case idle
        /// In flight.
        case asking(Request)
        case waiting(Request, until: Timestamp)
        /// Until a lease arrives.
        case blocked(Request)
        /// Parts, as `takePart` hands them out.
        case sending
        case ended(UploadOutcome)
    }

    /// A person's order, or a failure, that has to wait until an answer is there which must not be lost. The higher one wins.
    enum Order: Sendable, Equatable {
        case pause, cancel
        case fail(UploadFailureReason)
        case abort

        var rank: Int {
            switch self {
            case .pause: 0
            case .cancel: 1
            case .fail: 2
            case .abort: 3
            }
        }

        /// What is stored goes away with it.
        var endsUpload: Bool { rank >= 2 }
    }

    /// A part that is neither stored nor untouched.
    struct PartTry: Sendable {
        enum Place: Sendable, Equatable {
            case flying
            case waiting(until: Timestamp)
            case checking(StoredPart)
        }
        var place: Place
        var attempts = 0
        var failures = 0
        var freshLeases = 0
        var clockCorrections = 0
        var damaged = 0
    }

    /// Uploads begun anew in one run, and rounds of repairing after InvalidPart: more often, and something else is wrong.
    static let mostRestarts = 3
    static let mostRepairs = 3
    /// A server that says 204 to every abort is believed at last.
    static let abortsBelieved = 5

    public let plan: PartPlan
    public internal(set) var checkpoint: UploadCheckpoint
    /// The newest failure and the part it was of.
    public internal(set) var lastFailure: (failure: RequestFailure, part: Int?, at: Timestamp)?
    /// Why stored bytes were lost, newest last: "restarted from 0: …". At most the last 20.
    public internal(set) var restarts: [String] = []
    /// Those that were not handed out yet.
    var untoldRestarts: [String] = []

    /// Why stored bytes fell since the last call, for the upload's events.
    public mutating func takeRestarts() -> [String] {
        defer { untoldRestarts = [] }
        return untoldRestarts
    }

    public internal(set) var storedBytes: Int64 = 0
    /// News that came late, twice or out of place.
    public internal(set) var ignoredEvents = 0

    var settings: Settings
    var random: SeededRandom
    let impossible: PlanError?
    var step = Step.idle
    var order: Order?
    var isLeasePending = false
    /// A Complete of this upload id went out and what became of it is not known.
    var isCompleteInDoubt = false
    var isPutInDoubt = false
    /// An Initiate went out in this run or an earlier one, and what became of it is not known.
    var isInitiateInDoubt = false
    var mayAbortHaveWorked = false
    var isStored: [Bool]
    var tries: [Int: PartTry] = [:]
    var flying = 0
    /// No untouched part is below this number.
    var nextFresh = 1
    var checking: Int?
    /// Parts that were due by then have been announced; slots, not time, are what they wait for now.
    var announced: Timestamp?
    var requestFailures = 0
    var requestLeases = 0
    var requestClocks = 0
    var completesSent = 0
    var damagedPuts = 0
    var repairs = 0
    var begunAnew = 0
    var abortsAnswered = 0
    var lastSuccess: Timestamp?
    var changes = CheckpointChanges(header: true, replacesParts: true, parts: [])

    /// - Parameters:
    ///   - fileSize: bytes, as when the upload was queued.
    ///   - seed: of the jitter.
    public init(fileSize: Int64, checkpoint: UploadCheckpoint, settings: Settings = Settings(), seed: UInt64) {
        var checkpoint = checkpoint
        var problem: PlanError?
        do throws(PlanError) {
            plan = try UploadMachine.plan(fileSize, &checkpoint)
        } catch {
            (plan, problem) = (.empty, error)
        }
        impossible = problem
        if checkpoint.uploadID == nil, checkpoint.phase == .sending { checkpoint.phase = .fresh }
        if checkpoint.uploadID != nil, checkpoint.phase == .fresh { checkpoint.phase = .sending }
        isStored = Array(repeating: false, count: plan.partCount)
        let noted = checkpoint.parts
        checkpoint.parts = []
        self.checkpoint = checkpoint
        self.settings = settings
        random = SeededRandom(seed)
        isCompleteInDoubt = checkpoint.uploadID != nil && (checkpoint.completeSent || checkpoint.phase == .completing)
        isPutInDoubt = checkpoint.uploadID == nil && checkpoint.phase == .completing
        isInitiateInDoubt = checkpoint.uploadID == nil && checkpoint.initiateSent
        mayAbortHaveWorked = checkpoint.phase == .aborting
        // Notes are from a file: what cannot be of this plan is dropped.
        for part in noted where isOfPlan(part) && !isStored[part.number - 1] { note(part) }
        changes = CheckpointChanges(header: true, replacesParts: true, parts: self.checkpoint.parts)
    }

    /// A part size that cannot be right gives way to the usual one; parts of another size are sent again.
    private static func plan(_ fileSize: Int64, _ checkpoint: inout UploadCheckpoint) throws(PlanError) -> PartPlan {
        if let plan = try? PartPlan(fileSize: fileSize, partSize: checkpoint.partSize) { return plan }
        let plan = try PartPlan(fileSize: fileSize)
        checkpoint.partSize = plan.partSize
        return plan
    }

    // MARK: - News

    /// What the event leads to. Perform the actions in their order.
    public mutating func on(_ event: UploadEvent, at now: Timestamp) -> [UploadAction] {
        switch event {
        case .started: return started(at: now)
        case .initiated(let uploadID): return initiated(uploadID, at: now)
        case .initiateFailed(let failure): return initiateFailed(failure, at: now)
        case .uploadsFound(let found): return uploadsFound(found, at: now)
        case .findUploadsFailed(let failure): return findFailed(failure, at: now)
        case .partsListed(let parts): return partsListed(parts, at: now)
        case .listPartsFailed(let failure): return listFailed(failure, at: now)
        case .partSent(let number, let reply): return partSent(number, reply, at: now)
        case .partFailed(let number, let failure, let bytesSent): return partFailed(number, failure, bytesSent, at: now)
        case .putSent(let reply): return putSent(reply, at: now)
        case .putFailed(let failure, let bytesSent): return putFailed(failure, bytesSent, at: now)
        case .completed(let etag, let crc64): return completed(etag, crc64, at: now)
        case .completeFailed(let failure): return completeFailed(failure, at: now)
        case .objectHead(let result): return headAnswered(result, at: now)
        case .objectHeadFailed(let failure): return headFailed(failure, at: now)
        case .aborted: return aborted(at: now)
        case .abortFailed(let failure): return abortFailed(failure, at: now)
        case .leaseArrived: return leaseArrived(at: now)
        case .leaseRefused(let reason): return leaseRefused(reason, at: now)
        case .paused: return stop(.pause, at: now)
        case .cancelled: return stop(.cancel, at: now)
        case .abortRequested: return stop(.abort, at: now)
        case .sourceChanged(let detail): return sourceChanged(detail, at: now)
        case .deadline: return deadline(at: now)
        case .tryNow: return tryNow(at: now)
        case .hashed(let number, let crc64): return hashed(number, crc64, at: now)
        case .hashFailed(let number, let failure): return hashFailed(number, failure, at: now)
        }
    }

    mutating func ignore() -> [UploadAction] {
        ignoredEvents += 1
        return []
    }

    mutating func started(at now: Timestamp) -> [UploadAction] {
        guard step == .idle else { return ignore() }
        if let impossible {
            return end(.failed(UploadFailureReason(code: "FileTooLarge", message: "\(impossible).")))
        }
        switch checkpoint.phase {
        case .fresh: return begin(at: now)
        case .sending: return issue(.list(.resume), at: now)
        case .completing: return settle(checkpoint.uploadID == nil ? .putLost : .completeLost, at: now)
        case .aborting: return startAbort(.ordered, at: now)
        case .done: return settle(.finished, at: now)
        }
    }

    mutating func begin(at now: Timestamp) -> [UploadAction] {
        issue(plan.isSinglePut ? .put : isInitiateInDoubt ? .find : .initiate, at: now)
    }

    // MARK: - Requests

    /// Sends a request for the first time.
    mutating func issue(_ request: Request, at now: Timestamp) -> [UploadAction] {
        (requestFailures, requestLeases, requestClocks) = (0, 0, 0)
        return ask(request, at: now)
    }

    /// Sends it, for the first time or again.
    mutating func ask(_ request: Request, at now: Timestamp) -> [UploadAction] {
        step = .asking(request)
        switch request {
        case .initiate:
            guard !checkpoint.initiateSent else { return [.initiate] }
            // After a crash nobody would know that there may be an upload.
            checkpoint.initiateSent = true
            return save() + [.initiate]
        case .find: return [.findUploads]
        case .put:
            guard settings.forbidOverwrite, checkpoint.phase != .completing else { return [.put] }
            // Repeated after a crash it would be refused because of itself; the note tells that apart from another's object.
            checkpoint.phase = .completing
            return save() + [.put]
        case .list: return uploadID { .listParts(uploadID: $0) }
        case .complete:
            completesSent += 1
            checkpoint.phase = .completing
            checkpoint.completeSent = true
            let parts = checkpoint.parts
            return save() + uploadID { .complete(uploadID: $0, parts: parts) }
        case .head: return [.headObject]
        case .abort:
            // A connection that breaks may send it twice: from here on, a vanished id says nothing about Complete.
            mayAbortHaveWorked = true
            return uploadID { .abort(uploadID: $0) }
        case .hashWhole: return [.hash(PartRange(number: 1, offset: 0, length: plan.fileSize))]
        }
    }

    private func uploadID(_ action: (String) -> UploadAction) -> [UploadAction] { checkpoint.uploadID.map { [action($0)] } ?? [] }

    /// The request failed in a way that says nothing about the upload itself: wait, renew, correct, hold or give up.
    ///
    /// - Parameter next: what to send after a wait, where that is not the same request again.
    mutating func again(_ request: Request, after failure: RequestFailure, next: Request? = nil, at now: Timestamp) -> [UploadAction] {
        lastFailure = (failure, nil, now)
        if let order { return obey(order, at: now) }
        requestFailures += 1
        switch classify(failure) {
        case .staleLease:
            requestLeases += 1
            guard requestLeases <= settings.policy.cures else { return leasesUsedUp(failure, part: nil, at: now) }
            step = .blocked(request)
            return awaitLease()
        case .clockSkew(let serverTime?):
            requestClocks += 1
            guard requestClocks <= settings.policy.cures else { return fail(failure, part: nil) }
            return [.correctClock(serverTime: serverTime)] + ask(request, at: now)
        case .transient, .throttled, .clockSkew, .cancelled, .partsDiffer, .checksumMismatch, .uploadGone, .storedCallbackFailed:
            let used = request == .complete ? completesSent : requestFailures
            let tries = settings.policy.tries * (failure.isAlone && request != .complete ? RetryPolicy.triesAlone : 1)
            guard used < tries else { return triesUsedUp(failure, part: nil, at: now) }
            let delay = settings.policy.delay(
                afterFailures: used, retryAfter: failure.retryAfter, isAlone: failure.isAlone, othersAnswered: failure.othersAnswered, random: &random)
            step = .waiting(next ?? request, until: now + delay)
            return []
        case .sourceChanged: return sourceChanged(failure.message, at: now)
        case .conflict, .denied, .permanent: return fail(failure, part: nil)
        }
    }

    mutating func triesUsedUp(_ failure: RequestFailure, part: Int?, at now: Timestamp) -> [UploadAction] {
        guard failure.isUnreachable else { return fail(failure, part: part) }
        return hold(.network, until: now + settings.policy.hold)
    }

    mutating func leasesUsedUp(_ failure: RequestFailure, part: Int?, at now: Timestamp) -> [UploadAction] {
        // A long-lived key is what a person gave: another will not come by itself. A source of temporary ones may give better ones later,
        // and all uploads would hear the same: that is a reason to wait, not to give up.
        failure.authority == .lasting ? fail(failure, part: part) : hold(.credentials, until: now + settings.policy.hold)
    }

    mutating func awaitLease() -> [UploadAction] {
        guard !isLeasePending else { return [] }
        isLeasePending = true
        return [.awaitLease]
    }

    private mutating func leaseArrived(at now: Timestamp) -> [UploadAction] {
        guard isLeasePending else { return ignore() }
        isLeasePending = false
        switch step {
        case .blocked(let request): return ask(request, at: now)
        case .sending: return [.partsReady]
        case .idle, .asking, .waiting, .ended: return []
        }
    }

    private mutating func leaseRefused(_ reason: String, at now: Timestamp) -> [UploadAction] {
        if case .ended = step { return ignore() }
        lastFailure = (RequestFailure(.unsigned(reason), message: reason), nil, now)
        return hold(.credentials, until: nil)
    }

    // MARK: - Time

    private mutating func deadline(at now: Timestamp) -> [UploadAction] {
        switch step {
        case .waiting(let request, let until): return now >= until ? ask(request, at: now) : []
        case .sending:
            announced = max(announced ?? now, now)
            return wantsParts(at: now) ? [.partsReady] : []
        case .idle, .asking, .blocked, .ended: return []
        }
    }

    private mutating func tryNow(at now: Timestamp) -> [UploadAction] {
        switch step {
        case .waiting(let request, _): return ask(request, at: now)
        case .sending:
            for (number, part) in tries {
                if case .waiting = part.place { tries[number]?.place = .waiting(until: now) }
            }
            announced = max(announced ?? now, now)
            return wantsParts(at: now) ? [.partsReady] : []
        case .idle, .asking, .blocked, .ended: return ignore()
        }
    }

    // MARK: - The checkpoint

    mutating func save() -> [UploadAction] {
        changes.header = true
        return [.save]
    }

    func isOfPlan(_ part: StoredPart) -> Bool { plan.holds(part) }

    /// Writes a part into the checkpoint, in its place.
    mutating func note(_ part: StoredPart) {
        // Nearly always at or near the end: parts arrive about in order.
        var place = checkpoint.parts.count
        while place > 0, checkpoint.parts[place - 1].number > part.number { place -= 1 }
        checkpoint.parts.insert(part, at: place)
        isStored[part.number - 1] = true
        storedBytes += part.size
        changes.parts.append(part)
    }

    /// Forgets everything stored.
    mutating func clearParts() {
        checkpoint.parts = []
        isStored = Array(repeating: false, count: plan.partCount)
        (storedBytes, nextFresh, flying, checking) = (0, 1, 0, nil)
        tries = [:]
        changes = CheckpointChanges(header: true, replacesParts: true, parts: [])
    }

    /// The upload id is no more, nor is anything under it.
    mutating func forgetUpload() {
        clearParts()
        checkpoint.phase = .fresh
        checkpoint.uploadID = nil
        (checkpoint.completeSent, checkpoint.initiateSent) = (false, false)
        (isCompleteInDoubt, isInitiateInDoubt) = (false, false)
        (completesSent, abortsAnswered) = (0, 0)
    }
}
