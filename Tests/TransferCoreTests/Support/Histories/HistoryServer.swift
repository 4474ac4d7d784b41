import OSSProtocol
import TransferCore

/// OSS as far as uploaders can tell, for one key a file. Contents are told apart by what they are pieces of, not by bytes: a part is its
/// number, the version of the file that was read, and whether something changed it on the way.
struct HistoryServer {
    struct Content: Equatable {
        var number: Int
        var version: Int
        var length: Int64
        var isSpoiled = false
        /// Read while the file changed: of no version.
        var isTorn = false

        /// Stands for the CRC-64 of its bytes.
        var crc64: UInt64 {
            var mixed = SeededRandom(
                UInt64(number) << 40 ^ UInt64(bitPattern: Int64(version)) << 8 ^ (isSpoiled ? 1 : 0) ^ (isTorn ? 2 : 0) ^ UInt64(length) << 20)
            return length == 0 && !isSpoiled && !isTorn ? 0 : mixed.next()
        }
    }

    struct Part {
        var content: Content
        var etag: String
        /// What the engine's disk said of it once.
        var isNoted = false
    }

    struct Upload {
        let id: String
        let row: Int
        var isAlive = true
        var isCompleted = false
        /// The engine's disk has known it.
        var wasSaved = false
        /// Why the engine may not know it.
        var isLost = false
        /// It was begun by a copy, or after everybody had stopped waiting for it.
        var isStray = false
        /// On the server's clock.
        var began: Int64 = 0
        var parts: [Part?]
        /// Something other than its own engine took from it.
        var isLossy = false
        var abortsSurvived = 0
    }

    struct Object {
        var pieces: [Content]
        var size: Int64
        var crc64: UInt64
        var etag: String
        /// An upload id, `put` or `other`.
        var from: String

        static let other = Object(pieces: [Content(number: 1, version: -9, length: 3)], size: 3, crc64: 77, etag: "other", from: "other")
    }

    var objects: [Object?] = []
    var uploads: [Upload] = []
    /// The number of the newest request that begins an object, by file.
    var lastBegun: [Int] = []
    /// Of the newest look for what a lost Initiate began, by file.
    var lastLooked: [Int] = []
    private var made = 0

    mutating func name(_ kind: String) -> String {
        made += 1
        return "\(kind)\(made)"
    }

    func find(_ id: String) -> Int? { uploads.lastIndex { $0.id == id } }

    func living(_ id: String) -> Int? { find(id).flatMap { uploads[$0].isAlive ? $0 : nil } }

    mutating func initiate(_ row: Int, parts: Int) -> String {
        let id = name("U")
        uploads.append(Upload(id: id, row: row, parts: Array(repeating: nil, count: parts)))
        return id
    }

    mutating func store(_ content: Content, in upload: Int, hasUniqueTag: Bool) -> String {
        let etag = hasUniqueTag ? name("E") : String(content.crc64, radix: 36, uppercase: true)
        let place = content.number - 1
        // It may have been begun for a file of another size.
        while uploads[upload].parts.count <= place { uploads[upload].parts.append(nil) }
        if uploads[upload].parts[place]?.etag != etag { uploads[upload].parts[place] = Part(content: content, etag: etag) }
        return etag
    }

    func list(_ upload: Int, saysChecksums: Bool) -> [StoredPart] {
        uploads[upload].parts.compactMap { part in
            part.map {
                StoredPart(
                    number: $0.content.number, size: $0.content.length, etag: $0.etag, crc64: saysChecksums ? $0.content.crc64 : nil)
            }
        }
    }

    enum Completion {
        case done(Object)
        case partsDiffer, exists
    }

    mutating func complete(_ upload: Int, _ parts: [StoredPart], forbidOverwrite: Bool, isSpoiled: Bool) -> Completion {
        let have = uploads[upload].parts
        var pieces: [Content] = []
        for part in parts {
            guard part.number <= have.count, let stored = have[part.number - 1], stored.etag == part.etag else { return .partsDiffer }
            pieces.append(stored.content)
        }
        if forbidOverwrite, objects[uploads[upload].row] != nil { return .exists }
        if isSpoiled { pieces[0].isSpoiled.toggle() }
        let object = HistoryServer.object(pieces, etag: name("O"), from: uploads[upload].id)
        objects[uploads[upload].row] = object
        (uploads[upload].isAlive, uploads[upload].isCompleted) = (false, true)
        return .done(object)
    }

