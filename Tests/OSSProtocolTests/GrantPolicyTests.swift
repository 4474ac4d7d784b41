import OSSProtocol
import Testing

@Suite struct GrantPolicyTests {
    static let account = "acs:oss:*:1234567890123456:"

    static func allowed(_ policy: String, _ action: String, _ resource: String, prefix: String? = nil) throws -> Bool {
        try SessionPolicy(json: policy).evaluate(
            action: "oss:\(action)", resource: account + resource, context: prefix.map { ["oss:Prefix": $0] } ?? [:]) == .allow
    }

    @Test func uploadIsPutWithTagsAbortAndListOfPartsOnly() throws {
        let policy = try SessionPolicy.text(bucket: "media-7", prefix: "in/cam", verbs: [.upload])

        for action in ["PutObject", "PutObjectTagging", "AbortMultipartUpload", "ListParts"] {
            #expect(try Self.allowed(policy, action, "media-7/in/cam/x"))
        }
        for action in ["GetObject", "DeleteObject", "PutObjectAcl", "GetObjectTagging", "ListObjects"] {
            #expect(try !Self.allowed(policy, action, "media-7/in/cam/x"), "\(action)")
        }
        #expect(try !Self.allowed(policy, "ListMultipartUploads", "media-7"))
    }

    @Test(arguments: [GrantVerb.upload, .get, .delete]) func thePrefixEndsAtItsSlash(verb: GrantVerb) throws {
        let action = [.upload: "PutObject", .get: "GetObject", .delete: "DeleteObject"][verb] ?? ""

        for prefix in ["users/al", "users/al/"] {
            let policy = try SessionPolicy.text(bucket: "media-7", prefix: prefix, verbs: [verb])
            #expect(try Self.allowed(policy, action, "media-7/users/al/x"))
            #expect(try !Self.allowed(policy, action, "media-7/users/alice/x"))
            #expect(try !Self.allowed(policy, action, "media-7/users/al"))
            #expect(try !Self.allowed(policy, action, "media-77/users/al/x"))
        }
    }

    @Test func listingIsHeldToThePrefix() throws {
        let policy = try SessionPolicy.text(bucket: "media-7", prefix: "in/cam", verbs: [.list])

        for action in ["ListObjects", "ListMultipartUploads"] {
            #expect(try Self.allowed(policy, action, "media-7", prefix: "in/cam/"))
            #expect(try Self.allowed(policy, action, "media-7", prefix: "in/cam/2026"))
            for prefix in [nil, "", "in/", "in/cam", "in/camera/"] {
                #expect(try !Self.allowed(policy, action, "media-7", prefix: prefix), "\(action) \(prefix ?? "none")")
            }
        }
        #expect(try !Self.allowed(policy, "GetObject", "media-7/in/cam/x"))
    }

    @Test func anEmptyPrefixIsTheWholeBucketAndNoOther() throws {
        let policy = try SessionPolicy.text(bucket: "media-7", prefix: "", verbs: GrantVerb.allCases)

        #expect(try Self.allowed(policy, "PutObject", "media-7/x"))
        #expect(try Self.allowed(policy, "ListObjects", "media-7", prefix: ""))
        #expect(try !Self.allowed(policy, "PutObject", "media-77/x"))
    }

    @Test(arguments: ["a*/", "a?/", "${x}/", "/a", "\\a", String(repeating: "x", count: 1024)])
    func aPrefixThatAPolicyCannotSayIsRefused(prefix: String) {
        #expect(throws: PolicyError.self) { try SessionPolicy.text(bucket: "media-7", prefix: prefix, verbs: [.upload]) }
    }

    @Test func aPolicyThatWouldBeTooLongIsRefused() throws {
        // Every quote needs a backslash, so a prefix that is short enough as a key is not as a policy.
        let prefix = String(repeating: "\"", count: 1000)

        #expect(throws: PolicyError.self) { try SessionPolicy.text(bucket: "media-7", prefix: prefix, verbs: [.upload]) }
        let most = try SessionPolicy.text(bucket: "media-7", prefix: String(repeating: "p", count: 700), verbs: GrantVerb.allCases)
        #expect(most.count <= 2048)
    }

    @Test(arguments: ["a\"b\\c/", "日本 語/", "tab\there/", "e\u{301}/"]) func oddPrefixesMeanThemselves(prefix: String) throws {
        let policy = try SessionPolicy.text(bucket: "media-7", prefix: prefix, verbs: [.upload, .list])

        #expect(try Self.allowed(policy, "PutObject", "media-7/\(prefix)x"))
        #expect(try Self.allowed(policy, "ListObjects", "media-7", prefix: prefix))
    }

    @Test func aGrantWithoutVerbsOrWithABadBucketIsRefused() {
        #expect(throws: PolicyError.self) { try SessionPolicy.text(bucket: "media-7", prefix: "a", verbs: []) }
        #expect(throws: PolicyError.self) { try SessionPolicy.text(bucket: "media*", prefix: "a", verbs: [.upload]) }
    }

    @Test func aSourceHoldsForEveryVerb() throws {
        let policy = try SessionPolicy.text(
            bucket: "media-7", prefix: "in/", verbs: GrantVerb.allCases, sourceAddresses: ["192.0.2.0/24", "2001:db8::1"])
        let read = try SessionPolicy(json: policy)

        for (address, isAllowed) in [
            ("192.0.2.7", true), ("192.0.3.7", false), ("2001:db8::1", true), ("2001:db8::2", false), ("", false),
        ] {
            for action in ["PutObject", "GetObject", "DeleteObject", "ListParts"] {
                let decision = read.evaluate(
                    action: "oss:\(action)", resource: Self.account + "media-7/in/x", context: ["acs:SourceIp": address])
                #expect((decision == .allow) == isAllowed, "\(action) from \(address)")
            }
            let list = read.evaluate(
                action: "oss:ListObjects", resource: Self.account + "media-7", context: ["acs:SourceIp": address, "oss:Prefix": "in/"])
            #expect((list == .allow) == isAllowed, "list from \(address)")
        }
        #expect(throws: PolicyError.self) {
            try SessionPolicy.text(bucket: "media-7", prefix: "", verbs: [.get], sourceAddresses: ["192.0.2.0/24\""])
        }
    }
}
