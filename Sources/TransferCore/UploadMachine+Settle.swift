import OSSProtocol

/// From the upload id to the certainty that the object is there: initiate, put, list, complete, HEAD.
extension UploadMachine {
    // MARK: - Initiate

    mutating func initiated(_ uploadID: String, at now: Timestamp) -> [UploadAction] {
        guard step == .asking(.initiate) else { return ignore() }
        lastSuccess = now
        checkpoint.uploadID = uploadID
        checkpoint.phase = .sending
        (checkpoint.completeSent, checkpoint.initiateSent, isInitiateInDoubt) = (false, false, false)
        step = .sending
        // Saved first, whatever was ordered meanwhile: a lost upload id is parts that nobody can abort.
        if let order { return save() + obey(order, at: now) }
        return save() + [.partsReady]
    }

    mutating func initiateFailed(_ failure: RequestFailure, at now: Timestamp) -> [UploadAction] {
        guard step == .asking(.initiate) else { return ignore() }
        if failure.mayHaveBeenDone { isInitiateInDoubt = true }
        return again(.initiate, after: failure, next: isInitiateInDoubt ? .find : .initiate, at: now)
    }

    mutating func uploadsFound(_ found: [FoundUpload], at now: Timestamp) -> [UploadAction] {
        guard step == .asking(.find) else { return ignore() }
        lastSuccess = now
        isInitiateInDoubt = false
        // One with parts is another's: we have sent none.
        if let ours = found.first(where: { !$0.hasParts }) {
            step = .asking(.initiate)
            return initiated(ours.uploadID, at: now)
        }
        if let order { return obey(order, at: now) }
        // Not issued: an endpoint that loses every answer must use up the tries.
        return ask(.initiate, at: now)
    }

    mutating func findFailed(_ failure: RequestFailure, at now: Timestamp) -> [UploadAction] {
        guard step == .asking(.find) else { return ignore() }
        if let order {
            // Asked once: who gives up does not wait for it.
            (lastFailure, isInitiateInDoubt) = ((failure, nil, now), false)
            return obey(order, at: now)
        }
        switch classify(failure) {
        case .transient, .throttled, .cancelled, .staleLease, .clockSkew: return again(.find, after: failure, at: now)
        default:
            // It may not be asked: what is left behind then shows in the list of those who may.
            lastFailure = (failure, nil, now)
            isInitiateInDoubt = false
            return ask(.initiate, at: now)
        }
    }

    // MARK: - Put

    mutating func putSent(_ reply: BodyReply, at now: Timestamp) -> [UploadAction] {
        guard step == .asking(.put) else { return ignore() }
        lastSuccess = now
        guard let server = reply.serverCRC64, server != reply.localCRC64 else {
            return done(etag: reply.etag, crc64: reply.localCRC64, verified: reply.serverCRC64 != nil)
        }
        checkpoint.resentBytes += plan.fileSize
        // Where nothing may be overwritten it is there for good.
        return putDamaged(UploadMachine.mismatch(reply.localCRC64, server), isFinal: settings.forbidOverwrite, at: now)
    }

    mutating func putFailed(_ failure: RequestFailure, _ bytesSent: Int64, at now: Timestamp) -> [UploadAction] {
        guard step == .asking(.put) else { return ignore() }
        checkpoint.resentBytes += max(bytesSent, 0)
        switch classify(failure) {
        case .transient, .cancelled, .throttled:
            guard settings.forbidOverwrite else { return again(.put, after: failure, at: now) }
            isPutInDoubt = true
            return again(.put, after: failure, next: settings.mayRead ? .head(.putLost) : .put, at: now)
        case .conflict where isPutInDoubt:
            lastFailure = (failure, nil, now)
            return settle(.putConflict(failure), at: now)
        case .storedCallbackFailed:
            lastFailure = (failure, nil, now)
            return settle(.callbackFailed, at: now)
        case .checksumMismatch: return putDamaged(failure, isFinal: false, at: now)
        case .uploadGone, .partsDiffer: return fail(failure, part: nil)
        case .staleLease, .clockSkew, .sourceChanged, .conflict, .denied, .permanent: return again(.put, after: failure, at: now)
        }
    }

