import Contracts
import FoundationEssentials
import Testing

@testable import TerminalUI

#if canImport(Glibc)
    import Glibc
#endif

/// Screens as text. `RECORD=1` writes them anew; a missing one is written and fails once.
enum Golden {
    static func check(_ frame: Frame, _ name: String, withRoles: Bool = false, sourceLocation: SourceLocation = #_sourceLocation) {
        let screens = frame.lines + (withRoles ? roles(frame) : [])
        let text =
            screens.map { line in
                var bytes = Array(line.utf8)
                while bytes.last == UInt8(ascii: " ") { bytes.removeLast() }
                return String(decoding: bytes, as: UTF8.self)
            }.joined(separator: "\n") + "\n"
        let folder = #filePath.utf8.lastIndex(of: UInt8(ascii: "/")).map { String(#filePath[..<$0]) } ?? "."
        let path = folder + "/Goldens/" + name + ".txt"
        let recorded = read(path)
        if getenv("RECORD") != nil || recorded == nil {
            write(path, text)
            if recorded == nil, getenv("RECORD") == nil {
                Issue.record("\(name): there was no such screen, it is written now", sourceLocation: sourceLocation)
            }
            return
        }
        #expect(text == recorded, "\(name) has changed; RECORD=1 records it anew", sourceLocation: sourceLocation)
    }

    /// One letter a role, below the text; the letters are explained at the end.
    private static func roles(_ frame: Frame) -> [String] {
        let letters = Array("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789")
        var seen: [Role] = []
        var lines = [""]
        for row in 0..<frame.size.rows {
            var line = ""
            for column in 0..<frame.size.columns {
                let role = frame[row: row, column: column].role
                if role == .text {
                    line += "."
                    continue
                }
                if !seen.contains(role) { seen.append(role) }
                line.append(letters[(seen.firstIndex(of: role) ?? 0) % letters.count])
            }
            lines.append(line)
        }
        return lines + [""] + seen.enumerated().map { "\(letters[$0.offset]) \($0.element.themeName)" }
    }

    static func read(_ path: String) -> String? {
        guard let file = fopen(path, "r") else { return nil }
        defer { fclose(file) }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = fread(&buffer, 1, buffer.count, file)
            if count == 0 { break }
            bytes += buffer[..<count]
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    private static func write(_ path: String, _ text: String) {
        guard let file = fopen(path, "w") else { return }
        fputs(text, file)
        fclose(file)
    }
}

@Suite struct Goldens {
    static let sizes = [Size(columns: 80, rows: 24), Size(columns: 140, rows: 40), Size(columns: 40, rows: 10), Size(columns: 20, rows: 6)]

    @Test func theRolesOfTheQueueAreAsRecorded() {
        var state = Mix.state(total: 100_537)
        state.queue.cursor = 2
        state.queue.cursorID = "u-3"
        state.queue.marks.set(Mix.rows[1], true)
        Golden.check(render(state, size: state.size, theme: .mono), "queue-80x24-roles", withRoles: true)
        Golden.check(
            render(Browsing.hostile(size: state.size), size: state.size, theme: .mono), "names-browse-80x24-roles", withRoles: true)
    }

    private func name(_ screen: String, _ size: Size, _ symbols: SymbolSet = .unicode) -> String {
        "\(screen)-\(size.columns)x\(size.rows)" + (symbols == .ascii ? "-ascii" : "")
    }

    @Test(arguments: sizes) func theQueueLooksAsRecorded(size: Size) {
        for symbols in [SymbolSet.unicode, .ascii] {
            var state = Mix.state(size: size, symbols: symbols, total: 100_537)
            var desk = Desk(rows: Mix.rows, total: 100_537)
            for id in ["u-2", "u-3"] {
                let row = Mix.rows.first { $0.id == id }
                if let row { state.queue.marks.set(row, true) }
            }
            desk.perform(reduce(&state, .tick(now: Mix.now)), on: &state)

            Golden.check(render(state, size: size, theme: .mono), name("queue", size, symbols))
        }
    }

    @Test(arguments: [Size(columns: 200, rows: 60), Size(columns: 300, rows: 100)]) func wideQueuesLookAsRecorded(size: Size) {
        let state = Mix.state(size: size, total: 100_537)

        Golden.check(render(state, size: size, theme: .mono), name("queue", size))
    }

    @Test(arguments: sizes) func browseLooksAsRecorded(size: Size) {
        let state = Browsing.state(size: size)

        Golden.check(render(state, size: size, theme: .mono), name("browse", size))
    }

    @Test(arguments: sizes) func theDetailLooksAsRecorded(size: Size) {
        var state = Mix.state(size: size, total: 100_537)
        var desk = Desk(rows: Mix.rows, total: 100_537)
        desk.press(.enter, &state, after: 0)

        Golden.check(render(state, size: size, theme: .mono), name("detail", size))
    }

    @Test(arguments: ["3", "4", "5", "6"]) func theOtherTabsLookAsRecorded(tab: String) {
        for size in Goldens.sizes.prefix(3) {
            var state = Mix.state(size: size)
            var desk = Desk(rows: Mix.rows.filter(\.state.isEnded))
            _ = reduce(&state, .logLines(Logs.lines, isWhole: true))
            state.options.facts = [SettingFact("config", "/home/ops/.config/davit/config.toml"), SettingFact("log", "/var/lib/davit/engine.log")]
            desk.press(tab, &state, after: 0)

            Golden.check(render(state, size: size, theme: .mono), name("tab\(tab)", size))
        }
    }

