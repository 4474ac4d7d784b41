import HummingbirdCore
import NIOCore
import OSSProtocol
import Platform
import Testing

@testable import Sandbox

/// A sandbox without sockets, and a client that signs for it. The clock stands still until it is moved.
final class Caller {
    let folder: String
    let settings: SandboxSettings
    private(set) var parts: SandboxParts
    let clock: Lock<Timestamp>
    let credentials: Credentials

    init(_ change: (inout SandboxSettings) -> Void = { _ in }) throws {
        folder = "/tmp/davit-sandbox-test-\(randomHex(8))"
        var settings = SandboxSettings()
        settings.data = folder
        change(&settings)
        self.settings = settings
        let clock = Lock(Timestamp(seconds: 1_768_465_800))
        self.clock = clock
        parts = try SandboxParts(settings, wall: { clock.withLock { $0 } })
        credentials = Credentials(accessKeyID: settings.accessKeyID, accessKeySecret: settings.accessKeySecret)
    }

    deinit { Caller.remove(folder) }

    static func remove(_ path: String) {
        for name in (try? StoreFiles.list(path)) ?? [] { remove("\(path)/\(name)") }
        StoreFiles.removeFolder(path)
        StoreFiles.remove(path)
    }

    var now: Timestamp {
        get { clock.withLock { $0 } }
        set { clock.withLock { $0 = newValue } }
    }

    /// As after a kill: everything is read from the folder again.
    var reopened: ObjectStore {
        get throws { try ObjectStore(root: folder, syncs: false, usesMD5: true) }
    }

    var address: BucketAddress {
        BucketAddress(
            endpoint: Caller.endpoint, addressing: .path, region: settings.region, bucket: settings.bucket)
    }

    private static let endpoint: Endpoint = {
        do { return try Endpoint("http://127.0.0.1:9000") } catch { preconditionFailure("the endpoint of the tests is right") }
    }()

    /// Signs and sends; the answer with its body read.
    func send(
        _ method: String, _ key: String?, _ query: [QueryItem] = [], headers: HTTPHeaders = [:], body: [UInt8] = [],
        as who: Credentials? = nil,
        sends: IncomingBody? = nil
    ) async throws -> HTTPResponse {
        let key = key.map { ObjectKey($0) }
        let request = address.request(method: method, key: key, query: query, headers: headers)
        let signed = V4Signer(region: settings.region).sign(
            request, resource: address.resource(key), credentials: who ?? credentials, now: now)
        return try await deliver(signed, body: body, sends: sends)
    }

