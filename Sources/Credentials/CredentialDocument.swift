import FoundationEssentials
import OSSProtocol

/// JSON that holds credentials, as servers and programs hand them out: `AccessKeyId …` (credentials URI, ECS metadata, ossutil's
/// credential process) or `access_key_id …` (the aliyun command line's mode External). Other fields are ignored.
struct CredentialDocument {
    /// Why it cannot be used. Names fields and never shows what is in them.
    struct Defect: Error, Equatable {
        /// Goes on after “the answer of … ”.
        var text: String
    }

    private let fields: Fields

    /// `nil` when it is no such JSON object at all.
    init?(json: [UInt8]) {
        guard let fields = try? JSONDecoder().decode(Fields.self, from: Data(json)) else { return nil }
        self.fields = fields
    }

    /// What the source says went wrong; `nil` when it says nothing or `Success`.
    var complaint: String? {
        let detail = fields.error
        let code = CredentialDocument.given(fields.code) ?? CredentialDocument.given(detail?.code)
        guard let code, code != "Success" else { return nil }
        return (CredentialDocument.given(fields.message) ?? CredentialDocument.given(detail?.message)).map { "\(code): \($0)" } ?? code
    }

    /// Whatever in it must not be seen, usable or not.
    var secrets: [String] { [fields.secret, fields.snakeSecret, fields.token, fields.snakeToken].compactMap { $0 } }

    func credentials() throws(Defect) -> Credentials {
        if let complaint { throw Defect(text: "says \(Redaction.line(complaint, without: secrets, limit: 200))") }
        let mode = CredentialDocument.given(fields.mode)
        guard mode == nil || mode == "AK" || mode == "StsToken" else {
            throw Defect(text: "has the mode “\(Redaction.line(mode ?? "", without: secrets, limit: 40))”; AK and StsToken are accepted")
        }
        let id = try value(fields.id ?? fields.snakeID, "an AccessKeyId")
        let secret = try value(fields.secret ?? fields.snakeSecret, "an AccessKeySecret")
        var token: String?
        if mode != "AK", CredentialDocument.given(fields.token ?? fields.snakeToken) != nil {
            token = try value(fields.token ?? fields.snakeToken, "a SecurityToken")
        }
        guard mode != "StsToken" || token != nil else { throw Defect(text: "has the mode StsToken and no sts_token") }
        return Credentials(
            accessKeyID: id, accessKeySecret: Secret(secret), securityToken: token.map { Secret($0) }, expiration: try expiration())
    }

    private func expiration() throws(Defect) -> Timestamp? {
        switch fields.expiration ?? fields.snakeExpiration {
        case nil: return nil
        case .text(let text) where text.isEmpty: return nil
        case .text(let text):
            guard let time = Timestamp(iso8601: text) else {
                throw Defect(text: "has an Expiration that is no time such as 2026-01-15T09:30:00Z")
            }
            return time
        case .seconds(let seconds):
            // Zero is how the command line writes "none". A number is seconds since 1970, up to the year 9999.
            guard (0...253_402_300_799).contains(seconds) else { throw Defect(text: "has an Expiration that is no time") }
            return seconds == 0 ? nil : Timestamp(seconds: seconds)
        case .other: throw Defect(text: "has an Expiration that is neither text nor a number")
        }
    }

    /// All of them go into headers and forms, so a blank or a line end in one is a mistake.
    private func value(_ text: String?, _ what: String) throws(Defect) -> String {
        guard let text = CredentialDocument.given(text) else { throw Defect(text: "holds no credentials: \(what) is missing") }
        guard CredentialDocument.isPrintable(text) else { throw Defect(text: "has \(what) with characters that cannot be in one") }
        return text
    }

    static func isPrintable(_ text: String) -> Bool { text.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F } }

    private static func given(_ text: String?) -> String? { text.flatMap { $0.isEmpty ? nil : $0 } }

    // MARK: - As it is written

    private enum Expiration: Decodable {
        case text(String)
        case seconds(Int64)
        case other

        init(from decoder: any Decoder) throws {
            let container = try decoder.singleValueContainer()
            if let text = try? container.decode(String.self) {
                self = .text(text)
            } else if let seconds = try? container.decode(Int64.self) {
                self = .seconds(seconds)
            } else {
                self = .other
            }
        }
    }

    /// How davit-authd and many others say what went wrong.
    private struct Detail: Decodable {
        var code, message: String?
    }

    private struct Fields: Decodable {
        var code, message, mode, id, secret, token: String?
        var snakeID, snakeSecret, snakeToken: String?
        var expiration, snakeExpiration: Expiration?
        var error: Detail?

        init(from decoder: any Decoder) throws {
            let container = try decoder.container(keyedBy: Keys.self)
            let text = { (key: Keys) in try container.decodeIfPresent(String.self, forKey: key) }
            (id, secret, token) = (try text(.id), try text(.secret), try text(.token))
            (snakeID, snakeSecret, snakeToken) = (try text(.snakeID), try text(.snakeSecret), try text(.snakeToken))
            mode = try text(.mode)
            expiration = try container.decodeIfPresent(Expiration.self, forKey: .expiration)
            snakeExpiration = try container.decodeIfPresent(Expiration.self, forKey: .snakeExpiration)
            // What only explains may have any type.
            (code, message) = (try? text(.code), try? text(.message))
            error = try? container.decodeIfPresent(Detail.self, forKey: .error)
        }

        enum Keys: String, CodingKey {
            case code = "Code"
            case message = "Message"
            case id = "AccessKeyId"
            case secret = "AccessKeySecret"
            case token = "SecurityToken"
            case expiration = "Expiration"
            case snakeID = "access_key_id"
            case snakeSecret = "access_key_secret"
            case snakeToken = "sts_token"
            case snakeExpiration = "expiration"
            case mode, error
        }
    }
}
