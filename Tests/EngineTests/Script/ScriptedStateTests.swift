import Contracts
import OSSProtocol
import Testing

@testable import Engine

@Suite struct ScriptedStateTests {
    private static let row = #"{"state": "uploading", "path": "a/b.mov", "to": "oss://media/x/", "size": 1000, "stored": 100, "rate": 90, "parts": [1, 10, 2]}"#

    private static func state(_ rest: String, uploads: [String] = [row]) throws -> ScriptedState {
        let text = #"{"clock": "2026-11-23T06:03:22Z", "uploads": [\#(uploads.joined(separator: ","))]\#(rest.isEmpty ? "" : "," + rest)}"#
        return ScriptedState(try Script.read(Array(text.utf8), file: "s.json"))
    }

    @Test func aRowIsSeenAsTheScriptWritesIt() throws {
        let view = try Self.state("").view(0)

        #expect(view.id == "u-1" && view.dest == "oss://media/x/b.mov" && view.bucket == "media" && view.key == "x/b.mov")
        #expect(view.parts == UploadView.Parts(size: 100, total: 10, stored: 1, sending: 2))
    }

    @Test(arguments: [
        (#"{"clock": "today"}"#, "clock"), (#"{"clock": "2026-11-23T06:03:22Z", "uploads": [{"path": "a"}]}"#, "a row needs"),
        (#"{"clock": "2026-11-23T06:03:22Z", "timeline": [{"at": 1, "row": 2, "change": {}}]}"#, "timeline"), ("{", "no script"),
        (#"{"clock": "2026-11-23T06:03:22Z", "fill": {"count": 99000000, "row": {"state": "queued", "path": "a", "to": "oss://b/"}}}"#, "fill"),
    ])
    func aMistakeIsNamed(text: String, word: String) {
        let error = #expect(throws: EngineFailure.self) { try Script.read(Array(text.utf8), file: "s.json") }

        #expect(error?.message.contains(word) == true && error?.message.contains("s.json") == true)
    }

    @Test func aStillScriptStaysAsItBegan() throws {
        var state = try Self.state("")
        let before = state.status(pid: 1)

        for _ in 0..<100 {
            let news = state.tick()
            #expect(news.isEmpty)
        }

        #expect(state.status(pid: 1) == before)
    }

    @Test func whatMovesStoresWholePartsAndAddsUpToTheHeader() throws {
        var state = try Self.state(#""moves": true"#)
        var last: Int64 = 100

        for _ in 0..<6 {
            _ = state.tick()
            let view = state.view(0)
            #expect(view.stored % 100 == 0 && view.stored >= last && view.stored + view.sending <= 1000)
            #expect(state.status(pid: 1).rate == view.rate)
            last = view.stored
        }
        #expect(last > 100)
        for _ in 0..<20 { _ = state.tick() }
        #expect(state.view(0).state == .done && state.status(pid: 1).counts["done"] == 1)
    }

    @Test func aMillionRowsAreCountedAndMadeOnlyWhenSeen() throws {
        var state = try Self.state(
            #""endings": 3, "fill": {"count": 1000000, "row": {"state": "queued", "path": "f-#.bin", "to": "oss://b/", "size": 7}}"#)

        let window = try state.window(UploadsRequest(offset: 999_999, limit: 5))
        let ended = state.end(3)

        #expect(window.total == 1_000_001 && window.items.map(\.path) == ["f-1000000.bin", "f-1000001.bin"])
        #expect(ended.count == 3 && state.status(pid: 1).counts["queued"] == 999_997 && state.status(pid: 1).totals.bytes == 7_001_000)
    }

    @Test func anUndoPutsBackWhatAnActionChanged() throws {
        var state = try Self.state("")
        let before = state.view(0)

        let trial = try state.act(ActionRequest(action: "cancel", all: true, dryRun: true))
        #expect(trial.result.changed == 1 && state.view(0) == before)
        _ = try state.act(ActionRequest(action: "cancel", query: "name:b.mov"))
        #expect(state.view(0).state == .cancelled && state.view(0).stored == 100)
        let again = try state.act(ActionRequest(action: "cancel", ids: ["u-1"]))
        #expect(again.result.items.first?.reason == "had already finished")
        // The refused one left nothing to undo.
        _ = try state.act(ActionRequest(action: "undo"))

        #expect(state.view(0) == before)
    }

    @Test func anEndedTokenHoldsUntilItIsRenewed() throws {
        var state = try Self.state(#""moves": true, "lease": {"scope": "prod", "identity": "x", "left": 2}"#)

        for _ in 0..<3 { _ = state.tick() }
        #expect(state.view(0).state == .held && state.view(0).heldReason == "credentials")
        #expect(state.status(pid: 1).leases.first?.state == "refused")
        state.renew()
        _ = state.tick()

        #expect(state.view(0).state == .uploading && state.view(0).stored >= 100)
    }

    @Test func theTimelineChangesRowsAndTellsWhy() throws {
        var state = try Self.state(
            #""moves": true, "timeline": [{"at": 2, "row": 1, "change": {"stored": 0, "sending": 0}, "text": "checksum differs"}]"#)

        _ = state.tick()
        #expect(state.detail("u-1")?.events.contains { $0.text == "checksum differs" } == false)
        _ = state.tick()

        #expect(state.detail("u-1")?.events.last?.text == "checksum differs")
        #expect(state.view(0).stored == 0)
    }

    @Test func aQueryAndASortMakeTheWindow() throws {
        let small = #"{"state": "queued", "path": "z.bin", "to": "oss://media/x/", "size": 5}"#
        let state = try Self.state("", uploads: [Self.row, small])

        #expect(try state.window(UploadsRequest(sort: "size")).items.map(\.id) == ["u-2", "u-1"])
        #expect(try state.window(UploadsRequest(query: "state:queued")).items.map(\.id) == ["u-2"])
        #expect(throws: OrderError.self) { try state.window(UploadsRequest(query: "size>>1")) }
    }
}
