import OSSProtocol
import Testing

@testable import Sandbox

@Suite struct FaultTests {
    private func target(_ key: String = "k", _ operation: String = "UploadPart", part: Int = 1) -> FaultScript.Target {
        FaultScript.Target(operation: operation, bucket: "b", key: ObjectKey(key), part: part)
    }

    private func script(_ rules: String..., seed: UInt64 = 1) throws -> FaultScript {
        let script = FaultScript(seed: seed)
        for rule in rules { _ = try script.add(FaultRule(rule)) }
        return script
    }

    @Test(arguments: [
        ("503", "status status=503"), ("status", "status status=503"),
        ("status status=500 code=InternalError", "status status=500 code=InternalError"),
        ("reset bytes=1MiB op=UploadPart part=7 attempt=1", "reset bytes=1048576 operation=UploadPart part=7 attempt=1"),
        ("delay delay=1.5s key=photos/*", "delay delay=1500ms key=photos/*"), ("black-hole attempt=2-", "black-hole attempt=2-"),
        ("lost-answer count=1", "lost-answer count=1"), ("corrupt attempt=1-3 nth=4 chance=0.25", "corrupt attempt=1-3 nth=4 chance=0.25"),
    ]) func aRuleIsReadAndShown(text: String, shown: String) throws {
        let rule = try FaultRule(text)

        #expect(rule.text == shown)
        #expect(try FaultRule(rule.text) == rule)
    }

    @Test(arguments: [
        "", "explode", "status status=99", "status status=x", "delay delay=fast", "delay delay=2h", "status chance=2", "status part=0",
        "status colour=red", "status status=503 status=500", "reset now", "status attempt=3-1", "status count=0", "99",
    ]) func aRuleThatIsWrongIsRefusedWithASentence(text: String) {
        let error = #expect(throws: FaultRuleError.self) { try FaultRule(text) }

        #expect(error?.description.isEmpty == false)
    }

    @Test(arguments: [
        #"{"effect": "status", "status": 503, "chance": 0.5, "operation": "UploadPart"}"#,
        #""status status=503 operation=UploadPart chance=0.5""#,
        #"[{"effect": 503, "op": "UploadPart", "chance": "0.5"}]"#, "status status=503 operation=UploadPart chance=0.5\n",
    ]) func theControlCallTakesARuleInEveryForm(body: String) throws {
        #expect(try FaultRule.list(Array(body.utf8)).map(\.text) == ["status status=503 operation=UploadPart chance=0.5"])
    }

    @Test func aRuleHitsOnlyWhatItFits() throws {
        let script = try script("503 key=photos/*.jpg operation=uploadpart part=2")

        #expect(script.meet(target("photos/a/b.jpg", part: 2))?.rule.effect == .status)
        #expect(script.meet(target("photos/a/b.jpg", part: 3)) == nil)
        #expect(script.meet(target("photos/a/b.png", part: 2)) == nil)
        #expect(script.meet(target("photos/a/b.jpg", "PutObject", part: 2)) == nil)
    }

    @Test func attemptsAreCountedForEachPartByItself() throws {
        let script = try script("reset attempt=1-2")

        let first = (1...4).map { _ in script.meet(target(part: 1)) != nil }
        let other = (1...3).map { _ in script.meet(target(part: 2)) != nil }

        #expect(first == [true, true, false, false] && other == [true, true, false])
    }

    @Test func nthAndCountAreTheRulesOwn() throws {
        let script = try script("503 nth=3", "reset count=2")

        let met = (1...5).map { script.meet(target(part: $0))?.rule.effect }

        #expect(met == [.reset, .reset, .status, nil, nil])
        #expect(script.entries.map(\.hits) == [1, 2] && script.entries.map(\.seen) == [5, 4])
    }

    @Test func theSameSeedGivesTheSameFaults() throws {
        func met(_ seed: UInt64) throws -> [Bool] {
            let script = try script("503 chance=0.3", seed: seed)
            return (1...1000).map { script.meet(target(part: $0)) != nil }
        }

        #expect(try met(7) == met(7))
        #expect(try met(7) != met(8))
        #expect((250...350).contains(try met(7).count { $0 }))
    }

