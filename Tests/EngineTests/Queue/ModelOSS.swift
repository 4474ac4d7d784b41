import Contracts
import Glibc
import OSSProtocol
import Platform

@testable import Engine

/// Shut until somebody opens it.
final class OpenGate: Sendable {
    private let state = Lock(false)
    var isOpen: Bool { state.withLock { $0 } }
    func open() { state.withLock { $0 = true } }
}

/// An object store in memory behind the transport's door, with the rules that uploads meet, and faults on demand.
final class ModelOSS: Transport {
    struct Call: Sendable, Equatable {
        /// `put initiate part list complete abort head`, and of the bucket `keys uploads`.
        var kind: String
        var key: String
        var part: Int?
        var uploadID: String?
        /// Of this kind and key, from 1.
        var number: Int
    }

    enum Fault: Sendable {
        case answer(status: Int, code: String)
        /// 503, and when to come again. Seconds.
        case busy(retryAfter: Int)
        /// Nothing arrives.
        case curl(Int32)
        /// Done, but the answer is lost.
        case lostAnswer
        /// Stays until the request is cancelled.
        case blackHole
        /// Answered when it is open.
        case waits(OpenGate)
        /// Lost, which is noticed when it is open.
        case isLost(OpenGate)
        /// The server got other bytes than were read.
        case corrupted
        /// The server says no checksum.
        case noChecksum
    }

    struct Object: Sendable, Equatable {
        var bytes: [UInt8]
        var crc64: UInt64
        var saysChecksum = true
    }

    private struct Upload {
        var key: String
        var parts: [Int: Object] = [:]
        var begun = Timestamp(milliseconds: 0)
    }

    private struct State {
        var objects: [String: Object] = [:]
        var uploads: [String: Upload] = [:]
        var calls: [Call] = []
        var finished: [Call] = []
        var nextUpload = 0
        var inFlight = 0
        var mostInFlight = 0
        var paces: [(key: String, pace: BodyPace)] = []
    }

    private let state = Lock(State())
    private let clock = Lock<@Sendable () -> Timestamp>({ Timestamp(milliseconds: 0) })

    /// What its answers and its lists say of time.
    func setClock(_ now: @escaping @Sendable () -> Timestamp) { clock.withLock { $0 = now } }

    /// An upload that somebody else began.
    func begin(_ key: String, parts: [Int: [UInt8]]) -> String {
        let now = clock.withLock { $0 }()
        return state.withLock { state in
            state.nextUpload += 1
            let id = "UPLOAD\(state.nextUpload)"
            let stored = parts.mapValues { Object(bytes: $0, crc64: ModelOSS.crc($0)) }
            state.uploads[id] = Upload(key: key, parts: stored, begun: now)
            return id
        }
    }
    private let faults = Lock<@Sendable (Call) -> Fault?>({ _ in nil })

    func setFaults(_ faults: @escaping @Sendable (Call) -> Fault?) { self.faults.withLock { $0 = faults } }

    var objects: [String: Object] { state.withLock { $0.objects } }
    var uploadIDs: Set<String> { state.withLock { Set($0.uploads.keys) } }
    var calls: [Call] { state.withLock { $0.calls } }
    /// Those that were answered with success.
    var finished: [Call] { state.withLock { $0.finished } }
    var inFlight: Int { state.withLock { $0.inFlight } }
    var mostInFlight: Int { state.withLock { $0.mostInFlight } }
    /// Of bodies, in the order in which they were sent.
    var paces: [(key: String, pace: BodyPace)] { state.withLock { $0.paces } }
    func calls(_ kind: String) -> [Call] { calls.filter { $0.kind == kind } }
    func put(_ key: String, _ bytes: [UInt8]) { state.withLock { $0.objects[key] = Object(bytes: bytes, crc64: ModelOSS.crc(bytes)) } }

    static func crc(_ bytes: [UInt8]) -> UInt64 {
        var stream = CRC64Stream()
        stream.update(bytes)
        return stream.value
    }

