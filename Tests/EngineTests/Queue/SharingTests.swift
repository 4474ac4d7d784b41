import Contracts
import OSSProtocol
import Platform
import Testing
import TransferCore

@testable import Engine

@Suite struct SharingTests {
    private let bench = QueueBench()

    private func folder(_ name: String, _ count: Int, size: Int = 100) -> String {
        Files.folder(bench.folder + "/" + name)
        for number in 0..<count { bench.file("\(name)/\(name)\(number)", size) }
        return bench.folder + "/" + name
    }

    /// Bodies in the order in which they were sent.
    private var bodies: [ModelOSS.Call] { bench.oss.calls.filter { ["put", "part"].contains($0.kind) } }

    @Test func aLaterJobHasItsTurnThoughHundredsOfFilesOfAnotherStandBeforeIt() async throws {
        let loop = try await bench.loop()
        _ = try await loop.act(ActionRequest(action: "pause", all: true))
        _ = try await loop.add(bench.order([folder("first", 600)], "oss://b/1/", id: "s1"))
        _ = try await loop.add(bench.order([folder("second", 20)], "oss://b/2/", id: "s2"))
        try await bench.until(loop, "both are scanned") { await loop.status().counts["scanning"] == 0 }
        _ = try await loop.act(ActionRequest(action: "resume", all: true))
        try await bench.untilAllEnded(loop)

        let places = bodies.enumerated().filter { $0.element.key.hasPrefix("2/") }.map(\.offset)
        #expect(places.count == 20)
        // One of each in turn would be 40; who reads ahead a little later is no worse.
        #expect(places.last ?? 600 < 120, "\(places)")
        await loop.stop(finishRunning: false)
    }

    @Test func anOrderThatComesWhileAnotherRunsIsReadAheadAtOnce() async throws {
        let loop = try await bench.loop()
        let gate = OpenGate()
        bench.oss.setFaults { $0.key.hasPrefix("1/") ? .waits(gate) : nil }
        _ = try await loop.add(bench.order([folder("first", 600)], "oss://b/1/", id: "s1"))
        try await bench.until(loop, "every slot is taken") { await loop.partSlotsUsed == 4 }
        _ = try await loop.add(bench.order([folder("second", 3)], "oss://b/2/", id: "s2"))
        try await bench.until(loop, "the second is scanned") { await loop.status().counts["scanning"] == 0 }
        gate.open()
        try await bench.untilAllEnded(loop)

        let last = bodies.lastIndex { $0.key.hasPrefix("2/") }
        #expect(last ?? 600 < 40, "\(String(describing: last))")
        await loop.stop(finishRunning: false)
    }

    @Test func theNextFreeSlotGoesToTheUrgentFileBehindALargeOne() async throws {
        let loop = try await bench.loop(settings: QueueSettings(uploads: 1, parts: 2, partSize: 1 << 20))
        let gate = OpenGate()
        bench.oss.setFaults { $0.kind == "part" ? .waits(gate) : nil }
        _ = try await loop.add(bench.order([bench.file("large", 8 << 20)], id: "s1") { $0.priority = .low })
        try await bench.until(loop, "both slots are taken") { await loop.partSlotsUsed == 2 }
        _ = try await loop.add(bench.order([bench.file("urgent", 100)], id: "s2") { $0.priority = .high })
        gate.open()
        try await bench.untilAllEnded(loop)

        // What was in flight is not taken back.
        #expect(bodies.prefix(3).map(\.kind) == ["part", "part", "put"])
        #expect(bench.oss.calls("abort").isEmpty)
        await loop.stop(finishRunning: false)
    }

