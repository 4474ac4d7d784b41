import OSSProtocol
import Platform

/// One call of the STS API as it was sent: in the RPC style or in that of ACS3, its signature not yet checked.
struct STSCall: Sendable {
    var action: String
    /// Query and form together, decoded.
    var parameters: [QueryItem]
    var isXML: Bool
    private let request: IncomingRequest
    private let body: [UInt8]

    static let version = "2015-04-01"
    static let allowedSkew: Duration = .seconds(900)

    init(_ request: IncomingRequest, body: [UInt8]) {
        (self.request, self.body) = (request, body)
        let isForm = request.headers["Content-Type"]?.asciiLower.hasPrefix("application/x-www-form-urlencoded") == true
        parameters = request.items + (isForm ? QueryItem.parse(String(decoding: body, as: UTF8.self)) : [])
        // Unsigned calls of the newer style name their action in a header all the same.
        let isACS3 =
            request.headers["Authorization"]?.hasPrefix(ACS3Signature.algorithm) == true
            || (request.headers["Authorization"] == nil && request.headers["x-acs-action"] != nil)
        action = (isACS3 ? request.headers["x-acs-action"] : nil) ?? STSCall.value("Action", in: parameters) ?? ""
        isXML = !isACS3 && STSCall.value("Format", in: parameters)?.asciiLower == "xml"
    }

    /// `nil` where it is absent or empty.
    subscript(name: String) -> String? { STSCall.value(name, in: parameters) }

    private static func value(_ name: String, in parameters: [QueryItem]) -> String? {
        guard let value = parameters.first(where: { $0.name == name })?.value, !value.isEmpty else { return nil }
        return value
    }

    /// - Returns: who signed the call.
    func identify(lookup: KeyLookup, nonces: NonceMemory, now: Timestamp) throws(STSFailure) -> Identity {
        if let header = request.headers["Authorization"], header.hasPrefix(ACS3Signature.algorithm) {
            return try identifyACS3(header, lookup, nonces, now)
        }
        guard self["Version"] == STSCall.version else { throw STSFailure(400, "InvalidVersion", "The Version must be \(STSCall.version).") }
        guard let id = self["AccessKeyId"] else { throw .missing("AccessKeyId") }
        guard let signature = self["Signature"] else { throw .missing("Signature") }
        guard let nonce = self["SignatureNonce"] else { throw .missing("SignatureNonce") }
        guard let time = self["Timestamp"] else { throw .missing("Timestamp") }
        guard self["SignatureMethod"] == "HMAC-SHA1", self["SignatureVersion"] == "1.0" else {
            throw .parameter("SignatureMethod", "SignatureMethod must be HMAC-SHA1 and SignatureVersion 1.0.")
        }
        let identity = try STSCall.identity(id, token: self["SecurityToken"], lookup, now)
        try STSCall.check(time: time, now)
        let expected = RPCSignature.signature(method: request.method, parameters: parameters, secret: identity.secret)
        guard Digests.equal(Array(expected.utf8), Array(signature.utf8)) else {
            throw STSCall.mismatch(RPCSignature.stringToSign(method: request.method, parameters: parameters))
        }
        try STSCall.use(nonce, of: id, nonces, now)
        return identity
    }

    /// Calls whose caller is known by another token still name the API's version right, where they name it.
    func checkUnsigned() throws(STSFailure) {
        guard (self["Version"] ?? request.headers["x-acs-version"] ?? STSCall.version) == STSCall.version else {
            throw STSFailure(400, "InvalidVersion", "The Version must be \(STSCall.version).")
        }
    }