    private mutating func putDamaged(_ failure: RequestFailure, isFinal: Bool, at now: Timestamp) -> [UploadAction] {
        lastFailure = (failure, nil, now)
        damagedPuts += 1
        guard !isFinal, damagedPuts < settings.policy.checksumTries else { return fail(failure, part: nil) }
        step = .waiting(.put, until: now + settings.policy.delay(afterFailures: damagedPuts, random: &random))
        return []
    }

    // MARK: - ListParts

    mutating func partsListed(_ parts: [StoredPart], at now: Timestamp) -> [UploadAction] {
        guard case .asking(.list(let purpose)) = step else { return ignore() }
        lastSuccess = now
        if case .confirm(.completeConflict(let failure), _) = purpose {
            // The upload is still there, so the object in the way is another's.
            return fail(failure, part: nil)
        }
        return reconcile(parts, at: now)
    }

    mutating func listFailed(_ failure: RequestFailure, at now: Timestamp) -> [UploadAction] {
        guard case .asking(.list(let purpose)) = step else { return ignore() }
        switch (classify(failure), purpose) {
        case (.uploadGone, .confirm(_, let head)):
            lastFailure = (failure, nil, now)
            // What HEAD saw may have been the same bytes from earlier, and Complete may have ended since: the last look is what counts.
            return head == nil ? confirmed(nil) : issue(.head(.completeGone), at: now)
        case (.uploadGone, _):
            lastFailure = (failure, nil, now)
            return uploadGone(at: now)
        case (.denied, .resume), (.permanent, .resume):
            // The notes are all there is. If they are wrong, Complete will say so.
            lastFailure = (failure, nil, now)
            return reconcile(checkpoint.parts, at: now)
        case (.denied, .confirm(let doubt, let head)), (.permanent, .confirm(let doubt, let head)):
            lastFailure = (failure, nil, now)
            if case .completeConflict(let conflict) = doubt {
                // The same size alone is no proof: the object may be another's.
                guard let head, fit(head) == .proven else { return fail(conflict, part: nil) }
                return confirmed(head)
            }
            // Complete itself is the only question left, and harmless: an id that is gone says so, one that is not must not be forgotten.
            return ask(.complete, at: now)
        default: return again(.list(purpose), after: failure, at: now)
        }
    }

    /// The upload id is gone after a Complete that went out, and HEAD (where it may be asked) found an object that fits.
    private mutating func confirmed(_ head: HeadResult?) -> [UploadAction] {
        guard case .found(_, let crc64, let etag)? = head else { return done(etag: nil, crc64: total, verified: false) }
        return done(etag: etag, crc64: crc64 ?? total, verified: crc64 != nil && crc64 == total)
    }

    /// NoSuchUpload where the upload should be.
    mutating func uploadGone(at now: Timestamp) -> [UploadAction] {
        guard isCompleteInDoubt else { return beginAnew("the server no longer knows the upload", at: now) }
        return cancelRequests() + settle(.completeGone, at: now)
    }

    mutating func beginAnew(_ reason: String, at now: Timestamp) -> [UploadAction] {
        begunAnew += 1
        let cancel = cancelRequests()
        checkpoint.resentBytes += storedBytes
        fellBack("restarted from 0: \(reason)")
        forgetUpload()
        guard begunAnew <= UploadMachine.mostRestarts else {
            let message = "The upload vanished from the server \(begunAnew) times (\(reason)). Check what aborts uploads there, then retry."
            return cancel + save() + end(.failed(UploadFailureReason(code: "NoSuchUpload", httpStatus: 404, message: message)))
        }
        return cancel + save() + begin(at: now)
    }

    mutating func fellBack(_ reason: String) {
        restarts.append(reason)
        if restarts.count > 20 { restarts.removeFirst() }
        untoldRestarts.append(reason)
        if untoldRestarts.count > 20 { untoldRestarts.removeFirst() }
    }

    // MARK: - Complete

