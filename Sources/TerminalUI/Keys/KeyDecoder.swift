/// Input bytes to keys: pure and incremental. It reads what xterm, tmux, screen, the Linux console and vt100 send; the
/// driver hands in further sequences from terminfo with `define`.
///
/// A lone ESC is ambiguous: after `feed`, while `isWaiting` is true, the driver waits 25 ms (50 ms over ssh) for more bytes and then
/// calls `flush`.
public struct KeyDecoder: Sendable {
    /// A paste longer than this is cut, bytes.
    public static let pasteLimit = 1 << 20
    /// A sequence longer than this is not one.
    private static let sequenceLimit = 64
    /// A string answer (OSC, DCS) longer than this is thrown away.
    private static let reportLimit = 1024
    /// Different printable keys in one read that make it a paste on terminals without paste marks.
    private static let burstLimit = 4

    private var pending: [UInt8] = []
    private var pasted: [UInt8]?
    /// Bytes that may still belong to a string answer whose beginning was taken without its end.
    private var reportRest = 0
    private var defined: [[UInt8]: Key] = [:]
    private let detectsBursts: Bool

    /// - Parameter detectsBursts: for terminals without bracketed paste.
    public init(detectsBursts: Bool = false) { self.detectsBursts = detectsBursts }

    /// Adds a sequence of this terminal (terminfo); it must begin with ESC.
    public mutating func define(_ sequence: [UInt8], _ key: Key) {
        guard sequence.count > 1, sequence.count <= Self.sequenceLimit, sequence[0] == 0x1B else { return }
        defined[sequence] = key
    }

    /// Bytes are held back that may be the beginning of a sequence.
    public var isWaiting: Bool { !pending.isEmpty && pasted == nil }

    /// One read's bytes.
    public mutating func feed(_ bytes: [UInt8]) -> [InputEvent] {
        if detectsBursts, pasted == nil, pending.isEmpty, let burst = burst(in: bytes) { return [.burst(burst)] }
        pending += bytes
        return drain(atEnd: false)
    }

    /// Nothing more came: what is held back is taken as it stands.
    public mutating func flush() -> [InputEvent] { pasted == nil ? drain(atEnd: true) : [] }

    private func burst(in bytes: [UInt8]) -> String? {
        guard !bytes.contains(0x1B) else { return nil }
        let printable = bytes.filter { $0 >= 0x20 && $0 != 0x7F }
        return Set(printable).count >= Self.burstLimit ? String(decoding: bytes, as: UTF8.self) : nil
    }

    private mutating func drain(atEnd: Bool) -> [InputEvent] {
        var events: [InputEvent] = []
        var index = 0
        while index < pending.count {
            if pasted != nil {
                guard let next = takePaste(from: index, into: &events) else {
                    index = pending.count - keptOfPaste
                    break
                }
                index = next
                continue
            }
            if reportRest > 0 {
                let rest = restOfReport(from: index)
                index += rest
                if rest > 0 { continue }
            }
            let (length, event) = next(at: index, atEnd: atEnd)
            if length == 0 { break }
            index += length
            if let event { events.append(event) }
        }
        pending.removeFirst(min(index, pending.count))
        return events
    }

    private static let pasteEnd: [UInt8] = [0x1B] + Array("[201~".utf8)

    /// The terminal's answer that it is there comes when it comes, between the bytes of a paste too. Frames wait for it.
    private static let presence: [UInt8] = [0x1B] + OutputPace.answer

    /// Bytes at the end of an unfinished paste that may be the beginning of its end mark, or of an answer.
    private var keptOfPaste: Int {
        for count in stride(from: min(Self.pasteEnd.count - 1, pending.count), to: 0, by: -1)
        where [Self.pasteEnd, Self.presence].contains(where: { pending.suffix(count).elementsEqual($0.prefix(count)) }) {
            return count
        }
        return 0
    }

    private mutating func takePaste(from start: Int, into events: inout [InputEvent]) -> Int? {
        var index = start
        while index < pending.count {
            if pending[index] == 0x1B, pending.count - index >= Self.pasteEnd.count,
                pending[index..<index + Self.pasteEnd.count].elementsEqual(Self.pasteEnd)
            {
                addToPaste(pending[start..<index])
                events.append(.paste(String(decoding: pasted ?? [], as: UTF8.self)))
                pasted = nil
                return index + Self.pasteEnd.count
            }
            if pending[index] == 0x1B, pending[index...].starts(with: Self.presence) {
                addToPaste(pending[start..<index])
                events.append(.report(OutputPace.answer))
                return index + Self.presence.count
            }
            index += 1
        }
        addToPaste(pending[start..<max(start, pending.count - keptOfPaste)])
        return nil
    }

    private mutating func addToPaste(_ bytes: ArraySlice<UInt8>) {
        let room = Self.pasteLimit - (pasted?.count ?? 0)
        pasted?.append(contentsOf: bytes.prefix(max(0, room)))
    }