    static func object(_ pieces: [Content], etag: String, from: String) -> Object {
        var (size, crc) = (Int64(0), UInt64(0))
        for piece in pieces {
            size += piece.length
            crc = CRC64.combine(crc, piece.crc64, lengthOfB: piece.length)
        }
        return Object(pieces: pieces, size: size, crc64: crc, etag: etag, from: from)
    }
}

extension History {
    /// The pieces of a file's version.
    func content(_ row: Int, _ version: Int, _ number: Int) -> HistoryServer.Content {
        let file = files[row]
        let length = max(0, min(file.partSize, file.sizes[version] - Int64(number - 1) * file.partSize))
        return HistoryServer.Content(number: number, version: version, length: length)
    }

    func partCount(_ row: Int, _ version: Int) -> Int {
        let file = files[row]
        return file.sizes[version] == 0 ? 1 : Int((file.sizes[version] - 1) / file.partSize) + 1
    }

    /// Whether the object is that version, bit for bit.
    func isWhole(_ object: HistoryServer.Object?, _ row: Int, _ version: Int) -> Bool {
        guard let object, object.pieces.count == partCount(row, version) else { return false }
        // Nothing is nothing, whenever it was read.
        if files[row].sizes[version] == 0 { return object.pieces[0].length == 0 && !object.pieces[0].isSpoiled }
        for (index, piece) in object.pieces.enumerated() where piece != content(row, version, index + 1) { return false }
        return true
    }

    // MARK: - The way there

    /// Looks at the file and asks for credentials; then the request is on its way.
    mutating func take(off flight: Flight) {
        var flight = flight
        if let end = sourceTrouble(&flight) { return land(flight, end, in: 1) }
        if flight.kind == .hash {
            let range = flight.part
            let crc =
                range == 0
                ? HistoryServer.object(
                    (1...partCount(flight.row, flight.version)).map { content(flight.row, flight.version, $0) }, etag: "", from: ""
                ).crc64 : content(flight.row, flight.version, range).crc64
            return land(flight, FlightEnd(event: .hashed(number: max(range, 1), crc64: crc)), in: 1 + random.below(30))
        }
        authorize(flight)
    }

    /// As the real engine looks: before each body, before Complete, and when a file is opened.
    private mutating func sourceTrouble(_ flight: inout Flight) -> FlightEnd? {
        let file = files[flight.row]
        switch flight.kind {
        case .put, .part, .complete, .hash: break
        default: return nil
        }
        guard let row = engine.runs[flight.row]?.row else { return nil }
        if flight.inode < 0 {
            // A Complete that is only repeated needs no file.
            if flight.kind == .complete { return nil }
            guard file.isReadable else {
                note(.sourceUnreadable) { "\(flight.row) cannot be read" }
                return FlightEnd(isUnreadable: true)
            }
            flight.inode = file.inodes.count - 1
            engine.runs[flight.row]?.inode = flight.inode
            if file.version != row.version { return FlightEnd(isChanged: true) }
        }
        flight.version = file.inodes[flight.inode]
        if flight.version != row.version, flight.kind != .hash { return FlightEnd(event: .sourceChanged(detail: "")) }
        return nil
    }

    mutating func send(_ flight: Flight) {
        let endpoint = files[flight.row].endpoint
        requests += 1
        if isOut[endpoint] {
            outageRequests += 1
            return silence(flight)
        }
        if chance(world.denials), flight.kind != .head {
            note(.denied) { "\(flight.number) is denied" }
            return refuse(flight, answer(403, "AccessDenied"))
        }
        if chance(world.throttles) { return throttle(flight) }
        if chance(world.faults) { return fault(flight) }
        var fate = Fate(isSpoiled: false, answerIn: delay())
        if [.put, .part].contains(flight.kind), chance(world.corruptions) { fate.isSpoiled = true }
        push(.arrival(flight, fate), in: delay())
    }

    private mutating func delay() -> Int { random.below(12) == 0 ? 1 + random.below(3_000) : 1 + random.below(120) }

