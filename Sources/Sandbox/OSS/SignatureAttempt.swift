import OSSProtocol

/// A signature as presented, of either version and either form.
struct SignatureAttempt: Sendable {
    var accessKeyID: String
    var token: String?
    var signature: String
    var form: Form
    var validity: Validity

    enum Form: Sendable {
        case version1(date: String)
        case version4(Four)
    }

    struct Four: Sendable {
        var date: String
        var scope: V4.Scope
        var additionalHeaders: [String]
    }

    enum Validity: Sendable {
        /// In the header: within 15 minutes of that.
        case signedAt(Timestamp)
        /// In a URL of version 4.
        case between(Timestamp, Timestamp)
        /// In a URL of version 1.
        case until(Timestamp)
    }

    var isVersion4: Bool {
        if case .version4 = form { return true }
        return false
    }

    func checkTime(_ now: Timestamp) throws(OSSFailure) {
        switch validity {
        case .signedAt(let time):
            guard abs(time.milliseconds - now.milliseconds) > Authentication.allowedSkew.inMilliseconds else { return }
            throw OSSFailure(
                403, "RequestTimeTooSkewed", "The difference between the request time and the current time is too large.",
                ec: isVersion4 ? "0002-00000504" : "0002-00000501",
                [
                    "MaxAllowedSkewMilliseconds": String(Authentication.allowedSkew.inMilliseconds),
                    "RequestTime": time.iso8601Milliseconds, "ServerTime": now.iso8601Milliseconds,
                ])
        case .between(let start, let end):
            if start - Authentication.allowedSkew > now {
                throw OSSFailure(403, "AccessDenied", "The signed URL is not yet valid.", ec: "0002-00000235", times(end, now))
            }
            if now > end { throw OSSFailure(403, "AccessDenied", "Request has expired.", ec: "0002-00000069", times(end, now)) }
        case .until(let end):
            if now > end { throw OSSFailure(403, "AccessDenied", "Request has expired.", ec: "0002-00000069", times(end, now)) }
        }
    }

    private func times(_ end: Timestamp, _ now: Timestamp) -> KeyValuePairs<String, String> {
        ["Expires": end.iso8601Milliseconds, "ServerTime": now.iso8601Milliseconds]
    }

    /// The signature that it should be, and what it was made from.
    struct Expected: Sendable {
        var signature: String
        var stringToSign: [UInt8]
        /// Version 4 only.
        var canonicalRequest: [UInt8]?

        /// For the answer that refuses.
        var elements: [OSSFailure.Element] {
            let texts = [("StringToSign", Optional(stringToSign)), ("CanonicalRequest", canonicalRequest)]
            return texts.flatMap { name, bytes in
                guard let bytes else { return [OSSFailure.Element]() }
                return [
                    .init(name: name, text: String(decoding: bytes, as: UTF8.self)),
                    .init(name: "\(name)Bytes", text: Expected.pairs(bytes)),
                ]
            }
        }

        /// `50 55 54 0A`: shows what a text alone hides.
        private static func pairs(_ bytes: [UInt8]) -> String {
            bytes.map { Hex.encode([$0]).uppercased() }.joined(separator: " ")
        }
    }

    func expected(_ request: IncomingRequest, _ resource: SignedResource, secret: Secret) -> Expected {
        switch form {
        case .version1(let date):
            // In a URL the parameters of the signature itself are none of the signed ones, so the query can stay as it is.
            let text = V1.stringToSign(
                method: request.method, resource: resource, query: request.query, headers: request.headers, date: date)
            return Expected(signature: V1.signature(secret: secret, stringToSign: text), stringToSign: text)
        case .version4(let four):
            let canonical = V4.canonicalRequest(
                method: request.method, resource: resource, query: request.query, headers: request.headers, host: request.host,
                additionalHeaders: four.additionalHeaders)
            let text = V4.stringToSign(date: four.date, scope: four.scope, canonicalRequest: canonical)
            let key = V4.signingKey(secret: secret, scope: four.scope)
            return Expected(signature: V4.signature(key: key, stringToSign: text), stringToSign: text, canonicalRequest: canonical)
        }
    }
}
