import OSSProtocol
import Platform

/// STS: AssumeRole and GetCallerIdentity. One request in, one answer out.
struct STSService: Sendable {
    let settings: SandboxSettings
    let keys: AccessKeys
    let clock: SandboxClock
    let faults: FaultScript
    let log: RequestLog
    private let nonces = NonceMemory()

    init(settings: SandboxSettings, keys: AccessKeys, clock: SandboxClock, faults: FaultScript, log: RequestLog) {
        (self.settings, self.keys, self.clock, self.faults, self.log) = (settings, keys, clock, faults, log)
    }

    /// The longest policy and OIDC token fit many times over.
    static let mostBodyBytes = 256 << 10

    func respond(to request: IncomingRequest, body: consuming IncomingBody) async -> Delivery {
        let requestID = STSService.requestID()
        var entry = RequestLog.Entry(time: clock.now, method: request.method, requestID: requestID)
        var body = body
        guard let bytes = try? await body.collect(upTo: STSService.mostBodyBytes) else { return .closed }
        let call = STSCall(request, body: bytes)
        entry.operation = call.action.isEmpty ? "Other" : String(call.action.prefix(64))
        entry.bodyBytes = body.received
        let fault = faults.meet(.init(operation: entry.operation, bucket: "", key: ObjectKey(""), part: 0))
        entry.fault = fault?.id
        let pause = settings.latency + (fault?.rule.delay ?? .zero)
        if pause > .zero { try? await Task.sleep(for: pause) }

        let answer: Answer
        switch fault?.rule.effect {
        case .reset, .blackHole:
            entry.milliseconds = clock.now.milliseconds - entry.time.milliseconds
            log.add(entry)
            return fault?.rule.effect == .reset ? .reset : .silence
        case .status:
            let told = fault?.failure ?? .noSuchBucket("")
            answer = refuse(STSFailure(told.status, told.code, told.message), request, call, requestID)
        default:
            answer = perform(call, request, requestID, &entry)
        }
        entry.status = answer.status
        entry.code = answer.code
        entry.milliseconds = clock.now.milliseconds - entry.time.milliseconds
        log.add(entry)
        switch fault?.rule.effect {
        case .lostAnswer: return .closed
        case .truncate: return .truncated(answer)
        default: return .whole(answer)
        }
    }

    /// `6894B13B-6D71-4EF5-88FA-F32781734A7F`
    private static func requestID() -> String {
        let digits = Array(randomHex(16).uppercased())
        let cuts = [0, 8, 12, 16, 20, 32]
        return zip(cuts, cuts.dropFirst()).map { String(digits[$0..<$1]) }.joined(separator: "-")
    }

    private func perform(_ call: STSCall, _ request: IncomingRequest, _ requestID: String, _ entry: inout RequestLog.Entry) -> Answer {
        do throws(STSFailure) {
            guard request.method == "GET" || request.method == "POST" else {
                throw STSFailure(405, "UnsupportedHTTPMethod", "Only GET and POST are allowed.")
            }
            guard !call.action.isEmpty else { throw .missing("Action") }
            guard ["AssumeRole", "GetCallerIdentity"].contains(call.action) else {
                throw STSFailure(404, "InvalidApi.NotFound", "The sandbox does not know the action \(call.action).")
            }
            let now = clock.now
            let identity = try call.identify(lookup: keys.lookup, nonces: nonces, now: now)
            entry.accessKeyID = identity.accessKeyID
            return try call.action == "AssumeRole" ? assumeRole(call, identity, requestID, now) : callerIdentity(call, identity, requestID)
        } catch {
            return refuse(error, request, call, requestID)
        }
    }

    private func refuse(_ failure: STSFailure, _ request: IncomingRequest, _ call: STSCall, _ requestID: String) -> Answer {
        let document = failure.document(requestID: requestID, host: request.host, isXML: call.isXML)
        return answer(document, status: failure.status, call, requestID, code: failure.code)
    }

    private func answer(_ document: [UInt8], status: Int, _ call: STSCall, _ requestID: String, code: String? = nil) -> Answer {
        Answer(
            status: status,
            headers: [
                "Date": clock.now.httpDate, "Content-Type": call.isXML ? "text/xml;charset=utf-8" : "application/json;charset=utf-8",
                "Content-Length": String(document.count), "x-acs-request-id": requestID, "Cache-Control": "no-store",
            ], body: .bytes(document), code: code)
    }

    // MARK: AssumeRole