    /// - Returns: how many bytes were taken (0: more are needed) and what they mean, `nil` for what means nothing.
    private mutating func next(at index: Int, atEnd: Bool) -> (Int, InputEvent?) {
        let byte = pending[index]
        switch byte {
        case 0x1B: return escape(at: index, atEnd: atEnd)
        case 0x0D, 0x0A: return (1, .key(.enter))
        case 0x09: return (1, .key(.tab))
        case 0x7F, 0x08: return (1, .key(.backspace))
        case 0x00: return (1, .key(.control("@")))
        case 0x01...0x1A: return (1, .key(.control(Character(Unicode.Scalar(byte + 0x60)))))
        case 0x1C...0x1F: return (1, .key(.control(Character(Unicode.Scalar(byte + 0x40)))))
        case 0x20...0x7E: return (1, .key(.character(Character(Unicode.Scalar(byte)))))
        default:
            let wanted = byte >= 0xF0 ? 4 : byte >= 0xE0 ? 3 : byte >= 0xC2 ? 2 : 1
            if pending.count - index < wanted, !atEnd { return (0, nil) }
            let length = UTF8Length.valid(pending, at: index)
            guard length > 0 else { return (1, nil) }
            let text = String(decoding: pending[index..<index + length], as: UTF8.self)
            guard let character = text.first, !(0x80...0x9F).contains(text.unicodeScalars.first?.value ?? 0) else { return (length, nil) }
            return (length, .key(.character(character)))
        }
    }

    private mutating func escape(at index: Int, atEnd: Bool) -> (Int, InputEvent?) {
        guard index + 1 < pending.count else { return atEnd ? (1, .key(.escape)) : (0, nil) }
        for length in stride(from: min(Self.sequenceLimit, pending.count - index), through: 2, by: -1) {
            if let key = defined[Array(pending[index..<index + length])] { return (length, .key(key)) }
        }
        switch pending[index + 1] {
        case UInt8(ascii: "["): return control(at: index, atEnd: atEnd)
        case UInt8(ascii: "O"):
            guard index + 2 < pending.count else { return atEnd ? (2, nil) : (0, nil) }
            return (3, KeySequences.application[pending[index + 2]].map { .key($0) })
        case UInt8(ascii: "]"), UInt8(ascii: "P"), UInt8(ascii: "_"), UInt8(ascii: "^"): return string(at: index, atEnd: atEnd)
        case 0x1B: return (1, .key(.escape))
        default: return (2, nil)  // Alt with a key: never bound, never taken for Esc and the key
        }
    }

    /// `ESC [ parameters final`.
    private mutating func control(at index: Int, atEnd: Bool) -> (Int, InputEvent?) {
        var end = index + 2
        // The Linux console's F1 to F5 are ESC [ [ A to E.
        if end < pending.count, pending[end] == UInt8(ascii: "[") {
            guard end + 1 < pending.count else { return atEnd ? (3, nil) : (0, nil) }
            let number = Int(pending[end + 1]) - Int(UInt8(ascii: "A")) + 1
            return (4, (1...5).contains(number) ? .key(.function(number)) : nil)
        }
        while end < pending.count, (0x20...0x3F).contains(pending[end]), end - index < Self.sequenceLimit { end += 1 }
        guard end < pending.count else { return atEnd ? (end - index, nil) : (0, nil) }
        let final = pending[end]
        guard (0x40...0x7E).contains(final) else { return (end - index, nil) }
        let body = Array(pending[index + 2..<end])
        let length = end + 1 - index
        if final == UInt8(ascii: "~"), body == Array("200".utf8) {
            pasted = []
            return (length, nil)
        }
        if body.first == UInt8(ascii: "<") { return (length, KeySequences.mouse(body.dropFirst(), final: final)) }
        if body.isEmpty, final == UInt8(ascii: "I") || final == UInt8(ascii: "O") { return (length, .focus(final == UInt8(ascii: "I"))) }
        if let key = KeySequences.key(body, final: final) { return (length, .key(key)) }
        // Positions, modes, attributes, being there.
        if [UInt8(ascii: "R"), UInt8(ascii: "y"), UInt8(ascii: "c"), UInt8(ascii: "n")].contains(final) {
            return (length, .report(Array(pending[index + 1...end])))
        }
        return (length, nil)
    }

    /// OSC, DCS, APC and PM strings end with BEL or ESC \.
    private mutating func string(at index: Int, atEnd: Bool) -> (Int, InputEvent?) {
        var end = index + 2
        while end < pending.count {
            if pending[end] == 0x07 { return (end + 1 - index, .report(Array(pending[index + 1..<end]))) }
            if pending[end] == 0x1B {
                guard end + 1 < pending.count else { return atEnd ? (end - index, nil) : (0, nil) }
                if pending[end + 1] == UInt8(ascii: "\\") { return (end + 2 - index, .report(Array(pending[index + 1..<end]))) }
                return (end - index, nil)
            }
            end += 1
            if end - index > Self.reportLimit { return (end - index, nil) }
        }
        guard atEnd else { return (0, nil) }
        // An answer over a slow line may come in pieces: what follows belongs to it. `ESC ]` alone was a key.
        if end - index > 3, (48...57).contains(pending[index + 2]) { reportRest = 32 }
        return (end - index, nil)
    }

    /// Characters of colours and numbers up to the end mark. Whatever else comes is no answer, and counts.
    private mutating func restOfReport(from start: Int) -> Int {
        var end = start
        while end < pending.count, reportRest > 0 {
            switch pending[end] {
            case 0x07:
                reportRest = 0
                return end + 1 - start
            case 48...57, 65...70, 97...102, UInt8(ascii: "/"), UInt8(ascii: ":"), UInt8(ascii: ";"), UInt8(ascii: "r"), UInt8(ascii: "g"),
                UInt8(ascii: "#"):
                reportRest -= 1
                end += 1
            default:
                // `ESC \` is the other end mark, and no key anyway.
                reportRest = 0
            }
        }
        return end - start
    }
}
