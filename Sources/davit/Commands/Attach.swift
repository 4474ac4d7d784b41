import ArgumentParser
import Contracts
import FoundationEssentials
import Glibc
import Platform
import TerminalUI

struct Attach: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "attach",
        abstract: "The terminal; starts the engine when none runs. Without a terminal: status.",
        discussion: "Examples: davit attach --read-only; davit attach --theme default-light --symbols ascii; davit attach --view night-shift")
    @OptionGroup var global: GlobalOptions
    @Flag(name: .long, help: "Look, change nothing.") var readOnly = false
    @Option(name: .long, help: ArgumentHelp("A theme's name or file, or auto.", valueName: "name")) var theme: String?
    @Option(name: .long, help: ArgumentHelp("auto, unicode or ascii.", valueName: "set")) var symbols = "auto"
    @Flag(name: .long, help: "No mouse.") var noMouse = false
    @Option(name: .long, help: ArgumentHelp("Screen, cursor, filter and marks are kept under this name.", valueName: "name")) var view = ViewFile.usual
    @Flag(name: .customLong("quiet-ui"), help: "For screen readers: nothing moves but after a key or a failure, rows are read out in sentences.")
    var quietUI = false

    func run() async throws {
        guard isatty(0) == 1 && isatty(1) == 1 else { return try await Status(global: _global).run() }
        guard !Display.terminalType.isEmpty, Display.terminalType != "dumb" else {
            throw Failure("this terminal cannot move the cursor. Use davit status or davit watch", exit: Exit.usage)
        }
        guard ["auto", "unicode", "ascii"].contains(symbols) else {
            throw Failure("--symbols \(Output.clean(symbols)) is not known. Use auto, unicode or ascii", exit: Exit.usage)
        }
        guard ["auto", "always", "never"].contains(global.color) else {
            throw Failure("--color \(Output.clean(global.color)) is not known. Use auto, always or never", exit: Exit.usage)
        }
        let client = try await ControlClient.connect(global)
        let settings = try await client.get(SettingsView.self, "/v1/settings")
        let places = try global.places()
        let files = ThemeFiles(places: places)
        // Checked before the terminal is taken over, so that a mistake is a line on the normal screen.
        let name = theme ?? (settings.theme.isEmpty ? "auto" : settings.theme)
        let ground = Background(colorFGBG: ProcessInfo.processInfo.environment["COLORFGBG"])
        _ = try files.load(name == "auto" ? (ground ?? .dark).theme : name, depth: .rgb)
        let keys = try KeysFile(places: places).load()
        let viewFile = try ViewFile(places: places, name: view)
        let inbox = try Inbox()
        let outcome = try terminal(
            client: client, inbox: inbox, files: files, theme: name, keys: keys, viewFile: viewFile, places: places, configured: settings.terminal)
        if let finish = outcome.finish { return try await stopEngine(global, finish: finish) }
        if let status = outcome.status, !outcome.endedBySignal { Output.result(Self.farewell(status)) }
        if outcome.endedBySignal { throw Finished(exit: 143) }
    }

    /// The loop blocks its thread; nothing else of this program needs it.
    private func terminal(
        client: ControlClient, inbox: Inbox, files: ThemeFiles, theme: String, keys: KeyMap, viewFile: ViewFile, places: Places, configured: TerminalSettingsView?
    ) throws -> (finish: Bool?, status: StatusView?, endedBySignal: Bool) {
        let link = EngineLink(options: global, inbox: inbox, client: client, places: places)
        let display = try Display(mouse: !noMouse, usesColors: usesColors)
        defer { display.stop() }
        let size = Display.windowSize() ?? Size(columns: 80, rows: 24)
        let environment = ProcessInfo.processInfo.environment
        let probe = configured?.ambiguousWidth == nil && WidthProbe.isWorthwhile(locale: locale(environment)) ? WidthProbe() : nil
        let isWide = Display.isUTF8 && (configured?.ambiguousWidth ?? probe?.width) == 2
        Display.takeAmbiguousWide(isWide)
        let symbols = self.symbols == "auto" ? configured?.symbols ?? "auto" : self.symbols
        // Bars and lines are laid out for one cell: where they would take two, only the plain set holds.
        let isPlain = symbols == "ascii" || isWide || (symbols == "auto" && (!Display.isUTF8 || Display.terminalType == "linux"))
        let rules = TextRules(
            charset: Display.isUTF8 ? .utf8 : .ascii, ambiguousWide: isWide, marksRightToLeft: marksRightToLeft(configured, environment))
        let options = ViewOptions(
            symbols: isPlain ? .ascii : .unicode, rules: rules, isReadOnly: readOnly,
            homeFolder: environment["HOME"] ?? "/", startFolder: FileManager.default.currentDirectoryPath, userName: environment["USER"],
            zone: UILoop.zone(), keys: keys, isQuiet: quietUI, isMouseOn: !noMouse,
            language: Display.isUTF8 ? Language(locale: locale(environment)) : .english, theme: theme, themes: files.names(),
            facts: [
                SettingFact("colours", "\(depth(display.colors)) (\(Display.terminalType))"), SettingFact("config", global.config ?? places.configFile),
                SettingFact("keys", places.configFolder + "/keys.toml"), SettingFact("queue", places.database), SettingFact("log", places.logFile),
                SettingFact("socket", global.socket ?? places.socket),
            ])
        let themes = ThemeLoader(
            files: files, depth: depth(display.colors), background: Background(colorFGBG: environment["COLORFGBG"]))
        let loaded = try themes.load(theme)
        var state = AppState(options: options, size: size, now: UILoop.now())
        if let saved = viewFile.load() { state.restore(saved) }
        let loop = try UILoop(
            state: state, display: display, theme: loaded, themes: themes, link: link, inbox: inbox, options: global, client: client)
        loop.typedAhead = probe?.typed ?? []
        let outcome = loop.run()
        viewFile.save(loop.savedView)
        return outcome
    }

    /// Terminals that are known to draw right-to-left scripts in their own direction.
    private func marksRightToLeft(_ configured: TerminalSettingsView?, _ environment: [String: String]) -> Bool {
        guard Display.isUTF8 else { return false }
        if let choice = configured?.rightToLeft { return choice == "mark" }
        return ["VTE_VERSION", "KONSOLE_VERSION", "MLTERM"].contains { environment[$0] != nil }
            || ["Apple_Terminal", "mintty"].contains(environment["TERM_PROGRAM"] ?? "")
    }

    private var usesColors: Bool {
        let noColor = getenv("NO_COLOR").map { $0[0] != 0 } ?? false
        return global.color != "never" && (!noColor || global.color == "always")
    }

    /// What decides the language of messages, as for every program.
    private func locale(_ environment: [String: String]) -> String {
        ["LC_ALL", "LC_MESSAGES", "LANG"].lazy.compactMap { environment[$0] }.first { !$0.isEmpty } ?? ""
    }

    private func depth(_ colors: Int) -> ColorDepth {
        if !usesColors || colors < 8 { return .none }
        if colors > 256 { return .rgb }
        return colors >= 256 ? .indexed : .ansi
    }

    static func farewell(_ status: StatusView) -> String {
        let uploading = ["uploading", "verifying", "retrying"].reduce(0) { $0 + status.counts[$1, default: 0] }
        let queued = status.counts["queued", default: 0]
        let failed = status.counts["failed", default: 0]
        return "[detached: \(uploading) uploading, \(Formats.count(queued)) queued, \(failed) failed. davit attaches again]"
    }
}

