import Contracts
import FoundationEssentials
import Platform
import Glibc
import TerminalUI

/// Results go to standard output, everything else to standard error. Text that came from outside passes `displayText`.
enum Output {
    static let isTerminal = isatty(1) == 1
    static let errorIsTerminal = isatty(2) == 1

    /// Why the first result could not be written: 0 while all could.
    private static let trouble = Lock<Int32>(0)

    static func result(_ text: String) { write(text + "\n", to: 1) }
    static func raw(_ text: String) { write(text, to: 1) }
    static func raw(_ bytes: [UInt8]) { write(bytes[...], to: 1) }

    /// What a command ends with. A result that did not arrive is no success; whoever stops reading (`head`) knows why.
    static func exitStatus(_ status: Int32) -> Int32 {
        let code = trouble.withLock { $0 }
        guard code != 0, code != EPIPE else { return status }
        note("davit: error: the result cannot be written (\(String(cString: strerror(code)))). Make room for it, then repeat")
        return status == Exit.done ? Exit.failed : status
    }
    /// A sequence for the terminal itself, while the terminal UI is up.
    static func terminal(_ sequence: String) { write(sequence, to: 1) }
    static func note(_ text: String) { write(text + "\n", to: 2) }
    /// Without a line end: progress.
    static func progress(_ text: String) { write(text, to: 2) }

    static func json<T: Encodable>(_ value: T) throws {
        result(String(decoding: try ContractJSON.encode(value), as: UTF8.self))
    }

    /// Name or server text, safe for any screen.
    static func clean(_ text: String) -> String { displayText(text).plain }

    /// Columns padded to their widest cell; the last one is left as it is. Right-aligned where `right` says so.
    static func table(_ rows: [[String]], right: Set<Int> = []) {
        guard let first = rows.first else { return }
        let widths = first.indices.map { column in rows.map { displayText($0[column]).width }.max() ?? 0 }
        for row in rows {
            var line = ""
            for (column, cell) in row.enumerated() {
                let padding = String(repeating: " ", count: max(0, widths[column] - displayText(cell).width))
                if right.contains(column) {
                    line += padding + cell
                } else {
                    line += column == row.count - 1 ? cell : cell + padding
                }
                if column < row.count - 1 { line += "  " }
            }
            result(line)
        }
    }

    /// Tab separated, one line a row.
    static func plain(_ rows: [[String]]) {
        for row in rows { result(row.joined(separator: "\t")) }
    }

    /// - Returns: whether somebody still reads it: a command that goes on by itself ends when nobody does.
    @discardableResult
    static func write(_ text: String, to descriptor: Int32) -> Bool {
        write(Array(text.utf8)[...], to: descriptor)
    }

    @discardableResult
    static func write(_ bytes: ArraySlice<UInt8>, to descriptor: Int32) -> Bool {
        var bytes = bytes
        while !bytes.isEmpty {
            let count = bytes.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if count < 0 && errno == EINTR { continue }
            if count <= 0 {
                let code = errno
                if descriptor == 1 { trouble.withLock { if $0 == 0 { $0 = code } } }
                return false
            }
            bytes = bytes.dropFirst(count)
        }
        return true
    }
}
