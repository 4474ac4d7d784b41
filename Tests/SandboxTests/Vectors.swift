import OSSProtocol
import Testing

@testable import Sandbox

/// JSON of the signature vectors that lie beside OSSProtocol's tests.
indirect enum VectorValue: Decodable, Sendable {
    case null
    case text(String)
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
        } else if let number = try? container.decode(Double.self) {
            self = .number(number)
        } else {
            self = .null
        }
    }

    subscript(name: String) -> VectorValue {
        if case .object(let object) = self { return object[name] ?? .null }
        return .null
    }

    var text: String? { if case .text(let text) = self { text } else { nil } }
    var list: [VectorValue] { if case .list(let list) = self { list } else { [] } }
    var texts: [String: String] { if case .object(let object) = self { object.compactMapValues(\.text) } else { [:] } }
}

struct Vector: Sendable, CustomTestStringConvertible {
    let value: VectorValue

    subscript(name: String) -> VectorValue { value[name] }
    var testDescription: String { "\(value["id"].text ?? "") \(value["about"].text ?? "")" }

    static func list(_ name: String, _ source: String = #filePath) -> [Vector] {
        let folder = source.split(separator: "/").dropLast(2).joined(separator: "/")
        do {
            let bytes = try StoreFiles.read("/\(folder)/OSSProtocolTests/Vectors/\(name).json", limit: 8 << 20)
            return try JSON.decode(VectorValue.self, bytes)["vectors"].list.map(Vector.init)
        } catch {
            Issue.record("no vectors \(name): \(error)")
            return []
        }
    }

    var now: Timestamp { value["time"].text.flatMap { Timestamp(iso8601: $0) } ?? Timestamp(seconds: 0) }
    var region: String { value["region"].text ?? "cn-hangzhou" }

    /// A server that knows exactly this vector's key.
    func lookup() -> KeyLookup {
        let key = value["credentials"]
        let (id, secret, token) = (key["access_key_id"].text ?? "", key["access_key_secret"].text ?? "", key["security_token"].text)
        return { givenID, givenToken, _ throws(OSSFailure) in
            guard givenID == id else { throw OSSFailure(403, "InvalidAccessKeyId", "") }
            guard givenToken == token else { throw OSSFailure(403, "InvalidSecurityToken", "") }
            return Identity(accessKeyID: id, secret: Secret(secret))
        }
    }

    func authentication() -> Authentication { Authentication(region: region, product: value["product"].text ?? "oss", lookup: lookup()) }

    /// The request of a header vector, as it arrives.
    var signedByHeader: IncomingRequest {
        var headers = HTTPHeaders(value["request"]["headers"].texts.map { HTTPHeaders.Field($0.key, $0.value) })
        for (name, text) in value["expect"]["headers_added"].texts { headers.add(name, text) }
        headers.add("Authorization", value["expect"]["authorization"].text ?? "")
        return Vector.request(value["request"]["method"].text ?? "", value["request"]["url"].text ?? "", headers)
    }

    /// The request of a signed URL.
    var signedByURL: IncomingRequest {
        let headers = HTTPHeaders(value["request"]["headers"].texts.map { HTTPHeaders.Field($0.key, $0.value) })
        return Vector.request(value["request"]["method"].text ?? "", value["expect"]["url"].text ?? "", headers)
    }

    private static func request(_ method: String, _ url: String, _ headers: HTTPHeaders) -> IncomingRequest {
        let rest = url.hasPrefix("https://") ? url.dropFirst(8) : url.dropFirst(7)
        let host = rest.prefix { $0 != "/" && $0 != "?" }
        let target = String(rest.dropFirst(host.count))
        return IncomingRequest(method: method, target: target.hasPrefix("/") ? target : "/" + target, host: String(host), headers: headers)
    }
}
