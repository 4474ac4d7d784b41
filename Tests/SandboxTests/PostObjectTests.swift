import OSSProtocol
import Testing

@testable import Sandbox

@Suite struct PostObjectTests {
    // MARK: Vectors

    private static let signing = Vector.list("post-policy", "signing")

    /// A server that has the vector's bucket and key, at the vector's time.
    private func caller(_ vector: Vector, region: String? = nil, secret: String? = nil) throws -> Caller {
        let bucket = vector["bucket"].text ?? ""
        let caller = try Caller { ($0.bucket, $0.region) = (bucket, region ?? vector.region) }
        let key = AccessKeys.Added(
            secret: Secret(secret ?? vector["credentials"]["access_key_secret"].text ?? ""), token: vector.token)
        caller.parts.control.keys.added.withLock { $0[vector.keyID] = key }
        caller.now = vector.now
        return caller
    }

    /// The vector's form. Its policy may ask for another key and for further fields, which a signature over the policy alone leaves open.
    private static func fields(_ vector: Vector) throws -> [QueryItem] {
        var texts = vector["expect"]["form_fields"].texts
        for condition in try PostPolicy(json: Array((vector["policy_text"].text ?? "").utf8)).conditions {
            switch condition {
            case .startsWith("key", let prefix) where texts["key"]?.utf8.starts(with: prefix.utf8) == false: texts["key"] = prefix + "k"
            case .equals(let field, let value) where field != "bucket" && texts[field] == nil: texts[field] = value
            case .isIn(let field, let values): texts[field] = values.first
            case .isNotIn(let field, _): texts[field] = "max-age=1"
            default: break
            }
        }
        return texts.sorted { $0.key < $1.key }.map { QueryItem($0.key, $0.value) }
    }

    /// Whether the key is one that OSS takes: else it is refused before the policy is looked at.
    private func hasGoodKey(_ fields: [QueryItem]) -> Bool {
        (try? OSSLimits.check(key: ObjectKey(fields.first { $0.name == "key" }?.value ?? ""))) != nil
    }

    /// `nil` for success, and for a key that is refused only after everything was checked.
    private func refusal(_ answer: HTTPResponse) -> OSSError? {
        guard answer.status >= 300 else { return nil }
        let error = OSSError(response: answer)
        return error.code == "InvalidObjectName" ? nil : error
    }

    @Test(arguments: signing) func aFormIsAcceptedAsSignedUntilItsPolicyEnds(vector: Vector) async throws {
        let caller = try caller(vector)
        let end = try PostPolicy(json: Array((vector["policy_text"].text ?? "").utf8)).expiration
        let fields = try Self.fields(vector)

        #expect(refusal(try await caller.post(fields, file: [1])) == nil)
        caller.now = end
        #expect(refusal(try await caller.post(fields, file: [1])) == nil)
        caller.now = end + .milliseconds(1)
        let late = refusal(try await caller.post(fields, file: [1]))
        if hasGoodKey(fields) {
            #expect(late?.status == 403 && late?.code == "AccessDenied" && late?.message.contains("expired") == true)
        }
    }

    enum Change: CaseIterable, Sendable {
        case policyByte, signatureDigit, signatureGone, policyGone, secret, keyID, tokenByte, tokenGone, region, scopeRegion, date, day
    }

