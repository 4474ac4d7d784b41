import OSSProtocol

/// Checks who sent a request, in the order of the real service: form, key, token, clock, scope, signature.
struct Authentication: Sendable {
    /// `oss-cloudbox` for cloud boxes.
    var product = "oss"
    let lookup: KeyLookup

    static let allowedSkew: Duration = .seconds(900)

    /// What a signature is held against besides its key.
    struct Rules: Sendable {
        /// One of them must be in the scope of version 4: the bucket's and the endpoint's, which differ only where the endpoint is wrong.
        var regions: [String]
        var onlyVersion4 = false
    }

    /// - Parameter address: what the signature is about.
    /// - Returns: `.anonymous` where nothing is signed.
    func identify(_ request: IncomingRequest, _ address: ServiceAddress, _ rules: Rules, now: Timestamp) throws(OSSFailure) -> Identity {
        let header = request.headers["Authorization"]
        let isSignedURL = ["x-oss-signature", "x-oss-signature-version", "Signature", "OSSAccessKeyId"].contains { request.has($0) }
        if header != nil, isSignedURL {
            throw OSSFailure(
                400, "InvalidArgument", "The signature may be in the Authorization header or in the query, not in both.",
                ec: "0002-00000001", ["ArgumentName": "Authorization", "ArgumentValue": header ?? ""])
        }
        if let header {
            let attempt = header.hasPrefix("OSS ") ? try version1(header, request) : try version4(header, request)
            return try check(attempt, request, address, rules, now)
        }
        if isSignedURL {
            let attempt =
                request.has("x-oss-signature-version") || request.has("x-oss-signature") ? try version4(request) : try version1(request)
            return try check(attempt, request, address, rules, now)
        }
        return .anonymous
    }

    private func check(
        _ attempt: SignatureAttempt, _ request: IncomingRequest, _ address: ServiceAddress, _ rules: Rules, _ now: Timestamp
    ) throws(OSSFailure) -> Identity {
        try Authentication.checkVersion(isVersion4: attempt.isVersion4, rules)
        let identity = try lookup(attempt.accessKeyID, attempt.token, now)
        try attempt.checkTime(now)
        if case .version4(let four) = attempt.form { try check(four.scope, day: String(four.date.prefix(8)), rules) }
        let expected = attempt.expected(request, address.resource, secret: identity.secret)
        guard Digests.equal(Array(expected.signature.utf8), Array(attempt.signature.utf8)) else {
            throw OSSFailure(
                403, "SignatureDoesNotMatch",
                "The request signature we calculated does not match the signature you provided. Check your key and signing method.",
                ec: attempt.isVersion4 ? "0002-00000201" : "0002-00000040",
                elements: [
                    .init(name: "OSSAccessKeyId", text: attempt.accessKeyID), .init(name: "SignatureProvided", text: attempt.signature),
                ] + expected.elements)
        }
        return identity
    }

    static func checkVersion(isVersion4: Bool, _ rules: Rules) throws(OSSFailure) {
        guard isVersion4 || !rules.onlyVersion4 else {
            throw OSSFailure(
                403, "AccessDenied", "The signature version 1 is not accepted here. Please use signature version 4.", ec: "0002-00000034")
        }
    }

    /// - Parameter day: of the date that was signed; where documents leave a tolerance open, there is none.
    func check(_ scope: V4.Scope, day: String, _ rules: Rules) throws(OSSFailure) {
        guard scope.day == day else {
            throw .invalidArgument(
                "Invalid signing date in Authorization header.", name: "Credential", value: scope.description, ec: "0002-00000212")
        }
        guard rules.regions.contains(scope.region) else {
            throw .invalidArgument(
                "Invalid signing region in Authorization header.", name: "Credential", value: scope.region, ec: "0002-00000226")
        }
        guard scope.product == product else {
            throw .invalidArgument(
                "Invalid signing product in Authorization header.", name: "Credential", value: scope.product, ec: "0002-00000227")
        }
    }

    // MARK: Version 4

    private func version4(_ header: String, _ request: IncomingRequest) throws(OSSFailure) -> SignatureAttempt {
        let parsed: V4.Authorization
        do throws(V4.AuthorizationError) { parsed = try V4.parseAuthorization(header) } catch {
            throw .invalidArgument("Invalid Authorization header.", name: "Authorization", value: header, ec: error.ec)
        }
        let payload = request.headers["x-oss-content-sha256"]
        guard payload == V4.unsignedPayload else {
            throw .invalidArgument(
                "x-oss-content-sha256 must be \(V4.unsignedPayload).", name: "x-oss-content-sha256", value: payload, ec: "0002-00000214")
        }
        guard let date = request.headers["x-oss-date"] else { throw Authentication.dateMissing }
        guard let time = Timestamp(basic: date) else { throw Authentication.dateUnreadable(date) }
        return SignatureAttempt(
            accessKeyID: parsed.credential.accessKeyID, token: request.headers["x-oss-security-token"], signature: parsed.signature,
            form: .version4(.init(date: date, scope: parsed.credential.scope, additionalHeaders: parsed.additionalHeaders)),
            validity: .signedAt(time))
    }