    @Test func anUrgentFileNeedNotWaitForTheEndOfLongParts() async throws {
        let loop = try await bench.loop(settings: QueueSettings(uploads: 1, parts: 2, partSize: 1 << 20))
        let gate = OpenGate()
        bench.oss.setFaults { $0.kind == "part" && $0.key == "large" ? .waits(gate) : nil }
        _ = try await loop.add(bench.order([bench.file("large", 8 << 20)], id: "s1") { $0.priority = .low })
        try await bench.until(loop, "both slots are taken") { await loop.partSlotsUsed == 2 }
        _ = try await loop.add(bench.order([bench.file("usual", 100), bench.file("larger", 3 << 20)], id: "s2"))
        try await bench.until(loop, "they are done") { bench.oss.objects["usual"] != nil && bench.oss.objects["larger"] != nil }
        // Of the same priority nothing passes it.
        _ = try await loop.add(bench.order([bench.file("same", 100)], id: "s3") { $0.priority = .low })
        for _ in 0..<20 { await loop.tick() }

        #expect(await loop.partSlotsUsed == 2)
        #expect(bench.oss.objects["same"] == nil)
        gate.open()
        try await bench.untilAllEnded(loop)
        await loop.stop(finishRunning: false)
    }

    @Test func anUrgentLargeFileTakesThePlaceOfAnotherUntilItIsDone() async throws {
        let loop = try await bench.loop(settings: QueueSettings(uploads: 1, parts: 2, partSize: 1 << 20))
        let gate = OpenGate()
        bench.oss.setFaults { $0.kind == "part" && $0.key == "large" ? .waits(gate) : nil }
        _ = try await loop.add(bench.order([bench.file("large", 8 << 20)], id: "s1") { $0.priority = .low })
        try await bench.until(loop, "both slots are taken") { await loop.partSlotsUsed == 2 }
        _ = try await loop.add(bench.order([bench.file("urgent", 4 << 20)], id: "s2") { $0.priority = .high })
        try await bench.until(loop, "it has begun") { bench.oss.calls("initiate").count == 2 }
        gate.open()
        try await bench.untilAllEnded(loop)

        let urgent = bodies.indices.filter { bodies[$0].key == "urgent" }
        #expect(urgent == [2, 3, 4, 5], "\(bodies.map { $0.key })")
        await loop.stop(finishRunning: false)
    }

    @Test func twoJobsOfLargeFilesShareTheUploadsAtOnce() async throws {
        let loop = try await bench.loop(settings: QueueSettings(uploads: 2, parts: 4, partSize: 1 << 20))
        let gate = OpenGate()
        bench.oss.setFaults { $0.kind == "part" && $0.key.hasPrefix("1/") ? .waits(gate) : nil }
        let first = (0..<4).map { bench.file("a\($0)", 4 << 20) }
        _ = try await loop.add(bench.order(first, "oss://b/1/", id: "s1"))
        try await bench.until(loop, "every slot is taken") { await loop.partSlotsUsed == 4 }
        _ = try await loop.add(bench.order([bench.file("b", 4 << 20)], "oss://b/2/", id: "s2"))
        try await bench.until(loop, "the other job has begun") { bench.oss.calls("initiate").contains { $0.key == "2/b" } }
        gate.open()
        try await bench.untilAllEnded(loop)

        // It need not wait until those that came first are done.
        let last = try #require(bodies.lastIndex { $0.key == "2/b" })
        #expect(last < 14, "\(bodies.map { $0.key })")
        await loop.stop(finishRunning: false)
    }

    @Test func whereTheEngineChoosesEnoughFilesRunToUseTheSlots() async throws {
        let loop = try await bench.loop(settings: QueueSettings(uploads: 2, parts: 8, partSize: 1 << 20, uploadsAuto: true))
        let gate = OpenGate()
        bench.oss.setFaults { $0.kind == "part" ? .waits(gate) : nil }
        _ = try await loop.add(bench.order((0..<10).map { bench.file("two\($0)", 2 << 20) }, id: "s1"))
        try await bench.until(loop, "every slot is taken") { await loop.partSlotsUsed == 8 }

        #expect(await loop.limits().uploads == 4)
        gate.open()
        try await bench.untilAllEnded(loop)
        await loop.stop(finishRunning: false)
    }