    @Test(arguments: signing, Change.allCases) func aFormWithOneThingChangedIsRefusedForThat(vector: Vector, change: Change) async throws {
        let isFour = vector["signature_version"].text == "V4"
        var fields = try Self.fields(vector)
        var (code, ec) = ("SignatureDoesNotMatch", "0002-00000705")
        func set(_ name: String, _ edit: (String) -> String?) {
            guard let place = fields.firstIndex(where: { $0.name == name }) else { return }
            guard let value = edit(fields[place].value ?? "") else {
                fields.remove(at: place)
                return
            }
            fields[place].value = value
        }
        func flip(_ text: String) -> String { (text.hasPrefix("a") ? "b" : "a") + text.dropFirst() }
        let signature = isFour ? "x-oss-signature" : "Signature"
        switch change {
        case .policyByte: set("policy") { $0.hasSuffix("fQ==") ? String($0.dropLast(4)) : $0 + "IA==" }
        case .signatureDigit: set(signature, flip)
        case .signatureGone:
            set(signature) { _ in nil }
            (code, ec) = ("InvalidArgument", "0002-00000701")
        case .policyGone:
            set("policy") { _ in nil }
            (code, ec) = ("InvalidArgument", "0002-00000701")
        case .secret: break
        case .keyID:
            if isFour {
                set("x-oss-credential") { "LTAIunknown\($0.dropFirst(vector.keyID.count))" }
            } else {
                set("OSSAccessKeyId") { _ in "LTAIunknown" }
            }
            (code, ec) = ("InvalidAccessKeyId", "0002-00000902")
        case .tokenByte:
            guard vector.token != nil else { return }
            set("x-oss-security-token") { $0 + "x" }
            (code, ec) = ("InvalidSecurityToken", "0002-00000008")
        case .tokenGone:
            guard vector.token != nil else { return }
            set("x-oss-security-token") { _ in nil }
            (code, ec) = ("InvalidAccessKeyId", "0002-00000003")
        case .region, .scopeRegion:
            guard isFour else { return }
            if change == .scopeRegion {
                set("x-oss-credential") { $0.split(separator: vector.region).joined(separator: "cn-elsewhere") }
            }
            (code, ec) = ("InvalidArgument", "0002-00000226")
        case .date:
            // Not part of what is signed, but the policy names it.
            guard isFour, (vector.now + .seconds(-1)).basic.prefix(8) == vector.now.basic.prefix(8) else { return }
            set("x-oss-date") { _ in (vector.now + .seconds(-1)).basic }
            (code, ec) = ("AccessDenied", "0002-00000704")
            guard hasGoodKey(fields) else { return }
        case .day:
            guard isFour else { return }
            set("x-oss-date") { _ in (vector.now + .seconds(86_400)).basic }
            (code, ec) = ("InvalidArgument", "0002-00000212")
        }
        let caller = try caller(
            vector, region: change == .region ? "cn-elsewhere" : nil, secret: change == .secret ? "exampleSecreT" : nil)

        let error = refusal(try await caller.post(fields, file: [1]))

        #expect(error?.code == code && error?.ec == ec)
    }

    @Test(arguments: Vector.list("post-policy", "checks")) func conditionsAreKeptTo(vector: Vector) async throws {
        let bucket = vector["bucket"].text ?? ""
        let caller = try Caller { $0.bucket = bucket }
        let fields = vector["form"].texts.sorted { $0.key < $1.key }.map { QueryItem($0.key, $0.value) }
        let end = caller.now + .seconds(vector["expired"].flag == true ? -1 : 60)
        let policy = #"{"expiration":"\#(end.iso8601Milliseconds)","conditions":\#(conditions(vector, caller))}"#
        let signed = PostForm.version4(
            policy: policy, credentials: caller.credentials, region: caller.settings.region, now: caller.now)

        let answer = try await caller.post(fields + signed, file: content(Int(vector["file_size"].number ?? 0)))

        if vector["expect"].text == "accept" {
            #expect(answer.status == 204)
        } else {
            #expect(answer.status == 403 && OSSError(response: answer).code == "AccessDenied")
            #expect(try await caller.control("GET", "/_sandbox/objects").json["objects"].list.isEmpty)
        }
    }

    private func conditions(_ vector: Vector, _ caller: Caller) -> String {
        let more = PostForm.version4Conditions(credentials: caller.credentials, region: caller.settings.region, now: caller.now)
        let own = (vector["conditions"].json ?? "[]").dropFirst().dropLast()
        let rest = PostPolicy(expiration: caller.now, conditions: more).text.cut(at: "[")?.after.dropLast(2) ?? ""
        return "[\(own),\(rest)]"
    }

    // MARK: Behaviour

    private func signed(_ caller: Caller, _ conditions: [PostPolicy.Condition] = [], as who: Credentials? = nil) -> [QueryItem] {
        let (key, region) = (who ?? caller.credentials, caller.settings.region)
        let policy = PostPolicy(
            expiration: caller.now + .seconds(60),
            conditions: conditions + PostForm.version4Conditions(credentials: key, region: region, now: caller.now))
        return PostForm.version4(policy: policy.text, credentials: key, region: region, now: caller.now)
    }