    /// CRC-64 of the whole file, of the parts in order; `nil` until all are there.
    var total: UInt64? {
        guard checkpoint.parts.count == plan.partCount else { return nil }
        var total: UInt64 = 0
        for part in checkpoint.parts {
            guard let crc64 = part.crc64 else { return nil }
            total = CRC64.combine(total, crc64, lengthOfB: part.size)
        }
        return total
    }

    mutating func completed(_ etag: String, _ crc64: UInt64?, at now: Timestamp) -> [UploadAction] {
        guard step == .asking(.complete) else { return ignore() }
        let total = total
        if let crc64, let total, crc64 != total { return wrongObject(local: total, server: crc64) }
        return done(etag: etag, crc64: crc64 ?? total, verified: crc64 != nil && total != nil)
    }

    /// Every part agreed and the whole does not: nothing that sending a part again could cure. The upload id is used up.
    private mutating func wrongObject(local: UInt64, server: UInt64) -> [UploadAction] {
        checkpoint.resentBytes += storedBytes
        let difference = UploadMachine.mismatch(local, server).message
        fellBack("restarted from 0: \(difference)")
        forgetUpload()
        let message = "The stored object is not the file: \(difference). Retry sends it again; do not use the object as it is."
        return save() + end(.failed(UploadFailureReason(code: "ChecksumMismatch", message: message)))
    }

    mutating func completeFailed(_ failure: RequestFailure, at now: Timestamp) -> [UploadAction] {
        guard step == .asking(.complete) else { return ignore() }
        lastFailure = (failure, nil, now)
        let wasInDoubt = isCompleteInDoubt
        let meaning = classify(failure)
        switch meaning {
        case .transient, .throttled, .cancelled, .checksumMismatch: isCompleteInDoubt = true
        case .partsDiffer:
            // The upload id is there and these parts cannot be completed: that settles every Complete before, too.
            isCompleteInDoubt = false
            refused()
        case .conflict, .denied, .permanent, .sourceChanged: refused()
        case .uploadGone, .storedCallbackFailed, .staleLease, .clockSkew: break
        }
        if let order, meaning != .storedCallbackFailed {
            guard order == .abort, meaning == .uploadGone else { return save() + obey(order, at: now) }
            self.order = nil
            return wasInDoubt || settings.mayRead ? settle(.abortGone(.ordered), at: now) : finishAbort(.ordered)
        }
        order = nil

        switch meaning {
        case .transient, .throttled, .cancelled, .checksumMismatch:
            return again(.complete, after: failure, next: question(.completeLost), at: now)
        case .uploadGone: return settle(.completeGone, at: now)
        case .partsDiffer:
            repairs += 1
            guard repairs <= UploadMachine.mostRepairs else { return fail(failure, part: nil) }
            return save() + issue(.list(.repair), at: now)
        case .conflict where wasInDoubt: return settle(.completeConflict(failure), at: now)
        case .storedCallbackFailed: return settle(.callbackFailed, at: now)
        case .staleLease, .clockSkew, .conflict, .denied, .permanent, .sourceChanged: return again(.complete, after: failure, at: now)
        }
    }

    /// Complete was refused, so it did nothing; what an earlier lost one did is as open as before.
    private mutating func refused() {
        guard !isCompleteInDoubt else { return }
        checkpoint.completeSent = false
        checkpoint.phase = .sending
    }

    // MARK: - HEAD

    /// How a doubt about Complete is put to the server.
    private func question(_ doubt: Doubt) -> Request { settings.mayRead ? .head(doubt) : .list(.confirm(doubt, head: nil)) }

    mutating func settle(_ doubt: Doubt, at now: Timestamp) -> [UploadAction] {
        guard !settings.mayRead else { return issue(.head(doubt), at: now) }
        switch doubt {
        case .completeLost, .completeConflict: return issue(question(doubt), at: now)
        case .completeGone:
            guard isCompleteInDoubt else { return beginAnew("the server no longer knows the upload", at: now) }
            return done(etag: nil, crc64: total, verified: false)
        case .callbackFailed, .finished: return done(etag: nil, crc64: total, verified: false)
        case .abortGone(let purpose):
            // If an abort may have done it, nothing says that the object is there.
            return mayAbortHaveWorked || purpose != .ordered ? finishAbort(purpose) : done(etag: nil, crc64: total, verified: false)
        case .putLost: return issue(.put, at: now)
        case .putConflict(let failure): return fail(failure, part: nil)
        }
    }

