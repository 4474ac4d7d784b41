import Contracts
import GRDB
import OSSProtocol
import Platform
import TransferCore

/// What is found before anything is sent: the source, the parts of an earlier run, and the destination where the order asks for it.
struct LookEnd: Sendable {
    var result: LookResult
    /// The lease that signed a question about the destination which was answered.
    var answered: UInt64?
}

enum LookResult: Sendable {
    case go(SourceFile, parts: [StoredPart])
    case changed(SourceIdentity)
    case unreadable(FileError)
    /// As it is, but Complete went out: the object may be there.
    case goneAfterComplete(FileError, parts: [StoredPart])
    /// Nothing to do, and why.
    case skip(String)
    case rename(String, SourceFile)
    /// Goes on with an upload begun elsewhere; `parts`: how many the server has of it.
    case adopt(SourceFile, uploadID: String, PartPlan, parts: Int)
    /// The destination may not be asked: then it may not be overwritten either.
    case mayNotAsk(SourceFile)
    case failed(RequestFailure, generation: UInt64?)
    case noAccess(AccessFailure)
}

extension EngineLoop {
    /// Orders whose destinations are listed at a time; more begin again with an empty list.
    private static let mostLists = 8

    private func destination(_ job: JobFacts) -> DestinationList {
        if let list = destinations[job.id] { return list }
        if destinations.count >= Self.mostLists { destinations = [:] }
        let list = DestinationList(job: job, requests: requests, store: store, now: clocks.steady)
        destinations[job.id] = list
        return list
    }

    /// Large files, resumed ones and those whose destination has to be asked begin with it.
    func look(_ run: UploadRun) {
        guard !run.isLanding, run.flights.isEmpty else { return }
        if !run.isProbe, let gate = gate(run) {
            run.isOutOfStep = true
            return hold(run, gate)
        }
        nextFlight += 1
        let (number, row, job, requests, store, id) = (nextFlight, run.row, run.job, requests, store, run.id)
        let list = job.looksFirst ? destination(job) : nil
        let (adoption, preferred) = (adoption(row, job), job.options.partSize ?? settings.partSize * PartPlan.factor(forFileOf: row.size))
        let task = Task {
            var looking = Looking(
                row: row, job: job, requests: requests, store: store, list: list, adoption: adoption, preferred: preferred)
            let result = await looking.result()
            looked(id, number, LookEnd(result: result, answered: looking.answered))
        }
        run.flights[number] = UploadRun.Flight(
            task: task, kind: .look, meter: FlightMeter(total: wire), since: clocks.steady(), length: 0, holdsSlot: false)
    }

    private func looked(_ id: Int64, _ number: Int, _ end: LookEnd) {
        guard !isDead, let run = runs[id], run.flights.removeValue(forKey: number) != nil else { return }
        if let generation = end.answered {
            run.lookLeases = 0
            judgeEndpoint(run, FlightEnd(generation: generation))
            if run.isProbe { openScope(run, isAnswered: true) }
        }
        if let hold = run.pendingHold, !run.isProbe {
            run.isOutOfStep = true
            self.hold(run, hold)
            return schedule()
        }
        switch end.result {
        case .go(let source, let parts):
            run.source = source
            if adoption(run.row, run.job) != nil { dropAdoption(run) }
            // What is read from now on is this state of it.
            if run.row.phase == .fresh, run.row.uploadID == nil { run.row.identity = source.identity }
            if !parts.isEmpty || run.row.uploadID != nil { run.machine = machine(run.row, job: run.job, parts: parts) }
            run.isStarted = true
            feed(run, .started)
        case .changed(let identity): adopt(run, identity)
        case .unreadable(let error) where Self.isLack(error): lackDescriptors(run, error)
        case .unreadable(let error): fail(run, unreadable: error)
        case .goneAfterComplete(let error, let parts):
            run.sourceError = error
            run.machine = machine(run.row, job: run.job, parts: parts)
            run.isStarted = true
            feed(run, .started)
        case .skip(let why): leave(run, as: .skipped, event: ("done", why))
        case .rename(let key, let source): rename(run, key, source)
        case .adopt(let source, let uploadID, let plan, let parts): takeOver(run, uploadID, plan, source, parts: parts)
        case .mayNotAsk(let source):
            // For all that follow of its order, too: the server refuses what is there.
            let job = run.job.withoutReading()
            (jobs[job.id], run.job) = (job, job)
            (run.row.identity, run.source) = (source.identity, source)
            run.machine = machine(run.row, job: job, parts: [])
            run.isStarted = true
            feed(run, .started)
        case .noAccess(let failure):
            run.isOutOfStep = true
            closeScope(run.job.target.scope, failure)
            endProbe(run)
            if let gate = gate(run) { hold(run, gate) }
        case .failed(let failure, let generation): lookFailed(run, failure, generation)
        }
        schedule()
    }