    func send(
        _ request: HTTPRequest, body: FileBody?, options: SendOptions, progress: (@Sendable (Int64) -> Void)?
    ) async throws(TransportError) -> TransportReply {
        let call = record(request)
        if body != nil { state.withLock { $0.paces.append((call.key, options.pace)) } }
        defer { state.withLock { $0.inFlight -= 1 } }
        let fault = faults.withLock { $0 }(call)
        switch fault {
        case .curl(let code): throw TransportError(kind: .curl(code), message: "curl \(code)")
        case .answer(let status, let code):
            return TransportReply(response: ModelOSS.error(status, code, hasBody: request.method != "HEAD"))
        case .busy(let seconds):
            var response = ModelOSS.error(503, "SlowDown", hasBody: request.method != "HEAD")
            response.headers["Retry-After"] = String(seconds)
            return TransportReply(response: response)
        case .blackHole:
            while !Task.isCancelled { try? await Task.sleep(for: .seconds(3600)) }
            throw TransportError(kind: .cancelled, message: "cancelled")
        case .isLost(let gate):
            while !gate.isOpen && !Task.isCancelled { try? await Task.sleep(for: .milliseconds(1)) }
            throw TransportError(kind: .curl(28), message: "no byte moved")
        case .waits(let gate): while !gate.isOpen && !Task.isCancelled { try? await Task.sleep(for: .milliseconds(1)) }
        default: break
        }
        // A cancelled request may be cut off anywhere; here always before its end.
        await Task.yield()
        if Task.isCancelled { throw TransportError(kind: .cancelled, message: "cancelled") }
        let bytes = try body.map { body throws(TransportError) in try ModelOSS.read(body) } ?? request.body
        if let body, body.isGuarded, !body.source.isUnchanged { throw TransportError(kind: .source(errno: 0), message: "written to") }
        progress?(Int64(bytes.count))
        var stored = bytes
        if case .corrupted? = fault, !stored.isEmpty { stored[0] ^= 1 }
        var response = perform(call, request, stored)
        if case .noChecksum? = fault { response.headers["x-oss-hash-crc64ecma"] = nil }
        if case .lostAnswer? = fault {
            throw TransportError(kind: .curl(56), message: "connection reset", bodyBytesSent: Int64(bytes.count))
        }
        if response.status < 300 {
            state.withLock { $0.finished.append(call) }
            response.headers["x-oss-request-id"] = "REQ-\(call.kind)-\(call.number)"
            if call.key.hasPrefix("versioned/") { response.headers["x-oss-version-id"] = "V\(call.number)" }
        }
        return TransportReply(response: response, bodyCRC64: ModelOSS.crc(bytes), bodyBytesSent: Int64(bytes.count))
    }

