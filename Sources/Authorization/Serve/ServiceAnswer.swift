import Contracts
import OSSProtocol

/// One HTTP request, complete and bounded.
struct ServiceRequest: Sendable {
    var method: String
    /// As sent, without query.
    var path: String
    /// The header `Authorization`.
    var authorization: String?
    var body: [UInt8]
    /// The peer's address, for the audit log.
    var remote: String?
    /// What the client certificate says that the TLS handshake verified.
    var certificate: [CertificateName] = []
}

struct ServiceAnswer: Sendable {
    var status: Int
    var headers: [(name: String, value: String)] = []
    var contentType = "application/json"
    var body: [UInt8]
}

extension ServiceAnswer {
    private struct Failure: Encodable {
        struct Detail: Encodable {
            var code: String
            var message: String
        }
        var error: Detail
    }

    static func failure(_ refusal: Refusal) -> ServiceAnswer {
        let detail = Failure.Detail(code: refusal.code, message: Line.clean(refusal.message, most: 1000))
        var answer = ServiceAnswer(status: refusal.status, body: (try? AuthorizationJSON.encode(Failure(error: detail))) ?? [])
        if refusal.status == 401 { answer.headers.append(("WWW-Authenticate", "Bearer realm=\"davit-authd\"")) }
        if let wait = refusal.retryAfter { answer.headers.append(("Retry-After", String(max(1, (wait.inMilliseconds + 999) / 1000)))) }
        return answer
    }

    static func json(_ value: some Encodable) throws(Refusal) -> ServiceAnswer {
        do { return ServiceAnswer(status: 200, body: try AuthorizationJSON.encode(value)) } catch {
            throw Refusal(500, "Internal", "the answer cannot be written")
        }
    }

    static func text(_ text: String, status: Int = 200, type: String = "text/plain; charset=utf-8") -> ServiceAnswer {
        ServiceAnswer(status: status, contentType: type, body: Array(text.utf8))
    }
}
