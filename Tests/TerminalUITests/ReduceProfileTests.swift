import Contracts
import Testing

@testable import TerminalUI

/// A configuration as the engine tells it, with a value of every sort.
enum Configured {
    static let file = "/home/ops/.config/davit/config.toml"

    static let settings = SettingsView(
        theme: "auto", defaultRemote: "prod", remotes: Mix.settings.remotes, file: file,
        values: [
            ConfigurationEntry(["engine", "rate-limit"], .text("none")),
            ConfigurationEntry(["engine", "rate-schedule"], .list(["Mon-Fri 08:00-18:00 20MiB", "else none"])),
            ConfigurationEntry(["engine", "most-parts"], .number(64)), ConfigurationEntry(["engine", "keep-cancelled"], .text("24h")),
            ConfigurationEntry(["engine", "keep-history"], .text("90d")), ConfigurationEntry(["engine", "log-level"], .text("info")),
            ConfigurationEntry(["remote", "prod", "bucket"], .text("media-prod")), ConfigurationEntry(["remote", "prod", "region"], .text("cn-hangzhou")),
            ConfigurationEntry(["remote", "prod", "endpoint"], .text("public")), ConfigurationEntry(["remote", "prod", "prefix"], .text("2026/")),
            ConfigurationEntry(["remote", "prod", "existing"], .text("overwrite")),
            ConfigurationEntry(["remote", "prod", "credentials", "kind"], .text("broker")),
            ConfigurationEntry(["remote", "prod", "credentials", "url"], .text("https://auth.example.com")),
            ConfigurationEntry(["remote", "prod", "credentials", "token-file"], .text("/home/ops/.config/davit/prod.token")),
        ])

    static let edits = [
        EditView(
            id: 9, at: Mix.time(84), action: "limits", by: "ops2", uploads: 0, undone: false, undoable: true,
            what: "limit up 150 MiB/s -> 200 MiB/s"),
        EditView(id: 8, at: Mix.time(300), action: "pause", by: "ops", uploads: 3, undone: false, undoable: true),
        EditView(id: 7, at: Mix.time(4000), action: "abort", by: nil, uploads: 1, undone: false, undoable: false),
        EditView(
            id: 6, at: Mix.time(90_000), action: "configuration", by: "ops", uploads: 0, undone: true, undoable: true,
            what: "keep-history \"30d\" -> \"90d\""),
    ]

    static func state(size: Size = Size(columns: 80, rows: 24)) -> AppState {
        var state = Mix.state(size: size)
        _ = reduce(&state, .settings(settings))
        _ = reduce(&state, .edits(edits))
        return state
    }
}

@Suite struct ReduceProfileTests {
    private func entry(_ key: String..., value: String?) -> ConfigurationEntry { ConfigurationEntry(["remote"] + key, value.map { .text($0) }) }

    private func type(_ text: String, _ state: inout AppState, _ desk: inout Desk) {
        desk.press(text, &state)
        desk.press(.tab, &state)
    }