    private func identifyACS3(_ header: String, _ lookup: KeyLookup, _ nonces: NonceMemory, _ now: Timestamp) throws(STSFailure) -> Identity
    {
        guard let attempt = ACS3Signature.parseAuthorization(header) else {
            throw STSFailure(400, "IncompleteSignature", "The Authorization header is malformed.")
        }
        var headers = request.headers
        if headers["host"] == nil { headers.add("host", request.host) }
        guard ACS3Signature.signsEnough(attempt, headers: headers) else {
            throw STSFailure(400, "IncompleteSignature", "host, content-type and every x-acs- header must be signed.")
        }
        guard headers["x-acs-version"] == STSCall.version else {
            throw STSFailure(400, "InvalidVersion", "x-acs-version must be \(STSCall.version).")
        }
        guard let time = headers["x-acs-date"] else { throw .missing("x-acs-date") }
        guard let nonce = headers["x-acs-signature-nonce"] else { throw .missing("x-acs-signature-nonce") }
        let hash = Hex.encode(Digests.sha256(body))
        guard headers["x-acs-content-sha256"]?.asciiLower == hash else {
            throw STSFailure(400, "SignatureDoesNotMatch", "x-acs-content-sha256 is not that of the body.")
        }
        let identity = try STSCall.identity(attempt.accessKeyID, token: headers["x-acs-security-token"], lookup, now)
        try STSCall.check(time: time, now)
        let canonical = ACS3Signature.canonicalRequest(
            method: request.method, path: request.path, query: request.items, headers: headers, signedHeaders: attempt.signedHeaders,
            bodyHash: hash)
        let expected = ACS3Signature.signature(canonicalRequest: canonical, secret: identity.secret)
        guard Digests.equal(Array(expected.utf8), Array(attempt.signature.utf8)) else { throw STSCall.mismatch(canonical) }
        try STSCall.use(nonce, of: attempt.accessKeyID, nonces, now)
        return identity
    }

    private static func identity(_ id: String, token: String?, _ lookup: KeyLookup, _ now: Timestamp) throws(STSFailure) -> Identity {
        do throws(OSSFailure) { return try lookup(id, token, now) } catch {
            switch error.code {
            case "SecurityTokenExpired": throw STSFailure(403, "InvalidSecurityToken.Expired", "The security token has expired.")
            case "InvalidSecurityToken": throw STSFailure(403, "InvalidSecurityToken.Malformed", "The security token is malformed.")
            case "AccessKeyIdAndSecurityTokenNotMatch":
                throw STSFailure(403, "InvalidSecurityToken.MismatchWithAccessKey", "The security token is another key's.")
            default:
                if token == nil, id.hasPrefix("STS.") {
                    throw STSFailure(400, "MissingSecurityToken", "SecurityToken is mandatory for this key.")
                }
                throw STSFailure(404, "InvalidAccessKeyId.NotFound", "Specified access key is not found.")
            }
        }
    }

    private static func check(time: String, _ now: Timestamp) throws(STSFailure) {
        guard let moment = Timestamp(iso8601: time) else {
            throw STSFailure(400, "InvalidTimeStamp.Format", "Specified time stamp or date value is not well formatted.")
        }
        guard abs(moment.milliseconds - now.milliseconds) <= allowedSkew.inMilliseconds else {
            throw STSFailure(
                400, "InvalidTimeStamp.Expired", "Specified time stamp or date value is expired. Server time is \(now.iso8601).")
        }
    }

    private static func use(_ nonce: String, of id: String, _ nonces: NonceMemory, _ now: Timestamp) throws(STSFailure) {
        guard nonces.use("\(id)\n\(nonce)", now: now) else {
            throw STSFailure(400, "SignatureNonceUsed", "Specified signature nonce was used already.")
        }
    }

    private static func mismatch(_ text: String) -> STSFailure {
        STSFailure(400, "SignatureDoesNotMatch", "Specified signature does not match our calculation. server string to sign is: \(text)")
    }
}

/// Nonces seen within the time in which a signed call can be repeated.
final class NonceMemory: Sendable {
    private let seen = Lock<[String: Timestamp]>([:])
    private static let most = 100_000

    /// False where it was used before.
    func use(_ nonce: String, now: Timestamp) -> Bool {
        seen.withLock { seen in
            if seen.count >= NonceMemory.most {
                seen = seen.filter { now - $0.value <= STSCall.allowedSkew + STSCall.allowedSkew }
                // Still full: forgetting all of them lets a repeat through, which a sandbox can bear.
                if seen.count >= NonceMemory.most { seen = [:] }
            }
            return seen.updateValue(now, forKey: nonce) == nil
        }
    }
}