    /// The destination was asked and did not say: asked again as any other request, then held or failed.
    private func lookFailed(_ run: UploadRun, _ failure: RequestFailure, _ generation: UInt64?) {
        run.row.error = StoredError(failure, part: nil, at: clocks.wall())
        judgeEndpoint(run, FlightEnd(generation: generation, failure: failure))
        guard !run.isLanding else { return }
        if classify(failure) == .staleLease {
            run.lookLeases += 1
            // Another lease did not help, nor will the next: all of its scope would hear the same.
            if run.lookLeases > policy.cures || isRefused(run, failure) { return credentialsRefused(run, failure, generation) }
        } else if run.isProbe, generation != nil {
            openScope(run, isAnswered: failure.isAnswer)
        }
        run.lookTries += 1
        var wait = policy.delay(afterFailures: run.lookTries, retryAfter: failure.retryAfter, random: &seeds)
        switch classify(failure) {
        case .staleLease:
            wait = .zero
            if let generation {
                let target = run.job.target
                Task { [authorizer] in await authorizer.retire(generation: generation, target: target) }
            }
        case .clockSkew(let serverTime):
            wait = .zero
            if let serverTime { Task { [authorizer] in await authorizer.learnClock(serverTime: serverTime) } }
        case .transient, .throttled, .cancelled: break
        default:
            let text = FlightEnd(failure: failure).text ?? failure.message
            return fail(
                run, code: run.row.error?.code ?? "LocalError",
                message: "the destination cannot be asked (\(text)). Use --existing overwrite, or allow listing and reading")
        }
        guard run.lookTries < policy.tries else {
            run.row.held = .network
            run.row.nextTry = clocks.steady() + policy.hold
            return leave(run, as: .held, event: ("held", failure.message))
        }
        run.lookAgain = clocks.steady() + wait
    }

    private func rename(_ run: UploadRun, _ key: String, _ source: SourceFile) {
        run.isSaving = true
        let (id, at, row) = (run.id, clocks.wall(), run.row)
        write(urgent: true) { db in
            try db.execute(
                sql: "INSERT OR IGNORE INTO renamed (job, key, path) VALUES (?, ?, ?)", arguments: [row.job, row.key, row.path])
            try db.execute(sql: "UPDATE uploads SET key = ? WHERE id = ?", arguments: [key, id])
            try QueueStore.addEvent(db, upload: id, at: at, kind: "start", text: "the object was there: stored as \(key)")
        } then: { [self] in
            guard runs[id] === run, !run.isLanding else { return }
            run.isSaving = false
            run.row.key = key
            run.row.identity = source.identity
            run.source = source
            run.isStarted = true
            feed(run, .started)
        } failed: { [self] _ in
            fail(run, code: "KeyCollision", message: "the key \(key) is taken by another file of the order. Give it another name")
        }
    }
}

/// One look, off the loop's actor.
private struct Looking {
    private static let mostNames = 100

    let row: UploadRow
    let job: JobFacts
    let requests: UploadRequests
    let store: QueueStore
    /// Where the order has a rule about what is there.
    let list: DestinationList?
    /// The upload id that a person gave us for its key.
    let adoption: String?
    /// Bytes a part, where it can be chosen.
    let preferred: Int64
    var answered: UInt64?

    mutating func result() async -> LookResult {
        let source: SourceFile
        do throws(FileError) { source = try await SourceOpening.open(row.path, device: row.identity.device) } catch {
            let mayBeStored = row.phase == .completing && row.uploadID != nil && !EngineLoop.isLack(error)
            return mayBeStored ? .goneAfterComplete(error, parts: await parts()) : .unreadable(error)
        }
        guard source.identity.isLikely(row.identity) else { return .changed(source.identity) }
        let parts = row.uploadID != nil ? await parts() : []
        if let adoption, let found = await look(at: adoption, source) { return found }
        guard job.looksFirst, row.phase == .fresh, row.uploadID == nil else { return .go(source, parts: parts) }
        switch job.target.existing {
        case "rename": return await freeName(source)
        default: return await compare(source)
        }
    }

    /// Without them the server's list is enough; hashes are made again where needed.
    private func parts() async -> [StoredPart] {
        let id = row.id
        return (try? await store.read { db in try QueueStore.parts(db, upload: id) }) ?? []
    }

    /// - Returns: `nil` where it is gone or of no use.
    private func look(at uploadID: String, _ source: SourceFile) async -> LookResult? {
        let end = await requests.listParts(uploadID: uploadID, row, job: job)
        if let access = end.access { return .noAccess(access) }
        switch end.event {
        case .partsListed(let parts)?:
            guard let plan = PartPlan.adopting(fileSize: row.size, listed: parts, preferred: preferred) else { return nil }
            return .adopt(source, uploadID: uploadID, plan, parts: parts.count)
        case .listPartsFailed(let failure)?:
            switch classify(failure) {
            case .uploadGone, .denied, .permanent: return nil
            default: return .failed(failure, generation: end.generation)
            }
        default: return nil
        }
    }

