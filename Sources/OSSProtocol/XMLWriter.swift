/// Writes XML without white space between elements, everything escaped.
public struct XMLWriter: Sendable {
    public private(set) var bytes: [UInt8] = []

    public init(declaration: Bool = true) {
        if declaration { bytes.append(contentsOf: #"<?xml version="1.0" encoding="UTF-8"?>"#.utf8) }
    }

    /// An element with text only.
    public mutating func element(_ name: String, _ text: String) {
        tag(name, opening: true)
        escape(text)
        tag(name, opening: false)
    }

    /// An element whose content `body` writes.
    public mutating func element<Failure: Error>(_ name: String, _ body: (inout XMLWriter) throws(Failure) -> Void) throws(Failure) {
        tag(name, opening: true)
        try body(&self)
        tag(name, opening: false)
    }

    private mutating func tag(_ name: String, opening: Bool) {
        bytes.append(UInt8(ascii: "<"))
        if !opening { bytes.append(UInt8(ascii: "/")) }
        bytes.append(contentsOf: name.utf8)
        bytes.append(UInt8(ascii: ">"))
    }

    private mutating func escape(_ text: String) {
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "&"): bytes.append(contentsOf: "&amp;".utf8)
            case UInt8(ascii: "<"): bytes.append(contentsOf: "&lt;".utf8)
            case UInt8(ascii: ">"): bytes.append(contentsOf: "&gt;".utf8)
            // As references, because a reader may turn line ends into others and takes no bare control character.
            case 0..<32: bytes.append(contentsOf: "&#\(byte);".utf8)
            default: bytes.append(byte)
            }
        }
    }
}
