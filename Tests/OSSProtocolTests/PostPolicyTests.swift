import Testing

@testable import OSSProtocol

@Suite struct PostPolicyTests {
    static let signing = Vector.list("post-policy", "signing")
    static let checks = Vector.list("post-policy", "checks")
    static let end = Timestamp(seconds: 1_768_465_800)

    static func fields(_ vector: Vector, policy: String) -> [QueryItem] {
        vector["signature_version"].string == "V1"
            ? PostForm.version1(policy: policy, credentials: vector.credentials)
            : PostForm.version4(
                policy: policy, credentials: vector.credentials, region: vector["region"].string, product: vector["product"].string,
                now: vector.now)
    }

    static func dictionary(_ fields: [QueryItem]) -> [String: String] {
        Dictionary(uniqueKeysWithValues: fields.map { ($0.name, $0.value ?? "") })
    }

    @Test(arguments: signing) func theFormIsWhatTheOfficialSamplesSend(vector: Vector) {
        var expected = vector["expect"]["form_fields"].texts
        expected["key"] = nil

        let fields = Self.dictionary(Self.fields(vector, policy: vector["policy_text"].string))

        #expect(fields == expected)
        #expect(fields["policy"] == vector["expect"]["string_to_sign"].string)
        #expect(fields["Signature"] ?? fields["x-oss-signature"] == vector["expect"]["signature"].string)
    }

    @Test(arguments: signing) func anotherPolicyHasAnotherSignature(vector: Vector) {
        let fields = Self.dictionary(Self.fields(vector, policy: vector["policy_text"].string + " "))

        #expect(fields["Signature"] ?? fields["x-oss-signature"] != vector["expect"]["signature"].string)
    }

