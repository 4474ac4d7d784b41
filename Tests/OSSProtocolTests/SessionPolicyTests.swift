import OSSProtocol
import Testing

@Suite struct SessionPolicyTests {
    static func policy(_ json: JSON) throws -> SessionPolicy? {
        if case .null = json { return nil }
        return try SessionPolicy(json: json.written)
    }

    @Test(arguments: Vector.list("session-policy", "cases")) func decisionsAreTheDocumentedOnes(vector: Vector) throws {
        let (role, session) = (try Self.policy(vector["role_policy"]), try Self.policy(vector["session_policy"]))

        for check in vector["checks"].list {
            let decision = SessionPolicy.evaluate(
                role: role, session: session, action: check["action"].string, resource: check["resource"].string,
                context: check["context"].texts)
            #expect(
                decision.rawValue == check["expect"].string,
                "\(check["operation"].string) \(check["resource"].string) \(check["context"].texts)")
        }
    }

    @Test(arguments: Vector.list("session-policy", "grammar")) func theGrammarIsChecked(vector: Vector) {
        let isPolicy = (try? SessionPolicy(json: vector["policy_text"].string)) != nil

        #expect(isPolicy == vector["valid"].flag)
    }

    @Test(arguments: Vector.list("session-policy", "requests")) func requestsNeedTheDocumentedPermissions(vector: Vector) {
        let query = vector["query"].texts.map { QueryItem($0.key, $0.value) }
        let headers = HTTPHeaders(vector["headers"].texts.map { HTTPHeaders.Field($0.key, $0.value) })

        let needs = RequiredPermission.of(
            method: vector["method"].string, resource: vector.resource, query: query, headers: headers, account: "1234567890123456")

        #expect(needs.map(\.action) == vector["needs"].list.map { $0["action"].string })
        #expect(needs.map(\.resource) == vector["needs"].list.map { $0["resource"].string })
    }

    @Test func aListingNamesItsPrefixAlsoWhenItHasNone() {
        let bucket = SignedResource(bucket: "example-bucket", key: nil)
        let with = RequiredPermission.of(
            method: "GET", resource: bucket, query: [QueryItem("prefix", "a/"), QueryItem("delimiter", "/")], headers: [:])
        let without = RequiredPermission.of(method: "GET", resource: bucket, query: [QueryItem("list-type", "2")], headers: [:])

        #expect(with.map(\.context) == [["oss:Prefix": "a/", "oss:Delimiter": "/"]])
        #expect(without.map(\.context) == [["oss:Prefix": "", "oss:Delimiter": ""]])
    }

    @Test(arguments: [
        #"{"Version":"1","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}"#,
        #"{"Version":"1","Statement":[]}"#,
        #"{"Version":1,"Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}"#,
        #"{"Version":"1","Statement":[{"Effect":"Allow","Action":[],"Resource":"*"}]}"#,
        #"{"Version":"1","Statement":[{"Effect":"Allow","Action":["*",1],"Resource":"*"}]}"#,
        #"{"Version":"1","Statement":[{"Effect":"Allow","Action":"*","NotAction":"*","Resource":"*"}]}"#,
        #"{"Version":"1","Statement":[{"Effect":"Allow","Action":"PutObject","Resource":"*"}]}"#,
        #"{"Version":"1","Statement":[{"Effect":"Allow","Action":"*","Resource":"bucket/key"}]}"#,
        #"{"Version":"1","Statement":[{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"StringMatches":{"oss:Prefix":"a"}}}]}"#,
        #"{"Version":"1","Statement":[{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"IpAddress":{"acs:SourceIp":"10.0.0.0/33"}}}]}"#,
        #"{"Version":"1","Statement":[{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"DateLessThan":{"acs:CurrentTime":"soon"}}}]}"#,
    ]) func whatTheGrammarDoesNotHaveIsRefused(text: String) {
        #expect(throws: PolicyError.self) { try SessionPolicy(json: text) }
    }

    @Test(arguments: [
        (#""NumericLessThan":{"n":"10"}"#, ["n": "9.5"], true), (#""NumericLessThan":{"n":"10"}"#, ["n": "10"], false),
        (#""NumericGreaterThanEquals":{"n":"10"}"#, ["n": "10"], true), (#""NumericEquals":{"n":["1","2"]}"#, ["n": "2.0"], true),
        (#""NumericNotEquals":{"n":["1","2"]}"#, ["n": "2"], false), (#""NumericNotEquals":{"n":["1","2"]}"#, ["n": "3"], true),
        (#""NumericNotEquals":{"n":"1"}"#, [:], false), (#""Bool":{"b":"True"}"#, ["b": "true"], true),
        (#""DateNotEquals":{"t":"2026-01-01T00:00:00Z"}"#, ["t": "2026-01-01T08:00:00+08:00"], false),
        (#""IpAddress":{"a":"2001:db8::/32"}"#, ["a": "2001:db8:1::5"], true),
        (#""IpAddress":{"a":"2001:db8::/32"}"#, ["a": "2001:db9::"], false),
        (#""IpAddress":{"a":"0.0.0.0/0"}"#, ["a": "203.0.113.9"], true), (#""IpAddress":{"a":"0.0.0.0/0"}"#, ["a": "::1"], false),
        (#""StringNotEqualsIgnoreCase":{"s":"A"}"#, ["s": "a"], false), (#""StringEquals":{"s":"\u00e9"}"#, ["s": "e\u{301}"], false),
    ]) func conditionsCompareByTheirType(condition: String, context: [String: String], holds: Bool) throws {
        let text = #"{"Version":"1","Statement":[{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"# + condition + "}}]}"

        let decision = try SessionPolicy(json: text).evaluate(action: "oss:GetObject", resource: "acs:oss:*:1:b/k", context: context)

        #expect((decision == .allow) == holds)
    }

    @Test func aWildcardForTheAccountNeverReachesIntoAnotherBucketsKeys() throws {
        let policy = try SessionPolicy(
            json: #"{"Version":"1","Statement":[{"Effect":"Allow","Action":"*","Resource":"acs:oss:*:*:mine/*"}]}"#)

        #expect(policy.evaluate(action: "oss:GetObject", resource: "acs:oss:*:1:theirs/x:mine/secret") == .implicitDeny)
        #expect(policy.evaluate(action: "oss:GetObject", resource: "acs:oss:*:1:mine/a:b") == .allow)
    }

    @Test func aPatternOfManyStarsIsDecidedQuickly() throws {
        let stars = String(repeating: "a*", count: 500)
        let policy = try SessionPolicy(
            json: #"{"Version":"1","Statement":[{"Effect":"Allow","Action":"*","Resource":"acs:oss:*:*:b/\#(stars)b"}]}"#)
        let key = String(repeating: "a", count: 1023)

        let took = ContinuousClock().measure { _ = policy.evaluate(action: "oss:GetObject", resource: "acs:oss:*:1:b/\(key)") }

        #expect(took < .seconds(1))
        #expect(policy.evaluate(action: "oss:GetObject", resource: "acs:oss:*:1:b/\(key)") == .implicitDeny)
    }
}

extension JSON {
    /// Written back as JSON text; key order is of no meaning.
    var written: String {
        switch self {
        case .null: "null"
        case .flag(let flag): "\(flag)"
        case .number(let number): "\(number)"
        case .text(let text): JSON.quoted(text)
        case .list(let list): "[\(list.map(\.written).joined(separator: ","))]"
        case .object(let object): "{\(object.map { "\(JSON.quoted($0.key)):\($0.value.written)" }.joined(separator: ","))}"
        }
    }

    private static func quoted(_ text: String) -> String {
        "\""
            + text.unicodeScalars.map { $0.value < 32 || $0 == "\"" || $0 == "\\" ? "\\u00\(Hex.encode([UInt8($0.value)]))" : String($0) }
            .joined() + "\""
    }
}