    @Test(arguments: [0, 10, 100_000]) func aFormBecomesAnObject(size: Int) async throws {
        let caller = try Caller()
        let fields = [
            QueryItem("key", "up/${filename}"), QueryItem("x-oss-meta-camera", "7"), QueryItem("x-oss-object-acl", "public-read"),
            QueryItem("Cache-Control", "no-cache"),
        ]

        let answer = try await caller.post(fields + signed(caller), file: content(size), fileName: "C:\\dir\\a b.bin", type: "a/b")

        #expect(answer.status == 204 && answer.body.isEmpty)
        #expect(answer.headers["x-oss-hash-crc64ecma"] == crc64(content(size)))
        let got = try await caller.send("GET", "up/a b.bin")
        #expect(got.body == content(size) && got.headers["Content-Type"] == "a/b" && got.headers["Cache-Control"] == "no-cache")
        #expect(got.headers["x-oss-meta-camera"] == "7" && got.headers["ETag"] == answer.headers["ETag"])
        let entry = try await caller.control("GET", "/_sandbox/requests").json["requests"].list.first
        #expect(entry?["operation"].text == "PostObject" && entry?["key"].text == "up/a b.bin")
        #expect(entry?["access_key_id"].text == caller.settings.accessKeyID)
    }

    @Test func theAnswerIsTheOneAskedFor() async throws {
        let caller = try Caller()
        func post(_ name: String, _ value: String) async throws -> HTTPResponse {
            try await caller.post([QueryItem("key", "a b"), QueryItem(name, value)] + signed(caller), file: [1])
        }

        #expect(try await post("success_action_status", "200").status == 200)
        #expect(try await post("success_action_status", "299").status == 204)
        let created = try await post("success_action_status", "201")
        let document = try XMLReader.parse(created.body)
        #expect(created.status == 201 && document.name == "PostResponse")
        #expect(document["Bucket"] == caller.settings.bucket && document["Key"] == "a b" && document["ETag"] != nil)
        #expect(document["Location"] == "http://sandbox-bucket.oss-cn-hangzhou.aliyuncs.com/a%20b")
        let moved = try await post("success_action_redirect", "http://example.com/done?a=1")
        #expect(moved.status == 303)
        #expect(moved.headers["Location"]?.hasPrefix("http://example.com/done?a=1&bucket=sandbox-bucket&key=a%20b&etag=%22") == true)
        #expect(try await post("success_action_redirect", "http://example.com/\r\nx: y").status == 204)
    }

    @Test func aFormNeedsExactlyOneFileAndItMustComeLast() async throws {
        let caller = try Caller()
        let fields = [QueryItem("key", "k")] + signed(caller)

        let none = try await caller.post(fields, file: nil)
        let two = try await caller.post(fields + [QueryItem("file", "x")], file: [1])
        let after = try await caller.post([QueryItem("file", "x")] + fields, file: nil)

        #expect(OSSError(response: none).code == "IncorrectNumberOfFilesInPOSTRequest")
        #expect(OSSError(response: two).code == "IncorrectNumberOfFilesInPOSTRequest")
        // What follows the file counts for nothing, so this one is anonymous.
        #expect(after.status == 400 && OSSError(response: after).code == "InvalidArgument")
        #expect(try await caller.control("GET", "/_sandbox/objects").json["objects"].list.isEmpty)
    }

    @Test func whatIsNoFormIsNamed() async throws {
        let caller = try Caller()
        func post(_ type: String?, _ body: String) async throws -> String? {
            let request = HTTPRequest(
                method: "POST", scheme: "http", host: "127.0.0.1:9000", path: "/sandbox-bucket",
                headers: HTTPHeaders(type.map { [HTTPHeaders.Field("Content-Type", $0)] } ?? []))
            return OSSError(response: try await caller.deliver(request, body: Array(body.utf8))).code
        }
        let form = "multipart/form-data; boundary=b"
        let file = "--b\r\nContent-Disposition: form-data; name=\"file\"\r\n\r\n"

        #expect(try await post(nil, "x") == "RequestIsNotMultiPartContent")
        #expect(try await post("application/json", "{}") == "RequestIsNotMultiPartContent")
        #expect(try await post(form, "--b\r\nnonsense\r\n\r\n") == "MalformedPOSTRequest")
        #expect(try await post(form, "") == "MalformedPOSTRequest")
        #expect(try await post(form, "--b\r\n\(String(repeating: "x", count: 20_000))") == "FieldItemTooLong")
        let field = "--b\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n"
        #expect(try await post(form, "\(field)\(String(repeating: "x", count: (2 << 20) + 16))") == "FieldItemTooLong")
        let many = String(repeating: "\(field)x\r\n", count: 1001)
        #expect(try await post(form, "\(many)\(file)x\r\n--b--") == "MaxPOSTPreDataLengthExceededError")
    }