    mutating func headFailed(_ failure: RequestFailure, at now: Timestamp) -> [UploadAction] {
        guard case .asking(.head(let doubt)) = step else { return ignore() }
        switch classify(failure) {
        case .denied: return headAnswered(.denied, at: now)
        // HEAD has no body, so "no such object" may come as a bare 404.
        case .permanent where failure.httpStatus == 404: return headAnswered(.absent, at: now)
        default: return again(.head(doubt), after: failure, at: now)
        }
    }

    mutating func headAnswered(_ result: HeadResult, at now: Timestamp) -> [UploadAction] {
        guard case .asking(.head(let doubt)) = step else { return ignore() }
        if result == .denied {
            settings.mayRead = false
            return settle(doubt, at: now)
        }
        lastSuccess = now
        let fit = fit(result)
        switch doubt {
        case .completeLost:
            // The same bytes may have been there before. Only when the upload id is gone too has Complete done its work.
            if fit != .different { return issue(.list(.confirm(doubt, head: result)), at: now) }
            return ask(.complete, at: now)
        case .completeGone:
            if fit == .proven || fit == .sameSize && isCompleteInDoubt { return confirmed(result) }
            if settings.forbidOverwrite, result != .absent { return fail(UploadMachine.inTheWay, part: nil) }
            return beginAnew("the server no longer knows the upload, and the object is not there", at: now)
        case .completeConflict(let failure):
            return fit == .different ? fail(failure, part: nil) : issue(.list(.confirm(doubt, head: result)), at: now)
        case .callbackFailed, .finished:
            if case .found(plan.fileSize, let crc64?, let etag) = result {
                if let total, total != crc64, doubt == .callbackFailed { return wrongObject(local: total, server: crc64) }
                return done(etag: etag, crc64: crc64, verified: fit == .proven)
            }
            return done(etag: nil, crc64: total, verified: false)
        case .abortGone(let purpose):
            let isThere = fit == .proven || fit == .sameSize && !mayAbortHaveWorked && purpose == .ordered
            return isThere ? confirmed(result) : finishAbort(purpose)
        case .putLost:
            if result == .absent { return ask(.put, at: now) }
            return compare(result, doubt, otherwise: UploadMachine.inTheWay, at: now)
        case .putConflict(let failure): return compare(result, doubt, otherwise: failure, at: now)
        }
    }

    private enum Fit { case proven, sameSize, different }

    private func fit(_ head: HeadResult) -> Fit {
        guard case .found(plan.fileSize, let crc64, _) = head else { return .different }
        guard let crc64, let total else { return .sameSize }
        return crc64 == total ? .proven : .different
    }

    private static let inTheWay = RequestFailure(
        .answer(status: 409, code: "FileAlreadyExists", ec: nil), message: "the object exists already and may not be overwritten")

    /// Is the object that is there the one an earlier put of ours left?
    private mutating func compare(
        _ head: HeadResult, _ doubt: Doubt, otherwise failure: RequestFailure, at now: Timestamp
    ) -> [UploadAction] {
        guard case .found(plan.fileSize, let crc64?, let etag) = head else { return fail(failure, part: nil) }
        return issue(.hashWhole(doubt, etag: etag, crc64: crc64), at: now)
    }

    mutating func wholeHashed(_ doubt: Doubt, _ etag: String, isSame: Bool, _ crc64: UInt64, at now: Timestamp) -> [UploadAction] {
        if isSame { return done(etag: etag, crc64: crc64, verified: true) }
        if case .putConflict(let failure) = doubt { return fail(failure, part: nil) }
        return fail(UploadMachine.inTheWay, part: nil)
    }
}
