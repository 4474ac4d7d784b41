import FoundationEssentials

/// What AssumeRole is asked. Source: STS API document of AssumeRole, 2015-04-01.
public struct AssumeRoleRequest: Sendable, Equatable {
    /// `acs:ram::ACCOUNT:role/NAME`
    public var roleARN: String
    /// 2 to 64 of `A-Za-z0-9.@-_`.
    public var roleSessionName: String
    /// 900 to the role's longest session; STS takes 3600 when absent.
    public var durationSeconds: Int?
    /// A session policy, at most 2,048 characters.
    public var policy: String?
    public var externalID: String?

    public init(roleARN: String, roleSessionName: String, durationSeconds: Int? = nil, policy: String? = nil, externalID: String? = nil) {
        self.roleARN = roleARN
        self.roleSessionName = roleSessionName
        self.durationSeconds = durationSeconds
        self.policy = policy
        self.externalID = externalID
    }

    fileprivate var parameters: [QueryItem] {
        var items = [QueryItem("RoleArn", roleARN), QueryItem("RoleSessionName", roleSessionName)]
        if let durationSeconds { items.append(QueryItem("DurationSeconds", String(durationSeconds))) }
        if let policy { items.append(QueryItem("Policy", policy)) }
        if let externalID { items.append(QueryItem("ExternalId", externalID)) }
        return items
    }
}

/// The Security Token Service: requests signed the RPC way (version 1.0), answers in JSON or XML.
public enum STS {
    public static let version = "2015-04-01"

    /// A POST with everything in the form body, so that a long policy never meets a limit of URLs and no log of URLs holds a token.
    ///
    /// - Parameters:
    ///   - now: STS refuses clocks that are 15 minutes off.
    ///   - nonce: never used before.
    public static func assumeRole(
        endpoint: Endpoint, _ request: AssumeRoleRequest, credentials: Credentials, now: Timestamp, nonce: String
    ) -> HTTPRequest {
        var items = common("AssumeRole", now: now, nonce: nonce) + request.parameters
        items += [
            QueryItem("AccessKeyId", credentials.accessKeyID), QueryItem("SignatureMethod", "HMAC-SHA1"),
            QueryItem("SignatureVersion", "1.0"),
        ]
        if let token = credentials.securityToken { items.append(QueryItem("SecurityToken", token.reveal())) }
        items.append(QueryItem("Signature", RPCSignature.signature(method: "POST", parameters: items, secret: credentials.accessKeySecret)))
        return post(endpoint, items)
    }

    /// Not signed: the identity provider's token speaks for the caller. The request's external id does not exist here.
    public static func assumeRoleWithOIDC(
        endpoint: Endpoint, _ request: AssumeRoleRequest, providerARN: String, token: Secret, now: Timestamp, nonce: String
    ) -> HTTPRequest {
        let own = [QueryItem("OIDCProviderArn", providerARN), QueryItem("OIDCToken", token.reveal())]
        return post(
            endpoint, common("AssumeRoleWithOIDC", now: now, nonce: nonce) + request.parameters.filter { $0.name != "ExternalId" } + own)
    }

    private static func common(_ action: String, now: Timestamp, nonce: String) -> [QueryItem] {
        [
            QueryItem("Action", action), QueryItem("Version", version), QueryItem("Format", "JSON"), QueryItem("SignatureNonce", nonce),
            QueryItem("Timestamp", now.iso8601),
        ]
    }

    private static func post(_ endpoint: Endpoint, _ items: [QueryItem]) -> HTTPRequest {
        HTTPRequest(
            method: "POST", scheme: endpoint.scheme, host: endpoint.host, path: "/",
            headers: ["Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"],
            body: Array((QueryItem.join(items) ?? "").utf8))
    }

    /// Reads an answer of AssumeRole and its relatives, JSON or XML.
    ///
    /// - Throws: what STS said; code `UnusableAnswer` where a success holds no complete credentials.
    public static func parseAssumeRole(_ response: HTTPResponse) throws(STSError) -> Credentials {
        guard (200...299).contains(response.status) else { throw STSError(response: response) }
        let found: Answer.Found?
        if isXML(response.body) {
            let element = (try? XMLReader.parse(response.body))?.child("Credentials")
            found = element.map {
                Answer.Found(
                    accessKeyID: $0["AccessKeyId"], accessKeySecret: $0["AccessKeySecret"], securityToken: $0["SecurityToken"],
                    expiration: $0["Expiration"])
            }
        } else {
            found = (try? JSONDecoder().decode(Answer.self, from: Data(response.body)))?.credentials
        }
        guard let found, let id = found.accessKeyID?.nonEmpty, let secret = found.accessKeySecret?.nonEmpty,
            let token = found.securityToken?.nonEmpty, let expiration = found.expiration.flatMap({ Timestamp(iso8601: $0) })
        else { throw STSError(unusable: response) }
        return Credentials(accessKeyID: id, accessKeySecret: Secret(secret), securityToken: Secret(token), expiration: expiration)
    }

    static func isXML(_ body: [UInt8]) -> Bool { body.first { $0 > 32 } == UInt8(ascii: "<") }

    private struct Answer: Decodable {
        struct Found: Decodable {
            var accessKeyID, accessKeySecret, securityToken, expiration: String?

            enum CodingKeys: String, CodingKey {
                case accessKeyID = "AccessKeyId"
                case accessKeySecret = "AccessKeySecret"
                case securityToken = "SecurityToken"
                case expiration = "Expiration"
            }
        }
        var credentials: Found?

        enum CodingKeys: String, CodingKey { case credentials = "Credentials" }
    }
}