    @Test func aJobWithALimitOfItsOwnLeavesSlotsToOthers() async throws {
        let loop = try await bench.loop()
        bench.oss.setFaults { $0.key.hasPrefix("1/") ? .blackHole : nil }
        _ = try await loop.add(bench.order([folder("first", 20)], "oss://b/1/", id: "s1") { $0.limit = 1_000 })
        try await bench.until(loop, "it runs") { await loop.partSlotsUsed == 2 }
        _ = try await loop.add(bench.order([folder("second", 5)], "oss://b/2/", id: "s2"))
        try await bench.until(loop, "the second is done") { bench.oss.objects.keys.filter { $0.hasPrefix("2/") }.count == 5 }

        #expect(await loop.partSlotsUsed == 2)
        await loop.stop(finishRunning: false)
    }

    @Test func anOrdersLimitChangesWhileItsBodiesAreUnderWayAndIsKept() async throws {
        let first = try await bench.loop()
        bench.oss.setFaults { $0.kind == "put" ? .blackHole : nil }
        let job = try await first.add(bench.order([bench.file("a", 100)], id: "s1"))
        try await bench.until(first, "it is under way") { await first.partSlotsUsed == 1 }
        let result = try await first.act(ActionRequest(action: "limit", ids: [job.job], value: "2MiB"))
        #expect(result.changed == 1)
        #expect(bench.oss.paces.first?.pace.limits.map(\.rate) == [2 << 20])
        await #expect(throws: OrderError.self) { try await first.act(ActionRequest(action: "limit", ids: job.uploads, value: "fast")) }
        _ = try await first.act(ActionRequest(action: "limit", ids: [job.job], value: "0"))
        await first.stop(finishRunning: false)

        let second = try await bench.loop()
        bench.oss.setFaults { _ in nil }
        for _ in 0..<20 {
            bench.clock.advance(.seconds(1))
            await second.tick()
            try await Task.sleep(for: .milliseconds(1))
        }
        // 0 holds the order back, it never means unlimited.
        #expect(bench.oss.objects.isEmpty)
        _ = try await second.act(ActionRequest(action: "limit", ids: [job.job], value: "none"))
        try await bench.untilAllEnded(second)
        #expect(bench.oss.objects["a"] != nil)
        await second.stop(finishRunning: false)
    }

    @Test func theLargestRateIsNoneThatStopsTheEngine() async throws {
        let loop = try await bench.loop(settings: QueueSettings(uploads: 2, parts: 8, partSize: 1 << 20))
        let order = bench.order([bench.file("a", 3 << 20), bench.file("b", 10)], id: "s1") { $0.limit = .max }
        #expect(try await loop.plan(order).view.time?.seconds == 1)
        _ = try await loop.setLimits(LimitsChange(rate: "9000000000000000000"))
        let job = try await loop.add(order)
        _ = try await loop.act(ActionRequest(action: "limit", ids: job.uploads, value: "9000000000000000000"))

        try await bench.untilAllEnded(loop)

        #expect(bench.oss.objects.count == 2)
        await loop.stop(finishRunning: false)
    }

    @Test func aThousandOrdersOfAPlaceThatIsFullHideNoOther() async throws {
        let bench = QueueBench()
        let store = try bench.store()
        let target = try await FakeResolver().resolve(dest: "oss://b/", credentials: nil)
        try await store.commit([{ db in
            for number in 1...1_001 {
                var target = target
                if number == 1_001 { target.scope = "another" }
                try db.execute(
                    sql: """
                        INSERT INTO jobs (id, submission, isScanning, dest, scope, endpoint, target, options, sources, added)
                        VALUES (?, ?, 0, 'oss://b/', ?, ?, ?, '{}', '[]', 0)
                        """, arguments: [number, "s\(number)", target.scope, target.endpoint, try QueueStore.json(target)])
                try db.execute(
                    sql: """
                        INSERT INTO uploads (job, path, key, size, device, inode, modified, state, priority, position, added, partSize)
                        VALUES (?, '/x', 'x', 1, 1, 1, 1, 0, 1, ?, 0, 1048576)
                        """, arguments: [number, number])
            }
        }])

        let lanes = try await store.read { db in
            try QueueStore.nextLanes(db, excluding: [:], closedScopes: [], closedEndpoints: [], limit: 256)
        }

        #expect(lanes.contains { $0.job == 1_001 })
        #expect(lanes.count == 193)
    }

