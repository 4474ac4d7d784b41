import Contracts
import Testing

@testable import TerminalUI

@Suite struct ReduceQueue {
    let small = Size(columns: 80, rows: 24)

    private func cursorRows(_ state: AppState) -> [Int] {
        let lines = render(state, size: state.size, theme: .mono).lines
        return lines.indices.filter { lines[$0].utf8.first == UInt8(ascii: ">") }
    }

    @Test func exactlyOneRowHasTheCursorAndTheFocusLineNamesItsDestination() {
        var state = Mix.state()
        var desk = Desk(rows: Mix.rows)
        for keys in [Array(repeating: Key.down, count: 20), [.character("G")], [.character("g")]] {
            for key in keys { desk.press(key, &state) }

            let frame = render(state, size: small, theme: .mono)
            #expect(cursorRows(state).count == 1)
            #expect(frame.cursor?.row == cursorRows(state).first)
            let row = state.queue.cursorRow
            #expect(row != nil)
            #expect(frame.lines[21].contains(Paths.destinationFolder(row?.dest ?? "?")))
        }
        #expect(state.queue.cursor == 0)
    }

    @Test func lastRowOfAMillionIsOneWindowAway() {
        var state = Mix.state(total: 1_000_000)
        let effects = reduce(&state, .key(.character("G"), at: Mix.now + 1000))

        guard case .fetchWindow(let offset, let count, _, _, let version)? = effects.first else {
            Issue.record("no window was asked for")
            return
        }
        #expect(state.queue.cursor == 999_999)
        #expect(offset <= 999_984 && offset + count >= 1_000_000)
        #expect(count <= 3 * 16)
        let last = Mix.upload(999_999, .queued, "last.bin", "oss://b/", size: 1)
        let rows = (offset..<1_000_000).map { $0 == 999_999 ? last : Mix.upload($0, .queued, "f\($0)", "oss://b/", size: 1) }
        _ = reduce(&state, .window(WindowAnswer(version: version, offset: offset, total: 1_000_000, rows: rows)))
        #expect(state.queue.cursorID == "u-999999")
        #expect(render(state, size: small, theme: .mono).lines[20].hasPrefix("> ·  last.bin"))
    }

    @Test func aLateAnswerIsThrownAway() {
        var state = Mix.state()
        let before = state.queue.window
        _ = reduce(&state, .window(WindowAnswer(version: 0, offset: 0, total: 1, rows: [])))

        #expect(state.queue.window == before)
    }

    @Test func theCursorStaysOnItsUploadWhenTheOrderChanges() {
        var state = Mix.state()
        var desk = Desk(rows: Mix.rows)
        for _ in 0..<3 { desk.press(.down, &state) }
        #expect(state.queue.cursorID == "u-4")
        desk.rows.swapAt(3, 9)
        desk.perform(reduce(&state, .tick(now: Mix.now + 60_000)), on: &state)

        #expect(state.queue.cursorID == "u-4")
        #expect(state.queue.cursor == 9)
    }

    @Test func theListIsNotReorderedUnderTheFingers() {
        var state = Mix.state()
        var desk = Desk(rows: Mix.rows)
        desk.press(.down, &state)
        desk.rows.swapAt(3, 9)
        desk.perform(reduce(&state, .tick(now: state.now + 1000)), on: &state)
        #expect(state.queue.row(at: 3)?.id == "u-4")

        desk.perform(reduce(&state, .tick(now: state.now + 1500)), on: &state)
        #expect(state.queue.row(at: 3)?.id == "u-10")
    }

    @Test func theCursorTakesItsOldPlaceWhenItsUploadIsGone() {
        var state = Mix.state()
        var desk = Desk(rows: Mix.rows)
        for _ in 0..<3 { desk.press(.down, &state) }
        desk.rows.remove(at: 3)
        desk.perform(reduce(&state, .tick(now: state.now + 60_000)), on: &state)

        #expect(state.queue.cursor == 3)
        #expect(state.queue.cursorID == "u-5")
    }

    @Test func cancellingOneAsksNothingAndUndoTakesItBack() {
        var state = Mix.state()
        let effects = reduce(&state, .key(.character("x"), at: Mix.now + 1000))

        #expect(effects == [.act(ActionRequest(action: "cancel", ids: ["u-1"], by: "ops"))])
        #expect(state.overlays.isEmpty)
        let item = ActionResult.Item(id: "u-1", state: .cancelled, changed: true, reason: nil)
        _ = reduce(&state, .actionDone(ActionResult(action: "cancel", matched: 1, changed: 1, items: [item])))
        #expect(render(state, size: small, theme: .mono).lines[22].contains("u undo"))
        let undo = reduce(&state, .key(.character("u"), at: Mix.now + 2000))
        #expect(undo == [.act(ActionRequest(action: "undo", by: "ops"))])
    }

