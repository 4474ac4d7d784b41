import Contracts
import Glibc
import Platform
import TerminalUI

/// The terminal's one thread: waits for keys, signals and results, lets `reduce` decide, performs the effects, draws at most 20
/// frames a second of what comes from the engine; a key is drawn at once. Only this thread touches the screen.
final class UILoop {
    private var state: AppState
    private var display: Display
    private var theme: Theme
    /// Where the theme on the screen comes from, and what a changed file makes of it.
    private let themes: ThemeLoader
    private let link: EngineLink
    private let inbox: Inbox
    private let options: GlobalOptions
    private let client: ControlClient
    private var decoder: KeyDecoder
    private var lastFrame: Frame?
    private var lastDraw: Int64 = 0
    private var pace = OutputPace(asks: Display.understandsModes)
    private var isDirty = true
    /// Somebody pressed a key and looks for its effect.
    private var isAnswering = false
    private var isLeaving = false
    private var stopsEngine: Bool?
    private var signals: (read: Int32, write: Int32)
    /// What was typed before the loop began to read.
    var typedAhead: [UInt8] = []

    private static let frameInterval: Int64 = 50
    /// After a key: soon enough to seem at once, and a flood of keys is still drawn together.
    private static let answerInterval: Int64 = 10
    /// The last answers of the terminal are waited for so long: behind us they would be typed into the shell.
    private static let farewell: Int64 = 300

    init(state: AppState, display: Display, theme: Theme, themes: ThemeLoader, link: EngineLink, inbox: Inbox, options: GlobalOptions, client: ControlClient) throws {
        self.themes = themes
        self.state = state
        self.display = display
        self.theme = theme
        self.link = link
        self.inbox = inbox
        self.options = options
        self.client = client
        decoder = KeyDecoder(detectsBursts: !Display.understandsModes)
        var ends: [Int32] = [-1, -1]
        guard pipe(&ends) == 0 else { throw Failure("no pipe can be made (\(String(cString: strerror(errno))))") }
        for end in ends {
            _ = fcntl(end, F_SETFD, FD_CLOEXEC)
            _ = fcntl(end, F_SETFL, O_NONBLOCK)
        }
        signals = (ends[0], ends[1])
    }

    /// Until the operator leaves. Returns whether and how the engine is to be stopped, and what the last status was.
    func run() -> (finish: Bool?, status: StatusView?, endedBySignal: Bool) {
        Display.forwardSignals(to: signals.write)
        defer { Display.forwardSignals(to: -1) }
        link.start()
        handle(.zone(seconds: Self.zone()))
        if let size = Display.windowSize() { handle(.resize(size)) }
        if !Display.isUTF8 { handle(.notice("the character set here is not UTF-8: letters of other scripts are shown as ?")) }
        // Before the first frame, which may be long: so the quickest answer is known, and whether there is any.
        askForBackground()
        ask()
        // It came before any answer.
        take(decoder.feed(typedAhead))
        awaitBackground()
        var nextTick = Self.now() + pace.tick
        var endedBySignal = false
        while !isLeaving {
            draw()
            let now = Self.now()
            if pace.mustAskLast(at: now) {
                Output.terminal(OutputPace.lastQuestion)
                pace.askedLast()
            }
            var wait = max(0, nextTick - now)
            if isDirty { wait = min(wait, pace.mayDraw(at: now) ? max(0, lastDraw + pause - now) : max(0, (pace.next ?? now) - now)) }
            if decoder.isWaiting { wait = min(wait, Self.escapeDelay) }
            var descriptors = [
                pollfd(fd: STDIN_FILENO, events: Int16(POLLIN), revents: 0), pollfd(fd: inbox.wakeDescriptor, events: Int16(POLLIN), revents: 0),
                pollfd(fd: signals.read, events: Int16(POLLIN), revents: 0), pollfd(fd: themes.descriptor, events: Int16(POLLIN), revents: 0),
            ]
            let ready = poll(&descriptors, nfds_t(descriptors.count), Int32(clamping: wait))
            if ready == 0 && decoder.isWaiting { take(decoder.flush()) }
            if descriptors[0].revents & Int16(POLLIN) != 0 { readKeys() }
            // The terminal is gone (ssh closed): leave, the engine does not notice.
            if descriptors[0].revents & Int16(POLLHUP | POLLERR) != 0 && descriptors[0].revents & Int16(POLLIN) == 0 { endedBySignal = true; break }
            if descriptors[1].revents != 0 { for event in inbox.take() { heard(event) } }
            if descriptors[2].revents != 0 && handleSignals() {
                endedBySignal = true
                break
            }
            if descriptors[3].revents != 0, themes.hasChanged() { take { try themes.reload() } }
            if Self.now() >= nextTick {
                handle(.tick(now: Self.now()))
                nextTick = Self.now() + pace.tick
            }
        }
        if !endedBySignal { awaitAnswers() }
        link.stop()
        return (stopsEngine, state.mirror.status, endedBySignal)
    }