    @Test func anUploadsOwnLimitHoldsItAloneAndIsKept() async throws {
        let settings = QueueSettings(uploads: 2, parts: 8, partSize: 1 << 20)
        let first = try await bench.loop(settings: settings)
        let gate = OpenGate()
        bench.oss.setFaults { $0.kind == "part" ? .waits(gate) : nil }
        let job = try await first.add(bench.order([bench.file("a", 8 << 20), bench.file("b", 8 << 20)], id: "s1") { $0.paused = true })
        let (a, b) = (job.uploads[0], job.uploads[1])
        // Four seconds of it are one part.
        let result = try await first.act(ActionRequest(action: "limit", ids: [a], value: "256KiB"))
        #expect((result.matched, result.changed) == (1, 1))
        _ = try await first.act(ActionRequest(action: "resume", all: true))
        try await bench.until(first, "the other takes the slots") { await first.upload(b)?.upload.parts.sending == 7 }

        #expect(await first.upload(a)?.upload.parts.sending == 1)
        #expect(await first.upload(a)?.limit == 262_144)
        #expect(await first.upload(b)?.limit == nil)
        #expect(bench.oss.paces.contains { $0.pace.limits.contains { $0.rate == 262_144 } })
        await #expect(throws: OrderError.self) { try await first.act(ActionRequest(action: "limit", ids: [a], value: "0")) }
        await first.stop(finishRunning: false)

        let second = try await bench.loop(settings: settings)
        #expect(await second.upload(a)?.limit == 262_144)
        _ = try await second.act(ActionRequest(action: "limit", query: "a", value: "none"))
        #expect(await second.upload(a)?.limit == nil)
        gate.open()
        try await bench.untilAllEnded(second)
        #expect(bench.oss.objects["a"] != nil && bench.oss.objects["b"] != nil)
        await second.stop(finishRunning: false)
    }

    @Test func slotsLeftToTheEngineAreKeptOverARestart() async throws {
        let first = try await bench.loop()
        #expect(try await first.setLimits(LimitsChange(uploads: .auto, parts: .auto)).partsAuto)
        #expect(await first.limits().parts == ConcurrencyController.usualStart)
        #expect(await first.limits().partsReason == "starting value")
        await first.stop(finishRunning: false)

        let second = try await bench.loop()
        let limits = await second.limits()
        #expect(limits.partsAuto && limits.uploadsAuto)
        #expect(try await second.setLimits(LimitsChange(parts: 9)).partsReason == nil)
        await second.stop(finishRunning: false)
    }

    @Test func largerFilesAreCutIntoLargerParts() async throws {
        let target = try await FakeResolver().resolve(dest: "oss://b/", credentials: nil)
        let plan = try OrderPlan(OrderOptions(), target: target, partSize: 8 << 20, now: Timestamp(seconds: 0))
        for (size, part) in [(1 << 20, 8), (1 << 30, 16), (20 << 30, 32), (200 << 30, 64)] as [(Int64, Int64)] {
            #expect(plan.partSize(forFileOf: size) == part << 20)
        }
        var options = OrderOptions()
        options.partSize = 1 << 20
        let chosen = try OrderPlan(options, target: target, partSize: 8 << 20, now: Timestamp(seconds: 0))
        #expect(chosen.partSize(forFileOf: 200 << 30) == 1 << 20)
    }
}