    @Test func cancellingManyAsksAndNeitherTheSameKeyNorEnterSaysYes() {
        var state = Mix.state()
        var desk = Desk(rows: Mix.rows)
        Marking.mark(128, in: &state)
        desk.press("x", &state)
        let text = render(state, size: small, theme: .mono).lines.joined(separator: "\n")
        #expect(text.contains("Cancel 128 uploads?"))
        #expect(text.contains("412 GiB, of which 96.1 GiB is already stored."))
        desk.press("x", &state)
        #expect(state.overlays.count == 1)
        desk.press(.enter, &state)

        #expect(state.overlays.isEmpty)
        #expect(desk.others.isEmpty)
    }

    @Test func aYesThatIsMeantCancelsTheMarkedOnes() {
        var state = Mix.state()
        var desk = Desk(rows: Mix.rows)
        Marking.mark(128, in: &state)
        desk.press("xy", &state)

        guard case .act(let request)? = desk.others.first else {
            Issue.record("nothing was sent")
            return
        }
        #expect(request.action == "cancel")
        #expect(request.ids?.count == 128)
        #expect(state.queue.marks.isEmpty)
    }

    @Test func whatWasTypedBeforeTheQuestionWasSeenIsNoAnswer() {
        var state = Mix.state()
        var desk = Desk(rows: Mix.rows)
        Marking.mark(128, in: &state)
        desk.press("x", &state)
        desk.press("y", &state, after: 5)
        #expect(state.overlays.count == 1)
        #expect(desk.others.isEmpty)
        _ = reduce(&state, .painted(at: state.now + 250))
        desk.press("y", &state, after: 500)

        #expect(state.overlays.count == 1, "within 300 ms of the painting")
        desk.press("y", &state, after: 301)
        #expect(desk.others.count == 1)
    }

    @Test func abortingManyWantsTheNumberTyped() {
        var state = Mix.state()
        var desk = Desk(rows: Mix.rows)
        Marking.mark(128, in: &state)
        desk.press("X12", &state)
        desk.press(.enter, &state)
        #expect(render(state, size: small, theme: .mono).lines.contains { $0.contains("12 is not 128") })
        #expect(desk.others.isEmpty)
        desk.press("8", &state)
        desk.press(.enter, &state)

        guard case .act(let request)? = desk.others.first else {
            Issue.record("nothing was sent")
            return
        }
        #expect(request.action == "abort")
    }

    @Test func aSetOfTheEngineIsCountedAgainBeforeTheQuestion() {
        var state = Mix.state(total: 1_000_000)
        var desk = Desk(rows: Mix.rows, total: 1_000_000)
        desk.press("Vx", &state)
        #expect(desk.others == [.act(ActionRequest(action: "cancel", all: true, dryRun: true, by: "ops"))])
        _ = reduce(&state, .actionDone(ActionResult(action: "cancel", matched: 999_998, changed: 0, items: [])))

        #expect(render(state, size: small, theme: .mono).lines.contains { $0.contains("Cancel 999,998 uploads?") })
    }

    @Test func theQuestionAboutASetNamesTheBytesThatTheEngineHasAddedUp() {
        var state = Mix.state()
        var desk = Desk(rows: Mix.rows)
        desk.press("Vx", &state)
        var found = ActionResult(action: "cancel", matched: 128, changed: 128, items: [])
        (found.bytes, found.stored) = (412 << 30, 96 << 30)
        _ = reduce(&state, .actionDone(found))

        #expect(render(state, size: small, theme: .mono).lines.contains { $0.contains("412 GiB, of which 96.0 GiB is already stored.") })
    }

    @Test func pauseResumesWhenAllChosenArePaused() {
        var state = Mix.state()
        var desk = Desk(rows: Mix.rows)
        state.queue.cursor = 15
        state.queue.cursorID = "u-16"
        desk.press(" p", &state)
        #expect(desk.others.last == .act(ActionRequest(action: "resume", ids: ["u-16"], by: "ops")))

        state.queue.cursor = 0
        state.queue.cursorID = "u-1"
        desk.press(" p", &state)
        #expect(desk.others.last == .act(ActionRequest(action: "pause", ids: ["u-1", "u-16"], by: "ops")))
    }

    @Test func invertedMarksAreAllButTheMarkedOnes() {
        var state = Mix.state(total: 1_000_000)
        var desk = Desk(rows: Mix.rows, total: 1_000_000)
        desk.press(" *", &state)

        #expect(state.queue.marks.count == 999_999)
        desk.press("r", &state)
        #expect(desk.others.last == .act(ActionRequest(action: "retry", query: "not id:u-1", by: "ops")))
    }

    @Test func aRangeMarksWhatLiesBetween() {
        var state = Mix.state()
        var desk = Desk(rows: Mix.rows)
        desk.press("vjjv", &state)

        #expect(Set(state.queue.marks.ids.keys) == ["u-1", "u-2", "u-3"])
    }

