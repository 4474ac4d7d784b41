import OSSProtocol
import Platform
import Testing

@testable import Authorization

@Suite struct IssuerTests {
    private let clock = ManualClock()

    private func scope(_ prefix: String = "uploads/camera-7/") -> Scope {
        Scope(
            session: "camera-7", bucket: "media-ingest", region: "cn-hangzhou", endpoint: .forRegion("cn-hangzhou"), prefix: prefix,
            verbs: [.upload], duration: .seconds(3600), policy: "policy of \(prefix)")
    }

    private func issuer(_ source: ScriptedSource) -> Issuer { Issuer(source: source, clock: ServerClock(clock.now)) }

    @Test func aHundredCallersAtOnceCostOneCall() async throws {
        let began = Lock(0)
        let isOpen = Lock(false)
        let source = ScriptedSource(now: clock.now) { while !isOpen.withLock({ $0 }) { await Task.yield() } }
        let issuer = issuer(source)
        let scope = scope()

        let ids = try await withThrowingTaskGroup(of: String.self) { group in
            for _ in 0..<100 {
                group.addTask {
                    began.withLock { $0 += 1 }
                    return try await issuer.token(for: scope, sts: Bench.sts).token.credentials.accessKeyID
                }
            }
            while began.withLock({ $0 }) < 100 { await Task.yield() }
            isOpen.withLock { $0 = true }
            return try await group.reduce(into: [String]()) { $0.append($1) }
        }

        #expect(source.calls == 1)
        #expect(ids == Array(repeating: "STS.NU1", count: 100))
    }

    @Test func aTokenServesUntilLittleOfItsLifeIsLeft() async throws {
        let source = ScriptedSource(now: clock.now)
        let issuer = issuer(source)
        _ = try await issuer.token(for: scope(), sts: Bench.sts)

        clock.move(.seconds(2500))
        #expect(try await issuer.token(for: scope(), sts: Bench.sts).isFresh == false)
        #expect(source.calls == 1)
        clock.move(.seconds(100))
        #expect(try await issuer.token(for: scope(), sts: Bench.sts).isFresh)
        #expect(source.calls == 2)
    }

    @Test(arguments: [5, 60, 900]) func aTokenIsNeverHandedOutDeadHoweverShortItsLife(life: Int64) async throws {
        let source = ScriptedSource(now: clock.now)
        source.state.withLock { $0.life = .seconds(life) }
        let issuer = issuer(source)

        for _ in 0..<50 {
            let token = try await issuer.token(for: scope(), sts: Bench.sts).token
            #expect(token.left(at: clock.now()) > .milliseconds(life * 250))
            clock.move(.milliseconds(life * 130))
        }
        #expect(source.calls < 20)
    }

    @Test func scopesThatOnlyLookTheSameDoNotShareAToken() async throws {
        let source = ScriptedSource(now: clock.now)
        let issuer = issuer(source)

        _ = try await issuer.token(for: scope("caf\u{e9}/"), sts: Bench.sts)
        _ = try await issuer.token(for: scope("cafe\u{301}/"), sts: Bench.sts)
        #expect(source.calls == 2)
    }

    @Test func aFailureIsANotBeforeThatGrowsAndEnds() async throws {
        let source = ScriptedSource(now: clock.now)
        source.state.withLock { $0.failure = IssueFailure(code: "NoPermission", message: "no", requestID: "R1") }
        let issuer = issuer(source)

        let first = await #expect(throws: Refusal.self) { try await issuer.token(for: scope(), sts: Bench.sts) }
        #expect(first?.status == 502)
        #expect(first?.message.contains("NoPermission") == true && first?.message.contains("R1") == true)
        await #expect(throws: Refusal.self) { try await issuer.token(for: scope(), sts: Bench.sts) }
        #expect(source.calls == 1)
        clock.move(.milliseconds(501))
        await #expect(throws: Refusal.self) { try await issuer.token(for: scope(), sts: Bench.sts) }
        #expect(source.calls == 2)
        source.state.withLock { $0.failure = nil }
        clock.move(.milliseconds(501))
        await #expect(throws: Refusal.self) { try await issuer.token(for: scope(), sts: Bench.sts) }
        clock.move(.milliseconds(500))
        #expect(try await issuer.token(for: scope(), sts: Bench.sts).token.requestID == "STS-REQ-3")
    }

    @Test func whileRenewingFailsTheOldTokenServesUntilItsEnd() async throws {
        let source = ScriptedSource(now: clock.now)
        let issuer = issuer(source)
        _ = try await issuer.token(for: scope(), sts: Bench.sts)
        source.state.withLock { $0.failure = IssueFailure(code: "InternalError", message: "down", requestID: nil) }

        clock.move(.seconds(3000))
        #expect(try await issuer.token(for: scope(), sts: Bench.sts).token.credentials.accessKeyID == "STS.NU1")
        clock.move(.seconds(599))
        await #expect(throws: Refusal.self) { try await issuer.token(for: scope(), sts: Bench.sts) }
    }

    @Test func aCallerThatGivesUpDoesNotTakeTheCallWithIt() async throws {
        let isOpen = Lock(false)
        let source = ScriptedSource(now: clock.now) { while !isOpen.withLock({ $0 }) { await Task.yield() } }
        let issuer = issuer(source)
        let scope = scope()

        let first = Task { try await issuer.token(for: scope, sts: Bench.sts) }
        while source.calls == 0 { await Task.yield() }
        first.cancel()
        let second = Task { try await issuer.token(for: scope, sts: Bench.sts) }
        isOpen.withLock { $0 = true }

        #expect(try await second.value.token.credentials.accessKeyID == "STS.NU1")
        #expect(source.calls == 1)
    }

    @Test func aTokenThatOSSRefusedIsReplacedOnceForAll() async throws {
        let source = ScriptedSource(now: clock.now)
        let issuer = issuer(source)
        func ask(_ refused: String?) async throws -> String {
            try await issuer.token(for: scope(), sts: Bench.sts, refused: refused).token.credentials.accessKeyID
        }
        _ = try await ask(nil)

        #expect(try await ask("STS.NU1") == "STS.NU1", "a token is used for a second before it can be refused")
        clock.move(.seconds(1))
        #expect(try await ask("STS.other") == "STS.NU1")
        #expect(try await ask("STS.NU1") == "STS.NU2")
        clock.move(.seconds(1))
        #expect(try await ask("STS.NU1") == "STS.NU2", "a late report about the old token")
        #expect(source.calls == 2)
    }

    @Test func aTokenThatOSSRefusedIsNotHandedOutWhenSTSFails() async throws {
        let source = ScriptedSource(now: clock.now)
        let issuer = issuer(source)
        _ = try await issuer.token(for: scope(), sts: Bench.sts)
        source.state.withLock { $0.failure = IssueFailure(code: "InternalError", message: "down", requestID: nil) }
        clock.move(.seconds(2))

        await #expect(throws: Refusal.self) { try await issuer.token(for: scope(), sts: Bench.sts, refused: "STS.NU1") }
    }
}