@Suite struct RateScheduleLoopTests {
    private let bench = QueueBench()

    /// Nothing from the clock's hour on for 60 minutes, then 1 MiB/s.
    private func settings() -> QueueSettings {
        let minute = Int(bench.clock.value.seconds % 86_400 / 60)
        let closed = RateRule(days: Set(0...6), from: minute, until: (minute + 60) % 1440, rate: 0)
        return QueueSettings(
            uploads: 3, parts: 4, partSize: 1 << 20,
            rateSchedule: RateSchedule([closed, RateRule(days: [], from: 0, until: 1440, rate: 1 << 20)], zone: .utc))
    }

    @Test func aClosedWindowHoldsEverythingVisiblyUntilItsEnd() async throws {
        let loop = try await bench.loop(settings: settings())
        _ = try await loop.add(bench.order([bench.file("a", 100)], id: "s1"))
        try await bench.until(loop, "it is scanned") { await loop.status().counts["scanning"] == 0 }
        let view = try #require(try await loop.uploads(UploadsRequest()).items.first)
        let limits = await loop.limits()

        #expect(view.state == .held)
        #expect(view.heldReason == "schedule")
        #expect(view.nextTry == limits.rateUntil && limits.rateUntil != nil)
        #expect(limits.rate == 0 && limits.rateBy == "schedule")
        #expect(await loop.status().counts["held"] == 1)
        #expect(bench.oss.calls.isEmpty)
        bench.clock.advance(.seconds(3_600))
        try await bench.untilAllEnded(loop)
        #expect(bench.oss.objects["a"] != nil)
        #expect(bench.rate.withLock { $0.last } == .some(1 << 20))
        await loop.stop(finishRunning: false)
    }

    @Test func aPersonsWordStandsUntilTheNextEdgeAlsoOverARestart() async throws {
        let first = try await bench.loop(settings: settings())
        let set = try await first.setLimits(LimitsChange(rate: "5MiB"))
        #expect(set.rate == 5 << 20 && set.rateBy == "person" && set.rateUntil != nil)
        await first.stop(finishRunning: false)
        let second = try await bench.loop(settings: settings())
        #expect(await second.limits() == set)
        bench.clock.advance(.seconds(3_600))
        await second.tick()
        #expect(await second.limits().rate == 1 << 20)
        #expect(await second.limits().rateBy == "schedule")
        await second.stop(finishRunning: false)
    }

    @Test func whatWasSetIsGivenBackToTheSchedule() async throws {
        let loop = try await bench.loop(settings: settings())
        _ = try await loop.setLimits(LimitsChange(rate: "none"))
        #expect(await loop.limits().rate == nil)
        #expect(try await loop.setLimits(LimitsChange(rate: "schedule")).rate == 0)
        await loop.stop(finishRunning: false)
    }
}

@Suite struct RemoteLimitTests {
    @Test func aRemotesOwnLimitsBoundItAndNobodyElse() async throws {
        let bench = QueueBench()
        let settings = QueueSettings(
            uploads: 3, parts: 8, partSize: 1 << 20, remotes: ["slow": RemoteLimits(parts: 2), "paced": RemoteLimits(rate: 5_000)])
        let loop = try await bench.loop(settings: settings, resolver: FakeResolver(remotes: ["s": "slow", "p": "paced"]))
        bench.oss.setFaults { $0.key.hasPrefix("1/") ? .blackHole : nil }

        _ = try await loop.add(bench.order((0..<6).map { bench.file("f\($0)", 100) }, "oss://s/1/", id: "s1"))
        try await bench.until(loop, "its two slots are taken") { await loop.partSlotsUsed == 2 }
        _ = try await loop.add(bench.order((0..<6).map { bench.file("g\($0)", 100) }, "oss://p/2/", id: "s2"))
        try await bench.until(loop, "the other remote's files are done") { bench.oss.objects.count == 6 }

        #expect(await loop.partSlotsUsed == 2)
        #expect(bench.oss.paces.filter { $0.key.hasPrefix("2/") }.allSatisfy { $0.pace.limits.compactMap(\.rate) == [5_000] })
        await loop.stop(finishRunning: false)
    }
}

