import FoundationEssentials

/// An answer of STS that is not success, or one that cannot be used.
public struct STSError: Error, Sendable, Equatable, CustomStringConvertible {
    public var status: Int
    /// STS's code, `NoPermission`; `BadErrorResponse` where the answer names none.
    public var code: String
    public var message: String
    public var requestID: String?
    /// The header `Date`.
    public var serverTime: Timestamp?
    public var retryAfter: Duration?

    public init(
        status: Int, code: String, message: String, requestID: String? = nil, serverTime: Timestamp? = nil, retryAfter: Duration? = nil
    ) {
        self.status = status
        self.code = code
        self.message = message
        self.requestID = requestID
        self.serverTime = serverTime
        self.retryAfter = retryAfter
    }

    public var description: String { "\(code) (HTTP \(status)\(requestID.map { ", request \($0)" } ?? "")): \(message)" }

    /// Never fails: what cannot be read becomes `BadErrorResponse`.
    public init(response: HTTPResponse) {
        var answer = Answer()
        if response.body.count > STSError.longestBody {
            // No answer of STS: a page, or somebody's joke.
        } else if STS.isXML(response.body) {
            if let root = try? XMLReader.parse(response.body), root.name == "Error" {
                answer = Answer(code: root["Code"], message: root["Message"], requestID: root["RequestId"])
            }
        } else {
            answer = (try? JSONDecoder().decode(Answer.self, from: Data(response.body))) ?? answer
        }
        // Status, clock and delay are read as OSS's are: the headers are the same.
        let plain = OSSError(response: HTTPResponse(status: response.status, headers: response.headers))
        self.init(
            status: response.status, code: OSSError.word(answer.code) ?? OSSError.badErrorResponse,
            message: answer.message.map { OSSError.cut($0, to: STSError.longestMessage) } ?? plain.message,
            requestID: OSSError.word(answer.requestID) ?? OSSError.word(response.headers["x-acs-request-id"]) ?? plain.requestID,
            serverTime: plain.serverTime, retryAfter: plain.retryAfter)
    }

    /// Real answers have a few kilobytes, most of it the token.
    static let longestBody = 256 << 10
    private static let longestMessage = 4 << 10

    init(unusable response: HTTPResponse) {
        self.init(response: response)
        code = OSSError.unusableAnswer
        message = "the answer holds no complete temporary credentials"
    }

    private struct Answer: Decodable {
        var code, message, requestID: String?

        enum CodingKeys: String, CodingKey {
            case code = "Code"
            case message = "Message"
            case requestID = "RequestId"
        }
    }
}
