import OSSProtocol

extension UploadMachine {
    /// A part to send now, for a slot that is free; `nil` when none may go (all stored, in flight, or waiting). The lowest number first.
    public mutating func takePart(at now: Timestamp) -> PartRange? {
        guard let number = nextPart(at: now) else { return nil }
        var part = tries[number] ?? PartTry(place: .flying)
        part.place = .flying
        part.attempts += 1
        tries[number] = part
        flying += 1
        return plan.range(of: number)
    }

    /// Whether `takePart` would give one at that time.
    public func wantsParts(at now: Timestamp) -> Bool {
        var copy = self
        return copy.nextPart(at: now) != nil
    }

    private mutating func nextPart(at now: Timestamp) -> Int? {
        guard step == .sending, !isLeasePending, order == nil else { return nil }
        var waiting: Int?
        for (number, part) in tries where number < waiting ?? .max {
            if case .waiting(let until) = part.place, until <= now { waiting = number }
        }
        while nextFresh <= plan.partCount, isStored[nextFresh - 1] || tries[nextFresh] != nil { nextFresh += 1 }
        let fresh = nextFresh <= plan.partCount ? nextFresh : nil
        guard let waiting else { return fresh }
        return fresh.map { min($0, waiting) } ?? waiting
    }

    // MARK: - Answers

    mutating func partSent(_ number: Int, _ reply: BodyReply, at now: Timestamp) -> [UploadAction] {
        guard step == .sending, let part = tries[number], part.place == .flying else { return ignore() }
        flying -= 1
        lastSuccess = now
        if let server = reply.serverCRC64, server != reply.localCRC64 {
            checkpoint.resentBytes += plan.range(of: number).length
            return damaged(number, UploadMachine.mismatch(reply.localCRC64, server), at: now)
        }
        tries[number] = nil
        note(StoredPart(number: number, size: plan.range(of: number).length, etag: reply.etag, crc64: reply.localCRC64))
        return afterStoring(at: now)
    }

    /// A part is noted: that is written down before anything else happens, and the last one leads to Complete.
    private mutating func afterStoring(at now: Timestamp) -> [UploadAction] {
        // Complete begins with a save of its own, which covers the part.
        checkpoint.parts.count == plan.partCount ? issue(.complete, at: now) : save()
    }

    mutating func partFailed(_ number: Int, _ failure: RequestFailure, _ bytesSent: Int64, at now: Timestamp) -> [UploadAction] {
        guard step == .sending, var part = tries[number], part.place == .flying else { return ignore() }
        flying -= 1
        checkpoint.resentBytes += max(bytesSent, 0)
        changes.header = true
        lastFailure = (failure, number, now)
        part.failures += 1
        defer { if step == .sending { tries[number] = tries[number].map { _ in part } } }

        switch classify(failure) {
        case .transient, .throttled, .cancelled, .partsDiffer, .storedCallbackFailed, .clockSkew(nil):
            // While other parts of this upload get through, an overloaded endpoint is no reason to give up on one of them.
            let isMoving = failure.isUnreachable && (lastSuccess.map { now - $0 < settings.policy.hold } ?? false)
            guard part.failures < settings.policy.tries || isMoving else { return triesUsedUp(failure, part: number, at: now) }
            let delay = settings.policy.delay(
                afterFailures: part.failures, retryAfter: failure.retryAfter, isAlone: failure.isAlone, othersAnswered: failure.othersAnswered,
                random: &random)
            part.place = pause(delay, at: now)
            return []
        case .staleLease:
            part.freshLeases += 1
            guard part.freshLeases <= settings.policy.cures else { return leasesUsedUp(failure, part: number, at: now) }
            part.place = pause(.zero, at: now)
            return awaitLease()
        case .clockSkew(let serverTime?):
            part.clockCorrections += 1
            guard part.clockCorrections <= settings.policy.cures else { return fail(failure, part: number) }
            part.place = pause(.zero, at: now)
            return [.correctClock(serverTime: serverTime)]
        case .checksumMismatch:
            tries[number] = part
            let actions = damaged(number, failure, at: now)
            part = tries[number] ?? part
            return actions
        case .uploadGone: return uploadGone(at: now)
        case .sourceChanged: return sourceChanged(failure.message, at: now)
        case .conflict, .denied, .permanent: return fail(failure, part: number)
        }
    }

