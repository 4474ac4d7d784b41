import Contracts
import FoundationEssentials

/// One request of the control API, read whole. Handlers are functions of this, so they are tested without a socket.
struct ControlRequest: Sendable {
    var method: String
    /// Percent-encoded, as sent, without the query.
    var path: String
    /// Percent-encoded, as sent; `nil` when there is none.
    var query: String?
    var body: [UInt8]

    init(_ method: String, _ path: String, query: String? = nil, body: [UInt8] = []) {
        (self.method, self.path, self.query, self.body) = (method, path, query, body)
    }

    /// Decoded pieces of the path; `nil` where the encoding is broken.
    var pieces: [String]? {
        var pieces: [String] = []
        for piece in path.split(separator: "/", omittingEmptySubsequences: true) {
            guard let text = QueryText.decode(piece, plusIsSpace: false) else { return nil }
            pieces.append(text)
        }
        return pieces
    }

    /// Decoded query parameters; the first of equal names wins. `nil` where the encoding is broken.
    var parameters: [String: String]? {
        var found: [String: String] = [:]
        for item in (query ?? "").split(separator: "&", omittingEmptySubsequences: true) {
            let halves = item.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard let name = QueryText.decode(halves[0], plusIsSpace: true),
                let value = QueryText.decode(halves.count > 1 ? halves[1] : "", plusIsSpace: true)
            else { return nil }
            if found[name] == nil { found[name] = value }
        }
        return found
    }
}

/// One answer of the control API.
struct ControlResponse: Sendable, Equatable {
    /// The version of the control API: the header `Davit-API` of every answer.
    static let apiVersion = "1"

    var status: Int
    var contentType: String
    var body: [UInt8]
    /// Of a 405: the methods that this address takes, as the header `Allow`.
    var allowed: String?

    init(status: Int, contentType: String, body: [UInt8]) {
        (self.status, self.contentType, self.body) = (status, contentType, body)
    }

    static func json(_ value: some Encodable, status: Int = 200) -> ControlResponse {
        guard let body = try? ContractJSON.encode(value) else {
            return ControlResponse(
                status: 500, contentType: "application/json",
                body: Array(#"{"error":{"code":"Internal","exit":1,"message":"the answer cannot be written"}}"#.utf8))
        }
        return ControlResponse(status: status, contentType: "application/json", body: body)
    }

    static func error(_ status: Int, code: String, message: String, exit: Int) -> ControlResponse {
        json(ErrorBody(code: code, message: message, exit: exit), status: status)
    }

    /// The status follows from the exit status that the command would give.
    static func error(_ error: OrderError) -> ControlResponse {
        let status: Int =
            switch error.exit {
            case 2: 400
            case 4: 404
            case 7: 409
            case 5, 8: 503
            default: error.code == "Internal" ? 500 : 422
            }
        return .error(status, code: error.code, message: error.message, exit: error.exit)
    }

    static func notFound(_ what: String) -> ControlResponse {
        .error(404, code: "NotFound", message: what, exit: 4)
    }
}

/// Percent-decoding of what a front end sent, into text.
enum QueryText {
    static func decode(_ text: Substring, plusIsSpace: Bool) -> String? {
        var bytes: [UInt8] = []
        var rest = text.utf8[...]
        while let byte = rest.popFirst() {
            switch byte {
            case UInt8(ascii: "%"):
                guard let high = rest.popFirst().flatMap(digit), let low = rest.popFirst().flatMap(digit) else { return nil }
                bytes.append(high << 4 | low)
            case UInt8(ascii: "+") where plusIsSpace: bytes.append(0x20)
            default: bytes.append(byte)
            }
        }
        return String(validating: bytes, as: UTF8.self)
    }

    private static func digit(_ byte: UInt8) -> UInt8? {
        switch byte {
        case 48...57: byte - 48
        case 65...70: byte - 55
        case 97...102: byte - 87
        default: nil
        }
    }
}
