import Glibc

/// Reads the sources of the interface for what they say: the literals given to `t`, `say` and `fail`, and the labels and hints of prompts.
struct SaidWords {
    /// A literal with `{}` where a value is put in.
    struct Literal: Sendable, CustomStringConvertible {
        var file: String
        var line: Int
        var text: String
        var description: String { "\(file):\(line): “\(text)”" }
    }

    private let bytes: [UInt8]
    private let file: String

    /// Of both folders that draw and decide.
    static func all() -> [Literal] {
        let tests = #filePath.utf8.lastIndex(of: UInt8(ascii: "/")).map { String(#filePath[..<$0]) } ?? "."
        return ["Screens", "State"].flatMap { folder -> [Literal] in
            let path = tests + "/../../Sources/TerminalUI/" + folder
            return names(path).sorted().flatMap { SaidWords(path + "/" + $0, $0).literals() }
        }
    }

    private static func names(_ path: String) -> [String] {
        guard let directory = opendir(path) else { return [] }
        defer { closedir(directory) }
        var names: [String] = []
        while let entry = readdir(directory) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
            if name.hasSuffix(".swift") { names.append(name) }
        }
        return names
    }

    private init(_ path: String, _ name: String) {
        bytes = Array(Golden.read(path)?.utf8 ?? "".utf8)
        file = name
    }

    private func literals() -> [Literal] {
        var found: [Literal] = []
        for (call, argument) in [("t(", 0), ("say(", 0), ("fail(prompt,", 0), ("label:", 0), ("hint:", 0)] {
            let wanted = Array(call.utf8)
            for start in bytes.indices.dropLast(wanted.count) where bytes[start] == wanted[0] && bytes[start..<start + wanted.count].elementsEqual(wanted) {
                if start > 0, isLetter(bytes[start - 1]) || bytes[start - 1] == UInt8(ascii: ".") { continue }
                found += argumentLiterals(from: start + wanted.count, skipping: argument)
            }
        }
        return found
    }

    /// The literals of one argument, those of a choice both.
    private func argumentLiterals(from start: Int, skipping: Int) -> [Literal] {
        var found: [Literal] = []
        var depth = 0
        var position = start
        while position < bytes.count {
            switch bytes[position] {
            case UInt8(ascii: "("), UInt8(ascii: "["), UInt8(ascii: "{"): depth += 1
            case UInt8(ascii: ")"), UInt8(ascii: "]"), UInt8(ascii: "}"):
                depth -= 1
                if depth < 0 { return found }
            case UInt8(ascii: ","): if depth == 0 { return found }
            case UInt8(ascii: "\""):
                let (text, end) = literal(at: position)
                // What is compared with is not said.
                if depth == 0, !bytes[max(0, position - 3)..<position].elementsEqual("== ".utf8) {
                    found.append(Literal(file: file, line: bytes[..<position].count { $0 == 10 } + 1, text: text))
                }
                position = end
                continue
            case 10 where depth == 0 && !isOpenEnded(position): return found
            default: break
            }
            position += 1
        }
        return found
    }

    /// A line that goes on: with `?`, `:`, `+` or `??` at its beginning or end.
    private func isOpenEnded(_ lineEnd: Int) -> Bool {
        let next = bytes[(lineEnd + 1)...].first { $0 != 32 }
        let last = bytes[..<lineEnd].last { $0 != 32 }
        let marks = Array("?:+(".utf8)
        return next.map { marks.contains($0) || $0 == UInt8(ascii: "\"") } ?? false || last.map { marks.contains($0) } ?? false
    }

    private func literal(at start: Int) -> (text: String, end: Int) {
        var text: [UInt8] = []
        var position = start + 1
        while position < bytes.count, bytes[position] != UInt8(ascii: "\"") {
            guard bytes[position] == UInt8(ascii: "\\") else {
                text.append(bytes[position])
                position += 1
                continue
            }
            if bytes[position + 1] == UInt8(ascii: "(") {
                text += Array("{}".utf8)
                position = afterInterpolation(position + 2)
            } else {
                text.append(bytes[position + 1])
                position += 2
            }
        }
        return (String(decoding: text, as: UTF8.self), position + 1)
    }

    private func afterInterpolation(_ start: Int) -> Int {
        var depth = 1
        var position = start
        while position < bytes.count, depth > 0 {
            switch bytes[position] {
            case UInt8(ascii: "("): depth += 1
            case UInt8(ascii: ")"): depth -= 1
            case UInt8(ascii: "\""):
                position = literal(at: position).end
                continue
            default: break
            }
            position += 1
        }
        return position
    }

    private func isLetter(_ byte: UInt8) -> Bool { (97...122).contains(byte) || (65...90).contains(byte) || byte == UInt8(ascii: "_") }
}