    private func assumeRole(_ call: STSCall, _ identity: Identity, _ requestID: String, _ now: Timestamp) throws(STSFailure) -> Answer {
        let (role, name) = try checkRole(call)
        let seconds = try duration(call)
        if let id = call["ExternalId"], !(2...1224).contains(id.unicodeScalars.count) || !STSService.consists(id, of: "_+=,.@:/-") {
            throw .parameter("ExternalId", "ExternalId must be 2 to 1224 of A-Z a-z 0-9 _ + = , . @ : / -.")
        }
        let source = call["SourceIdentity"]
        if let source, !(2...64).contains(source.utf8.count) || !STSService.consists(source, of: "=,.@-_") {
            throw .parameter("SourceIdentity", "SourceIdentity must be 2 to 64 of A-Z a-z 0-9 = , . @ - _.")
        }
        let policy = call.parameters.first { $0.name == "Policy" }?.value
        if let policy { try STSService.check(policy: policy) }
        if let session = identity.session {
            // A role may assume a role only where its own policies allow it.
            let decision = SessionPolicy.evaluate(
                role: session.rolePolicy, session: session.sessionPolicy, action: "sts:AssumeRole", resource: settings.roleARN)
            guard decision == .allow else {
                throw STSFailure(403, "NoPermission", "You are not authorized to do this action. You should be authorized by RAM.")
            }
        }
        let arn = "acs:ram::\(SandboxSettings.account):assumed-role/\(role)/\(name)"
        let made = keys.tokens.issue(arn: arn, policy: policy, seconds: seconds, now: now)
        let fields = [
            ("AccessKeyId", made.accessKeyID), ("AccessKeySecret", made.accessKeySecret.reveal()),
            ("SecurityToken", made.securityToken?.reveal() ?? ""), ("Expiration", made.expiration?.iso8601 ?? ""),
        ]
        let user = [("Arn", "acs:ram::\(SandboxSettings.account):role/\(role)/\(name)"), ("AssumedRoleId", "300000000000000001:\(name)")]
        return answer(
            STSService.document(
                "AssumeRole", requestID, [("AssumedRoleUser", user), ("Credentials", fields)],
                source.map { [("SourceIdentity", $0)] } ?? [], call),
            status: 200, call, requestID)
    }

    private func checkRole(_ call: STSCall) throws(STSFailure) -> (role: String, name: String) {
        guard let arn = call["RoleArn"] else { throw .missing("RoleArn") }
        guard arn.hasPrefix("acs:ram::"), let (_, role) = arn.cut(at: "/"), arn.asciiLower.contains(":role/"), !role.isEmpty else {
            throw .parameter("RoleArn", "The parameter RoleArn is wrongly formed.")
        }
        guard let name = call["RoleSessionName"] else { throw .missing("RoleSessionName") }
        guard (2...64).contains(name.utf8.count), STSService.consists(name, of: ".@-_") else {
            throw .parameter("RoleSessionName", "The parameter RoleSessionName is wrongly formed.")
        }
        guard arn.asciiLower == settings.roleARN.asciiLower else {
            throw STSFailure(404, "EntityNotExist.Role", "The role not exists: \(role).")
        }
        return (role, name)
    }

    private func duration(_ call: STSCall) throws(STSFailure) -> Int {
        guard let text = call["DurationSeconds"] else { return 3600 }
        guard let seconds = Int(digits: text), (900...settings.longestRoleTime).contains(seconds) else {
            throw .parameter(
                "DurationSeconds", "The Min/Max value of DurationSeconds is 15min/\(settings.longestRoleTime) seconds for this role.")
        }
        return seconds
    }

    private static func check(policy: String) throws(STSFailure) {
        do throws(PolicyError) { _ = try SessionPolicy(json: policy) } catch {
            if case .tooLong = error { throw .parameter("PolicySize", "The size of Policy must be smaller than 2048 bytes: \(error).") }
            throw .parameter("PolicyGrammar", "The parameter Policy has not passed grammar check: \(error).")
        }
    }

    /// Letters, digits and those.
    private static func consists(_ text: String, of others: String) -> Bool {
        text.utf8.allSatisfy {
            (97...122).contains($0) || (65...90).contains($0) || (48...57).contains($0) || others.utf8.contains($0)
        }
    }

    private func callerIdentity(_ call: STSCall, _ identity: Identity, _ requestID: String) -> Answer {
        let isRole = identity.session != nil
        let fields = [
            ("AccountId", SandboxSettings.account), ("IdentityType", isRole ? "AssumedRoleUser" : "RAMUser"),
            ("PrincipalId", isRole ? "300000000000000001:session" : "200000000000000001"),
            ("Arn", isRole ? settings.roleARN : "acs:ram::\(SandboxSettings.account):user/sandbox"),
        ]
        return answer(STSService.document("GetCallerIdentity", requestID, [], fields, call), status: 200, call, requestID)
    }

    private static func document(
        _ action: String, _ requestID: String, _ groups: [(String, [(String, String)])], _ fields: [(String, String)], _ call: STSCall
    ) -> [UInt8] {
        guard !call.isXML else {
            var writer = XMLWriter()
            writer.element("\(action)Response") { root in
                root.element("RequestId", requestID)
                for (name, group) in groups { root.element(name) { element in for (name, text) in group { element.element(name, text) } } }
                for (name, text) in fields { root.element(name, text) }
            }
            return writer.bytes
        }
        var object: [String: Field] = ["RequestId": .text(requestID)]
        for (name, group) in groups { object[name] = .group(Dictionary(uniqueKeysWithValues: group)) }
        for (name, text) in fields { object[name] = .text(text) }
        return JSON.encode(object)
    }

    private enum Field: Encodable {
        case text(String)
        case group([String: String])

        func encode(to encoder: any Encoder) throws {
            var container = encoder.singleValueContainer()
            switch self {
            case .text(let text): try container.encode(text)
            case .group(let fields): try container.encode(fields)
            }
        }
    }
}
