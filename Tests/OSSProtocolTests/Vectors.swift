import Foundation
import OSSProtocol
import Testing

/// JSON of the vector files as a value that tests can pass around.
indirect enum JSON: Decodable, Sendable {
    case null
    case flag(Bool)
    case number(Double)
    case text(String)
    case list([JSON])
    case object([String: JSON])

    init(from decoder: any Decoder) throws {
        if let object = try? decoder.singleValueContainer().decode([String: JSON].self) {
            self = .object(object)
        } else if let list = try? decoder.singleValueContainer().decode([JSON].self) {
            self = .list(list)
        } else if let text = try? decoder.singleValueContainer().decode(String.self) {
            self = .text(text)
        } else if let flag = try? decoder.singleValueContainer().decode(Bool.self) {
            self = .flag(flag)
        } else if let number = try? decoder.singleValueContainer().decode(Double.self) {
            self = .number(number)
        } else {
            self = .null
        }
    }

    subscript(name: String) -> JSON { object[name] ?? .null }
    var object: [String: JSON] { if case .object(let object) = self { object } else { [:] } }
    var list: [JSON] { if case .list(let list) = self { list } else { [] } }
    var text: String? { if case .text(let text) = self { text } else { nil } }
    var string: String { text ?? "" }
    var int: Int { if case .number(let number) = self { Int(number) } else { 0 } }
    var flag: Bool { if case .flag(let flag) = self { flag } else { false } }
    var texts: [String: String] { object.compactMapValues(\.text) }
}

/// One entry of a vector file; its id names the test case.
struct Vector: Sendable, CustomTestStringConvertible {
    let json: JSON
    var testDescription: String { "\(json["id"].string) \(json["about"].string)" }

    subscript(name: String) -> JSON { json[name] }

    static func file(_ name: String) -> JSON {
        guard let url = Bundle.module.url(forResource: name, withExtension: "json", subdirectory: "Vectors"),
            let data = try? Data(contentsOf: url),
            let json = try? JSONDecoder().decode(JSON.self, from: data)
        else {
            Issue.record("no vectors \(name)")
            return .null
        }
        return json
    }

    static func list(_ name: String, _ path: String...) -> [Vector] {
        path.reduce(file(name)) { $0[$1] }.list.map { Vector(json: $0) }
    }

    var credentials: Credentials {
        let json = json["credentials"]
        return Credentials(
            accessKeyID: json["access_key_id"].string, accessKeySecret: Secret(json["access_key_secret"].string),
            securityToken: json["security_token"].text.map { Secret($0) })
    }

    var now: Timestamp { Timestamp(seconds: Int64(json["time_unix"].int)) }

    var resource: SignedResource { SignedResource(bucket: json["bucket"].text, key: json["key"].text.map { ObjectKey($0) }) }

    /// The request before signing.
    var request: HTTPRequest {
        let request = json["request"]
        let url = request["url"].string.components(separatedBy: "://")
        let rest = url[1]
        let hostEnd = rest.firstIndex(of: "/") ?? rest.endIndex
        let pathEnd = rest.firstIndex(of: "?")
        let headers = HTTPHeaders(request["headers"].texts.sorted { $0.key < $1.key }.map { HTTPHeaders.Field($0.key, $0.value) })
        return HTTPRequest(
            method: request["method"].string, scheme: url[0], host: String(rest[..<hostEnd]),
            path: String(rest[hostEnd..<(pathEnd ?? rest.endIndex)]),
            query: pathEnd.map { String(rest[rest.index(after: $0)...]) }, headers: headers)
    }

    var additionalHeaders: [String] { json["request"]["additional_headers"].list.map(\.string) }
}

func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }

/// Query parameters as a comparable set; an empty value and none are the same.
func querySet(_ query: String?) -> [String: String] {
    Dictionary(QueryItem.parse(query).map { ($0.name, $0.value ?? "") }, uniquingKeysWith: { first, _ in first })
}