    private static func read(_ body: FileBody) throws(TransportError) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: Int(body.length))
        let count = bytes.withUnsafeMutableBytes { pread(body.source.descriptor, $0.baseAddress, $0.count, off_t(body.offset)) }
        guard count == bytes.count else { throw TransportError(kind: .source(errno: 0), message: "ended early") }
        return bytes
    }

    private func record(_ request: HTTPRequest) -> Call {
        let query = Dictionary(
            (request.query ?? "").split(separator: "&").map { item -> (String, String) in
                let pair = item.split(separator: "=", maxSplits: 1).map(String.init)
                return (pair[0], pair.count > 1 ? pair[1] : "")
            }, uniquingKeysWith: { $1 })
        let path = PercentEncoding.decode(request.path) ?? []
        // Path style: /bucket/key.
        let key = String(decoding: path.dropFirst().drop { $0 != UInt8(ascii: "/") }.dropFirst(), as: UTF8.self)
        let uploadID = query["uploadId"]
        let kind =
            switch request.method {
            case "HEAD": "head"
            case "GET": query["list-type"] != nil ? "keys" : query["uploads"] != nil ? "uploads" : "list"
            case "DELETE": "abort"
            case "POST": query["uploads"] != nil ? "initiate" : "complete"
            default: query["partNumber"] != nil ? "part" : "put"
            }
        return state.withLock { state in
            let number = state.calls.count { $0.kind == kind && $0.key == key && $0.part == query["partNumber"].flatMap { Int($0) } } + 1
            let call = Call(kind: kind, key: key, part: query["partNumber"].flatMap { Int($0) }, uploadID: uploadID, number: number)
            state.calls.append(call)
            state.inFlight += 1
            state.mostInFlight = max(state.mostInFlight, state.inFlight)
            return call
        }
    }

    private func perform(_ call: Call, _ request: HTTPRequest, _ bytes: [UInt8]) -> HTTPResponse {
        let now = clock.withLock { $0 }()
        return state.withLock { state in
            let forbids = request.headers["x-oss-forbid-overwrite"] == "true"
            switch call.kind {
            case "put":
                if forbids, state.objects[call.key] != nil { return ModelOSS.error(409, "FileAlreadyExists") }
                let object = Object(bytes: bytes, crc64: ModelOSS.crc(bytes))
                state.objects[call.key] = object
                return ModelOSS.success(object)
            case "head":
                guard let object = state.objects[call.key] else { return HTTPResponse(status: 404) }
                var response = ModelOSS.success(object)
                response.headers["Content-Length"] = String(object.bytes.count)
                response.headers["Last-Modified"] = "Tue, 24 Nov 2026 00:00:00 GMT"
                return response
            case "initiate":
                state.nextUpload += 1
                let id = "UPLOAD\(state.nextUpload)"
                state.uploads[id] = Upload(key: call.key, begun: now)
                return ModelOSS.xml("<InitiateMultipartUploadResult><UploadId>\(id)</UploadId></InitiateMultipartUploadResult>")
            case "keys":
                let (prefix, after) = (request.decoded("prefix"), request.decoded("start-after"))
                let keys = state.objects.keys.map { Array($0.utf8) }
                    .filter { $0.starts(with: prefix) && after.lexicographicallyPrecedes($0) }
                    .sorted { $0.lexicographicallyPrecedes($1) }
                let page = keys.prefix(1_000).map { key in
                    let text = String(decoding: key, as: UTF8.self)
                    return "<Contents><Key>\(PercentEncoding.encode(text))</Key><Size>\(state.objects[text]?.bytes.count ?? 0)</Size>"
                        + "<LastModified>2026-11-24T00:00:00.000Z</LastModified></Contents>"
                }
                let more = keys.count > 1_000 ? "true</IsTruncated><NextContinuationToken>T" : "false</IsTruncated><NextContinuationToken>"
                return ModelOSS.xml(
                    "<ListBucketResult><EncodingType>url</EncodingType><IsTruncated>\(more)</NextContinuationToken>\(page.joined())"
                        + "</ListBucketResult>")
            case "uploads":
                let prefix = String(decoding: request.decoded("prefix"), as: UTF8.self)
                let uploads = state.uploads.filter { $0.value.key.hasPrefix(prefix) }.sorted { $0.key < $1.key }.map { id, upload in
                    "<Upload><Key>\(PercentEncoding.encode(upload.key))</Key><UploadId>\(id)</UploadId>"
                        + "<Initiated>\(upload.begun.iso8601)</Initiated></Upload>"
                }
                var response = ModelOSS.xml(
                    "<ListMultipartUploadsResult><EncodingType>url</EncodingType><IsTruncated>false</IsTruncated>\(uploads.joined())"
                        + "</ListMultipartUploadsResult>")
                response.headers["Date"] = now.httpDate
                return response
            default:
                guard let id = call.uploadID, var upload = state.uploads[id] else { return ModelOSS.error(404, "NoSuchUpload") }
                switch call.kind {
                case "part":
                    let object = Object(bytes: bytes, crc64: ModelOSS.crc(bytes))
                    upload.parts[call.part ?? 0] = object
                    state.uploads[id] = upload
                    return ModelOSS.success(object)
                case "list":
                    let parts = upload.parts.sorted { $0.key < $1.key }.map { number, part in
                        "<Part><PartNumber>\(number)</PartNumber><Size>\(part.bytes.count)</Size><ETag>\(ModelOSS.etag(part))</ETag>"
                            + "<HashCrc64ecma>\(part.crc64)</HashCrc64ecma></Part>"
                    }
                    return ModelOSS.xml(
                        "<ListPartsResult><UploadId>\(id)</UploadId><IsTruncated>false</IsTruncated>\(parts.joined())</ListPartsResult>")
                case "abort":
                    state.uploads[id] = nil
                    return HTTPResponse(status: 204)
                default:
                    if forbids, state.objects[call.key] != nil { return ModelOSS.error(409, "FileAlreadyExists") }
                    let named = (try? CompletedPart.parse(request.body)) ?? []
                    var whole: [UInt8] = []
                    for part in named {
                        guard let stored = upload.parts[part.number], ModelOSS.etag(stored) == part.etag.filter({ $0 != "\"" }) else {
                            return ModelOSS.error(400, "InvalidPart")
                        }
                        whole += stored.bytes
                    }
                    let object = Object(bytes: whole, crc64: ModelOSS.crc(whole))
                    state.objects[call.key] = object
                    state.uploads[id] = nil
                    var response = ModelOSS.xml(
                        "<CompleteMultipartUploadResult><ETag>\(ModelOSS.etag(object))</ETag></CompleteMultipartUploadResult>")
                    response.headers["x-oss-hash-crc64ecma"] = String(object.crc64)
                    return response
                }
            }
        }
    }

    static func etag(_ object: Object) -> String { "E" + String(object.crc64, radix: 16, uppercase: true) }
    private static func success(_ object: Object) -> HTTPResponse {
        HTTPResponse(status: 200, headers: ["ETag": etag(object), "x-oss-hash-crc64ecma": String(object.crc64)])
    }
    private static func xml(_ text: String) -> HTTPResponse { HTTPResponse(status: 200, body: Array(text.utf8)) }
    static func error(_ status: Int, _ code: String, hasBody: Bool = true) -> HTTPResponse {
        let text = Array("<Error><Code>\(code)</Code><Message>as asked</Message><RequestId>R1</RequestId></Error>".utf8)
        return hasBody
            ? HTTPResponse(status: status, body: text) : HTTPResponse(status: status, headers: ["x-oss-err": Base64.encode(text)])
    }
}