    @Test func escClosesOneLayerAtATime() {
        var state = Mix.state()
        var desk = Desk(rows: Mix.rows)
        desk.press("fcam", &state)
        desk.press(.enter, &state)
        desk.press(" v", &state)
        desk.press("?", &state)
        #expect(state.overlays.count == 1)
        desk.press(.escape, &state)
        #expect(state.overlays.isEmpty && state.queue.rangeStart != nil)
        desk.press(.escape, &state)
        #expect(state.queue.rangeStart == nil && state.queue.query == "cam")
        desk.press(.escape, &state)
        #expect(state.queue.query.isEmpty && state.queue.marks.count == 1)
        desk.press(.escape, &state)
        #expect(state.queue.marks.isEmpty)
        let before = render(state, size: small, theme: .mono)
        desk.press(.escape, &state, after: 0)

        #expect(render(state, size: small, theme: .mono) == before, "on a bare list it does nothing")
    }

    @Test(arguments: ["?", ":", "f", "b", "Q", "s", "/"]) func escLeavesTheScreenAsItWas(key: String) {
        var state = Mix.state()
        var desk = Desk(rows: Mix.rows)
        let before = render(state, size: small, theme: .mono)
        desk.press(key, &state, after: 0)
        #expect(render(state, size: small, theme: .mono) != before)
        desk.press(.escape, &state, after: 0)

        #expect(render(state, size: small, theme: .mono) == before)
    }

    @Test func ctrlCNeverTouchesAnUploadAndTwiceLeaves() {
        var state = Mix.state()
        #expect(reduce(&state, .key(.control("c"), at: Mix.now + 1000)).isEmpty)
        #expect(state.message?.text.contains("q leaves, uploads go on") == true)
        #expect(reduce(&state, .key(.control("c"), at: Mix.now + 4000)).isEmpty, "the second came after two seconds")
        #expect(reduce(&state, .key(.control("c"), at: Mix.now + 5000)) == [.leave(.detach)])
    }

    @Test(arguments: [Key.character("d"), .character("D"), .control("t"), .function(3), .character("é")]) func unknownKeysSayTheirName(
        key: Key
    ) {
        var state = Mix.state()
        #expect(reduce(&state, .key(key, at: Mix.now + 1000)).isEmpty)

        #expect(state.message?.text == "\(KeyTable.name(key)): no such key here. ? help")
    }

    @Test func aPasteRunsNoCommandAndChangesNoUpload() {
        var state = Mix.state()
        let before = state.queue
        let text = String(repeating: "ddxXy\ny\nq\n", count: 200)
        #expect(reduce(&state, .paste(text)).isEmpty)
        #expect(state.message?.text == "pasted 2,000 characters, ignored")
        #expect(state.queue == before && state.overlays.isEmpty)

        #expect(reduce(&state, .burst(text)).isEmpty)
        #expect(state.message?.text.hasPrefix("input burst ignored") == true)
        #expect(state.queue == before && state.overlays.isEmpty)
    }

    @Test func pastedPathsAreOfferedAndNotQueued() {
        var state = Mix.state()
        var desk = Desk(rows: Mix.rows)
        #expect(reduce(&state, .paste("/srv/a b.mov\n'/srv/c d.mov'\n")).isEmpty)
        #expect(state.message?.text.hasPrefix("a adds 2 pasted paths") == true)
        desk.press("a", &state)
        guard case .add(let sheet)? = state.overlays.last else {
            Issue.record("no add sheet")
            return
        }
        #expect(sheet.sources == ["/srv/a b.mov", "/srv/c d.mov"])
        #expect(desk.others.isEmpty)
        desk.press(.enter, &state)
        #expect(desk.others == [.add(sources: ["/srv/a b.mov", "/srv/c d.mov"], dest: "prod:", options: OrderOptions())])
    }

    @Test func aPasteIntoAFieldNeverSubmits() {
        var state = Mix.state()
        var desk = Desk(rows: Mix.rows)
        desk.press("b", &state)
        #expect(reduce(&state, .paste("50M\n")).isEmpty)
        guard case .prompt(let prompt)? = state.overlays.last else {
            Issue.record("the prompt is gone")
            return
        }
        #expect(prompt.field.text == "50M ")
        desk.press(.enter, &state)
        var change = LimitsChange(rate: "52428800")
        change.by = "ops"
        #expect(desk.others == [.setLimits(change)])
    }

