import OSSProtocol
import Platform

/// A server nearby that is asked for credentials: one bounded question, nothing followed, nothing kept.
struct CredentialServer: Sendable {
    /// As messages call it. Never its path, which is where such servers' tokens stand.
    let name: String
    let transport: any Transport
    /// What must not be seen although the server may repeat it.
    var secrets: [String] = []

    /// A metadata service is asked by this machine alone.
    var avoidsProxy = false

    /// Credentials are some 2 KiB.
    static let mostBytes = 64 << 10

    struct Patience: Sendable {
        var connect: Duration
        var total: Duration
    }

    /// Why there is no answer.
    enum Silence: Error {
        case nobodyThere(String)
        case other(ProviderFailure)
    }

    /// - Throws: `.nobodyThere` where no connection came about.
    func ask(_ request: HTTPRequest, _ patience: Patience) async throws(Silence) -> HTTPResponse {
        var options = SendOptions()
        options.connectTimeout = patience.connect
        options.stallTimeout = patience.total
        options.total = patience.total
        options.avoidsProxy = avoidsProxy
        options.maxAnswerBytes = CredentialServer.mostBytes
        do throws(TransportError) {
            return try await transport.send(request, body: nil, options: options, progress: nil).response
        } catch {
            let text = Redaction.line(error.message, without: secrets)
            switch error.kind {
            case .answerTooLarge:
                let what = "\(name) answered more than \(CredentialServer.mostBytes >> 10) KiB, which is no credentials. Check its address"
                throw .other(.refused(what))
            // Name, connection: whatever else is asked of it will not be answered either.
            case .curl(6), .curl(7): throw .nobodyThere("\(name) cannot be reached (\(text))")
            default: throw .other(.unavailable(retryAfter: nil, "\(name) does not answer (\(text))"))
            }
        }
    }

    /// What any status but 200 means.
    /// - Parameter advice: what to do about a status, where the source knows better than the general words.
    func failure(_ response: HTTPResponse, advice: (Int) -> String? = { _ in nil }) -> ProviderFailure {
        let document = CredentialDocument(json: response.body)
        let hidden = secrets + (document?.secrets ?? [])
        let said = document?.complaint.map { ": \(Redaction.line($0, without: hidden, limit: 200))" } ?? ""
        let what = "\(name) answered \(response.status)\(said)"
        switch response.status {
        case 408, 425, 429, 500...599:
            // Seconds or a date, as OSS's and STS's.
            let wait = OSSError(response: HTTPResponse(status: response.status, headers: response.headers)).retryAfter
            return .unavailable(retryAfter: wait, what)
        case 300...399: return .refused("\(what), a redirect, which is not followed. Name the address it leads to")
        default: return .refused(what + (advice(response.status).map { ". \($0)" } ?? ""))
        }
    }

    /// The credentials of a 200.
    /// - Parameter isThisMachine: its clock is ours and says nothing new.
    func credentials(_ response: HTTPResponse, isThisMachine: Bool) throws(ProviderFailure) -> IssuedCredentials {
        guard let document = CredentialDocument(json: response.body) else {
            throw .refused("\(name) answered something that is no credentials: JSON with AccessKeyId and AccessKeySecret is expected")
        }
        do throws(CredentialDocument.Defect) {
            let date = isThisMachine ? nil : response.headers["Date"].flatMap { Timestamp(httpDate: $0) }
            return IssuedCredentials(credentials: try document.credentials(), serverTime: date)
        } catch {
            throw .refused("the answer of \(name) \(Redaction.line(error.text, without: secrets))")
        }
    }
}
