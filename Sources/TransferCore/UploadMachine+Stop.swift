import OSSProtocol

/// Every way a run ends: done, by order, failed, held.
extension UploadMachine {
    // MARK: - Orders

    mutating func stop(_ new: Order, at now: Timestamp) -> [UploadAction] {
        switch step {
        case .ended: return ignore()
        // It is too late: the object is there.
        case _ where checkpoint.phase == .done: return started(at: now)
        case .asking(.initiate), .asking(.complete), .asking(.find):
            // Their answers must not be lost: an upload id to abort, an object that is there.
            if order.map({ $0.rank < new.rank }) ?? true { order = new }
            return []
        case .asking(.abort), .waiting(.abort, _), .blocked(.abort):
            guard new == .abort, case .cleanUp? = abortPurpose else { return ignore() }
            return []
        case .asking, .waiting, .blocked:
            // An abort that was ordered cannot be taken back.
            guard checkpoint.phase != .aborting else { return ignore() }
            return cancelRequests() + obey(new, at: now)
        case .idle, .sending:
            if checkpoint.phase == .aborting { return started(at: now) }
            return cancelRequests() + obey(new, at: now)
        }
    }

    private var abortPurpose: AbortPurpose? {
        switch step {
        case .asking(.abort(let purpose)), .waiting(.abort(let purpose), _), .blocked(.abort(let purpose)): purpose
        default: nil
        }
    }

    /// Nothing is in flight any more.
    mutating func obey(_ order: Order, at now: Timestamp) -> [UploadAction] {
        self.order = nil
        if order.endsUpload, isInitiateInDoubt, checkpoint.uploadID == nil {
            // What a lost Initiate may have begun goes away as well.
            self.order = order
            return issue(.find, at: now)
        }
        switch order {
        case .pause: return end(.paused)
        case .cancel: return end(.cancelled)
        case .abort: return startAbort(.ordered, at: now)
        case .fail(let reason): return startAbort(.cleanUp(.failed(reason)), at: now)
        }
    }

    /// The file is not what it was. What is stored of it is worthless and goes away, if the server lets us.
    mutating func sourceChanged(_ detail: String, at now: Timestamp) -> [UploadAction] {
        if case .ended = step { return ignore() }
        if abortPurpose != nil || checkpoint.phase == .aborting { return step == .idle ? started(at: now) : ignore() }
        if checkpoint.phase == .done { return started(at: now) }
        let reason = UploadFailureReason(
            code: "SourceChanged",
            message: "The file changed while it was uploaded\(detail.isEmpty ? "" : " (\(detail))"). Retry sends it as it is now.")
        if step == .asking(.initiate) || step == .asking(.find) { return stop(.fail(reason), at: now) }
        return cancelRequests() + obey(.fail(reason), at: now)
    }

    // MARK: - Abort

    mutating func startAbort(_ purpose: AbortPurpose, at now: Timestamp) -> [UploadAction] {
        guard checkpoint.uploadID != nil else { return finishAbort(purpose) }
        abortsAnswered = 0
        guard purpose == .ordered else { return issue(.abort(purpose), at: now) }
        checkpoint.phase = .aborting
        return save() + issue(.abort(purpose), at: now)
    }

    /// Parts that were on their way may have arrived after it: asked again until the server knows the upload no more.
    mutating func aborted(at now: Timestamp) -> [UploadAction] {
        guard case .asking(.abort(let purpose)) = step else { return ignore() }
        abortsAnswered += 1
        guard abortsAnswered < UploadMachine.abortsBelieved else { return finishAbort(purpose) }
        guard abortsAnswered > 1 else { return issue(.abort(purpose), at: now) }
        // Something still arrives there: give it time.
        step = .waiting(.abort(purpose), until: now + settings.policy.delay(afterFailures: abortsAnswered, random: &random))
        return []
    }

