import Contracts
import OSSProtocol
import Testing
import TransferCore

@testable import Engine

/// Edits of other things than uploads, in the real store; the configuration that is read anew.
@Suite(.timeLimit(.minutes(2))) struct NotedEditTests {
    private let edit = NotedEdit(kind: .limits, by: "ops", what: "limit up none -> 7 MiB/s", takeBack: "{}")

    @Test func aNotedEditIsThereAfterARestartAndIsUndoneOnce() async throws {
        let bench = QueueBench()
        let first = try await bench.loop()
        try await first.note(edit, replacing: nil)
        await first.stop(finishRunning: false)
        let second = try await bench.loop()
        let found = try #require(try await second.noted(nil))

        #expect(found.edit == edit)
        #expect(try await second.edits().map(\.what) == [edit.what])
        try await second.markUndone(found.id, by: "ops2")
        let (newest, same) = (try await second.noted(nil)?.id, try await second.noted(found.id)?.id)
        #expect(newest == nil && same == nil)
        #expect(await second.status().lastAction.map { "\($0.action) \($0.by ?? "") \($0.what ?? "")" } == "undo ops2 \(edit.what)")
        await second.stop(finishRunning: false)
    }

    @Test func anEditOfUploadsThatCameLaterIsNotTakenForIt() async throws {
        let bench = QueueBench()
        let loop = try await bench.loop()
        try await loop.note(edit, replacing: nil)
        let job = try await loop.add(bench.order([bench.file("f", 10)]) { $0.paused = true })
        _ = try await loop.act(ActionRequest(action: "priority", ids: job.uploads, value: "high"))

        let newest = try await loop.noted(nil)?.id
        #expect(newest == nil)
        _ = try await loop.act(ActionRequest(action: "undo"))
        #expect(try await loop.noted(nil)?.edit == edit)
        await loop.stop(finishRunning: false)
    }

    @Test func whatTheConfigurationSaysAnewStandsAtOnceUnlessAPersonHasSetIt() async throws {
        let bench = QueueBench()
        let loop = try await bench.loop(settings: QueueSettings(uploads: 3, parts: 8))
        _ = try await loop.setLimits(LimitsChange(parts: 5))
        var rules = EngineSettings()
        (rules.uploads, rules.parts, rules.rateLimit) = (.fixed(9), .fixed(12), 5 << 20)
        rules.keepCancelled = .seconds(60)
        await loop.adopt(rules)
        let limits = await loop.limits()

        #expect(limits.uploads == 9 && limits.parts == 5 && limits.rate == 5 << 20 && limits.rateBy == "configuration")
        rules.rateSchedule = [RateRule(days: [], from: 0, until: 1440, rate: 1 << 20)]
        await loop.adopt(rules)
        #expect(await loop.limits().rate == 1 << 20)
        #expect(await loop.limits().rateBy == "schedule")
        _ = try await loop.setLimits(LimitsChange(rate: "none"))
        rules.rateLimit = 1
        await loop.adopt(rules)
        #expect(await loop.limits().rate == nil, "a person's word stands")
        #expect(await loop.queueMachine.keepCancelled == .seconds(60))
        await loop.stop(finishRunning: false)
    }

    @Test func aLimitOfAQueryLeavesOutWhatHasEndedAndCountsTheRest() async throws {
        let bench = QueueBench()
        let loop = try await bench.loop()
        _ = try await loop.add(bench.order([bench.file("done", 10)]))
        try await bench.untilAllEnded(loop)
        let names = (0..<1_203).map { bench.file("f\($0)", 10) }
        _ = try await loop.add(bench.order(names, id: "s2") { $0.paused = true })

        let result = try await loop.act(ActionRequest(action: "limit", query: "size<1k", value: "2MiB"))
        let all = try await loop.act(ActionRequest(action: "limit", all: true, value: "3MiB"))

        #expect(result.matched == 1_203 && result.changed == 1_203)
        #expect(all.matched == 1_203 && all.changed == 1_203)
        await #expect(throws: OrderError.self) { try await loop.act(ActionRequest(action: "limit", query: "size>>1", value: "2MiB")) }
        await loop.stop(finishRunning: false)
    }
}
