import FoundationEssentials

/// The Security Token Service: requests signed in either of its two ways, answers in JSON or XML.
///
/// Source: STS API documents, 2015-04-01.
public enum STS {
    public static let version = "2015-04-01"

    /// How a request is signed. STS takes both; proxies and older gateways may know the first only.
    public enum Style: String, Sendable, Hashable, Codable, CaseIterable {
        /// Version 1.0: HMAC-SHA1, everything in the form.
        case rpc
        /// ACS3-HMAC-SHA256: the key id, the token and the signature in headers.
        case acs3
    }

    /// - Parameters:
    ///   - region: `nil` for the central endpoint, `sts.aliyuncs.com`.
    ///   - insideVPC: the name that only a VPC of that region can reach; without a region there is none.
    public static func endpoint(region: String? = nil, insideVPC: Bool = false) -> Endpoint {
        Endpoint(ownHost: region.map { "sts\(insideVPC ? "-vpc" : "").\($0).aliyuncs.com" } ?? "sts.aliyuncs.com")
    }

    /// A POST with all parameters in the form body, so that a long policy never meets a limit of URLs and no log of URLs holds a token.
    ///
    /// - Parameters:
    ///   - now: STS refuses clocks that are 15 minutes off.
    ///   - nonce: never used before.
    public static func assumeRole(
        endpoint: Endpoint, _ request: AssumeRoleRequest, credentials: Credentials, now: Timestamp, nonce: String, style: Style = .rpc
    ) -> HTTPRequest {
        switch style {
        case .rpc:
            var items = common("AssumeRole", now: now, nonce: nonce) + request.parameters
            items += [
                QueryItem("AccessKeyId", credentials.accessKeyID), QueryItem("SignatureMethod", "HMAC-SHA1"),
                QueryItem("SignatureVersion", "1.0"),
            ]
            if let token = credentials.securityToken { items.append(QueryItem("SecurityToken", token.reveal())) }
            let signature = RPCSignature.signature(method: "POST", parameters: items, secret: credentials.accessKeySecret)
            items.append(QueryItem("Signature", signature))
            return post(endpoint, items)
        case .acs3:
            return ACS3Signature.sign(
                post(endpoint, request.parameters), action: "AssumeRole", version: version, credentials: credentials, now: now, nonce: nonce
            )
        }
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
        if response.body.count > STSError.longestBody {
            found = nil
        } else if isXML(response.body) {
            let element = (try? XMLReader.parse(response.body))?.child("Credentials")
            found = element.map {
                Answer.Found(
                    accessKeyID: $0["AccessKeyId"], accessKeySecret: $0["AccessKeySecret"], securityToken: $0["SecurityToken"],
                    expiration: $0["Expiration"])
            }
        } else {
            found = (try? JSONDecoder().decode(Answer.self, from: Data(response.body)))?.credentials
        }
        // All three end up in headers, where a line break would begin another one.
        guard let found, let id = OSSError.word(found.accessKeyID), let secret = plain(found.accessKeySecret),
            let token = plain(found.securityToken), let expiration = found.expiration.flatMap({ Timestamp(iso8601: $0) })
        else { throw STSError(unusable: response) }
        return Credentials(accessKeyID: id, accessKeySecret: Secret(secret), securityToken: Secret(token), expiration: expiration)
    }

    private static func plain(_ text: String?) -> String? {
        guard let text, !text.isEmpty, text.utf8.allSatisfy({ $0 >= 32 && $0 != 127 }) else { return nil }
        return text
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
