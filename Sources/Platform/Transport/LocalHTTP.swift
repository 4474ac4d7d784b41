import OSSProtocol

/// HTTP over a Unix socket: how the front end talks to the engine.
public final class LocalHTTP: Sendable {
    private let transport: CurlTransport

    public init(socketPath: String) throws(TransportError) {
        var configuration = CurlTransport.Configuration()
        configuration.unixSocket = socketPath
        configuration.maxConnections = 4
        configuration.loops = 1
        configuration.userAgent = nil
        transport = try CurlTransport(configuration)
    }

    public func close() { transport.close() }

    public func request(_ method: String, _ path: String, body: [UInt8] = [], timeout: Duration = .seconds(30)) async throws(TransportError) -> HTTPResponse {
        var options = SendOptions()
        options.connectTimeout = .seconds(5)
        options.stallTimeout = timeout
        options.total = timeout
        options.maxAnswerBytes = 64 << 20
        return try await transport.send(message(method, path, body), options: options).response
    }

    /// Server-sent events until the stream ends or the reader stops.
    public func events(_ path: String, lastEventID: String? = nil) -> AsyncThrowingStream<ServerEvent, any Error> {
        var request = message("GET", path, [])
        if let lastEventID { request.headers["Last-Event-ID"] = lastEventID }
        let opening = request
        let transport = transport
        return AsyncThrowingStream(bufferingPolicy: .bufferingNewest(256)) { continuation in
            let task = Task {
                let parser = Lock(EventStreamParser())
                var options = SendOptions()
                // The engine sends a comment every 15 s.
                options.stallTimeout = .seconds(60)
                do {
                    let answer = try await transport.stream(opening, options: options) { chunk in
                        for event in parser.withLock({ $0.feed(chunk) }) { continuation.yield(event) }
                    }
                    guard answer.status == 200 else {
                        throw TransportError(kind: .closed, message: "the engine answered with status \(answer.status)")
                    }
                    continuation.finish()
                } catch {
                    continuation.finish(throwing: error)
                }
            }
            continuation.onTermination = { _ in task.cancel() }
        }
    }

    private func message(_ method: String, _ path: String, _ body: [UInt8]) -> HTTPRequest {
        let parts = path.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
        return HTTPRequest(
            method: method, scheme: "http", host: "engine", path: String(parts[0]), query: parts.count > 1 ? String(parts[1]) : nil,
            headers: body.isEmpty ? [:] : ["Content-Type": "application/json"], body: body)
    }
}

public struct ServerEvent: Sendable, Equatable {
    public var id: String?
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
    private var data: [[UInt8]] = []
    private var size = 0

    /// An event larger than this is dropped.
    private static let largest = 16 << 20

    public init() {}

    public mutating func feed(_ bytes: [UInt8]) -> [ServerEvent] {
        var events: [ServerEvent] = []
        for byte in bytes {
            guard byte == 10 else {
                if line.count < Self.largest { line.append(byte) }
                continue
            }
            if line.last == 13 { line.removeLast() }
            if let complete = endOfLine() { events.append(complete) }
            line.removeAll(keepingCapacity: true)
        }
        return events
    }

    private mutating func endOfLine() -> ServerEvent? {
        guard !line.isEmpty else {
            defer {
                event = ""
                data = []
                size = 0
            }
            guard !data.isEmpty, size <= Self.largest else { return nil }
            return ServerEvent(id: id, event: event.isEmpty ? "message" : event, data: Array(data.joined(separator: [10])))
        }
        let colon = line.firstIndex(of: 0x3A) ?? line.endIndex
        let name = line[..<colon]
        var value = line[min(colon + 1, line.count)...]
        if value.first == 32 { value = value.dropFirst() }
        switch String(decoding: name, as: UTF8.self) {
        case "event": event = String(decoding: value, as: UTF8.self)
        case "id": id = String(decoding: value, as: UTF8.self)
        case "data":
            size += value.count
            if size <= Self.largest { data.append(Array(value)) }
        default: break
        }
        return nil
    }
}