struct ThemeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "theme", abstract: "Themes of the terminal.", subcommands: [ThemeList.self, ThemeShow.self, ThemeCheck.self])
}

struct ThemeList: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "Names of all themes.", discussion: "Example: davit theme list")
    @OptionGroup var global: GlobalOptions

    func run() throws {
        let names = ThemeFiles(places: try global.places()).names()
        if global.json { return try Output.json(ListEnvelope(items: names, total: names.count)) }
        for name in names { Output.result(name) }
    }
}

struct ThemeShow: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show", abstract: "A theme's text, to begin one of your own with.",
        discussion: "Example: davit theme show default-dark > ~/.config/davit/themes/mine.toml")
    @OptionGroup var global: GlobalOptions
    @Argument(help: "A theme's name or file.") var name: String

    func run() throws {
        guard let file = ThemeFiles(places: try global.places()).read(name) else {
            throw Failure("there is no theme \(Output.clean(name)). See: davit theme list", exit: Exit.usage)
        }
        Output.raw(file.text)
        if !global.quiet, Output.isTerminal { Output.note("# \(Output.clean(file.name))") }
    }
}

struct ThemeCheck: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check", abstract: "Every mistake of theme files, in compiler form.",
        discussion: "Example: davit theme check ~/.config/davit/themes/mine.toml")
    @OptionGroup var global: GlobalOptions
    @Flag(name: .long, help: "Warnings count as errors.") var strict = false
    @Argument(help: "Theme files.") var files: [String]

    func run() throws {
        let themes = ThemeFiles(places: try global.places())
        var isBad = false
        for file in files {
            let path = file.contains("/") || file.hasSuffix(".toml") ? file : themes.read(file)?.name ?? file
            guard let content = themes.read(path.contains("/") ? path : "./" + path) else {
                Output.note("davit: error: \(Output.clean(file)) cannot be read")
                isBad = true
                continue
            }
            do {
                let theme = try Theme.load(content.text, name: file) { themes.read($0) }
                for warning in theme.warnings { Output.result(warning.description) }
                isBad = isBad || (strict && !theme.warnings.isEmpty)
            } catch {
                Output.result(error.description)
                isBad = true
            }
        }
        if isBad { throw Finished(exit: Exit.failed) }
    }
}
