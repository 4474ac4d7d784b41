import Logging
import OSSProtocol
import Platform

/// The engine's log: one line an event, `TIME LEVEL message key=value …`, in a file that never grows past its bound.
///
/// Nothing that is logged holds a secret; as a second fence, whatever looks like a signature or a token is cut out here.
public struct EngineLog: LogHandler {
    private let sink: LogSink
    private let now: @Sendable () -> Timestamp
    public var metadata: Logger.Metadata = [:]
    public var logLevel: Logger.Level

    public init(sink: LogSink, level: Logger.Level, now: @escaping @Sendable () -> Timestamp) {
        (self.sink, self.now, logLevel) = (sink, now, level)
    }

    public subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    public func log(event: LogEvent) {
        var line = "\(now().iso8601Milliseconds) \(event.level.rawValue) \(event.message)"
        let all = metadata.merging(event.metadata ?? [:]) { _, new in new }
        for (key, value) in all.sorted(by: { $0.key < $1.key }) { line += " \(key)=\(EngineLog.quoted("\(value)"))" }
        if let error = event.error { line += " error=\(EngineLog.quoted("\(error)"))" }
        sink.write(Redaction.clean(line))
    }

    private static func quoted(_ value: String) -> String {
        let isPlain = !value.isEmpty && value.utf8.allSatisfy { $0 > 0x20 && $0 != UInt8(ascii: "\"") && $0 != 0x7F }
        guard !isPlain else { return value }
        var text = "\""
        for character in value { text += character == "\"" || character == "\\" ? "\\\(character)" : String(character) }
        return text + "\""
    }
}

/// Cuts out what must never be written down, wherever a text came from.
enum Redaction {
    /// What stands right after these, up to the end of the word, is a secret.
    private static let marks: [[UInt8]] = [
        "signature=", "security-token=", "securitytoken=", "bearer ", "access_key_secret=", "accesskeysecret=", "\"accesskeysecret\":\"",
        "\"securitytoken\":\"", "x-oss-security-token: ",
    ].map { Array($0.utf8) }

    static func clean(_ text: String) -> String {
        let bytes = Array(text.utf8)
        let lower = bytes.map { (65...90).contains($0) ? $0 | 0x20 : $0 }
        var clean: [UInt8] = []
        var place = 0
        while place < bytes.count {
            guard let mark = marks.first(where: { lower[place...].starts(with: $0) }) else {
                clean.append(bytes[place])
                place += 1
                continue
            }
            clean += bytes[place..<(place + mark.count)]
            clean += "<redacted>".utf8
            place += mark.count
            while place < bytes.count, !isEnd(bytes[place]) { place += 1 }
        }
        return String(decoding: clean, as: UTF8.self)
    }

    private static func isEnd(_ byte: UInt8) -> Bool {
        byte <= 0x20 || [UInt8(ascii: "&"), UInt8(ascii: "\""), UInt8(ascii: ","), UInt8(ascii: ")"), UInt8(ascii: "'")].contains(byte)
    }
}
