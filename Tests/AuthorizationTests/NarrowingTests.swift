import OSSProtocol
import Testing

@testable import Authorization

@Suite struct NarrowingTests {
    private func client(_ grants: Authorization.Grant...) throws -> Admitted {
        Admitted(name: "camera-7", session: "camera-7", grants: grants, proof: .token)
    }

    @Test(arguments: [nil, "", "uploads/camera-7/", "uploads/camera-7"] as [String?])
    func theWholeGrantCanBeAskedForInSeveralWays(prefix: String?) throws {
        let result = try Narrowing.scope(for: .init(prefix: prefix), client: try client(Bench.grant()))

        #expect(result.scope.prefix == "uploads/camera-7/")
        #expect(result.shortened == nil)
    }

    @Test func aPrefixInsideTheGrantIsGivenWithASlashAtItsEnd() throws {
        let result = try Narrowing.scope(for: .init(prefix: "uploads/camera-7/2026/é"), client: try client(Bench.grant()))

        #expect(result.scope.prefix == "uploads/camera-7/2026/é/")
    }

    @Test(arguments: [
        "uploads/camera-70", "uploads/camera-70/", "uploads/camera-8/", "uploads/", "uploads", "/", "/uploads/camera-7/",
        "\\uploads/camera-7/",
        "uploads/camera-7/../camera-8/", "../camera-8/", "uploads/camera-7/./x", "uploads/camera-7//x", "uploads/camera-7/*",
        "uploads/camera-7/?/",
        "uploads/camera-7/$x/", "Uploads/camera-7/", "uploads/camera-7\u{0}/", "uploads/camera-7/a\nb/", "*", "uploads/camera-7/..",
        "uploads/camera-7/" + String(repeating: "x", count: 1000),
    ])
    func aPrefixOutsideTheGrantIsRefused(prefix: String) throws {
        let client = try client(Bench.grant())
        let refusal = try #require(throws: Refusal.self) { try Narrowing.scope(for: .init(prefix: prefix), client: client) }

        #expect(refusal.status == 403)
    }

    @Test func aPrefixThatOnlyLooksTheSameIsRefused() throws {
        let client = try client(Bench.grant(prefix: "caf\u{e9}/"))

        #expect(throws: Refusal.self) { try Narrowing.scope(for: .init(prefix: "cafe\u{301}/"), client: client) }
    }

    @Test func verbsThatAreNotGrantedAreRefusedAndNamed() throws {
        let client = try client(Bench.grant(verbs: [.upload, .get]))
        let refusal = try #require(throws: Refusal.self) { try Narrowing.scope(for: .init(verbs: [.get, .delete]), client: client) }

        #expect(refusal == Refusal(403, "OutsideGrant", "this client is not granted delete there"))
    }

    @Test(
        arguments: [(100, 900, nil), (900, 900, nil), (1800, 1800, nil), (3600, 3600, nil), (7200, 3600, 3600)] as [(Int64, Int64, Int64?)])
    func aLifeIsNeverLongerThanGrantedAndNeverShorterThanSTSGives(asked: Int64, given: Int64, told: Int64?) throws {
        let result = try Narrowing.scope(for: .init(duration: .seconds(asked)), client: try client(Bench.grant()))

        #expect(result.scope.duration == .seconds(given))
        #expect(result.shortened == told.map { .seconds($0) })
    }

    @Test func theGrantThatFitsIsFoundAmongSeveral() throws {
        let client = try client(
            Bench.grant(), Bench.grant(prefix: "shared/", verbs: [.get, .list]), Bench.grant(prefix: "x/", bucket: "other-bucket"))

        #expect(try Narrowing.scope(for: .init(prefix: "shared/a"), client: client).grant == 1)
        #expect(try Narrowing.scope(for: .init(verbs: [.list]), client: client).grant == 1)
        #expect(try Narrowing.scope(for: .init(bucket: "other-bucket"), client: client).grant == 2)
        #expect(throws: Refusal.self) { try Narrowing.scope(for: .init(bucket: "third-bucket"), client: client) }
        #expect(throws: Refusal.self) { try Narrowing.scope(for: .init(bucket: "other-bucket", prefix: "shared/"), client: client) }
    }

    /// Whatever is asked for: what the policy allows, the grant allows too.
    @Test(arguments: 0..<32)
    func aPolicyIsNeverWiderThanItsGrant(seed: Int) throws {
        let granted = Set(GrantVerb.allCases.enumerated().filter { (seed >> $0.offset) & 1 == 1 || $0.offset == seed % 4 }.map(\.element))
        let grant = Bench.grant(verbs: granted)
        let prefixes: [String?] = [nil, "uploads/camera-7/a", "uploads/camera-7/\"q\"/", "uploads/camera-7/é"]
        let actions: [(String, GrantVerb?)] = [
            ("oss:PutObject", .upload), ("oss:AbortMultipartUpload", .upload), ("oss:ListParts", .upload), ("oss:GetObject", .get),
            ("oss:DeleteObject", .delete), ("oss:PutObjectAcl", nil), ("oss:PutObjectTagging", .upload), ("oss:GetObjectAcl", nil),
            ("oss:DeleteObjectVersion", nil), ("oss:ListMultipartUploads", nil), ("oss:PutBucketPolicy", nil),
        ]
        let keys = [
            "uploads/camera-7/x", "uploads/camera-7/a/b", "uploads/camera-70/x", "uploads/camera-8/x", "uploads/", "x", "uploads/camera-7",
        ]
        var allowed = 0
        for prefix in prefixes {
            let scope = try Narrowing.scope(for: .init(prefix: prefix), client: try client(grant)).scope
            let policy = try SessionPolicy(json: scope.policy)
            #expect(scope.policy.count <= 2048)
            for (action, verb) in actions {
                for key in keys {
                    let decision = policy.evaluate(action: action, resource: "acs:oss:*:1:media-ingest/\(key)")
                    guard decision == .allow else { continue }
                    allowed += 1
                    let mayDo = verb.map { granted.contains($0) } ?? false
                    #expect(mayDo && key.utf8.starts(with: scope.prefix.utf8), "\(action) \(key) by \(scope.policy)")
                }
                #expect(policy.evaluate(action: action, resource: "acs:oss:*:1:media-ingest2/uploads/camera-7/x") != .allow)
            }
            for listed in ["", "uploads/", "uploads/camera-70/", "uploads/camera-7"] {
                #expect(
                    policy.evaluate(action: "oss:ListObjects", resource: "acs:oss:*:1:media-ingest", context: ["oss:Prefix": listed])
                        != .allow)
            }
            let listsOwn = policy.evaluate(
                action: "oss:ListObjects", resource: "acs:oss:*:1:media-ingest", context: ["oss:Prefix": scope.prefix])
            #expect((listsOwn == .allow) == granted.contains(.list))
        }
        #expect(allowed > 0 || granted == [.list])
    }
}