@Suite struct RemoteLimitReloadTests {
    @Test func aLimitThatIsReadAnewCountsAtOnce() async throws {
        let bench = QueueBench()
        let settings = QueueSettings(uploads: 3, parts: 8, partSize: 1 << 20, remotes: ["slow": RemoteLimits(rate: 0)])
        let loop = try await bench.loop(settings: settings, resolver: FakeResolver(remotes: ["s": "slow"]))
        _ = try await loop.add(bench.order([bench.file("f", 100)], "oss://s/1/", id: "s1"))
        for _ in 0..<20 { await loop.tick() }
        let before = bench.oss.objects.count

        await loop.setRemotes(["slow": RemoteLimits(rate: 5_000)])
        try await bench.until(loop, "its file is done") { bench.oss.objects.count == 1 }
        let then = bench.oss.paces.map { $0.pace.limits.compactMap(\.rate) }
        await loop.setRemotes([:])
        _ = try await loop.add(bench.order([bench.file("g", 100)], "oss://s/2/", id: "s2"))
        try await bench.untilAllEnded(loop)

        #expect(before == 0 && then == [[5_000]])
        #expect(bench.oss.paces.count == 2 && bench.oss.paces.allSatisfy { !$0.pace.isLimited })
        await loop.stop(finishRunning: false)
    }
}

@Suite struct SlowBecauseTests {
    private let bench = QueueBench()

    @Test(arguments: ["server", "disk", "network"]) func theStatusNamesWhatIsWaitedFor(_ cause: String) async throws {
        // Four requests wait all the time, in the clock of the test.
        let start = bench.clock.value
        let clock = bench.clock
        let loop = try await bench.loop(waits: {
            var waits = TransportWaits()
            let seconds = (clock.value - start).inSeconds * 4
            switch cause {
            case "server": waits.answering = seconds
            case "disk": waits.reading = seconds
            default: waits.sending = seconds
            }
            return waits
        })
        #expect(await loop.status().slowBecause == nil)
        bench.oss.setFaults { $0.kind == "put" ? .blackHole : nil }
        _ = try await loop.add(bench.order([bench.file("a", 100)], id: "s1"))
        try await bench.until(loop, "it is known") { await loop.status().slowBecause == cause }

        _ = try await loop.act(ActionRequest(action: "pause", all: true))
        try await bench.until(loop, "nothing runs") { await loop.status().slowBecause == nil }
        await loop.stop(finishRunning: false)
    }

    @Test func theEndIsUnknownUntilThereIsDataAndThenNear() async throws {
        let loop = try await bench.loop()
        _ = try await loop.act(ActionRequest(action: "pause", all: true))
        Files.folder(bench.folder + "/many")
        for number in 0..<1_500 { bench.file("many/\(number)", 10) }
        _ = try await loop.add(bench.order([bench.folder + "/many"], id: "s1"))
        try await bench.until(loop, "they are scanned") { await loop.status().counts["scanning"] == 0 }
        // Each answer takes its time in the clock of the test.
        _ = try await loop.act(ActionRequest(action: "resume", all: true))
        #expect(await loop.status().etaHigh == nil)
        try await bench.until(loop, "it is known", step: .milliseconds(500)) {
            let status = await loop.status()
            return status.etaHigh != nil || status.counts["done"] == 1_500
        }
        let status = await loop.status()
        if let high = status.etaHigh { #expect(high >= 0 && high < 10_000) }
        try await bench.untilAllEnded(loop)
        #expect(await loop.status().etaHigh == nil)
        await loop.stop(finishRunning: false)
    }
}