    private func heard(_ event: AppEvent) {
        // What a key has asked for is its effect.
        switch event {
        case .window, .detail, .localListing, .historyPage, .logLines: isAnswering = true
        default: break
        }
        handle(event)
    }

    private func readKeys() {
        var bytes = [UInt8](repeating: 0, count: 4096)
        let count = read(STDIN_FILENO, &bytes, bytes.count)
        if count == 0 { isLeaving = true }
        if count > 0 { take(decoder.feed(Array(bytes[0..<count]))) }
    }

    private func take(_ inputs: [InputEvent]) {
        for input in inputs {
            if case .report = input {} else { isAnswering = true }
            switch input {
            case .key(let key): handle(.key(key, at: Self.now()))
            case .paste(let text): handle(.paste(text))
            case .burst(let text): handle(.burst(text))
            case .mouse(let event): handle(.mouse(event, at: Self.now()))
            case .report(OutputPace.answer): answered()
            case .report(let report) where OutputPace.isLastAnswer(report): pace.answeredLast()
            case .report(let bytes):
                // Also when it comes late: it is an answer, and never keys.
                if let background = Background(report: bytes), themes.learn(background) { load(theme: "auto") }
            case .focus: break
            }
        }
    }

    private func askForBackground() {
        guard themes.asksForBackground, Display.understandsModes else { return }
        Output.terminal(Background.question)
    }

    /// The first frame waits a moment for what the terminal says of its background. Terminals answer in turn: once the question behind it
    /// is answered, nothing more will come.
    private func awaitBackground() {
        guard themes.asksForBackground, pace.isWaiting else { return }
        let end = Self.now() + Background.patience
        while pace.isWaiting, Self.now() < end {
            var descriptor = pollfd(fd: STDIN_FILENO, events: Int16(POLLIN), revents: 0)
            guard poll(&descriptor, 1, Int32(clamping: end - Self.now())) > 0, descriptor.revents & Int16(POLLIN) != 0 else { return }
            readKeys()
        }
    }

    private func ask() {
        guard !pace.isSilent else { return }
        Output.terminal(OutputPace.question)
        pace.hasAsked(at: Self.now())
    }

    private func answered() {
        let wasSlow = pace.isSlow
        pace.hasAnswered(at: Self.now())
        if pace.isSlow != wasSlow { handle(.linkIsSlow(pace.isSlow)) }
    }

    private func awaitAnswers() {
        let end = Self.now() + Self.farewell
        while pace.isWaiting, !pace.isSilent, Self.now() < end {
            var descriptor = pollfd(fd: STDIN_FILENO, events: Int16(POLLIN), revents: 0)
            guard poll(&descriptor, 1, Int32(clamping: end - Self.now())) > 0, descriptor.revents & Int16(POLLIN) != 0 else { return }
            var bytes = [UInt8](repeating: 0, count: 4096)
            let count = read(STDIN_FILENO, &bytes, bytes.count)
            guard count > 0 else { return }
            // Keys pressed behind the one that leaves are nobody's.
            for case .report(OutputPace.answer) in decoder.feed(Array(bytes[0..<count])) { pace.hasAnswered(at: Self.now()) }
        }
    }