    private mutating func silence(_ flight: Flight) {
        if random.below(2) == 0 {
            refuse(flight, RequestFailure(.curl([6, 7, 35][random.below(3)])), in: 1 + random.below(100))
        } else {
            note(.blackHole) { "\(flight.number) into a black hole" }
            // What went out before the line died may still arrive.
            if random.below(4) == 0 { push(.arrival(flight, Fate(isSilent: true, isStray: true)), in: delay()) }
            refuse(flight, RequestFailure(.curl(28)), in: 2_000 + random.below(10_000))
        }
    }

    private mutating func throttle(_ flight: Flight) {
        let status = [429, 503][random.below(2)]
        let code = status == 429 ? "TooManyRequests" : ["SlowDown", "TotalQpsLimitExceeded", "ServiceUnavailable"][random.below(3)]
        guard random.below(2) == 0 else {
            note(.throttled) { "\(flight.number) is throttled" }
            return refuse(flight, answer(status, code))
        }
        note(.throttledWithTime) { "\(flight.number) is throttled, with a time" }
        let patience = Int64([700, 4_000, 40_000][random.below(3)])
        refuse(flight, answer(status, code, retryAfter: .milliseconds(patience)))
    }

    private mutating func fault(_ flight: Flight) {
        let lost = RequestFailure(.curl([7, 28, 35, 52, 55, 56][random.below(6)]))
        switch random.below(12) {
        case 0, 1:
            note(.requestLost) { "\(flight.number) is lost" }
            refuse(flight, lost, in: delay())
        case 2, 3:
            note(.answerLost) { "the answer to \(flight.number) is lost" }
            let arrives = delay()
            push(.arrival(flight, Fate(isSilent: true)), in: arrives)
            // Without a connection nothing arrives.
            let broke = RequestFailure(.curl([28, 52, 55, 56][random.below(4)]))
            refuse(flight, broke, in: arrives + 1 + random.below(200))
        case 4:
            // Done when the client has long given up.
            note(.delayed) { "\(flight.number) is late" }
            let gaveUp = delay()
            push(.arrival(flight, Fate(isSilent: true, isStray: true)), in: gaveUp + random.below(800))
            refuse(flight, RequestFailure(.curl(28)), in: gaveUp)
        case 5:
            // Some box on the way sends it twice; which answer comes through is its own matter.
            note(.duplicated) { "\(flight.number) is sent twice" }
            // A guarded request may refuse its own success, which is why nobody may repeat it and hear the second answer.
            let isGuarded = flight.kind == .put || flight.kind == .complete && world.forbidOverwrite
            let isSecondHeard = random.below(2) == 0 && flight.kind != .initiate && !isGuarded
            let first = delay()
            push(.arrival(flight, Fate(isSilent: isSecondHeard, isStray: true, answerIn: delay())), in: first)
            push(.arrival(flight, Fate(isSilent: !isSecondHeard, isStray: true, answerIn: delay())), in: first + random.below(300))
        case 6:
            note(.serverError) { "\(flight.number) meets an ill server" }
            // It may have been done all the same.
            if random.below(3) == 0 { push(.arrival(flight, Fate(isSilent: true)), in: 1) }
            refuse(flight, answer([500, 502, 504][random.below(3)], random.below(2) == 0 ? "InternalError" : ""), in: 2 + random.below(200))
        case 7:
            note(.truncated) { "the answer to \(flight.number) is cut short" }
            push(.arrival(flight, Fate(isTruncated: true, answerIn: delay())), in: delay())
        case 8: refuse(flight, answer(403, ["SecurityTokenExpired", "InvalidSecurityToken"][random.below(2)]))
        case 9: refuse(flight, answer(403, "RequestTimeTooSkewed", serverTime: Timestamp(milliseconds: serverNow)))
        case 10:
            note(.badRequest) { "\(flight.number) is a bad request" }
            refuse(flight, answer(400, ["RequestTimeout", "IncompleteBody", "BadRequest"][random.below(3)]))
        default:
            // Half of the ways in which nothing comes back take long.
            note(.blackHole) { "\(flight.number) into a black hole" }
            refuse(flight, RequestFailure(.curl(28)), in: 5_000 + random.below(20_000))
        }
    }

    private mutating func refuse(_ flight: Flight, _ failure: RequestFailure, in delay: Int? = nil) {
        land(flight, failed(flight, failure), in: delay ?? 1 + random.below(200))
    }