    /// `skip`: the same size and CRC-64. `newer`: the file was not modified after the object.
    private mutating func compare(_ source: SourceFile) async -> LookResult {
        switch await list?.find(ObjectKey(row.key)) ?? .askHead {
        case .absent: return .go(source, parts: [])
        case .present(let entry):
            if job.target.existing == "newer" { return newer(source, entry.modified) }
            // Only HEAD tells the checksum.
            if entry.size != row.size { return .go(source, parts: []) }
        case .askHead: break
        case .failed(let failure, let generation): return .failed(failure, generation: generation)
        }
        let head: ObjectHead?
        switch await requests.look(row, job: job, key: row.key) {
        case .found(let found, let generation): (head, answered) = (found, generation)
        case .absent(let generation): (head, answered) = (nil, generation)
        case .failed(let failure, _) where failure.isNotAllowed: return .mayNotAsk(source)
        case .failed(let failure, let generation): return .failed(failure, generation: generation)
        case .noAccess(let failure): return .noAccess(failure)
        }
        guard let head else { return .go(source, parts: []) }
        if job.target.existing == "newer" { return newer(source, head.lastModified) }
        guard head.size == row.size, let there = head.crc64 else { return .go(source, parts: []) }
        guard let ours = try? await SourceReader.crc64(of: source, offset: 0, length: row.size), ours == there else {
            return .go(source, parts: [])
        }
        return .skip("skipped: the object is there with the same size and CRC-64")
    }

    private func newer(_ source: SourceFile, _ there: Timestamp?) -> LookResult {
        guard let there, row.identity.modified / 1_000_000 <= there.milliseconds else { return .go(source, parts: []) }
        return .skip("skipped: the object is not older than the file")
    }

    /// `name (1).ext`, counting up.
    private mutating func freeName(_ source: SourceFile) async -> LookResult {
        for number in 0..<Looking.mostNames {
            let key = number == 0 ? row.key : KeyRules.numbered(row.key, number)
            // A neighbour of the same order may bear the numbered name.
            if number > 0, await isNeighbours(key) { continue }
            switch await list?.find(ObjectKey(key)) ?? .askHead {
            case .absent: return number == 0 ? .go(source, parts: []) : .rename(key, source)
            case .present: continue
            case .askHead: break
            case .failed(let failure, let generation): return .failed(failure, generation: generation)
            }
            switch await requests.look(row, job: job, key: key) {
            case .absent(let generation):
                answered = generation
                return number == 0 ? .go(source, parts: []) : .rename(key, source)
            case .found(_, let generation): answered = generation
            case .failed(let failure, _) where failure.isNotAllowed: return .mayNotAsk(source)
            case .failed(let failure, let generation): return .failed(failure, generation: generation)
            case .noAccess(let failure): return .noAccess(failure)
            }
        }
        return .failed(
            RequestFailure(.answer(status: 409, code: "FileAlreadyExists", ec: nil), message: "a hundred names like it are taken"),
            generation: nil)
    }

    private func isNeighbours(_ key: String) async -> Bool {
        let (job, id) = (row.job, row.id)
        return (try? await store.read { db in
            try Bool.fetchOne(
                db, sql: "SELECT EXISTS (SELECT 1 FROM uploads WHERE job = ? AND key = ? AND id <> ?)", arguments: [job, key, id]) ?? false
        }) ?? false
    }
}

enum HeadLook: Sendable {
    case found(ObjectHead, generation: UInt64)
    case absent(generation: UInt64)
    case failed(RequestFailure, generation: UInt64?)
    case noAccess(AccessFailure)
}

extension UploadRequests {
    /// HEAD with everything it says, for the rules about what is there already.
    func look(_ row: UploadRow, job: JobFacts, key: String) async -> HeadLook {
        let authorized: AuthorizedRequest
        do throws(AccessFailure) {
            authorized = try await authorizer.authorize(.headObject, key: ObjectKey(key), target: job.target, minimumLife: .seconds(30))
        } catch {
            return .noAccess(error)
        }
        var options = SendOptions()
        options.total = .seconds(60)
        do throws(TransportError) {
            let reply = try await transport.send(authorized.request, body: nil, options: options, progress: nil)
            if reply.response.status == 404 { return .absent(generation: authorized.generation) }
            do throws(OSSError) { return .found(try OSSReply.head(reply.response), generation: authorized.generation) } catch {
                return .failed(RequestFailure(error, of: authorized, at: job.target), generation: authorized.generation)
            }
        } catch {
            return .failed(RequestFailure(error), generation: authorized.generation)
        }
    }
}