    func deliver(_ request: OSSProtocol.HTTPRequest, body: [UInt8] = [], sends: IncomingBody? = nil) async throws -> HTTPResponse {
        let incoming = IncomingRequest(
            method: request.method, target: request.path + (request.query.map { "?" + $0 } ?? ""), host: request.host,
            headers: request.headers)
        let delivery = await parts.oss.respond(
            to: incoming, body: sends ?? IncomingBody(RequestBody(buffer: ByteBuffer(bytes: body)), announced: Int64(body.count)))
        return try Caller.response(try #require(delivery.answer))
    }

    static func response(_ answer: Answer) throws -> HTTPResponse {
        var body: [UInt8] = []
        switch answer.body {
        case .empty: break
        case .bytes(let bytes): body = bytes
        case .content(let reader, let range):
            var offset = range.lowerBound
            while offset < range.upperBound {
                body += try reader.read(at: offset, end: range.upperBound)
                offset = range.lowerBound + Int64(body.count)
            }
        }
        return HTTPResponse(status: answer.status, headers: answer.headers, body: body)
    }

    /// The error code of an answer, `nil` for success.
    func code(
        _ method: String, _ key: String?, _ query: [QueryItem] = [], headers: HTTPHeaders = [:], body: [UInt8] = [],
        as who: Credentials? = nil
    ) async throws -> String? {
        let answer = try await send(method, key, query, headers: headers, body: body, as: who)
        return answer.status < 300 ? nil : OSSError(response: answer).code
    }

    func initiate(_ key: String, headers: HTTPHeaders = [:]) async throws -> String {
        try OSSReply.initiate(try await send("POST", key, [QueryItem("uploads")], headers: headers))
    }

    func upload(_ key: String, _ uploadID: String, _ number: Int, _ body: [UInt8]) async throws -> String {
        let answer = try await send("PUT", key, [QueryItem("partNumber", String(number)), QueryItem("uploadId", uploadID)], body: body)
        return try OSSReply.put(answer).etag
    }

    func complete(_ key: String, _ uploadID: String, _ parts: [(Int, String)], headers: HTTPHeaders = [:]) async throws -> HTTPResponse {
        var writer = XMLWriter()
        writer.element("CompleteMultipartUpload") { root in
            for (number, etag) in parts {
                root.element("Part") { part in
                    part.element("PartNumber", String(number))
                    part.element("ETag", etag)
                }
            }
        }
        return try await send("POST", key, [QueryItem("uploadId", uploadID)], headers: headers, body: writer.bytes)
    }

    /// AssumeRole by the RPC request of OSSProtocol.
    func assumeRole(
        role: String? = nil, policy: String? = nil, seconds: Int? = nil, session: String = "alice", as who: Credentials? = nil
    ) async throws -> Credentials {
        let request = STS.assumeRole(
            endpoint: try Endpoint("http://127.0.0.1:9002"),
            AssumeRoleRequest(roleARN: role ?? settings.roleARN, roleSessionName: session, durationSeconds: seconds, policy: policy),
            credentials: who ?? credentials, now: now, nonce: randomHex(16))
        return try STS.parseAssumeRole(try await deliverToSTS(request))
    }

    func deliverToSTS(_ request: OSSProtocol.HTTPRequest) async throws -> HTTPResponse {
        let incoming = IncomingRequest(
            method: request.method, target: request.path + (request.query.map { "?" + $0 } ?? ""), host: request.host,
            headers: request.headers)
        let delivery = await parts.sts.respond(
            to: incoming, body: IncomingBody(RequestBody(buffer: ByteBuffer(bytes: request.body)), announced: Int64(request.body.count)))
        return try Caller.response(try #require(delivery.answer))
    }

    /// The metadata service of an instance.
    func metadata(_ method: String, _ path: String, headers: HTTPHeaders = [:]) async throws -> HTTPResponse {
        let delivery = await parts.metadata.respond(
            to: IncomingRequest(method: method, target: path, host: "100.100.100.200", headers: headers),
            body: IncomingBody(RequestBody(buffer: ByteBuffer()), announced: 0))
        return try Caller.response(try #require(delivery.answer))
    }

    /// Sends a form in path style.
    func post(_ fields: [QueryItem], file: [UInt8]?, fileName: String = "f.bin", type: String? = nil, bucket: String? = nil) async throws
        -> HTTPResponse
    {
        var body: [UInt8] = []
        for field in fields {
            let head = "--b0undary\r\nContent-Disposition: form-data; name=\"\(field.name)\"\r\n\r\n"
            body += Array("\(head)\(field.value ?? "")\r\n".utf8)
        }
        if let file {
            let head = "--b0undary\r\nContent-Disposition: form-data; name=\"file\"; filename=\"\(fileName)\"\r\n"
            body += Array("\(head)\(type.map { "Content-Type: \($0)\r\n" } ?? "")\r\n".utf8) + file + Array("\r\n".utf8)
        }
        body += Array("--b0undary--\r\n".utf8)
        let request = OSSProtocol.HTTPRequest(
            method: "POST", scheme: "http", host: "127.0.0.1:9000", path: "/\(bucket ?? settings.bucket)/",
            headers: ["Content-Type": "multipart/form-data; boundary=b0undary"])
        return try await deliver(request, body: body)
    }

    func control(_ method: String, _ path: String, _ body: String = "") async throws -> (status: Int, json: VectorValue) {
        let incoming = IncomingRequest(method: method, target: path, host: "127.0.0.1:9002", headers: [:])
        let delivery = await parts.control.respond(
            to: incoming, body: IncomingBody(RequestBody(buffer: ByteBuffer(string: body)), announced: Int64(body.utf8.count)))
        let answer = try Caller.response(try #require(delivery.answer))
        return (answer.status, try JSON.decode(VectorValue.self, answer.body))
    }
}

/// Bytes that do not repeat, the same for the same seed.
func content(_ count: Int, seed: UInt64 = 1) -> [UInt8] {
    var random = SplitMix(seed: seed)
    var bytes: [UInt8] = []
    bytes.reserveCapacity(count + 8)
    while bytes.count < count { withUnsafeBytes(of: random.next()) { bytes.append(contentsOf: $0) } }
    return Array(bytes.prefix(count))
}

func crc64(_ bytes: [UInt8]) -> String {
    var stream = CRC64Stream()
    stream.update(bytes)
    return String(stream.value)
}