    @Test func aNewProfileIsSentWithItsSecretApart() {
        var state = Configured.state()
        var desk = Desk(rows: Mix.rows)
        desk.press("5a", &state)
        type("cold", &state, &desk)
        desk.press(.tab, &state)
        type("LTAI5tExample", &state, &desk)
        type("open-sesame", &state, &desk)
        desk.press(.tab, &state)
        type("cold-bucket", &state, &desk)
        type("cn-hangzhou", &state, &desk)
        desk.press(.enter, &state)

        #expect(
            desk.others.last
                == .changeConfiguration(
                    ConfigurationChange(
                        set: [
                            entry("cold", "credentials", "kind", value: "static"), entry("cold", "credentials", "access-key-id", value: "LTAI5tExample"),
                            entry("cold", "bucket", value: "cold-bucket"), entry("cold", "region", value: "cn-hangzhou"),
                            entry("cold", "existing", value: "overwrite"),
                        ], secrets: [ConfigurationSecret(["remote", "cold", "credentials", "access-key-secret-file"], secret: "open-sesame")],
                        isNew: true, by: "ops")))
        let screen = render(state, size: state.size, theme: .mono).lines.joined(separator: "\n")
        #expect(screen.contains("***********") && !screen.contains("sesame"))
    }

    @Test func noPrintOfTheStateShowsWhatWasTypedIntoASecret() {
        var state = Configured.state()
        var desk = Desk(rows: Mix.rows)
        desk.press("5a", &state)
        for _ in 0..<3 { desk.press(.tab, &state) }
        desk.press("xyzzy", &state)
        _ = reduce(&state, .paste("plugh\n"))
        var dumped = "\(state)" + String(reflecting: state.overlays)
        dump(state, to: &dumped)

        #expect(!dumped.contains("xyzzy") && !dumped.contains("plugh"))
        guard case .profile(let form)? = state.overlays.last else {
            Issue.record("no form")
            return
        }
        #expect(form.hidden["credentials.access-key-secret-file"]?.reveal() == "xyzzyplugh")
    }

    @Test func aChangeNamesOnlyWhatIsDifferent() {
        var state = Configured.state()
        var desk = Desk(rows: Mix.rows)
        desk.press("5", &state)
        desk.press(.enter, &state)
        guard case .profile(let form)? = state.overlays.last else {
            Issue.record("no form")
            return
        }
        #expect(form.fields.map(\.key).first == "credentials.kind" && form.text("credentials.url") == "https://auth.example.com")
        // kind, server, token, bucket, region, endpoint, prefix
        for _ in 0..<6 { desk.press(.tab, &state) }
        desk.press(.control("u"), &state)
        desk.press(.enter, &state)

        #expect(desk.others.last == .changeConfiguration(ConfigurationChange(set: [entry("prod", "prefix", value: nil)], by: "ops")))
    }

    @Test func anotherKindTakesTheOldTableOut() {
        var state = Configured.state()
        var desk = Desk(rows: Mix.rows)
        desk.press("5", &state)
        desk.press(.enter, &state)
        desk.press(.right, &state)
        desk.press(.right, &state)
        desk.press(.enter, &state)

        #expect(
            desk.others.last
                == .changeConfiguration(
                    ConfigurationChange(
                        set: [entry("prod", "credentials", "kind", value: "env")], remove: [["remote", "prod", "credentials"]], by: "ops")))
    }

    @Test func whatTheEngineSaysIsWrongStandsInTheFormWithItsPlace() {
        var state = Configured.state()
        var desk = Desk(rows: Mix.rows)
        desk.press("5acold", &state)
        desk.press(.enter, &state)
        _ = reduce(&state, .configurationFailed(Configured.file + ":12:1: error: \"bucket\" is missing; only an authorization server can say it instead"))
        let lines = render(state, size: state.size, theme: .mono).lines

        #expect(lines.contains { $0.contains("config.toml:12:1: error: \"bucket\" is missing") }, "\(lines)")
        #expect(state.overlays.count == 1)
    }

    @Test func whatWasWrittenIsTestedAtOnce() {
        var state = Configured.state()
        var desk = Desk(rows: Mix.rows)
        desk.press("5acold", &state)
        desk.press(.enter, &state)
        let effects = reduce(&state, .configurationChanged(ConfigurationResult(file: Configured.file, what: "remote cold added")))

        #expect(state.overlays.isEmpty && state.message?.text == "remote cold added.   u undo")
        #expect(effects == [.fetchSettings, .fetchEdits, .fetchAuth, .testAuth(scope: "cold")])
    }

    @Test func aProfileInUseIsRemovedAfterAQuestionThatNamesItsUploads() {
        var state = Configured.state()
        var rows = Mix.rows
        rows[1].remote = "prod"
        var desk = Desk(rows: rows)
        desk.perform(reduce(&state, .status(with(Mix.status) { $0.revision += 1 })), on: &state)
        desk.press("5x", &state)
        guard case .confirm(let question)? = state.overlays.last else {
            Issue.record("nothing was asked")
            return
        }
        #expect(question.title == "Remove prod?" && question.lines.contains { $0.contains("full-2026-11-23.tar.zst") }, "\(question.lines)")
        desk.press("y", &state)

        #expect(desk.others.last == .changeConfiguration(ConfigurationChange(remove: [["remote", "prod"]], by: "ops")))
    }

    @Test func aProfileThatNothingUsesGoesWithoutAQuestion() {
        var state = Configured.state()
        var desk = Desk(rows: Mix.rows)
        desk.press("5jx", &state)

        #expect(desk.others.last == .changeConfiguration(ConfigurationChange(remove: [["remote", "finance"]], by: "ops")))
    }

    @Test(arguments: ["a", "x", "\u{D}"]) func nothingIsChangedReadOnly(key: String) {
        var state = Configured.state()
        state.options.isReadOnly = true
        var desk = Desk(rows: Mix.rows)
        desk.press("5", &state)
        if key == "\u{D}" { desk.press(.enter, &state) } else { desk.press(key, &state) }

        #expect(state.overlays.isEmpty && state.message?.text == "this front end is read-only")
    }

    private func with(_ status: StatusView, _ change: (inout StatusView) -> Void) -> StatusView {
        var status = status
        change(&status)
        return status
    }
}

