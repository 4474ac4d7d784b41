import Glibc
import TerminalUI

/// Asks the terminal how many cells it gives a character whose width Unicode leaves open: one is printed, the position of the cursor
/// asked for, the line cleared. For a terminal that is in raw mode already.
struct WidthProbe {
    /// A terminal that has not answered by then is taken for one that draws one cell; a late answer is a report that nobody waits for.
    private static let patience: Int32 = 150
    /// Far more than somebody types in that time.
    private static let mostBytes = 4096

    private(set) var width = 1
    /// What was typed meanwhile.
    private(set) var typed: [UInt8] = []

    /// Only where such terminals are used: in others the question is not worth its time.
    static func isWorthwhile(locale: String) -> Bool { ["zh", "ja", "ko"].contains { locale.hasPrefix($0) } && Display.isUTF8 && Display.understandsModes }

    init() {
        Output.terminal("\r\u{25BD}\u{1B}[6n\r\u{1B}[K")
        let end = UILoop.now() + Int64(Self.patience)
        while typed.count < Self.mostBytes {
            var descriptor = pollfd(fd: STDIN_FILENO, events: Int16(POLLIN), revents: 0)
            guard poll(&descriptor, 1, Int32(clamping: max(0, end - UILoop.now()))) > 0, descriptor.revents & Int16(POLLIN) != 0 else { return }
            var bytes = [UInt8](repeating: 0, count: 256)
            let count = read(STDIN_FILENO, &bytes, bytes.count)
            guard count > 0 else { return }
            typed += bytes.prefix(count)
            guard let answer = CursorReport(in: typed) else { continue }
            width = answer.column == 3 ? 2 : 1
            typed.removeSubrange(answer.range)
            return
        }
    }
}