    mutating func abortFailed(_ failure: RequestFailure, at now: Timestamp) -> [UploadAction] {
        guard case .asking(.abort(let purpose)) = step else { return ignore() }
        switch (classify(failure), purpose) {
        // Gone before any abort was answered, after a Complete went out: perhaps it is stored after all.
        case (.uploadGone, _) where abortsAnswered == 0 && checkpoint.completeSent: return settle(.abortGone(purpose), at: now)
        case (.uploadGone, _): return finishAbort(purpose)
        case (.transient, _), (.throttled, _), (.cancelled, _), (.staleLease, _), (.clockSkew, _), (_, .ordered):
            return again(.abort(purpose), after: failure, at: now)
        case (_, .cleanUp(let outcome)):
            // The upload id stays in the checkpoint, for the ledger.
            lastFailure = (failure, nil, now)
            return end(outcome)
        }
    }

    mutating func finishAbort(_ purpose: AbortPurpose) -> [UploadAction] {
        checkpoint.resentBytes += storedBytes
        forgetUpload()
        switch purpose {
        case .ordered: return save() + end(.aborted)
        case .cleanUp(let outcome): return save() + end(outcome)
        }
    }

    // MARK: - Ends

    mutating func done(etag: String?, crc64: UInt64?, verified: Bool) -> [UploadAction] {
        let isNoted = checkpoint.uploadID == nil && checkpoint.phase == .fresh
        checkpoint.phase = .done
        checkpoint.uploadID = nil
        checkpoint.completeSent = false
        storedBytes = plan.fileSize
        order = nil
        changes.header = true
        // A put that may overwrite can be repeated: its end is written with the row, once, which is what small files are fast by.
        return (isNoted ? [] : save()) + end(.done(etag: etag, crc64: crc64, verified: verified))
    }

    /// A person is needed. The checkpoint stays, so that a retry goes on from it.
    mutating func fail(_ failure: RequestFailure, part: Int?) -> [UploadAction] {
        let cancel = cancelRequests()
        // Only details were missing.
        if checkpoint.phase == .done { return cancel + done(etag: nil, crc64: total, verified: false) }
        let isPut = checkpoint.uploadID == nil
        if isPut, checkpoint.phase == .completing, !isPutInDoubt { checkpoint.phase = .fresh }
        changes.header = true
        if case .cleanUp(let outcome)? = abortPurpose { return cancel + save() + end(outcome) }
        return cancel + save() + end(.failed(UploadFailureReason(failure, part: part)))
    }

    mutating func hold(_ reason: HeldReason, until: Timestamp?) -> [UploadAction] {
        let cancel = cancelRequests()
        if checkpoint.phase == .done { return cancel + done(etag: nil, crc64: total, verified: false) }
        changes.header = true
        if case .cleanUp(let outcome)? = abortPurpose { return cancel + save() + end(outcome) }
        switch order {
        case .pause?: return cancel + save() + end(.paused)
        case .cancel?: return cancel + save() + end(.cancelled)
        case .fail(let failure)?: return cancel + save() + end(.failed(failure))
        case .abort?:
            // Owed from now on, whatever happens to the order.
            if checkpoint.uploadID != nil { checkpoint.phase = .aborting }
            return cancel + save() + end(.held(reason, until: until))
        case nil: return cancel + save() + end(.held(reason, until: until))
        }
    }

    mutating func end(_ outcome: UploadOutcome) -> [UploadAction] {
        step = .ended(outcome)
        (order, isLeasePending, flying, checking) = (nil, false, 0, nil)
        tries = [:]
        return [.finish(outcome)]
    }

    /// Whatever of this upload is under way is cut off; parts become untouched again.
    mutating func cancelRequests() -> [UploadAction] {
        let isAsking: Bool
        switch step {
        case .asking(.initiate), .asking(.complete): isAsking = false
        case .asking: isAsking = true
        case .idle, .waiting, .blocked, .sending, .ended: isAsking = false
        }
        let isBusy = isAsking || flying > 0 || checking != nil || isLeasePending
        (tries, flying, checking) = ([:], 0, nil)
        // Whoever signs next waits for the new lease anyway, and says so if it is stale again.
        isLeasePending = false
        nextFresh = 1
        return isBusy ? [.cancelRequests] : []
    }
}
