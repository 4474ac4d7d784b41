import OSSProtocol
import Platform
import Testing

@testable import Sandbox

/// JSON of the signature vectors that lie beside OSSProtocol's tests.
indirect enum VectorValue: Codable, Sendable {
    case null
    case text(String)
    case flag(Bool)
    case number(Double)
    case list([VectorValue])
    case object([String: VectorValue])

    init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if let object = try? container.decode([String: VectorValue].self) {
            self = .object(object)
        } else if let list = try? container.decode([VectorValue].self) {
            self = .list(list)
        } else if let text = try? container.decode(String.self) {
            self = .text(text)
        } else if let flag = try? container.decode(Bool.self) {
            self = .flag(flag)
        } else if let number = try? container.decode(Double.self) {
            self = .number(number)
        } else {
            self = .null
        }
    }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        switch self {
        case .null: try container.encodeNil()
        case .text(let text): try container.encode(text)
        case .flag(let flag): try container.encode(flag)
        case .number(let number): try container.encode(number)
        case .list(let list): try container.encode(list)
        case .object(let object): try container.encode(object)
        }
    }

    subscript(name: String) -> VectorValue {
        if case .object(let object) = self { return object[name] ?? .null }
        return .null
    }

    var text: String? { if case .text(let text) = self { text } else { nil } }
    var list: [VectorValue] { if case .list(let list) = self { list } else { [] } }
    var flag: Bool? { if case .flag(let flag) = self { flag } else { nil } }
    var number: Double? { if case .number(let number) = self { number } else { nil } }
    /// One line of JSON; `nil` for null.
    var json: String? { if case .null = self { nil } else { String(decoding: JSON.encode(self), as: UTF8.self) } }
    var texts: [String: String] { if case .object(let object) = self { object.compactMapValues(\.text) } else { [:] } }
}

struct Vector: Sendable, CustomTestStringConvertible {
    /// Of the file: `v4-header`.
    let kind: String
    let value: VectorValue

    subscript(name: String) -> VectorValue { value[name] }
    var testDescription: String { "\(value["id"].text ?? "") \(value["about"].text ?? "")" }

    static func list(_ name: String, _ field: String = "vectors", _ source: String = #filePath) -> [Vector] {
        let folder = source.split(separator: "/").dropLast(2).joined(separator: "/")
        do {
            let bytes = try StoreFiles.read("/\(folder)/OSSProtocolTests/Vectors/\(name).json", limit: 8 << 20)
            return try JSON.decode(VectorValue.self, bytes)[field].list.map { Vector(kind: name, value: $0) }
        } catch {
            Issue.record("no vectors \(name): \(error)")
            return []
        }
    }

    var now: Timestamp { value["time"].text.flatMap { Timestamp(iso8601: $0) } ?? Timestamp(seconds: 0) }
    var region: String { value["region"].text ?? "cn-hangzhou" }
    var keyID: String { value["credentials"]["access_key_id"].text ?? "" }
    var token: String? { value["credentials"]["security_token"].text }
    var isVersion4: Bool { kind.hasPrefix("v4") }
    var isURL: Bool { kind.hasSuffix("presign") }
    /// Seconds that a signed URL lives.
    var life: Int64 { Int64(value["expires_seconds"].number ?? 0) }

    /// A server that knows exactly this vector's key.
    func keys(secret: String? = nil) -> AccessKeys {
        let keys = AccessKeys(
            accessKeyID: "LTAIanother", secret: Secret("another"), tokens: Vector.tokens, roles: Roles(SandboxSettings()))
        let key = AccessKeys.Added(secret: Secret(secret ?? value["credentials"]["access_key_secret"].text ?? ""), token: token)
        keys.added.withLock { $0[keyID] = key }
        return keys
    }

    private static let tokens: TokenStore = {
        let folder = "/tmp/davit-sandbox-test-vectors-\(randomHex(8))"
        defer { Caller.remove(folder) }
        do {
            try SecureFile.makeFolders(folder)
            return try TokenStore(folder: folder, life: nil)
        } catch {
            preconditionFailure("the tests cannot write below /tmp: \(error)")
        }
    }()

    /// The request as signed, as it arrives.
    var request: IncomingRequest { isURL ? signedByURL : signedByHeader }

    private var signedByHeader: IncomingRequest {
        var headers = HTTPHeaders(value["request"]["headers"].texts.map { HTTPHeaders.Field($0.key, $0.value) })
        for (name, text) in value["expect"]["headers_added"].texts { headers.add(name, text) }
        headers.add("Authorization", value["expect"]["authorization"].text ?? "")
        return Vector.request(value["request"]["method"].text ?? "", value["request"]["url"].text ?? "", headers)
    }

    private var signedByURL: IncomingRequest {
        let headers = HTTPHeaders(value["request"]["headers"].texts.map { HTTPHeaders.Field($0.key, $0.value) })
        return Vector.request(value["request"]["method"].text ?? "", value["expect"]["url"].text ?? "", headers)
    }

    private static func request(_ method: String, _ url: String, _ headers: HTTPHeaders) -> IncomingRequest {
        let rest = url.hasPrefix("https://") ? url.dropFirst(8) : url.dropFirst(7)
        let host = rest.prefix { $0 != "/" && $0 != "?" }
        let target = String(rest.dropFirst(host.count))
        return IncomingRequest(method: method, target: target.hasPrefix("/") ? target : "/" + target, host: String(host), headers: headers)
    }

    /// What the request's host and path say, the vector's custom domains being known.
    func address(_ request: IncomingRequest) throws(OSSFailure) -> ServiceAddress {
        let host = ServiceAddress.withoutPort(request.host)
        let cnames = value["bucket"].text.map { host.hasSuffix("example.com") ? [host: $0] : [:] } ?? [:]
        return try ServiceAddress.find(host: request.host, path: request.path, names: HostNames(cnames: cnames))
    }

    /// The sandbox's authentication of that request.
    func identify(_ request: IncomingRequest, region: String? = nil, secret: String? = nil, now: Timestamp? = nil) throws(OSSFailure)
        -> Identity
    {
        let authentication = Authentication(product: value["product"].text ?? "oss", lookup: keys(secret: secret).lookup)
        return try authentication.identify(
            request, try address(request), Authentication.Rules(regions: [region ?? self.region]), now: now ?? self.now)
    }

    /// The refusal of that request, `nil` where it is accepted.
    func refusal(_ request: IncomingRequest, region: String? = nil, secret: String? = nil, now: Timestamp? = nil) -> OSSFailure? {
        do throws(OSSFailure) {
            _ = try identify(request, region: region, secret: secret, now: now)
            return nil
        } catch {
            return error
        }
    }
}
