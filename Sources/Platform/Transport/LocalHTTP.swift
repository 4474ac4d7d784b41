import Glibc
import OSSProtocol

/// HTTP over a Unix socket: how the front end talks to the engine.
public final class LocalHTTP: Sendable {
    private let transport: CurlTransport
    private let socketPath: String

    /// Events that a reader may be behind; past that it is better off asking anew.
    private static let mostEventsBehind = 8192

    public init(socketPath: String) throws(TransportError) {
        self.socketPath = socketPath
        var configuration = CurlTransport.Configuration()
        configuration.unixSocket = socketPath
        configuration.maxConnections = 4
        configuration.loops = 1
        configuration.userAgent = nil
        transport = try CurlTransport(configuration)
    }

    public func close() { transport.close() }

    /// - Parameter timeout: for the whole answer.
    public func request(
        _ method: String, _ path: String, body: [UInt8] = [], timeout: Duration = .seconds(30)
    ) async throws(TransportError) -> HTTPResponse {
        try checkOwner()
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
        return AsyncThrowingStream(bufferingPolicy: .bufferingOldest(LocalHTTP.mostEventsBehind)) { continuation in
            // Unstructured: it lives as long as the stream is read.
            let task = Task { [self] in
                do {
                    try await follow(opening, into: continuation)
                    continuation.finish()
                } catch {
                    continuation.finish(throwing: error)
                }
            }
            continuation.onTermination = { _ in task.cancel() }
        }
    }

    private func follow(
        _ opening: HTTPRequest, into continuation: AsyncThrowingStream<ServerEvent, any Error>.Continuation
    ) async throws(TransportError) {
        try checkOwner()
        let parser = Lock(EventStreamParser())
        var options = SendOptions()
        // The engine sends a comment every 15 s.
        options.stallTimeout = .seconds(60)
        let answer = try await transport.stream(opening, options: options) { bytes in
            for event in parser.withLock({ $0.feed(bytes) }) {
                // A gap in the events must not go unnoticed.
                if case .dropped = continuation.yield(event) { continuation.finish(throwing: LocalHTTP.behind) }
            }
        }
        guard answer.status == 200 else {
            throw TransportError(kind: .closed, message: "the engine answered with status \(answer.status)")
        }
    }

    private static let behind = TransportError(kind: .closed, message: "more events came than were read")

    /// Orders carry credentials: they go to a server of this user only.
    private func checkOwner() throws(TransportError) {
        for path in [SecureFile.parent(socketPath), socketPath] {
            var status = stat()
            // What is not there cannot be connected to either, and libcurl says so.
            guard lstat(path, &status) == 0 else { continue }
            guard status.st_uid == geteuid() || (status.st_uid == 0 && path != socketPath) else {
                throw TransportError(kind: .closed, message: "\(path) belongs to another user")
            }
        }
    }

    private func message(_ method: String, _ path: String, _ body: [UInt8]) -> HTTPRequest {
        let parts = path.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
        return HTTPRequest(
            method: method, scheme: "http", host: "engine", path: String(parts[0]), query: parts.count > 1 ? String(parts[1]) : nil,
            headers: body.isEmpty ? [:] : ["Content-Type": "application/json"], body: body)
    }
}
