import OSSProtocol
import Testing
import TransferCore

@Suite struct LeaseClockTests {
    private let now = Timestamp(seconds: 1_768_465_800)

    @Test func differencesOfTwoSecondsSayNothing() {
        var clock = LeaseClock()

        clock.learn(serverTime: now + .seconds(2), at: now)
        #expect(clock.offset == .zero, "but that our clock is right")
        clock.learn(serverTime: now - .milliseconds(2_001), at: now)
        #expect(clock.offset == .milliseconds(-2_001))
    }

    @Test func whatIsLearnedIsUnlearnedWhenTheServerSaysOtherwise() {
        var clock = LeaseClock()
        clock.learn(serverTime: now + .seconds(3_600), at: now)
        #expect(clock.serverTime(at: now) == now + .seconds(3_600))

        clock.learn(serverTime: now + .seconds(10), at: now + .seconds(10))
        #expect(clock.serverTime(at: now) == now)
    }

    @Test(arguments: [Int64(0), 1_420_070_399, 4_102_444_801, -5]) func aMiddleboxesTimeIsNotBelieved(seconds: Int64) {
        var clock = LeaseClock()

        clock.learn(serverTime: Timestamp(seconds: seconds), at: now)
        #expect(clock.offset == nil)
        #expect(LeaseClock.end(of: now, serverTime: Timestamp(seconds: seconds)) == .at(expiration: now))
    }

    @Test func anEndIsALifeWhereTheServerSaysWhatItsClockIs() {
        var clock = LeaseClock()
        clock.learn(serverTime: now + .seconds(3_600), at: now)
        let end = now + .seconds(3_660)

        #expect(LeaseClock.end(of: end, serverTime: now + .seconds(3_600)) == .after(.seconds(60), expiration: end))
        #expect(LeaseClock.end(of: end, serverTime: nil) == .at(expiration: end))
        #expect(clock.local(end, serverTime: nil, at: now) == now + .seconds(60))
        #expect(clock.local(end, serverTime: end - .seconds(5), at: now) == now + .seconds(5))
    }
}

@Suite struct LeaseRecordTests {
    private let now = Timestamp(seconds: 1_768_465_800)

    private func record(boot: BootTime? = nil, isRefused: Bool = false) -> LeaseRecord {
        LeaseRecord(fetched: now, expires: now + .seconds(3_600), boot: boot, fingerprint: "f", isRefused: isRefused)
    }

    @Test func whatIsLeftIsTheLifeWithoutTheAge() throws {
        let rest = try #require(record().rest(at: now + .seconds(600), boot: nil, fingerprint: "f"))

        #expect(rest.left == .seconds(3_000) && rest.age == .seconds(600))
    }

    @Test func whatIsOverOrSomebodyElsesOrRefusedIsNotUsed() {
        #expect(record().rest(at: now + .seconds(3_600), boot: nil, fingerprint: "f") == nil)
        #expect(record().rest(at: now, boot: nil, fingerprint: "g") == nil)
        #expect(record(isRefused: true).rest(at: now, boot: nil, fingerprint: "f") == nil)
        #expect(LeaseRecord(fetched: now, expires: nil, boot: nil, fingerprint: "f").rest(at: now, boot: nil, fingerprint: "f") == nil)
    }

    @Test func aClockThatWasSetBackMakesALeaseNoYounger() throws {
        let before = BootTime(boot: "a", milliseconds: 1_000_000)
        let after = BootTime(boot: "a", milliseconds: 2_800_000)

        let rest = try #require(record(boot: before).rest(at: now - .seconds(1_800), boot: after, fingerprint: "f"))
        #expect(rest.left == .seconds(1_800) && rest.age == .seconds(1_800))
        #expect(record().rest(at: now - .seconds(1), boot: nil, fingerprint: "f") == nil, "nobody can tell its age")
    }

    @Test func aClockThatWasSetForwardMakesItOlder() throws {
        let boot = BootTime(boot: "a", milliseconds: 1_000_000)

        let rest = try #require(record(boot: boot).rest(at: now + .seconds(1_800), boot: boot, fingerprint: "f"))
        #expect(rest.left == .seconds(1_800))
    }

    @Test func aLeaseOfAnotherStartOfTheMachineIsNotUsed() {
        let record = record(boot: BootTime(boot: "a", milliseconds: 5))

        #expect(record.rest(at: now, boot: BootTime(boot: "b", milliseconds: 5), fingerprint: "f") == nil)
    }
}
