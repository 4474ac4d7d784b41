/// The control sequences that xterm and its relatives send (XTerm Control Sequences, "PC-Style Function Keys").
enum KeySequences {
    /// After `ESC O`.
    static let application: [UInt8: Key] = [
        UInt8(ascii: "A"): .up, UInt8(ascii: "B"): .down, UInt8(ascii: "C"): .right, UInt8(ascii: "D"): .left,
        UInt8(ascii: "H"): .home, UInt8(ascii: "F"): .end, UInt8(ascii: "M"): .enter,
        UInt8(ascii: "P"): .function(1), UInt8(ascii: "Q"): .function(2), UInt8(ascii: "R"): .function(3), UInt8(ascii: "S"): .function(4),
    ]

    private static let tilde: [Int: Key] = [
        1: .home, 2: .insert, 3: .delete, 4: .end, 5: .pageUp, 6: .pageDown, 7: .home, 8: .end,
        11: .function(1), 12: .function(2), 13: .function(3), 14: .function(4), 15: .function(5), 17: .function(6), 18: .function(7),
        19: .function(8), 20: .function(9), 21: .function(10), 23: .function(11), 24: .function(12),
    ]

    /// Modifiers (`1;5A`) are left out: no action has them, and the bare key is the nearest meaning.
    static func key(_ body: [UInt8], final: UInt8) -> Key? {
        let parameters = numbers(body[...])
        switch final {
        case UInt8(ascii: "~"): return parameters.first.flatMap { tilde[$0] }
        case UInt8(ascii: "Z"): return .backTab
        // A cursor position report ends with R too; F3 as `1;2R` is not sent by terminals that are asked for their position.
        case UInt8(ascii: "R") where !body.isEmpty: return nil
        default: return body.isEmpty || parameters.first == 1 ? application[final] : nil
        }
    }

    /// SGR mouse reports: `ESC [ < button ; column ; row M` or `m`.
    static func mouse(_ body: ArraySlice<UInt8>, final: UInt8) -> InputEvent? {
        let parameters = numbers(body)
        guard parameters.count == 3, parameters[1] >= 1, parameters[2] >= 1 else { return nil }
        let action: MouseEvent.Action
        let isShifted = parameters[0] & 4 != 0
        switch parameters[0] & ~4 {
        case 0: action = final == UInt8(ascii: "M") ? .press : .release
        case 64: action = .wheelUp
        case 65: action = .wheelDown
        default: return nil
        }
        return .mouse(MouseEvent(action: action, column: parameters[1] - 1, row: parameters[2] - 1, isShifted: isShifted))
    }

    /// Numbers between semicolons, each at most 99,999; missing ones are 0.
    private static func numbers(_ bytes: ArraySlice<UInt8>) -> [Int] {
        var result = [0]
        for byte in bytes {
            if byte == UInt8(ascii: ";") {
                result.append(0)
            } else if (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) {
                result[result.count - 1] = min(99_999, result[result.count - 1] * 10 + Int(byte) - 48)
            }
        }
        return result
    }
}
