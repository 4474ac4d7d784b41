/// An object key: a string of bytes. Two keys are the same only if their bytes are.
///
/// Swift's `String` compares by canonical equivalence ("é" composed == "é" decomposed); OSS does not. So keys are never
/// compared, hashed or sorted as `String`.
public struct ObjectKey: Sendable, Hashable, Comparable, CustomStringConvertible {
    public let utf8: [UInt8]

    public init(_ text: String) { utf8 = Array(text.utf8) }
    public init(utf8: [UInt8]) { self.utf8 = utf8 }

    /// The key as text; invalid UTF-8 becomes U+FFFD, so this is for people, never for the wire.
    public var description: String { String(decoding: utf8, as: UTF8.self) }

    public static func < (a: ObjectKey, b: ObjectKey) -> Bool { a.utf8.lexicographicallyPrecedes(b.utf8) }
}
