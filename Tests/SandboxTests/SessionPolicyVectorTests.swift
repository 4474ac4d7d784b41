import HummingbirdCore
import NIOCore
import OSSProtocol
import Testing

@testable import Sandbox

/// Each policy is given to AssumeRole (or to the role), and each check is a signed request with the token that came back.
@Suite struct SessionPolicyVectorTests {
    private static let account = "acs:oss:*:\(SandboxSettings.account):"
    private static let cases = Vector.list("session-policy", "cases")

    @Test(arguments: cases) func everyRequestIsDecidedAsTheFileSays(vector: Vector) async throws {
        let caller = try caller(role: vector["role_policy"])

        for check in vector["checks"].list {
            let error = try await refusal(of: check, caller, session: vector["session_policy"])
            switch check["expect"].text {
            case "allow": #expect(error == nil, "\(check)")
            case "explicit_deny": #expect(error?["NoPermissionType"] == "ExplicitDeny", "\(check)")
            default: #expect(error?["NoPermissionType"] == "ImplicitDeny", "\(check)")
            }
            if let error { #expect(error["Message"] == "Access denied by authorizer's policy." && error["EC"] == "0003-00000001") }
        }
    }

    @Test(arguments: cases.compactMap { vector in changed(vector, resource).map { ($0, vector) } })
    func withOneByteOfItsResourcesChangedAPolicyAllowsNothing(changed: (role: VectorValue, session: VectorValue), vector: Vector)
        async throws
    {
        let caller = try caller(role: changed.role)

        for check in vector["checks"].list where check["expect"].text == "allow" {
            #expect(try await refusal(of: check, caller, session: changed.session) != nil, "\(check)")
        }
    }

    @Test(arguments: cases.compactMap { vector in changed(vector, prefix).map { ($0, vector) } })
    func withOneByteOfAListedPrefixChangedAPolicyAllowsNoListOfIt(changed: (role: VectorValue, session: VectorValue), vector: Vector)
        async throws
    {
        let caller = try caller(role: changed.role)

        for check in vector["checks"].list
        where check["expect"].text == "allow" && check["context"]["oss:Prefix"].text?.isEmpty == false {
            #expect(try await refusal(of: check, caller, session: changed.session) != nil, "\(check)")
        }
    }

    @Test(arguments: Vector.list("session-policy", "requests")) func aRequestNeedsExactlyThePermissionsOfTheFile(vector: Vector)
        async throws
    {
        let caller = try caller(role: .null)
        let needs = vector["needs"].list.map { ($0["action"].text ?? "", $0["resource"].text ?? "") }
        func send(_ permissions: [(String, String)]) async throws -> Bool {
            let token = try await caller.assumeRole(policy: Self.policy(permissions))
            let query = vector["query"].texts.sorted { $0.key < $1.key }.map { QueryItem($0.key, $0.value) }
            let headers = HTTPHeaders(vector["headers"].texts.map { HTTPHeaders.Field($0.key, $0.value) })
            return try await allows(
                caller, token, vector["method"].text ?? "", bucket: vector["bucket"].text, key: vector["key"].text, query, headers)
        }

        #expect(try await send(needs))
        for place in needs.indices {
            var fewer = needs
            fewer.remove(at: place)
            #expect(try await !send(fewer + [("oss:Nothing", "*")]))
            // One letter of the bucket's name, where there is one.
            guard let other = Self.flipped(needs[place].1) else { continue }
            var wrong = needs
            wrong[place].1 = other
            #expect(try await !send(wrong))
        }
    }

    @Test(arguments: Vector.list("session-policy", "grammar")) func assumeRoleTakesAPolicyOnlyIfItsGrammarIsRight(vector: Vector)
        async throws
    {
        let caller = try caller(role: .null)
        let request = STS.assumeRole(
            endpoint: try Endpoint("http://127.0.0.1:9002"),
            AssumeRoleRequest(roleARN: caller.settings.roleARN, roleSessionName: "alice", policy: vector["policy_text"].text),
            credentials: caller.credentials, now: caller.now, nonce: "n")

        let answer = try await caller.deliverToSTS(request)

        if vector["valid"].flag == true {
            #expect(answer.status == 200)
        } else {
            #expect(answer.status == 400 && STSError(response: answer).code == "InvalidParameter.PolicyGrammar")
        }
    }

    // MARK: Asking

    private func caller(role: VectorValue) throws -> Caller {
        let policy = try role.json.map { try SessionPolicy(json: $0) }
        return try Caller {
            $0.rolePolicy = policy
            $0.otherBuckets = ["example-bucket", "example-bucket2", "zzz"].map { ($0, nil) }
        }
    }

    /// The answer's error where the policies refuse; anything else (such as an upload that is not there) counts as allowed.
    private func refusal(of check: VectorValue, _ caller: Caller, session: VectorValue) async throws -> XMLElement? {
        let context = check["context"].texts
        // A time in another zone is the same moment.
        if let time = context["acs:CurrentTime"].flatMap({ Timestamp(iso8601: $0) }) { caller.now = time }
        let token = try await caller.assumeRole(policy: session.json)
        let resource = (check["resource"].text ?? "").dropFirst(Self.account.count)
        let (bucket, key) = resource.cut(at: "/").map { ($0.before, Optional($0.after)) } ?? (String(resource), nil)
        var (method, query, headers) = Self.request(check["operation"].text ?? "")
        for (name, parameter) in [("oss:Prefix", "prefix"), ("oss:Delimiter", "delimiter")] {
            if let value = context[name] { query.append(QueryItem(parameter, value)) }
        }
        if let agent = context["acs:UserAgent"] { headers["User-Agent"] = agent }
        return try await send(
            caller, token, method, bucket: bucket == "*" ? nil : bucket, key: key, query, headers, remote: context["acs:SourceIp"],
            isSecure: context["acs:SecureTransport"] == "true")
    }

    private static func request(_ operation: String) -> (method: String, query: [QueryItem], headers: HTTPHeaders) {
        let upload = QueryItem("uploadId", "0004B9894A22E5B1888A1E29F8236E2D")
        switch operation {
        case "PutObject": return ("PUT", [], [:])
        case "InitiateMultipartUpload": return ("POST", [QueryItem("uploads")], [:])
        case "UploadPart": return ("PUT", [QueryItem("partNumber", "1"), upload], [:])
        case "ListParts": return ("GET", [upload], [:])
        case "AbortMultipartUpload": return ("DELETE", [upload], [:])
        case "HeadObject": return ("HEAD", [], [:])
        case "GetObject", "ListBuckets": return ("GET", [], [:])
        case "DeleteObject": return ("DELETE", [], [:])
        case "PutObjectAcl": return ("PUT", [QueryItem("acl")], ["x-oss-object-acl": "private"])
        case "PutObjectTagging": return ("PUT", [QueryItem("tagging")], [:])
        case "ListObjectsV2": return ("GET", [QueryItem("list-type", "2")], [:])
        case "ListMultipartUploads": return ("GET", [QueryItem("uploads")], [:])
        case "GetBucketInfo": return ("GET", [QueryItem("bucketInfo")], [:])
        default:
            Issue.record("no request for \(operation)")
            return ("GET", [], [:])
        }
    }

    private func allows(
        _ caller: Caller, _ token: Credentials, _ method: String, bucket: String?, key: String?, _ query: [QueryItem],
        _ headers: HTTPHeaders
    ) async throws -> Bool {
        try await send(caller, token, method, bucket: bucket, key: key, query, headers) == nil
    }

    private func send(
        _ caller: Caller, _ token: Credentials, _ method: String, bucket: String?, key: String?, _ query: [QueryItem],
        _ headers: HTTPHeaders, remote: String? = nil, isSecure: Bool = false
    ) async throws -> XMLElement? {
        let address = BucketAddress(
            endpoint: caller.address.endpoint, addressing: .path, region: caller.settings.region, bucket: bucket ?? "")
        let key = key.map { ObjectKey($0) }
        let signed = V4Signer(region: caller.settings.region).sign(
            address.request(method: method, key: key, query: query, headers: headers), resource: address.resource(key), credentials: token,
            now: caller.now)
        var incoming = IncomingRequest(
            method: method, target: signed.path + (signed.query.map { "?" + $0 } ?? ""), host: signed.host, headers: signed.headers,
            remote: remote ?? "127.0.0.1")
        incoming.isSecure = isSecure
        let delivery = await caller.parts.oss.respond(
            to: incoming, body: IncomingBody(RequestBody(buffer: ByteBuffer()), announced: 0))
        let answer = try Caller.response(try #require(delivery.answer))
        let document = answer.headers["x-oss-err"].flatMap { Base64.decode($0) } ?? answer.body
        guard answer.status == 403 else { return nil }
        let error = try XMLReader.parse(document)
        #expect(error["Code"] == "AccessDenied")
        return error
    }

    // MARK: Changing

    private static func policy(_ permissions: [(String, String)]) -> String {
        let statements = permissions.map { #"{"Effect":"Allow","Action":"\#($0.0)","Resource":"\#($0.1)"}"# }
        return #"{"Version":"1","Statement":[\#(statements.joined(separator: ","))]}"#
    }

    /// Role and session policy, that of the session changed where there is one; `nil` where no byte of it can be changed so that it
    /// matters.
    private static func changed(_ vector: Vector, _ change: (VectorValue) -> VectorValue?) -> (role: VectorValue, session: VectorValue)? {
        if case .null = vector["session_policy"] {
            return change(vector["role_policy"]).map { ($0, .null) }
        }
        return change(vector["session_policy"]).map { (vector["role_policy"], $0) }
    }

    /// The first letter of the bucket in every resource of every Allow.
    private static func resource(_ policy: VectorValue) -> VectorValue? {
        statements(policy) { statement in
            guard statement["Effect"].text == "Allow" else { return statement }
            let resources = statement["Resource"].text.map { [$0] } ?? statement["Resource"].list.compactMap(\.text)
            let other = resources.compactMap { flipped($0) }
            guard !resources.isEmpty, other.count == resources.count else { return nil }
            return statement.with("Resource", .list(other.map { .text($0) }))
        }
    }

    /// The first letter of every value of `oss:Prefix`.
    private static func prefix(_ policy: VectorValue) -> VectorValue? {
        var isFound = false
        let changed = statements(policy) { statement in
            guard case .object(var operators) = statement["Condition"] else { return statement }
            for (name, keys) in operators where !keys["oss:Prefix"].list.isEmpty || keys["oss:Prefix"].text != nil {
                let values = keys["oss:Prefix"].text.map { [$0] } ?? keys["oss:Prefix"].list.compactMap(\.text)
                isFound = true
                operators[name] = keys.with("oss:Prefix", .list(values.map { .text($0.isEmpty ? $0 : "#" + $0.dropFirst()) }))
            }
            return statement.with("Condition", .object(operators))
        }
        return isFound ? changed : nil
    }

    private static func statements(_ policy: VectorValue, _ change: (VectorValue) -> VectorValue?) -> VectorValue? {
        let all = policy["Statement"].list
        let changed = all.compactMap(change)
        return all.isEmpty || changed.count != all.count ? nil : policy.with("Statement", .list(changed))
    }

    /// `nil` for a resource whose bucket begins with a wildcard.
    private static func flipped(_ resource: String) -> String? {
        let fields = resource.split(separator: ":", maxSplits: 4, omittingEmptySubsequences: false)
        guard fields.count == 5, let first = fields[4].first, first != "*", first != "?" else { return nil }
        return (fields[..<4] + [(first == "q" ? "r" : "q") + fields[4].dropFirst()]).joined(separator: ":")
    }
}

extension VectorValue {
    fileprivate func with(_ name: String, _ value: VectorValue) -> VectorValue {
        guard case .object(var object) = self else { return self }
        object[name] = value
        return .object(object)
    }
}