    mutating func land(_ flight: Flight, _ end: FlightEnd, in delay: Int) {
        var end = end
        end.isSigned = flight.token >= 0
        push(.answer(flight.number, end), in: delay)
    }

    func failed(_ flight: Flight, _ failure: RequestFailure) -> FlightEnd {
        let event: UploadEvent =
            switch flight.kind {
            case .initiate: .initiateFailed(failure)
            case .find: .findUploadsFailed(failure)
            case .put: .putFailed(failure, bytesSent: flight.length)
            case .head: classify(failure) == .denied ? .objectHead(.denied) : .objectHeadFailed(failure)
            case .list: .listPartsFailed(failure)
            case .abort, .payBack: .abortFailed(failure)
            case .complete: .completeFailed(failure)
            case .part: .partFailed(number: flight.part, failure, bytesSent: flight.length)
            case .hash, .look: .hashFailed(number: flight.part, failure)
            }
        return FlightEnd(event: event, failure: failure)
    }

    // MARK: - At the server

    mutating func arrive(_ flight: Flight, _ fate: Fate) {
        // Cut off on the way by whoever sent it: it may have arrived before, but not after what was sent in its place.
        let isHeard = isUp && engine.number == flight.engine && engine.flights.contains { $0.number == flight.number }
        if !isHeard || fate.isSilent, [.put, .complete].contains(flight.kind) {
            if server.lastBegun[flight.row] > flight.number { return }
            // With a part gone and sent again, what was refused would come to be accepted.
            if flight.kind == .complete, server.find(flight.uploadID).map({ server.uploads[$0].isLossy }) ?? false { return }
            // A put leaves nothing by which its delay could be told from another writer.
            if !isHeard, flight.kind == .put, random.below(2) == 0 { return }
        } else if !isHeard, random.below(2) == 0 {
            if flight.kind == .initiate { return }
        }
        let event = execute(flight, fate)
        guard !fate.isSilent else {
            if case .initiated(let id) = event { lose(id, .idLostWithAnswer) }
            return
        }
        guard isHeard else {
            if case .initiated(let id) = event { lose(id, .idLostWithKill) }
            return
        }
        if fate.isTruncated {
            if case .initiated(let id) = event { lose(id, .idLostWithAnswer) }
            return land(flight, failed(flight, RequestFailure(.unusableAnswer)), in: fate.answerIn)
        }
        var end = FlightEnd(event: event)
        switch event {
        case .initiateFailed(let failure), .findUploadsFailed(let failure), .putFailed(let failure, _), .listPartsFailed(let failure), .partFailed(_, let failure, _),
            .completeFailed(let failure), .objectHeadFailed(let failure), .abortFailed(let failure):
            end = failed(flight, failure)
        default: break
        }
        land(flight, end, in: fate.answerIn)
    }

    private mutating func lose(_ id: String, _ how: Happening) {
        guard let index = server.find(id), !server.uploads[index].isLost else { return }
        server.uploads[index].isLost = true
        note(how) { "\(id) is known to the server alone" }
    }

