/// Where the cursor is, as terminals answer `ESC [ 6 n`: `ESC [ ROW ; COLUMN R`, both from 1.
public struct CursorReport: Sendable, Equatable {
    public var row: Int
    public var column: Int
    /// Of the whole sequence in the bytes it was found in.
    public var range: Range<Int>

    /// The first report among what was read; `nil` where there is none, or not yet all of it.
    public init?(in bytes: [UInt8]) {
        for start in bytes.indices where bytes[start] == 0x1B {
            guard let end = bytes[start...].firstIndex(of: UInt8(ascii: "R")), end - start <= 16, start + 1 < end,
                bytes[start + 1] == UInt8(ascii: "[")
            else { continue }
            let numbers = bytes[(start + 2)..<end].split(separator: UInt8(ascii: ";"), omittingEmptySubsequences: false)
            guard numbers.count == 2, let row = Int(String(decoding: numbers[0], as: UTF8.self)),
                let column = Int(String(decoding: numbers[1], as: UTF8.self)), row > 0, column > 0
            else { continue }
            (self.row, self.column, range) = (row, column, start..<end + 1)
            return
        }
        return nil
    }
}