    private func version4(_ request: IncomingRequest) throws(OSSFailure) -> SignatureAttempt {
        let version = request.parameter("x-oss-signature-version")
        guard version == V4.algorithm else {
            throw .invalidArgument(
                "The signature version is not known.", name: "x-oss-signature-version", value: version, ec: "0002-00000218")
        }
        guard let signature = request.parameter("x-oss-signature"), !signature.isEmpty else {
            throw .invalidArgument("x-oss-signature is missing.", name: "x-oss-signature", value: nil, ec: "0002-00000219")
        }
        let text = request.parameter("x-oss-credential")
        guard let credential = text.flatMap({ V4.Credential($0) }) else {
            throw .invalidArgument("x-oss-credential is malformed.", name: "x-oss-credential", value: text, ec: "0002-00000224")
        }
        let date = request.parameter("x-oss-date")
        guard let date, let time = Timestamp(basic: date) else {
            throw .invalidArgument("x-oss-date is missing or malformed.", name: "x-oss-date", value: date, ec: "0002-00000223")
        }
        let life = request.parameter("x-oss-expires")
        guard let seconds = life.flatMap({ Int(digits: $0) }), V4.expiries.contains(seconds) else {
            throw .invalidArgument("x-oss-expires must be 1 to 604800.", name: "x-oss-expires", value: life, ec: "0002-00000232")
        }
        let names = request.parameter("x-oss-additional-headers") ?? ""
        return SignatureAttempt(
            accessKeyID: credential.accessKeyID, token: request.parameter("x-oss-security-token"), signature: signature,
            form: .version4(
                .init(
                    date: date, scope: credential.scope,
                    additionalHeaders: names.split(separator: ";").map { String($0) })),
            validity: .between(time, time + .seconds(seconds)))
    }

    // MARK: Version 1

    private func version1(_ header: String, _ request: IncomingRequest) throws(OSSFailure) -> SignatureAttempt {
        guard let (id, signature) = V1.parseAuthorization(header) else {
            throw .invalidArgument("Invalid Authorization header.", name: "Authorization", value: header, ec: "0002-00000002")
        }
        guard let date = V1.date(of: request.headers) else { throw Authentication.dateMissing }
        guard let time = Timestamp(httpDate: date) else { throw Authentication.dateUnreadable(date) }
        // One SDK sends the token under the second name, unsigned.
        let token = request.headers["x-oss-security-token"] ?? request.headers["security-token"]
        return SignatureAttempt(
            accessKeyID: id, token: token, signature: signature, form: .version1(date: date), validity: .signedAt(time))
    }

    private func version1(_ request: IncomingRequest) throws(OSSFailure) -> SignatureAttempt {
        guard let id = request.parameter("OSSAccessKeyId"), !id.isEmpty else {
            throw .invalidArgument("OSSAccessKeyId is missing.", name: "OSSAccessKeyId", value: nil, ec: "0002-00000065")
        }
        guard let signature = request.parameter("Signature"), !signature.isEmpty else {
            throw .invalidArgument("Signature is missing.", name: "Signature", value: nil, ec: "0002-00000066")
        }
        guard let expires = request.parameter("Expires") else {
            throw OSSFailure(403, "AccessDenied", "Expires is missing.", ec: "0002-00000067")
        }
        guard !expires.isEmpty else { throw OSSFailure(403, "AccessDenied", "Expires is empty.", ec: "0002-00000068") }
        // 15 digits: far beyond any date, and far from overflow.
        guard let seconds = Int(digits: expires), expires.utf8.count <= 15 else {
            throw OSSFailure(403, "AccessDenied", "Expires is no number.", ec: "0002-00000070")
        }
        return SignatureAttempt(
            accessKeyID: id, token: request.parameter("security-token"), signature: signature, form: .version1(date: expires),
            validity: .until(Timestamp(seconds: Int64(seconds))))
    }

    private static let dateMissing = OSSFailure(
        403, "AccessDenied", "OSS authentication requires a valid Date or x-oss-date header.", ec: "0002-00000503")

    private static func dateUnreadable(_ date: String) -> OSSFailure {
        OSSFailure(
            403, "AccessDenied", "OSS authentication requires a valid Date or x-oss-date header.", ec: "0002-00000505", ["Date": date])
    }
}

extension OSSFailure {
    init(_ status: Int, _ code: String, _ message: String, ec: String, elements: [Element]) {
        self.init(status, code, message, ec: ec)
        self.elements = elements
    }
}
