import OSSProtocol
import Platform

/// Asks STS for a role's temporary credentials; bounded in time and size.
struct STSCaller: Sendable {
    let endpoint: Endpoint
    let transport: any Transport
    let now: @Sendable () -> Timestamp
    let learnClock: @Sendable (Timestamp) -> Void

    /// Why STS gave nothing.
    struct Failure: Error, Equatable {
        var reason: ProviderFailure
        /// The token that the request was signed with is over or damaged: whoever gave it may have another.
        var refusesToken = false
    }

    /// - Parameters:
    ///   - text: what the settings say, with scheme.
    ///   - region: of the bucket.
    static func endpoint(_ text: String?, region: String?, environment: [String: String]) throws(ProviderFailure) -> Endpoint {
        let given: (String?) -> String? = { $0.flatMap { $0.isEmpty ? nil : $0 } }
        if let text = given(text) {
            do throws(EndpointError) { return try Endpoint(text) } catch {
                throw .refused("sts-endpoint cannot be used: \(PlainText.line(error.description))")
            }
        }
        let insideVPC = environment["ALIBABA_CLOUD_VPC_ENDPOINT_ENABLED"]?.lowercased() == "true"
        if let region = given(environment["ALIBABA_CLOUD_STS_REGION"]) {
            return STS.endpoint(region: try checked(region, "ALIBABA_CLOUD_STS_REGION"), insideVPC: insideVPC)
        }
        guard let region = given(region) else { return STS.endpoint() }
        return STS.endpoint(region: try checked(region, "region"), insideVPC: insideVPC)
    }

    /// It becomes a part of a host's name.
    private static func checked(_ region: String, _ what: String) throws(ProviderFailure) -> String {
        let isRegion = region.utf8.count <= 63 && region.utf8.allSatisfy { (97...122).contains($0) || (48...57).contains($0) || $0 == 45 }
        guard isRegion else {
            throw .refused(
                "\(what) is “\(PlainText.line(region, limit: 80))”, which is no region. Write one such as cn-hangzhou, or set sts-endpoint")
        }
        return region
    }

    // MARK: - Calls

    func assumeRole(_ wish: AssumeRoleRequest, with own: Credentials) async throws(Failure) -> IssuedCredentials {
        let secrets = [own.accessKeySecret.reveal(), own.securityToken?.reveal() ?? ""]
        return try await ask(wish.roleARN, hiding: secrets) { now, nonce in
            STS.assumeRole(endpoint: endpoint, wish, credentials: own, now: now, nonce: nonce)
        }
    }

    func assumeRole(_ wish: AssumeRoleRequest, providerARN: String, token: Secret) async throws(Failure) -> IssuedCredentials {
        try await ask(wish.roleARN, hiding: [token.reveal()]) { now, nonce in
            STS.assumeRoleWithOIDC(endpoint: endpoint, wish, providerARN: providerARN, token: token, now: now, nonce: nonce)
        }
    }

    private func ask(
        _ role: String, hiding secrets: [String], _ make: (Timestamp, String) -> HTTPRequest
    ) async throws(Failure) -> IssuedCredentials {
        let first = try await answer(make(now(), Randomness.token()))
        // Our clock was wrong, and the answer has just put it right. A nonce counts as used even so.
        guard case .failure(let error) = first, error.kind == .clock, error.serverTime != nil else {
            return try issued(first, role, hiding: secrets)
        }
        return try issued(try await answer(make(now(), Randomness.token())), role, hiding: secrets)
    }

    private func answer(_ request: HTTPRequest) async throws(Failure) -> Result<IssuedCredentials, STSError> {
        var options = SendOptions()
        options.connectTimeout = .seconds(5)
        options.stallTimeout = .seconds(10)
        options.total = .seconds(15)
        // Sent twice, the second one would be refused for its nonce.
        options.mayRepeat = false
        options.maxAnswerBytes = 256 << 10
        let response: HTTPResponse
        do throws(TransportError) {
            response = try await transport.send(request, body: nil, options: options, progress: nil).response
        } catch {
            throw Failure(reason: .unavailable(retryAfter: nil, "STS at \(endpoint) does not answer (\(PlainText.line(error.message)))"))
        }
        let date = response.headers["Date"].flatMap { Timestamp(httpDate: $0) }
        do throws(STSError) {
            let credentials = try STS.parseAssumeRole(response)
            if let date { learnClock(date) }
            return .success(IssuedCredentials(credentials: credentials, serverTime: date))
        } catch {
            // A page of a proxy has a date too, but it is not STS's.
            if let date, error.code != OSSError.badErrorResponse, !error.isUnusable { learnClock(date) }
            return .failure(error)
        }
    }

    // MARK: - What is said about it

    private func issued(
        _ answer: Result<IssuedCredentials, STSError>, _ role: String, hiding secrets: [String]
    ) throws(Failure) -> IssuedCredentials {
        switch answer {
        case .success(let issued): return issued
        case .failure(let error): throw failure(error, role, hiding: secrets)
        }
    }

    private func failure(_ error: STSError, _ role: String, hiding secrets: [String]) -> Failure {
        // STS repeats what it would have signed there, the token included, in yet another encoding.
        let message = error.code == "SignatureDoesNotMatch" ? "the signature is wrong" : error.message
        let said = STSCaller.withoutStop(Redaction.line(message, without: secrets, limit: 200))
        let request = error.requestID.map { ", request \(PlainText.line($0, limit: 64))" } ?? ""
        let code = error.code == OSSError.badErrorResponse ? "HTTP \(error.status)" : PlainText.line(error.code, limit: 80)
        let what = "the role \(PlainText.line(role, limit: 200)) cannot be assumed at \(endpoint) (\(code): \(said)\(request))"
        let advice = STSCaller.withoutStop(error.advice)
        switch error.kind {
        case .transient, .throttled: return Failure(reason: .unavailable(retryAfter: error.retryAfter, "\(what). \(advice)"))
        case .staleToken: return Failure(reason: .refused("\(what). \(advice)"), refusesToken: true)
        case .clock, .refused: return Failure(reason: .refused("\(what). \(advice)"))
        }
    }

    /// Sentences are put together here, and whoever shows the whole ends it.
    private static func withoutStop(_ text: String) -> String { text.utf8.last == UInt8(ascii: ".") ? String(text.dropLast()) : text }
}

extension STSError {
    fileprivate var isUnusable: Bool { code == OSSError.unusableAnswer }
}
