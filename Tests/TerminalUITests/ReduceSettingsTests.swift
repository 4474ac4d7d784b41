import Contracts
import Testing

@testable import TerminalUI

@Suite struct ReduceSettingsTests {
    private func change(rate: String) -> Effect {
        var change = LimitsChange(rate: rate)
        change.by = "ops"
        return .setLimits(change)
    }

    private func press(_ keys: String, _ state: inout AppState) -> [Effect] {
        var desk = Desk(rows: Mix.rows)
        desk.press(keys, &state)
        return desk.others
    }

    @Test func aStepOfTheLimitIsATenth() {
        var state = Mix.state()

        #expect(press("6-", &state) == [.fetchEdits, change(rate: String(200 * Mix.mib / 10 * 9))])
    }

    @Test func undoWithoutAChangeOfSettingsIsTheEnginesUndo() {
        var state = Mix.state()

        #expect(press("6u", &state) == [.fetchEdits, .act(ActionRequest(action: "undo", by: "ops"))])
    }

    @Test func slowModeBringsTheOldLimitBack() {
        var state = Mix.state()
        #expect(press("B", &state) == [change(rate: "1048576")])
        #expect(state.slow.isOn)

        #expect(press("B", &state) == [change(rate: "schedule")])
        #expect(!state.slow.isOn)
    }

    @Test func slowModeOfAPersonsLimitGoesBackToThatLimit() {
        var state = Mix.state()
        var status = Mix.status
        status.limits.rateBy = "person"
        _ = reduce(&state, .status(status))
        _ = press("B", &state)

        #expect(press("B", &state) == [change(rate: String(200 * Mix.mib))])
    }

    @Test func aChangeByOthersIsSaid() {
        var state = Mix.state()
        var status = Mix.status
        status.limits.rate = 20 * Mix.mib
        status.limits.rateBy = "person"
        _ = reduce(&state, .status(status))

        #expect(state.message?.text == "limit up 200 MiB/s -> 20.0 MiB/s by another front end")
    }

    @Test func defaultGivesACountBackToTheEngine() {
        var state = Mix.state()

        var change = LimitsChange(uploads: .auto, parts: nil)
        change.by = "ops"
        #expect(press("6jjD", &state) == [.fetchEdits, .setLimits(change)])
    }

    @Test func numbersAreNotSteppedReadOnly() {
        var state = Mix.state()
        state.options.isReadOnly = true

        #expect(press("6+", &state) == [.fetchEdits] && state.message?.text == "this front end is read-only")
    }

    @Test func everyRowIsReachedInASmallWindow() {
        var state = Mix.state(size: Size(columns: 40, rows: 8))
        state.options.facts = [SettingFact("socket", "/run/davit/engine.sock")]
        _ = press("6G", &state)

        #expect(render(state, size: state.size, theme: .mono).lines.contains { $0.contains("socket") })
    }
}

@Suite struct ReduceAccessTests {
    @Test func testAndRenewNameTheRemoteUnderTheCursor() {
        var state = Mix.state()
        var desk = Desk(rows: Mix.rows)
        desk.press("5t", &state)
        #expect(desk.others == [.fetchAuth, .fetchEdits, .testAuth(scope: "prod")])
        _ = reduce(&state, .authChecked(scope: "prod", [AuthCheck(scope: "prod", check: "put", ok: false, text: "403 AccessDenied")]))
        #expect(state.message?.text == "prod: put FAILED: 403 AccessDenied")
        desk.press("jr", &state)

        #expect(desk.others.last == .renewAuth(scope: "finance"))
    }

    @Test func remotesThatNothingUsesAreListedToo() {
        var state = Mix.state()
        _ = reduce(
            &state,
            .settings(
                SettingsView(
                    theme: "auto", defaultRemote: "prod",
                    remotes: [RemoteView(name: "archive", bucket: "archive", region: nil, endpoint: nil, prefix: "", kind: "static")])))

        #expect(state.leases.map(\.scope) == ["prod", "archive", "finance"])
    }

    @Test func oneQuestionAtATime() {
        var state = Mix.state()
        var desk = Desk(rows: Mix.rows)
        desk.press("5tt", &state)

        #expect(desk.others == [.fetchAuth, .fetchEdits, .testAuth(scope: "prod")])
    }
}