    @Test(arguments: signing) func theFormMeetsItsOwnPolicyUntilItsEnd(vector: Vector) throws {
        let policy = try PostPolicy(json: Array(vector["policy_text"].string.utf8))
        var form = vector["expect"]["form_fields"].texts
        for condition in policy.conditions {
            // What the sample left to whoever fills in the form.
            switch condition {
            case .equals(let field, let text): form[field] = form[field] ?? text
            case .startsWith(let field, let prefix): form[field] = prefix + "x"
            case .isIn(let field, let texts): form[field] = texts[0]
            case .isNotIn(let field, _): form[field] = "x"
            case .contentLength: break
            }
        }
        let bucket = vector["bucket"].string

        try policy.check(form: form, bucket: bucket, fileSize: 1, now: policy.expiration)
        #expect(throws: PostPolicyError.expired(policy.expiration)) {
            try policy.check(form: form, bucket: bucket, fileSize: 1, now: policy.expiration + .milliseconds(1))
        }
        // What it writes says the same as what it read.
        #expect(try PostPolicy(json: Array(policy.text.utf8)) == policy)
    }

    @Test(arguments: checks) func formsAreTakenOrRefusedAsDocumented(vector: Vector) throws {
        let policy = try PostPolicy(json: Self.document(vector["conditions"]))
        let now = vector["expired"].flag ? Self.end + .seconds(1) : Self.end - .seconds(1)
        let check = {
            try policy.check(
                form: vector["form"].texts, bucket: vector["bucket"].string, fileSize: Int64(vector["file_size"].int), now: now)
        }

        if vector["expect"].string == "accept" {
            try check()
        } else {
            let error = #expect(throws: PostPolicyError.self) { try check() }
            #expect(error?.code == "AccessDenied")
        }
    }

    /// The conditions as they stand in the file, in a policy that ends at `end`.
    static func document(_ conditions: JSON) -> [UInt8] {
        Array("{\"expiration\":\"\(end.iso8601Milliseconds)\",\"conditions\":\(written(conditions))}".utf8)
    }

    static func written(_ json: JSON) -> String {
        switch json {
        case .null: "null"
        case .flag(let flag): "\(flag)"
        case .number(let number): "\(Int(number))"
        case .text(let text): text.quotedAsJSON
        case .list(let list): "[\(list.map(written).joined(separator: ","))]"
        case .object(let pairs): "{\(pairs.map { "\($0.key.quotedAsJSON):\(written($0.value))" }.joined(separator: ","))}"
        }
    }

    @Test(arguments: [
        "", "[]", "{}", "{\"expiration\":\"2026-01-15T08:45:00.000Z\"}", "{\"expiration\":\"soon\",\"conditions\":[]}",
        "{\"conditions\":[]}", conditions("1"), conditions("{}"), conditions("[\"eq\",\"$key\"]"), conditions("[\"eq\",\"key\",\"a\"]"),
        conditions("[\"eq\",\"$key\",1]"), conditions("[\"like\",\"$key\",\"a\"]"), conditions("[\"in\",\"$key\",\"a\"]"),
        conditions("[\"in\",\"$key\",[]]"), conditions("[\"content-length-range\",5,1]"), conditions("[\"content-length-range\",\"1\",5]"),
        conditions("[\"content-length-range\",-1,5]"), conditions("{\"bucket\":7}"), conditions("[\"eq\",\"$\",\"a\"]"),
        "{\"expiration\":\"2026-01-15T08:45:00.000Z\",\"conditions\":" + String(repeating: "[", count: 5000),
    ]) func whatIsNoPolicyIsRefused(json: String) {
        let error = #expect(throws: PostPolicyError.self) { try PostPolicy(json: Array(json.utf8)) }

        #expect(error?.code == "InvalidPolicyDocument")
    }

    static func conditions(_ text: String) -> String { "{\"expiration\":\"2026-01-15T08:45:00.000Z\",\"conditions\":[\(text)]}" }

    @Test func aPolicyIsBounded() {
        #expect(throws: PostPolicyError.self) { try PostPolicy(json: [UInt8](repeating: 32, count: PostPolicy.longest + 1)) }
    }

    @Test func valuesAreComparedByBytesAndNamesWithoutCase() throws {
        let policy = PostPolicy(expiration: Self.end, conditions: [.equals(field: "content-type", "caf\u{E9}")])

        try policy.check(form: ["Content-Type": "caf\u{E9}"], bucket: "b", fileSize: 0, now: Self.end)
        #expect(throws: PostPolicyError.self) {
            try policy.check(form: ["Content-Type": "cafe\u{301}"], bucket: "b", fileSize: 0, now: Self.end)
        }
    }

    @Test(arguments: [
        PostPolicy.Condition.equals(field: "x", ""), .startsWith(field: "x", ""), .isIn(field: "x", [""]), .isNotIn(field: "x", ["a"]),
    ]) func aMissingFieldMeetsNoCondition(condition: PostPolicy.Condition) {
        let policy = PostPolicy(expiration: Self.end, conditions: [condition])

        #expect(throws: PostPolicyError.notMet(condition.json)) {
            try policy.check(form: ["key": "k"], bucket: "b", fileSize: 0, now: Self.end)
        }
    }

    @Test(arguments: 0..<4) func aVersion4FormNeedsAPolicyThatFixesItsCredential(left: Int) throws {
        let credentials = Credentials(accessKeyID: "STS.k", accessKeySecret: Secret("s"), securityToken: Secret("t"))
        var conditions = PostForm.version4Conditions(credentials: credentials, region: "r", now: Self.end)
        let whole = PostPolicy(expiration: Self.end, conditions: conditions)
        let form = Self.dictionary(PostForm.version4(policy: whole.text, credentials: credentials, region: "r", now: Self.end))
        conditions.remove(at: left)
        let lacking = PostPolicy(expiration: Self.end, conditions: conditions)

        try whole.check(form: form, bucket: "b", fileSize: 0, now: Self.end)
        #expect(throws: PostPolicyError.self) { try lacking.check(form: form, bucket: "b", fileSize: 0, now: Self.end) }
    }

    @Test func theBucketIsTheOneAddressedWhateverTheFormSays() {
        let policy = PostPolicy(expiration: Self.end, conditions: [.equals(field: "bucket", "mine")])

        #expect(throws: PostPolicyError.self) {
            try policy.check(form: ["bucket": "mine"], bucket: "other", fileSize: 0, now: Self.end)
        }
    }
}