    private mutating func execute(_ flight: Flight, _ fate: Fate) -> UploadEvent {
        if let refusal = judge(flight) { return failed(flight, refusal).event ?? .aborted }
        let gone = answer(404, "NoSuchUpload")
        switch flight.kind {
        case .initiate:
            let id = server.initiate(flight.row, parts: partCount(flight.row, flight.version))
            server.uploads[server.uploads.count - 1].began = serverNow
            server.uploads[server.uploads.count - 1].isStray = fate.isStray || server.lastLooked[flight.row] > flight.number
            return .initiated(uploadID: id)
        case .find:
            if world.listDenied, !isQuiet { return .findUploadsFailed(answer(403, "AccessDenied")) }
            server.lastLooked[flight.row] = flight.number
            return .uploadsFound(find(flight.row))
        case .put:
            if world.forbidOverwrite, server.objects[flight.row] != nil {
                note(.conflict) { "\(flight.number): the object exists" }
                return .putFailed(answer(409, "FileAlreadyExists"), bytesSent: 0)
            }
            let sent = read(flight)
            var stored = sent
            spoil(&stored, fate)
            let object = HistoryServer.object([stored], etag: server.name("O"), from: "put")
            server.objects[flight.row] = object
            return .putSent(BodyReply(etag: object.etag, localCRC64: sent.crc64, serverCRC64: world.saysChecksums ? stored.crc64 : nil))
        case .part:
            let sent = read(flight)
            guard let upload = server.living(flight.uploadID) else {
                note(.uploadGone) { "\(flight.uploadID) is gone" }
                return .partFailed(number: flight.part, gone, bytesSent: flight.length)
            }
            var stored = sent
            spoil(&stored, fate)
            let etag = server.store(stored, in: upload, hasUniqueTag: world.hasUniqueTags)
            let theirs = world.saysChecksums ? stored.crc64 : nil
            return .partSent(number: flight.part, BodyReply(etag: etag, localCRC64: sent.crc64, serverCRC64: theirs))
        case .list:
            if world.listDenied, !isQuiet { return .listPartsFailed(answer(403, "AccessDenied")) }
            guard let upload = server.living(flight.uploadID) else { return .listPartsFailed(gone) }
            return .partsListed(server.list(upload, saysChecksums: world.saysChecksums))
        case .abort, .payBack: return abort(flight.uploadID, gone)
        case .head:
            guard world.mayRead else { return .objectHead(.denied) }
            guard let object = server.objects[flight.row] else { return .objectHead(.absent) }
            return .objectHead(.found(size: object.size, crc64: world.saysChecksums ? object.crc64 : nil, etag: object.etag))
        case .complete: return complete(flight, gone)
        case .hash, .look: return .aborted
        }
    }

    /// Begun since our first Initiate went out, and in nobody's ledger; the newest first.
    private mutating func find(_ row: Int) -> [FoundUpload] {
        let sent = engine.runs[row]?.row.initiateSent ?? wall
        let oldest = serverNow - (wall - sent + 2_000)
        var found: [FoundUpload] = []
        for upload in server.uploads.reversed() where upload.isAlive && upload.row == row && upload.began >= oldest {
            guard !disk.ledger.contains(where: { $0.id == upload.id }) else { continue }
            found.append(FoundUpload(uploadID: upload.id, hasParts: upload.parts.contains { $0 != nil }))
        }
        // Of two that come to light at once the newest is taken; the other stays for the list of those who may look.
        for other in found.filter({ !$0.hasParts }).dropFirst() { if let upload = server.find(other.uploadID) { server.uploads[upload].isStray = true } }
        if found.contains(where: { !$0.hasParts }) { note(.idFound) { "\(found.count) uploads of \(row) are found" } }
        return found
    }

    /// Read while the request was on its way: what changed meanwhile is torn.
    private mutating func read(_ flight: Flight) -> HistoryServer.Content {
        var content = content(flight.row, flight.version, max(flight.part, 1))
        if files[flight.row].inodes[flight.inode] != flight.version {
            content.isTorn = true
            note(.torn) { "\(flight.number) is read while its file changes" }
        }
        return content
    }

    private mutating func spoil(_ content: inout HistoryServer.Content, _ fate: Fate) {
        // Without the server's checksum nobody could tell.
        guard fate.isSpoiled, world.saysChecksums else { return }
        content.isSpoiled = true
        note(.corrupted) { "a byte of part \(content.number) is flipped" }
    }

    private mutating func judge(_ flight: Flight) -> RequestFailure? {
        if abs(flight.signedAt - serverNow) > 15 * 60_000 {
            note(.clockSkew) { "\(flight.number) is signed at another time" }
            return answer(403, "RequestTimeTooSkewed", serverTime: Timestamp(milliseconds: serverNow))
        }
        let token = tokens[flight.token]
        if token.isRevoked || token.end <= serverNow {
            note(token.isRevoked ? .tokenRevoked : .tokenExpired) { "\(flight.number): its token is no more" }
            return answer(403, "SecurityTokenExpired")
        }
        return nil
    }

    private mutating func abort(_ id: String, _ gone: RequestFailure) -> UploadEvent {
        guard let upload = server.living(id) else { return .abortFailed(gone) }
        // A part that was on its way may keep the upload alive: it takes a second abort.
        if server.uploads[upload].abortsSurvived < 2, chance(world.faults / 2) {
            server.uploads[upload].abortsSurvived += 1
            server.uploads[upload].parts = server.uploads[upload].parts.map { _ in nil }
            note(.abortSurvived) { "\(id) survives an abort" }
        } else {
            server.uploads[upload].isAlive = false
        }
        return .aborted
    }