@Suite struct ReduceEditsTests {
    @Test func anOlderEditIsTakenBackByItsId() {
        var state = Configured.state()
        var desk = Desk(rows: Mix.rows)
        desk.press("3Uj", &state)
        desk.press(.enter, &state)

        #expect(desk.others.suffix(2) == [.fetchEdits, .act(ActionRequest(action: "undo", value: "8", by: "ops"))])
        #expect(state.overlays.isEmpty)
    }

    @Test func whatCannotBeTakenBackSaysWhy() {
        var state = Configured.state()
        var desk = Desk(rows: Mix.rows)
        desk.press("UG", &state)
        desk.press(.enter, &state)
        guard case .edits(let menu)? = state.overlays.last else {
            Issue.record("the list is gone")
            return
        }
        #expect(menu.problem == "this was taken back already")
        #expect(desk.others == [.fetchEdits])
    }

    @Test func undoOnTheSettingsScreenIsOfSettings() {
        var state = Configured.state()
        var desk = Desk(rows: Mix.rows)
        desk.press("6u", &state)
        #expect(desk.others.last == .act(ActionRequest(action: "undo", value: "9", by: "ops")))
        var result = ActionResult(action: "undo", matched: 1, changed: 1, items: [])
        result.what = Configured.edits[0].what
        desk.perform(reduce(&state, .actionDone(result)), on: &state)

        #expect(state.message?.text == "taken back: limit up 150 MiB/s -> 200 MiB/s.")
        #expect(desk.others.suffix(2) == [.fetchSettings, .fetchEdits])
    }

    @Test func anEngineThatIsBackIsAskedAnewWhatCanBeTakenBack() {
        var state = Configured.state()
        state.screen = .settings
        _ = reduce(&state, .engineLost(reason: "gone", attempt: 1, nextIn: 1))

        #expect(reduce(&state, .engineBack).contains(.fetchEdits))
        _ = reduce(&state, .engineLost(reason: "gone", attempt: 1, nextIn: 1))
        #expect(reduce(&state, .status(Mix.status)).contains(.fetchEdits))
    }

    @Test func whatOthersChangeIsSaidAndFetched() {
        var state = Configured.state()
        state.screen = .settings
        var status = Mix.status
        status.revision += 1
        status.lastAction = StatusView.DoneAction(number: 1, action: "configuration", by: "ops2", uploads: 0, what: "keep-history \"90d\" -> \"30d\"")
        let effects = reduce(&state, .status(status))

        #expect(state.message?.text == "ops2: keep-history \"90d\" -> \"30d\"")
        #expect(effects.prefix(2) == [.fetchSettings, .fetchEdits])
    }
}