    @Test func aFormThatBreaksOffStoresNothing() async throws {
        let caller = try Caller()
        var body = ""
        for field in [QueryItem("key", "k")] + signed(caller) {
            body += "--b\r\nContent-Disposition: form-data; name=\"\(field.name)\"\r\n\r\n\(field.value ?? "")\r\n"
        }
        body += "--b\r\nContent-Disposition: form-data; name=\"file\"\r\n\r\n" + String(repeating: "x", count: 100_000)
        let request = HTTPRequest(
            method: "POST", scheme: "http", host: "127.0.0.1:9000", path: "/sandbox-bucket/",
            headers: ["Content-Type": "multipart/form-data; boundary=b"])

        let answer = try await caller.deliver(request, body: Array(body.utf8))

        #expect(OSSError(response: answer).code == "MalformedPOSTRequest")
        #expect(try StoreFiles.list("\(caller.folder)/buckets/sandbox-bucket/content").isEmpty)
        #expect(try await caller.control("GET", "/_sandbox/objects").json["objects"].list.isEmpty)
    }

    @Test func aPolicyThatCannotBeReadIsNamed() async throws {
        let caller = try Caller()
        for policy in ["nonsense", "{}", #"{"expiration":"2026-01-15T08:45:00.000Z","conditions":[["like","$key","k"]]}"#] {
            let fields = PostForm.version1(policy: policy, credentials: caller.credentials)
            let answer = try await caller.post([QueryItem("key", "k")] + fields, file: [1])
            #expect(answer.status == 400 && OSSError(response: answer).code == "InvalidPolicyDocument")
        }
    }

    @Test func aFormWithoutASignatureNeedsABucketOpenForWriting() async throws {
        let caller = try Caller()
        let fields = [QueryItem("key", "k")]

        #expect(try await caller.post(fields, file: [1]).headers["x-oss-ec"] == "0003-00001201")
        _ = try await caller.send("PUT", nil, [QueryItem("acl")], headers: ["x-oss-acl": "public-read-write"])
        #expect(try await caller.post(fields, file: [1]).status == 204)
    }

    @Test func aSessionPolicyHoldsForFormsToo() async throws {
        let caller = try Caller()
        let policy =
            #"{"Version":"1","Statement":[{"Effect":"Allow","Action":"oss:PutObject","Resource":"acs:oss:*:*:sandbox-bucket/in/*"}]}"#
        let token = try await caller.assumeRole(policy: policy)
        func post(_ key: String, _ more: [QueryItem] = []) async throws -> Int {
            try await caller.post([QueryItem("key", key)] + more + signed(caller, as: token), file: [1]).status
        }

        #expect(try await post("in/k") == 204)
        #expect(try await post("out/k") == 403)
        #expect(try await post("in/k", [QueryItem("x-oss-tagging", "a=b")]) == 403)
    }

    @Test func checksumsAndForbiddenOverwritesAreKeptTo() async throws {
        let caller = try Caller()
        func code(_ more: [QueryItem]) async throws -> String? {
            let answer = try await caller.post([QueryItem("key", "k")] + more + signed(caller), file: [1])
            return answer.status < 300 ? nil : OSSError(response: answer).code
        }

        #expect(try await code([QueryItem("Content-MD5", Base64.encode(Digests.md5([2])))]) == "InvalidDigest")
        #expect(try await code([QueryItem("x-oss-forbid-overwrite", "true")]) == nil)
        #expect(try await code([QueryItem("x-oss-forbid-overwrite", "true")]) == "FileAlreadyExists")
        #expect(try await code([QueryItem("x-oss-storage-class", "Cold")]) == "InvalidArgument")
    }

    @Test func aFileLargerThanItsPolicyAllowsIsNotReadToItsEnd() async throws {
        let caller = try Caller()
        let fields = [QueryItem("key", "k")] + signed(caller, [.contentLength(0...10)])

        let answer = try await caller.post(fields, file: content(11))

        #expect(answer.status == 403 && OSSError(response: answer).message.contains("content-length-range"))
        #expect(try await caller.post(fields, file: content(10)).status == 204)
    }
}
