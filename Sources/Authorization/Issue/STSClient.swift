import Contracts
import Credentials
import OSSProtocol
import Platform

/// Asks STS for tokens by AssumeRole. Bounded in time and size; learns STS's clock from every answer.
struct STSClient: TokenSource {
    let transport: any Transport
    let clock: ServerClock
    let counters: Counters
    let ownCredentials: @Sendable (STSSettings) async throws(ProviderFailure) -> Credentials
    /// A `SignatureNonce`: unique a request.
    let nonce: @Sendable () -> String

    func token(for scope: Scope, sts: STSSettings) async throws(IssueFailure) -> IssuedToken {
        let before = clock.now()
        do throws(IssueFailure) {
            return try await ask(scope, sts)
        } catch {
            // Our clock was wrong, and the answer has just put it right.
            let isSkewed = error.code.utf8.starts(with: "InvalidTimeStamp".utf8) || error.code == "RequestTimeTooSkewed"
            let moved = clock.now() - before
            guard isSkewed, !(.seconds(-10)...(.seconds(60))).contains(moved) else { throw error }
            return try await ask(scope, sts)
        }
    }

    private func ask(_ scope: Scope, _ sts: STSSettings) async throws(IssueFailure) -> IssuedToken {
        counters.add(.stsCalls)
        do throws(IssueFailure) {
            return try await answer(scope, sts)
        } catch {
            counters.add(.stsFailures)
            throw error
        }
    }

    private func answer(_ scope: Scope, _ sts: STSSettings) async throws(IssueFailure) -> IssuedToken {
        let own: Credentials
        do throws(ProviderFailure) { own = try await ownCredentials(sts) } catch {
            throw IssueFailure(code: "NoCredentials", message: Line.clean(error.text))
        }
        let wish = AssumeRoleRequest(
            roleARN: sts.roleARN, roleSessionName: scope.session, durationSeconds: Int(scope.duration.components.seconds),
            policy: scope.policy)
        let request = STS.assumeRole(endpoint: sts.endpoint, wish, credentials: own, now: clock.now(), nonce: nonce())
        var options = SendOptions()
        options.connectTimeout = .seconds(5)
        options.stallTimeout = .seconds(10)
        options.total = .seconds(15)
        options.maxAnswerBytes = 256 << 10

        let response: HTTPResponse
        do throws(TransportError) {
            response = try await transport.send(request, body: nil, options: options, progress: nil).response
        } catch {
            throw IssueFailure(code: "STSUnreachable", message: "\(sts.endpoint) does not answer (\(error.message))")
        }
        let date = response.headers["Date"].flatMap { Timestamp(httpDate: $0) }
        let credentials: Credentials
        do throws(STSError) {
            credentials = try STS.parseAssumeRole(response)
            if let date { clock.learn(date) }
        } catch {
            // What is no answer of STS, such as a proxy's page, knows nothing of its clock.
            if let date, error.code != OSSError.badErrorResponse, error.code != OSSError.unusableAnswer { clock.learn(date) }
            throw IssueFailure(code: error.code, message: Line.clean(error.message), requestID: error.requestID)
        }
        let now = clock.now()
        guard let expiration = credentials.expiration, credentials.securityToken != nil, expiration > now else {
            throw IssueFailure(code: "STSUnusableAnswer", message: "the credentials have no token or are over already")
        }
        return IssuedToken(credentials: credentials, issued: now, expiration: expiration, requestID: STSClient.requestID(response))
    }

    /// In the body, or in a header where the body has none.
    private static func requestID(_ response: HTTPResponse) -> String? {
        struct Answer: Decodable {
            var requestID: String?
            enum CodingKeys: String, CodingKey { case requestID = "RequestId" }
        }
        let inBody = try? AuthorizationJSON.decode(Answer.self, from: response.body).requestID
        return (inBody ?? response.headers["x-acs-request-id"]).map { Line.clean($0, most: 64) }
    }
}