    @Test func theHelpLooksAsRecorded() {
        for size in Goldens.sizes.prefix(3) {
            var state = Mix.state(size: size)
            var desk = Desk(rows: Mix.rows)
            desk.press("?pri", &state, after: 0)

            Golden.check(render(state, size: size, theme: .mono), name("help", size))
        }
    }

    @Test func theQuestionsLookAsRecorded() {
        for size in Goldens.sizes.prefix(3) {
            var desk = Desk(rows: Mix.rows, total: 100_537)
            var state = Mix.state(size: size, total: 100_537)
            Marking.mark(128, in: &state)
            var asking = state
            desk.press("x", &asking)
            Golden.check(render(asking, size: size, theme: .mono), name("confirm", size))

            asking = state
            desk.press("X12", &asking)
            desk.press(.enter, &asking)
            Golden.check(render(asking, size: size, theme: .mono), name("typed", size))

            asking = state
            asking.queue.marks = Marks()
            desk.press("b20Mb", &asking)
            desk.press(.enter, &asking)
            Golden.check(render(asking, size: size, theme: .mono), name("prompt", size))

            asking = state
            asking.queue.marks = Marks()
            desk.press("Q", &asking)
            Golden.check(render(asking, size: size, theme: .mono), name("leave", size))

            var browsing = Browsing.state(size: size)
            desk.press("a", &browsing)
            Golden.check(render(browsing, size: size, theme: .mono), name("add", size))
        }
    }

    @Test func thePaletteLooksAsRecorded() {
        for size in Goldens.sizes.prefix(3) {
            var state = Mix.state(size: size, total: 100_537)
            var desk = Desk(rows: Mix.rows, total: 100_537)
            state.commandsUsed = [UsedCommand(line: "pause state:queued size>1G", at: Mix.now - 3_600_000)]
            desk.press(":pause st", &state)
            Golden.check(render(state, size: size, theme: .mono), name("palette", size))
        }
    }

    @Test func theLastTestOfARemoteIsShown() {
        let size = Goldens.sizes[1]
        var state = Mix.state(size: size)
        var desk = Desk(rows: Mix.rows)
        desk.press("5t", &state)
        _ = reduce(
            &state,
            .authChecked(
                scope: "prod",
                [
                    AuthCheck(scope: "prod", check: "endpoint", ok: true, text: "oss-cn-hangzhou.aliyuncs.com answers"),
                    AuthCheck(scope: "prod", check: "put", ok: false, text: "403 AccessDenied"),
                ]))
        Golden.check(render(state, size: size, theme: .mono), name("access-tested", size))
    }

    @Test func failureAndLossLookAsRecorded() {
        for size in Goldens.sizes.prefix(3) {
            var state = Mix.state(size: size, total: 100_537)
            var failed = Mix.rows[7]
            failed.id = "u-8"
            for _ in 0..<4 { _ = reduce(&state, .upload(failed)) }
            Golden.check(render(state, size: size, theme: .mono), name("toast", size))

            state = Mix.state(size: size, total: 100_537)
            _ = reduce(&state, .engineLost(reason: "socket refused: connection reset by peer", attempt: 7, nextIn: 42))
            _ = reduce(&state, .tick(now: Mix.now + 38_000))
            Golden.check(render(state, size: size, theme: .mono), name("lost", size))

            state = Mix.state(size: size)
            var status = Mix.status
            status.rate = 0
            status.slotsUsed = 0
            status.revision += 1
            status.outage = StatusView.Outage(
                endpoint: "oss-cn-hangzhou", since: Mix.time(130), nextTry: Mix.time(-14), reason: "no route")
            _ = reduce(&state, .status(status))
            Golden.check(render(state, size: size, theme: .mono), name("outage", size))
        }
    }

    @Test func emptyQueuesLookAsRecorded() {
        for size in Goldens.sizes {
            var state = AppState(options: Mix.options(), size: size, now: Mix.now)
            var status = Mix.status
            status.counts = Dictionary(uniqueKeysWithValues: UploadState.allCases.map { ($0.rawValue, 0) })
            status.totals = StatusView.Totals(bytes: 0, stored: 0, resent: 0, uploads: 0, unknown: 0)
            status.rate = 0
            status.slotsUsed = 0
            status.etaLow = nil
            status.etaHigh = nil
            var desk = Desk(rows: [])
            desk.perform(reduce(&state, .status(status)), on: &state)
            Golden.check(render(state, size: size, theme: .mono), name("empty", size))

            var filtered = Mix.state(size: size)
            desk.press("fstate:failed bucket:x", &filtered, after: 0)
            desk.press(.enter, &filtered)
            Golden.check(render(filtered, size: size, theme: .mono), name("nomatch", size))
        }
    }

    @Test func hostileNamesLookAsRecorded() {
        for size in Goldens.sizes.prefix(3) {
            let rows = Hostile.names.enumerated().map { index, name in
                Mix.upload(index + 1, .queued, String(decoding: name, as: UTF8.self), "oss://names/", size: 1 << 20, parts: (0, 1))
            }
            let state = Mix.state(size: size, rows: rows)
            Golden.check(render(state, size: size, theme: .mono), name("names", size))
            Golden.check(render(Browsing.hostile(size: size), size: size, theme: .mono), name("names-browse", size))
        }
    }
}
