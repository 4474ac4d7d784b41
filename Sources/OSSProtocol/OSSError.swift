/// An answer of OSS that is not success, or one that cannot be used.
public struct OSSError: Error, Sendable, Equatable, CustomStringConvertible {
    public var status: Int
    /// OSS's code; `BadErrorResponse` where the answer names none (proxies, HEAD); `UnusableAnswer` for a success we cannot read.
    public var code: String
    public var message: String
    public var requestID: String?
    /// OSS's finer error code, `0002-00000201`.
    public var ec: String?
    /// All elements of the answer, trimmed. May hold a security token: not for logs.
    public var fields: [String: String]
    /// The element ServerTime, else the header `Date`.
    public var serverTime: Timestamp?
    /// `Retry-After`, else `x-oss-qos-delay-time`; at most a day.
    public var retryAfter: Duration?

    public init(
        status: Int, code: String, message: String, requestID: String? = nil, ec: String? = nil, fields: [String: String] = [:],
        serverTime: Timestamp? = nil, retryAfter: Duration? = nil
    ) {
        self.status = status
        self.code = code
        self.message = message
        self.requestID = requestID
        self.ec = ec
        self.fields = fields
        self.serverTime = serverTime
        self.retryAfter = retryAfter
    }

    public static let badErrorResponse = "BadErrorResponse"
    public static let unusableAnswer = "UnusableAnswer"

    public var isUnusableAnswer: Bool { code == OSSError.unusableAnswer }

    public var description: String { "\(code) (HTTP \(status)\(requestID.map { ", request \($0)" } ?? "")): \(message)" }

    /// Never fails: what cannot be read becomes `BadErrorResponse`. Whatever the answer's size, all that is kept of it is bounded.
    public init(response: HTTPResponse) {
        var fields: [String: String] = [:]
        for child in OSSError.document(response)?.children ?? [] where fields[child.name] == nil {
            fields[child.name] = OSSError.cut(child.trimmed, to: OSSError.longestField)
        }
        let date = response.headers["Date"].flatMap { Timestamp(httpDate: $0) }
        self.init(
            status: response.status, code: OSSError.word(fields["Code"]) ?? OSSError.badErrorResponse,
            message: fields["Message"] ?? "the answer with HTTP status \(response.status) says no reason",
            requestID: OSSError.word(fields["RequestId"]) ?? OSSError.word(response.headers["x-oss-request-id"]),
            ec: OSSError.word(fields["EC"]) ?? OSSError.word(response.headers["x-oss-ec"]), fields: fields,
            serverTime: fields["ServerTime"].flatMap { Timestamp(iso8601: $0) } ?? date,
            retryAfter: OSSError.delay(response.headers, now: date))
    }

    /// The host where the bucket can be reached, as the answer names it in its element Endpoint; `nil` unless it is a host name.
    public var endpoint: String? {
        guard let text = fields["Endpoint"], let endpoint = try? Endpoint(text) else { return nil }
        return endpoint.host
    }

    /// A success that lacks what it must have.
    init(unusable response: HTTPResponse, _ what: String) {
        self.init(
            status: response.status, code: OSSError.unusableAnswer, message: what,
            requestID: OSSError.word(response.headers["x-oss-request-id"]),
            serverTime: response.headers["Date"].flatMap { Timestamp(httpDate: $0) })
    }

    /// HEAD has no body: the XML then comes as base64 in a header.
    ///
    /// A message in another encoding than it says must not hide the code beside it: such bytes become U+FFFD.
    private static func document(_ response: HTTPResponse) -> XMLElement? {
        var body = response.body
        if body.isEmpty, let text = response.headers["x-oss-err"] { body = Base64.decode(text) ?? [] }
        guard !body.isEmpty, body.count <= limits.bytes else { return nil }
        if String(validating: body, as: UTF8.self) == nil { body = Array(String(decoding: body, as: UTF8.self).utf8) }
        guard let root = try? XMLReader.parse(body, limits: limits), root.name == "Error" else { return nil }
        return root
    }

    /// The longest real answers are refused signatures, which repeat the canonical request in several forms.
    private static let limits: XMLReader.Limits = {
        var limits = XMLReader.Limits()
        (limits.bytes, limits.depth, limits.elements) = (1 << 20, 8, 256)
        return limits
    }()
    private static let longestField = 32 << 10
    private static let longestWord = 128

    /// A code or an id: printable ASCII without blanks. Anything else would get into messages and logs as if it were ours.
    static func word(_ text: String?) -> String? {
        guard let text, (1...longestWord).contains(text.utf8.count), text.utf8.allSatisfy({ (33...126).contains($0) }) else { return nil }
        return text
    }

    static func cut(_ text: String, to bytes: Int) -> String {
        guard text.utf8.count > bytes else { return text }
        // A character that is cut in two becomes U+FFFD.
        return String(decoding: text.utf8.prefix(bytes), as: UTF8.self)
    }

    private static func delay(_ headers: HTTPHeaders, now: Timestamp?) -> Duration? {
        let longest = Duration.seconds(86_400)
        if let text = headers["Retry-After"] {
            if let seconds = Int.digits(text.utf8) { return min(.seconds(seconds), longest) }
            if let until = Timestamp(httpDate: text), let now { return min(max(until - now, .zero), longest) }
        }
        guard let milliseconds = headers["x-oss-qos-delay-time"].flatMap({ Int.digits($0.utf8) }) else { return nil }
        return min(.milliseconds(milliseconds), longest)
    }
}

extension String {
    var nonEmpty: String? { isEmpty ? nil : self }
}