    /// - Returns: whether the front end must end.
    private func handleSignals() -> Bool {
        var bytes = [UInt8](repeating: 0, count: 64)
        let count = read(signals.read, &bytes, bytes.count)
        for number in bytes.prefix(max(0, count)) {
            switch Int32(number) {
            case SIGTERM, SIGHUP: return true
            case SIGTSTP: suspend()
            case SIGINT: handle(.key(.control("c"), at: Self.now()))
            case SIGWINCH: resized()
            default: break
            }
        }
        return false
    }

    private func resized() {
        guard let size = Display.windowSize() else { return }
        display.resize(size)
        lastFrame = nil
        handle(.resize(size))
    }

    private func suspend() {
        // Behind us they would be typed into the shell.
        awaitAnswers()
        display.stop()
        Display.suspendProcess()
        display.restart()
        lastFrame = nil
        if let size = Display.windowSize() {
            display.resize(size)
            handle(.resize(size))
        }
        handle(.suspendResumed)
    }

    private func handle(_ event: AppEvent) {
        for effect in reduce(&state, event) { perform(effect) }
        isDirty = isDirty || state.isDue
    }

    private func perform(_ effect: Effect) {
        switch effect {
        case .leave: isLeaving = true
        case .engineFinish, .engineStop:
            stopsEngine = effect == .engineFinish
            isLeaving = true
        case .suspend: suspend()
        case .redraw:
            display.redraw()
            lastFrame = nil
        case .loadTheme(let name): load(theme: name)
        case .copy(let text): Output.terminal("\u{1B}]52;c;\(Self.base64(text))\u{07}")
        case .beep: Output.terminal("\u{07}")
        default: link.perform(effect)
        }
    }

    private var pause: Int64 { isAnswering ? Self.answerInterval : Self.frameInterval }

    private func draw() {
        let now = Self.now()
        guard isDirty, now - lastDraw >= pause || lastDraw == 0, pace.mayDraw(at: now) else { return }
        let frame = render(state, size: state.size, theme: theme)
        if frame != lastFrame {
            display.draw(frame)
            lastFrame = frame
            ask()
        }
        lastDraw = Self.now()
        (isDirty, isAnswering) = (false, false)
        state.drawn()
        for effect in reduce(&state, .painted(at: lastDraw)) { perform(effect) }
    }

    /// A file with an error leaves the old theme on and says where.
    private func load(theme name: String) { take { try themes.load(name) } }

    private func take(_ loaded: () throws -> Theme) {
        do {
            theme = try loaded()
            lastFrame = nil
            handle(.themeLoaded(name: themes.name))
        } catch {
            handle(.themeFailed((error as? Failure)?.message ?? "the theme cannot be read"))
        }
    }

    /// What the next front end of this name begins with.
    var savedView: SavedView { state.savedView }

    static func now() -> Int64 { SystemClock.steady().milliseconds }

    /// A lone ESC is decided after this; over ssh its followers may come late.
    private static let escapeDelay: Int64 = getenv("SSH_CONNECTION") != nil ? 50 : 25

    static func zone() -> Int {
        var seconds = time(nil)
        var local = tm()
        localtime_r(&seconds, &local)
        return local.tm_gmtoff
    }

    private static func base64(_ text: String) -> String {
        let digits = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
        let bytes = Array(text.utf8)
        var out: [UInt8] = []
        for start in stride(from: 0, to: bytes.count, by: 3) {
            let three = (0..<3).map { start + $0 < bytes.count ? UInt32(bytes[start + $0]) : 0 }
            let word = three[0] << 16 | three[1] << 8 | three[2]
            for place in 0..<4 {
                out.append(start + place - 1 < bytes.count ? digits[Int(word >> UInt32(18 - 6 * place)) & 63] : UInt8(ascii: "="))
            }
        }
        return String(decoding: out, as: UTF8.self)
    }
}
