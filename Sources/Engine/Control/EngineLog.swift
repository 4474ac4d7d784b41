import Contracts
import Logging
import OSSProtocol
import Platform

/// The engine's log: one line an event, as text or JSON (`LogLine`), in files that never grow past their bound; with the journal behind
/// standard error there too.
///
/// Nothing that is logged holds a secret; as a second fence, whatever looks like a signature or a token is cut out here.
public struct EngineLog: LogHandler {
    /// What a reload of the configuration may change for every logger that was made.
    final class Choice: Sendable {
        private let state: Lock<(level: Logger.Level, format: LogLine.Format)>
        init(level: Logger.Level, format: LogLine.Format = .text) { state = Lock((level, format)) }
        var level: Logger.Level {
            get { state.withLock { $0.level } }
            set { state.withLock { $0.level = newValue } }
        }
        var format: LogLine.Format {
            get { state.withLock { $0.format } }
            set { state.withLock { $0.format = newValue } }
        }
    }

    private let sink: LogSink
    private let choice: Choice
    private let journal: Journal?
    private let now: @Sendable () -> Timestamp
    public var metadata: Logger.Metadata = [:]

    init(sink: LogSink, choice: Choice, journal: Journal? = nil, now: @escaping @Sendable () -> Timestamp) {
        (self.sink, self.choice, self.journal, self.now) = (sink, choice, journal, now)
    }

    public var logLevel: Logger.Level {
        get { choice.level }
        set { choice.level = newValue }
    }

    public subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    public func log(event: LogEvent) {
        var fields: [String: String] = [:]
        for (key, value) in metadata.merging(event.metadata ?? [:], uniquingKeysWith: { _, new in new }) {
            fields[key] = LogRedaction.clean("\(value)")
        }
        if let error = event.error { fields["error"] = LogRedaction.clean("\(error)") }
        let line = LogLine(
            time: now().iso8601Milliseconds, level: LogLine.Level(rawValue: event.level.rawValue) ?? .info,
            message: LogRedaction.clean("\(event.message)"), fields: fields)
        sink.write(LogRedaction.clean(line.written(as: choice.format)))
        journal?.write(LogRedaction.clean(line.body), priority: line.level.priority)
    }
}

/// Cuts out what must never be written down, wherever a text came from.
enum LogRedaction {
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