    @Test func aDialogLivesThroughAWindowThatIsTooSmall() {
        var state = Mix.state()
        var desk = Desk(rows: Mix.rows)
        Marking.mark(128, in: &state)
        desk.press("x", &state)
        let before = render(state, size: small, theme: .mono)
        _ = reduce(&state, .resize(Size(columns: 30, rows: 5)))
        #expect(render(state, size: state.size, theme: .mono).lines.contains { $0.hasPrefix("need 40x8, have 30x5") })
        desk.perform(reduce(&state, .resize(small)), on: &state)

        #expect(render(state, size: small, theme: .mono) == before)
        #expect(desk.others.isEmpty)
    }

    @Test func anyStormOfResizesEndsWhereAFreshStartWouldBe() {
        var state = Mix.state()
        var desk = Desk(rows: Mix.rows)
        for _ in 0..<5 { desk.press(.down, &state) }
        let before = render(state, size: small, theme: .mono)
        var random = SystemLike(seed: 42)
        for _ in 0..<100 {
            let size = Size(columns: 20 + random.next(281), rows: 3 + random.next(98))
            desk.perform(reduce(&state, .resize(size)), on: &state)
            _ = render(state, size: size, theme: .mono)
        }
        desk.perform(reduce(&state, .resize(small)), on: &state)
        state.queue.top = 0

        #expect(state.queue.cursorID == "u-6")
        #expect(render(state, size: small, theme: .mono).lines == before.lines)
    }

    @Test func actionsAreRefusedWhileTheEngineIsLost() {
        var state = Mix.state()
        _ = reduce(&state, .engineLost(reason: "connection refused", attempt: 1, nextIn: 4))
        for key in "pxX+-bcPu" {
            #expect(reduce(&state, .key(.character(key), at: state.now + 1000)).isEmpty, "\(key)")
            #expect(state.overlays.isEmpty)
            #expect(state.message?.text.contains("refused") == true)
        }
        #expect(reduce(&state, .key(.character("r"), at: state.now + 1000)) == [.reconnect])
        let lines = render(state, size: small, theme: .mono).lines
        #expect(lines[1].contains("ENGINE NOT ANSWERING"))
        #expect(lines[5].contains("camera-03"))
        #expect(!lines[5].contains("31.2Mi"))
    }

    @Test func aReadOnlyFrontEndRefusesActions() {
        var state = Mix.state()
        state.options.isReadOnly = true
        for key in "pxX+-bcPu" {
            #expect(reduce(&state, .key(.character(key), at: state.now + 1000)).isEmpty)
            #expect(state.message?.text == "this front end is read-only")
        }
    }

    @Test func moreThanTwentyWaitingActionsAreDropped() {
        var state = Mix.state()
        var sent = 0
        for _ in 0..<30 {
            let effects = reduce(&state, .key(.character("P"), at: state.now + 10))
            if case .act? = effects.first { sent += 1 } else { #expect(effects == [.beep]) }
        }

        #expect(sent == AppState.mostActions)
    }

    @Test func aWrongFilterLeavesTheLastResult() {
        var state = Mix.state()
        var desk = Desk(rows: Mix.rows)
        desk.press("f", &state)
        let effects = reduce(&state, .key(.character(">"), at: state.now + 1000))
        guard case .fetchWindow(_, _, let query, _, let version)? = effects.first else {
            Issue.record("the filter was not sent")
            return
        }
        #expect(query == ">")
        _ = reduce(&state, .windowFailed(version: version, message: "expected a field before >"))

        let lines = render(state, size: small, theme: .mono).lines
        #expect(lines[22].contains("expected a field before >"))
        #expect(lines[5].contains("camera-03"))
    }

    @Test func sortInAFilterIsSentAsTheOrder() {
        var state = Mix.state()
        var desk = Desk(rows: Mix.rows)
        desk.press(":", &state)
        _ = reduce(&state, .paste("filter state:failed sort:size-"))
        let effects = reduce(&state, .key(.enter, at: state.now + 1000))

        guard case .fetchWindow(_, _, let query, let sort, _)? = effects.first else {
            Issue.record("nothing was asked")
            return
        }
        #expect(query == "state:failed" && sort == "size-")
    }

    @Test func aReattachedFrontEndLooksAsItWasLeft() {
        var state = Mix.state()
        var desk = Desk(rows: Mix.rows)
        for _ in 0..<20 { desk.press(.down, &state) }
        desk.press(" ", &state)
        var again = AppState(options: Mix.options(), size: small, now: Mix.now)
        again.restore(state.savedView)
        _ = reduce(&again, .settings(Mix.settings))
        desk.perform(reduce(&again, .status(Mix.status)), on: &again)
        again.now = state.now
        again.mirror.statusAt = state.mirror.statusAt
        state.message = nil

        #expect(render(again, size: small, theme: .mono) == render(state, size: small, theme: .mono))
    }
}

/// A small generator with a seed, so that a failing storm can be repeated.
struct SystemLike {
    private var state: UInt64
    init(seed: UInt64) { state = seed }
    mutating func next(_ bound: Int) -> Int {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return Int(state >> 33) % bound
    }
}