    @Test(arguments: [
        ("fault/503-twice/x", [FaultRule.Effect.status, .status, nil]), ("fault/reset-once/x", [.reset, nil, nil]),
        ("fault/lost-answer-3-times/x", [.lostAnswer, .lostAnswer, .lostAnswer, nil]), ("fault/delay-2s/x", [.delay, .delay]),
        ("fault/500-always/x", [.status, .status, .status]), ("fault/nonsense/x", [nil]), ("fault/503-twice", [nil]),
        ("other/503-twice/x", [nil]),
    ]) func aKeyMayNameItsFault(key: String, effects: [FaultRule.Effect?]) throws {
        let script = FaultScript(seed: 1)

        #expect(effects.map { _ in script.meet(target(key))?.rule.effect } == effects)
    }

    // MARK: In the service

    private func deliver(_ caller: Caller, _ method: String, body: [UInt8] = []) async throws -> Delivery {
        let key = ObjectKey("k")
        let signed = V4Signer(region: caller.settings.region).sign(
            caller.address.request(method: method, key: key), resource: caller.address.resource(key), credentials: caller.credentials,
            now: caller.now)
        let incoming = IncomingRequest(method: method, target: signed.path, host: signed.host, headers: signed.headers)
        return await caller.parts.oss.respond(
            to: incoming, body: IncomingBody(.init(buffer: .init(bytes: body)), announced: Int64(body.count)))
    }

    @Test func aStatusIsAnsweredAndNothingPerformed() async throws {
        let caller = try Caller { $0.faults = ["503 code=TotalQpsLimitExceeded count=1"] }

        let answer = try await caller.send("PUT", "k", body: [1])

        #expect(
            answer.status == 503 && OSSError(response: answer).code == "TotalQpsLimitExceeded"
                && OSSError(response: answer).retryAfter != nil)
        #expect(try await caller.code("GET", "k") == "NoSuchKey")
    }

    @Test func aLostAnswerIsPerformed() async throws {
        let caller = try Caller { $0.faults = ["lost-answer count=1"] }

        guard case .closed = try await deliver(caller, "PUT", body: [1]) else {
            Issue.record("an answer came")
            return
        }
        #expect(try await caller.send("GET", "k").body == [1])
    }

    @Test(arguments: ["reset bytes=1", "black-hole"]) func aBrokenConnectionStoresNothing(rule: String) async throws {
        let caller = try Caller { $0.faults = ["\(rule) count=1"] }

        #expect(try await deliver(caller, "PUT", body: [1, 2]).answer == nil)
        #expect(try await caller.code("GET", "k") == "NoSuchKey")
        #expect(caller.parts.oss.log.page(since: 0).requests.first?.status == 0)
    }

    @Test func aCorruptBodyIsStoredAsItArrived() async throws {
        let caller = try Caller { $0.faults = ["corrupt count=1"] }

        let put = try await caller.send("PUT", "k", body: [1, 2])

        #expect(put.headers["x-oss-hash-crc64ecma"] == crc64([0, 2]))
        #expect(try await caller.send("GET", "k").body == [0, 2])
    }

    @Test func aCorruptBodyDoesNotPassItsMD5() async throws {
        let caller = try Caller { $0.faults = ["corrupt count=1"] }

        #expect(
            try await caller.code("PUT", "k", headers: ["Content-MD5": Base64.encode(Digests.md5([1, 2]))], body: [1, 2]) == "InvalidDigest"
        )
    }

    @Test func aWrongCRCIsOnlySaid() async throws {
        let caller = try Caller { $0.faults = ["wrong-crc count=1"] }

        #expect(try await caller.send("PUT", "k", body: [1]).headers["x-oss-hash-crc64ecma"] != crc64([1]))
        #expect(try await caller.send("HEAD", "k").headers["x-oss-hash-crc64ecma"] == crc64([1]))
    }
}