extension HTTPRequest {
    fileprivate func decoded(_ name: String) -> [UInt8] {
        for item in (query ?? "").split(separator: "&") {
            let pair = item.split(separator: "=", maxSplits: 1).map(String.init)
            if pair[0] == name, pair.count > 1 { return PercentEncoding.decode(pair[1]) ?? [] }
        }
        return []
    }
}

/// Signs nothing; can be told to have no credentials.
final class FakeAuthorizer: RequestAuthorizer {
    private let failure = Lock<AccessFailure?>(nil)
    private let failures = Lock<[String: AccessFailure]>([:])
    private let retirements = Lock<[UInt64]>([])
    private let generation = Lock<UInt64>(1)

    func refuse(_ failure: AccessFailure?) { self.failure.withLock { $0 = failure } }
    /// Of that scope alone.
    func refuse(_ failure: AccessFailure?, scope: String) { failures.withLock { $0[scope] = failure } }
    var retired: [UInt64] { retirements.withLock { $0 } }

    func authorize(_ operation: OSSOperation, key: ObjectKey, target: Target, minimumLife: Duration) async throws(AccessFailure)
        -> AuthorizedRequest
    {
        if let failure = failure.withLock({ $0 }) ?? failures.withLock({ $0[target.scope] }) { throw failure }
        guard let endpoint = try? Endpoint(target.endpoint) else { throw .refused("endpoint") }
        let address = BucketAddress(endpoint: endpoint, addressing: .path, region: target.region, bucket: target.bucket)
        return AuthorizedRequest(request: operation.request(at: address, key: key), generation: generation.withLock { $0 })
    }
    func retire(generation old: UInt64, target: Target) async {
        retirements.withLock { $0.append(old) }
        generation.withLock { if $0 == old { $0 += 1 } }
    }
    func learnClock(serverTime: Timestamp) async {}
}

/// `oss://b/NAME`, a slash at the end making it a prefix. Another bucket than `b` is a scope of its own.
struct FakeResolver: TargetResolver {
    var existing = "overwrite"
    var mayRead = true
    /// Of buckets whose endpoint is another one.
    var ports: [String: Int] = [:]
    /// The remote's name, by bucket.
    var remotes: [String: String] = [:]

    func resolve(dest: String, credentials: OrderCredentials?) async throws(OrderError) -> Target {
        let bytes = Array(dest.utf8)
        guard bytes.starts(with: Array("oss://".utf8)) else { throw OrderError(code: "BadDestination", message: "no", exit: 2) }
        let rest = bytes.dropFirst(6)
        let name = String(decoding: rest.drop { $0 != UInt8(ascii: "/") }.dropFirst(), as: UTF8.self)
        let bucket = String(decoding: rest.prefix { $0 != UInt8(ascii: "/") }, as: UTF8.self)
        return Target(
            scope: bucket == "b" ? "test" : bucket, remote: remotes[bucket], bucket: "bucket", region: "cn-test",
            endpoint: "http://127.0.0.1:\(ports[bucket] ?? 9)", addressing: "path", prefix: name,
            isKey: !name.isEmpty && name.utf8.last != UInt8(ascii: "/"), existing: existing, mayRead: mayRead)
    }
}
