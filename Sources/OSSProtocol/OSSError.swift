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

    /// Never fails: what cannot be read becomes `BadErrorResponse`.
    public init(response: HTTPResponse) {
        let root = OSSError.document(response)
        var fields: [String: String] = [:]
        for child in root?.children ?? [] where fields[child.name] == nil { fields[child.name] = child.trimmed }
        let date = response.headers["Date"].flatMap { Timestamp(httpDate: $0) }
        self.init(
            status: response.status, code: fields["Code"]?.nonEmpty ?? OSSError.badErrorResponse,
            message: fields["Message"] ?? "the answer with HTTP status \(response.status) says no reason",
            requestID: fields["RequestId"]?.nonEmpty ?? response.headers["x-oss-request-id"]?.nonEmpty,
            ec: fields["EC"]?.nonEmpty ?? response.headers["x-oss-ec"]?.nonEmpty, fields: fields,
            serverTime: fields["ServerTime"].flatMap { Timestamp(iso8601: $0) } ?? date,
            retryAfter: OSSError.delay(response.headers, now: date))
    }

    /// A success that lacks what it must have.
    init(unusable response: HTTPResponse, _ what: String) {
        self.init(
            status: response.status, code: OSSError.unusableAnswer, message: what,
            requestID: response.headers["x-oss-request-id"]?.nonEmpty,
            serverTime: response.headers["Date"].flatMap { Timestamp(httpDate: $0) })
    }

    /// HEAD has no body: the XML then comes as base64 in a header.
    private static func document(_ response: HTTPResponse) -> XMLElement? {
        var body = response.body
        if body.isEmpty, let text = response.headers["x-oss-err"] { body = Base64.decode(text) ?? [] }
        guard !body.isEmpty, let root = try? XMLReader.parse(body), root.name == "Error" else { return nil }
        return root
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
