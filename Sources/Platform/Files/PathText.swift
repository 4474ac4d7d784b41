/// Paths as texts, whatever their bytes are.
///
/// A name is bytes to the system and a text to everything else here. A byte that is no UTF-8 becomes the character U+10FF00 plus that byte,
/// of the private use; so does each byte of a character that could be taken for one of these. Everything else is its own text.
public enum PathText {
    private static let first: UInt32 = 0x10FF00
    private static let marks: ClosedRange<UInt32> = 0x10FF80...0x10FFFF
    /// The byte that every mark begins with in UTF-8.
    private static let lead: UInt8 = 0xF4

    /// UTF-8 that is surely its own text.
    public static func isPlain(_ bytes: [UInt8]) -> Bool { !bytes.contains(lead) }

    public static func text(_ bytes: [UInt8]) -> String {
        if isPlain(bytes), let text = String(validating: bytes, as: UTF8.self) { return text }
        var text = String.UnicodeScalarView()
        parse(bytes) { run, scalar in
            if let scalar { return text.append(scalar) }
            for byte in run { if let mark = Unicode.Scalar(first + UInt32(byte)) { text.append(mark) } }
        }
        return String(text)
    }

    /// - Returns: the bytes that the text stands for; `nil` for its own.
    public static func bytes(_ text: String) -> [UInt8]? {
        guard text.utf8.contains(lead), text.unicodeScalars.contains(where: { marks.contains($0.value) }) else { return nil }
        var bytes: [UInt8] = []
        for scalar in text.unicodeScalars {
            if marks.contains(scalar.value) {
                bytes.append(UInt8(truncatingIfNeeded: scalar.value))
            } else {
                bytes += String(scalar).utf8
            }
        }
        return bytes
    }

    /// For people: `\xFF` for a byte that is no UTF-8.
    public static func shown(_ text: String) -> String {
        guard let bytes = bytes(text) else { return text }
        return written(bytes, before: "\\x")
    }

    /// For an object's key: `%FF` for a byte that is no UTF-8, all else as it is.
    public static func percent(_ bytes: [UInt8]) -> String { written(bytes, before: "%") }

    /// Gives the bytes to a call of the system.
    public static func withPath<T>(_ text: String, _ body: (UnsafePointer<CChar>) -> T) -> T {
        guard let bytes = bytes(text) else { return text.withCString(body) }
        return (bytes.map { CChar(bitPattern: $0) } + [0]).withUnsafeBufferPointer { body($0.baseAddress!) }
    }

    private static func written(_ bytes: [UInt8], before mark: String) -> String {
        let digits = Array("0123456789ABCDEF")
        var text = ""
        parse(bytes) { run, scalar in
            // A character that could be taken for a mark is UTF-8, and stays.
            if let scalar = scalar ?? String(validating: run, as: UTF8.self)?.unicodeScalars.first { return text.unicodeScalars.append(scalar) }
            for byte in run { text += mark + String([digits[Int(byte >> 4)], digits[Int(byte & 15)]]) }
        }
        return text
    }

    /// - Parameter body: gets each character's bytes, and the character where it stands for itself.
    private static func parse(_ bytes: [UInt8], _ body: (ArraySlice<UInt8>, Unicode.Scalar?) -> Void) {
        var parser = Unicode.UTF8.ForwardParser()
        var input = bytes.makeIterator()
        var place = 0
        while true {
            switch parser.parseScalar(from: &input) {
            case .emptyInput: return
            case .valid(let encoded):
                let scalar = Unicode.UTF8.decode(encoded)
                body(bytes[place..<place + encoded.count], marks.contains(scalar.value) ? nil : scalar)
                place += encoded.count
            case .error(let length):
                body(bytes[place..<place + length], nil)
                place += length
            }
        }
    }
}