    /// What arrived is not what was read. Sent again a few times; then either the way or the disk changes bytes, and a person must know.
    private mutating func damaged(_ number: Int, _ failure: RequestFailure, at now: Timestamp) -> [UploadAction] {
        lastFailure = (failure, number, now)
        guard var part = tries[number] else { return [] }
        part.damaged += 1
        guard part.damaged < settings.policy.checksumTries else { return fail(failure, part: number) }
        part.place = pause(settings.policy.delay(afterFailures: part.damaged, random: &random), at: now)
        tries[number] = part
        return []
    }

    /// At least a moment, so that there is always a deadline after which the part is announced again.
    private func pause(_ delay: Duration, at now: Timestamp) -> PartTry.Place { .waiting(until: now + max(delay, .milliseconds(1))) }

    static func mismatch(_ local: UInt64, _ server: UInt64) -> RequestFailure {
        RequestFailure(
            .answer(status: 200, code: "ChecksumMismatch", ec: nil), message: "checksum differs (local \(local), server \(server))")
    }

    // MARK: - What the server lists

    /// The server's list wins. A part we noted under the same ETag is stored; one we never heard of is compared with the file; all others
    /// are sent (again).
    mutating func reconcile(_ listed: [StoredPart], at now: Timestamp) -> [UploadAction] {
        let before = storedBytes
        let noted = Dictionary(checkpoint.parts.map { ($0.number, $0) }, uniquingKeysWith: { first, _ in first })
        clearParts()
        for part in listed where isOfPlan(part) && !isStored[part.number - 1] && tries[part.number] == nil {
            if let note = noted[part.number], note.crc64 != nil, UploadMachine.isSameTag(note.etag, part.etag),
                part.crc64 == nil || part.crc64 == note.crc64
            {
                self.note(note)
            } else if part.crc64 != nil {
                tries[part.number] = PartTry(place: .checking(part))
            }
        }
        if storedBytes < before {
            checkpoint.resentBytes += before - storedBytes
            fellBack("went back to \(storedBytes) of \(before) bytes: the server no longer has the other parts")
        }
        step = .sending
        if checkpoint.parts.count < plan.partCount {
            // With a part missing, no Complete can have gone through.
            isCompleteInDoubt = false
            checkpoint.completeSent = false
            if checkpoint.phase == .completing { checkpoint.phase = .sending }
            return save() + nextCheck() + [.partsReady]
        }
        return issue(.complete, at: now)
    }

    static func isSameTag(_ a: String, _ b: String) -> Bool { bare(a) == bare(b) }

    /// Without quotes and case, as OSS compares them.
    private static func bare(_ etag: String) -> [UInt8] {
        etag.utf8.compactMap { byte in
            if byte == UInt8(ascii: "\"") { return nil }
            return (97...122).contains(byte) ? byte - 32 : byte
        }
    }

    /// One file range at a time, so that checking leaves the disk to sending.
    private mutating func nextCheck() -> [UploadAction] {
        checking = tries.filter { if case .checking = $0.value.place { true } else { false } }.keys.min()
        return checking.map { [.hash(plan.range(of: $0))] } ?? []
    }

    mutating func hashed(_ number: Int, _ crc64: UInt64, at now: Timestamp) -> [UploadAction] {
        if case .asking(.hashWhole(let doubt, let etag, let stored)) = step {
            return wholeHashed(doubt, etag, isSame: crc64 == stored, stored, at: now)
        }
        guard step == .sending, checking == number, case .checking(let part)? = tries[number]?.place else { return ignore() }
        tries[number] = nil
        if part.crc64 == crc64 {
            note(part)
            let next = nextCheck()
            return checkpoint.parts.count == plan.partCount ? issue(.complete, at: now) : save() + next
        }
        return sendInstead(number)
    }

    mutating func hashFailed(_ number: Int, _ failure: RequestFailure, at now: Timestamp) -> [UploadAction] {
        lastFailure = (failure, number, now)
        let isChanged = classify(failure) == .sourceChanged
        if case .asking(.hashWhole) = step {
            return isChanged ? sourceChanged(failure.message, at: now) : fail(failure, part: nil)
        }
        guard step == .sending, checking == number, case .checking? = tries[number]?.place else { return ignore() }
        if isChanged { return sourceChanged(failure.message, at: now) }
        tries[number] = nil
        // Sending reads the same bytes: if the disk is broken, that will say so.
        return sendInstead(number)
    }

    private mutating func sendInstead(_ number: Int) -> [UploadAction] {
        checkpoint.resentBytes += plan.range(of: number).length
        nextFresh = min(nextFresh, number)
        return nextCheck() + [.partsReady]
    }
}
