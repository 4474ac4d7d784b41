import Glibc

/// One server-sent event.
public struct ServerEvent: Sendable, Equatable {
    /// The last `id:` so far: what to resume from.
    public var id: String?
    /// `event:`, `message` when the server named none.
    public var event: String
    /// `data:` lines joined by line ends.
    public var data: [UInt8]
    public init(id: String?, event: String, data: [UInt8]) { (self.id, self.event, self.data) = (id, event, data) }
}

/// Splits a stream of server-sent events that may be cut anywhere. Source: the HTML standard, "Server-sent events".
public struct EventStreamParser: Sendable {
    private var line: [UInt8] = []
    private var id: String?
    private var event = ""
    private var data: [UInt8] = []
    private var hasData = false
    private var isTooLarge = false

    /// Bytes; a larger event is left out as a whole.
    private let largest: Int

    public init(largest: Int = 16 << 20) { self.largest = largest }

    public mutating func feed(_ bytes: [UInt8]) -> [ServerEvent] {
        var events: [ServerEvent] = []
        var start = 0
        while let end = EventStreamParser.lineEnd(bytes, from: start) {
            append(bytes[start..<end])
            if line.last == 13 { line.removeLast() }
            if let complete = endOfLine() { events.append(complete) }
            line.removeAll(keepingCapacity: true)
            start = end + 1
        }
        append(bytes[start...])
        return events
    }

    private static func lineEnd(_ bytes: [UInt8], from start: Int) -> Int? {
        guard start < bytes.count else { return nil }
        return bytes.withUnsafeBytes { buffer in
            guard let base = buffer.baseAddress, let found = memchr(base + start, 10, buffer.count - start) else { return nil }
            return UnsafeRawPointer(found) - base
        }
    }

    private mutating func append(_ bytes: ArraySlice<UInt8>) {
        if line.count + data.count + bytes.count > largest { isTooLarge = true }
        guard isTooLarge, line.count + bytes.count > 1 else {
            line += bytes
            return
        }
        // Of what is left out, only whether a line is empty matters (a single byte may be its carriage return); any other is forgotten
        // as a comment, also what came of it before: half an id is no id.
        line = [0x3A]
    }

    private mutating func endOfLine() -> ServerEvent? {
        guard !line.isEmpty else { return endOfEvent() }
        let colon = line.firstIndex(of: 0x3A) ?? line.endIndex
        var value = line[min(colon + 1, line.count)...]
        if value.first == 32 { value = value.dropFirst() }
        switch String(decoding: line[..<colon], as: UTF8.self) {
        case "event": event = String(decoding: value, as: UTF8.self)
        case "id": id = String(decoding: value, as: UTF8.self)
        case "data":
            if hasData { data.append(10) }
            data += value
            hasData = true
        default: break
        }
        return nil
    }

    private mutating func endOfEvent() -> ServerEvent? {
        defer {
            event = ""
            data = []
            hasData = false
            isTooLarge = false
        }
        guard hasData, !isTooLarge else { return nil }
        return ServerEvent(id: id, event: event.isEmpty ? "message" : event, data: data)
    }
}