    private mutating func complete(_ flight: Flight, _ gone: RequestFailure) -> UploadEvent {
        let looksFirst = random.below(2) == 0
        if looksFirst, world.forbidOverwrite, server.objects[flight.row] != nil {
            note(.conflict) { "\(flight.number): the object exists" }
            return .completeFailed(answer(409, "FileAlreadyExists"))
        }
        guard let upload = server.living(flight.uploadID) else {
            note(.uploadGone) { "\(flight.uploadID) is gone" }
            return .completeFailed(gone)
        }
        let isSpoiled = world.mayRead && world.saysChecksums && chance(world.corruptions / 4)
        switch server.complete(upload, flight.parts, forbidOverwrite: world.forbidOverwrite, isSpoiled: isSpoiled) {
        case .done(let object):
            if isSpoiled { note(.wrongObject) { "\(flight.uploadID) is put together wrongly" } }
            if chance(world.corruptions / 2) {
                note(.callbackFailed) { "\(flight.uploadID) is stored, its callback failed" }
                return .completeFailed(answer(203, "CallbackFailed"))
            }
            return .completed(etag: object.etag, serverCRC64: world.saysChecksums ? object.crc64 : nil)
        case .partsDiffer:
            note(.invalidPart) { "\(flight.uploadID): a part is not what was stored" }
            return .completeFailed(answer(400, "InvalidPart"))
        case .exists:
            note(.conflict) { "\(flight.number): the object exists" }
            return .completeFailed(answer(409, "FileAlreadyExists"))
        }
    }

    // MARK: - What the server forgets

    /// Somebody, or a rule of the bucket, aborts uploads; and parts get lost.
    mutating func expireUploads() {
        for index in server.uploads.indices where server.uploads[index].isAlive {
            let upload = server.uploads[index]
            // Where HEAD may not be asked, an id that vanishes under a Complete means success by the rules; nobody could tell. So there it
            // vanishes only while the server still waits for a part.
            let isTelling = world.mayRead && !world.listDenied && world.saysChecksums || upload.parts.contains { $0 == nil } && !upload.isLossy
            if isTelling, random.below(2) == 0 {
                server.uploads[index].isAlive = false
                note(.uploadExpired) { "\(upload.id) is aborted by a rule of the bucket" }
            } else if world.vanishings > 0, let part = upload.parts.firstIndex(where: { $0 != nil }),
                world.mayRead && !world.listDenied || !isCompleting(upload.id)
            {
                server.uploads[index].parts[part] = nil
                server.uploads[index].isLossy = true
                note(.partVanished) { "part \(part + 1) of \(upload.id) vanishes" }
            }
        }
    }

    private func isCompleting(_ id: String) -> Bool {
        disk.rows.contains { $0.uploadID == id && $0.completeSent } || engine.flights.contains { $0.kind == .complete && $0.uploadID == id }
    }

    mutating func revoke() {
        guard !isQuiet, !tokens.isEmpty else { return }
        tokens[tokens.count - 1].isRevoked = true
    }

    // MARK: - The file

    mutating func changeSource() {
        let row = random.below(files.count)
        switch random.below(4) {
        case 0:
            files[row].isReadable = false
            push(.newSource, in: 4_000)
            return
        case 1:
            note(.sourceReplaced) { "\(row) is replaced" }
            let size = newSize(row)
            files[row].sizes.append(size)
            files[row].inodes.append(files[row].sizes.count - 1)
        default:
            note(.sourceRewritten) { "\(row) is rewritten" }
            let size = newSize(row)
            files[row].sizes.append(size)
            files[row].inodes[files[row].inodes.count - 1] = files[row].sizes.count - 1
        }
        for index in files.indices { files[index].isReadable = true }
    }

    private mutating func newSize(_ row: Int) -> Int64 {
        let size = files[row].sizes[files[row].version]
        guard random.below(2) == 0 else { return size }
        note(.sourceResized) { "\(row) has another size" }
        return random.below(2) == 0 ? size + files[row].partSize : max(0, size - files[row].partSize)
    }
}