@Suite struct ConfiguredRowsTests {
    private func desk(_ keys: String, _ state: inout AppState) -> Desk {
        var desk = Desk(rows: Mix.rows)
        desk.press(keys, &state)
        return desk
    }

    @Test func theScheduleIsEditedAsOneLine() {
        var state = Configured.state()
        var desk = desk("6jj", &state)
        desk.press(.enter, &state)
        guard case .prompt(let prompt)? = state.overlays.last else {
            Issue.record("no prompt")
            return
        }
        #expect(prompt.field.text == "Mon-Fri 08:00-18:00 20MiB; else none")
        desk.press(.control("u"), &state)
        desk.press("Sat 1MiB;  else   0", &state)
        desk.press(.enter, &state)

        #expect(
            desk.others.last
                == .changeConfiguration(ConfigurationChange(set: [ConfigurationEntry(["engine", "rate-schedule"], .list(["Sat 1MiB", "else 0"]))], by: "ops")))
        #expect(state.overlays.count == 1, "it stays until the engine has taken it")
        _ = reduce(&state, .configurationFailed("/x/config.toml:3:18: error: \"rate-schedule\" takes lines"))
        guard case .prompt(let wrong)? = state.overlays.last else {
            Issue.record("the prompt is gone")
            return
        }
        #expect(wrong.problem == "\"rate-schedule\" takes lines")
        _ = reduce(&state, .configurationChanged(ConfigurationResult(file: "", what: "rate-schedule changed")))
        #expect(state.overlays.isEmpty)
    }

    @Test func defaultTakesTheKeyOut() {
        var state = Configured.state()

        #expect(
            desk("6jjD", &state).others.last
                == .changeConfiguration(ConfigurationChange(set: [ConfigurationEntry(["engine", "rate-schedule"], nil)], by: "ops")))
    }

    @Test func aNumberIsSteppedAndAChoiceTakesTheNext() throws {
        var state = Configured.state()
        let rows = SettingsPage.rows(state)
        let parts = try #require(rows.firstIndex { $0.label == "parts at most" })
        let level = try #require(rows.firstIndex { $0.label == "log level" })
        state.settingsCursor = parts
        var desk = desk("6+", &state)
        #expect(desk.others.last == .changeConfiguration(ConfigurationChange(set: [ConfigurationEntry(["engine", "most-parts"], .number(65))], by: "ops")))
        state.settingsCursor = level
        desk.press(.enter, &state)

        #expect(desk.others.last == .changeConfiguration(ConfigurationChange(set: [ConfigurationEntry(["engine", "log-level"], .text("debug"))], by: "ops")))
    }

    @Test(arguments: Goldens.sizes) func theDialogsLookAsRecorded(size: Size) {
        let name = "\(size.columns)x\(size.rows)"
        var state = Configured.state(size: size)
        var desk = Desk(rows: Mix.rows)
        desk.press("5acold", &state)
        for _ in 0..<3 { desk.press(.tab, &state) }
        desk.press("secret", &state)
        Golden.check(render(state, size: size, theme: .mono), "profile-new-" + name)
        desk.press(.enter, &state)
        _ = reduce(
            &state,
            .configurationFailed(
                Configured.file + ":12:1: error: \"region\" is missing (such as \"cn-hangzhou\"); signatures need it and it cannot be told from the endpoint"))
        Golden.check(render(state, size: size, theme: .mono), "profile-wrong-" + name)

        var changing = Configured.state(size: size)
        desk.press("5", &changing)
        desk.press(.enter, &changing)
        Golden.check(render(changing, size: size, theme: .mono), "profile-" + name)

        var edits = Configured.state(size: size)
        desk.press("3Uj", &edits)
        Golden.check(render(edits, size: size, theme: .mono), "edits-" + name)

        var settings = Configured.state(size: size)
        desk.press("6jj", &settings)
        Golden.check(render(settings, size: size, theme: .mono), "settings-configured-" + name)
    }
}
