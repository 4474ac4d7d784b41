import Glibc
import OSSProtocol

/// HTTP over a Unix socket: how the front end talks to the engine.
///
/// Plain sockets and one thread a call, not libcurl: its start and OpenSSL's cost 6 MB and 5 ms, more than all else that the front
/// end does before its first picture.
public final class LocalHTTP: Sendable {
    private let socketPath: String
    private let idle = Lock<[Int32]>([])

    /// Events that a reader may be behind; past that it is better off asking anew.
    private static let mostEventsBehind = 8192
    private static let mostAnswerBytes = 64 << 20
    /// The same where they come together, as many as one read brings: at most 64 KiB each.
    private static let mostBatchesBehind = 256
    /// The engine sends a comment every 15 s.
    private static let eventStall: Duration = .seconds(60)

    public init(socketPath: String) throws(TransportError) { self.socketPath = socketPath }

    deinit { close() }

    /// Closes the connections that are kept for later calls.
    public func close() {
        for descriptor in idle.withLock({ idle in
            defer { idle = [] }
            return idle
        }) { Glibc.close(descriptor) }
    }

    /// - Parameter timeout: for the whole answer.
    public func request(
        _ method: String, _ path: String, body: [UInt8] = [], timeout: Duration = .seconds(30)
    ) async throws(TransportError) -> HTTPResponse {
        let message = try message(method, path, body, [:])
        return try await run(
            LocalCall(
                socketPath: socketPath, message: message, idle: idle, total: timeout, stall: timeout, mostBytes: LocalHTTP.mostAnswerBytes,
                onBody: nil))
    }

    /// Server-sent events until the stream ends or the reader stops.
    public func events(_ path: String, lastEventID: String? = nil) -> AsyncThrowingStream<ServerEvent, any Error> {
        stream(path, lastEventID, mostBehind: LocalHTTP.mostEventsBehind) { events, continuation in
            for event in events {
                // A gap in the events must not go unnoticed.
                if case .dropped = continuation.yield(event) { continuation.finish(throwing: LocalHTTP.behind) }
            }
        }
    }

    /// Server-sent events in answer to a body. Whoever stops reading ends what makes them.
    public func events(_ path: String, posting body: [UInt8]) -> AsyncThrowingStream<ServerEvent, any Error> {
        stream(path, nil, posting: body, mostBehind: LocalHTTP.mostEventsBehind) { events, continuation in
            for event in events {
                if case .dropped = continuation.yield(event) { continuation.finish(throwing: LocalHTTP.behind) }
            }
        }
    }

    /// The same, as many together as have come: a reader of all of them is woken once.
    public func eventBatches(_ path: String, lastEventID: String? = nil) -> AsyncThrowingStream<[ServerEvent], any Error> {
        stream(path, lastEventID, mostBehind: LocalHTTP.mostBatchesBehind) { events, continuation in
            guard !events.isEmpty else { return }
            if case .dropped = continuation.yield(events) { continuation.finish(throwing: LocalHTTP.behind) }
        }
    }

    private func stream<Element: Sendable>(
        _ path: String, _ lastEventID: String?, posting body: [UInt8]? = nil, mostBehind: Int,
        _ hand: @escaping @Sendable ([ServerEvent], AsyncThrowingStream<Element, any Error>.Continuation) -> Void
    ) -> AsyncThrowingStream<Element, any Error> {
        AsyncThrowingStream(bufferingPolicy: .bufferingOldest(mostBehind)) { continuation in
            // Unstructured: it lives as long as the stream is read.
            let task = Task { [self] in
                do {
                    try await follow(path, lastEventID, body) { hand($0, continuation) }
                    continuation.finish()
                } catch {
                    continuation.finish(throwing: error)
                }
            }
            continuation.onTermination = { _ in task.cancel() }
        }
    }

    private func follow(
        _ path: String, _ lastEventID: String?, _ body: [UInt8]?, _ hand: @escaping @Sendable ([ServerEvent]) -> Void
    ) async throws(TransportError) {
        var headers: HTTPHeaders = ["Accept": "text/event-stream"]
        if let lastEventID { headers["Last-Event-ID"] = lastEventID }
        let parser = Lock(EventStreamParser())
        let call = LocalCall(
            socketPath: socketPath, message: try message(body == nil ? "GET" : "POST", path, body ?? [], headers), idle: idle, total: nil,
            stall: LocalHTTP.eventStall, mostBytes: LocalHTTP.mostAnswerBytes
        ) { bytes in
            hand(parser.withLock { $0.feed(bytes) })
        }
        let answer = try await run(call)
        guard answer.status == 200 else {
            throw TransportError(kind: .closed, message: "the engine answered with status \(answer.status)")
        }
    }

    private static let behind = TransportError(kind: .closed, message: "more events came than were read")

    private func run(_ call: LocalCall) async throws(TransportError) -> HTTPResponse {
        let result: Result<HTTPResponse, TransportError> = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                if !startThread(name: "davit-local", { continuation.resume(returning: call.run()) }) {
                    continuation.resume(
                        returning: .failure(TransportError(kind: .closed, message: "no thread can be started (\(FileError.text(of: EAGAIN)))")))
                }
            }
        } onCancel: {
            call.cancel()
        }
        return try result.get()
    }

    private func message(_ method: String, _ path: String, _ body: [UInt8], _ headers: HTTPHeaders) throws(TransportError) -> [UInt8] {
        var head = "\(method) \(path) HTTP/1.1\r\nHost: engine\r\n"
        for field in headers.fields { head += "\(field.name): \(field.value)\r\n" }
        if !body.isEmpty { head += "Content-Type: application/json\r\n" }
        if !body.isEmpty || method != "GET" { head += "Content-Length: \(body.count)\r\n" }
        let isClean =
            path.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F } && headers.fields.allSatisfy { $0.value.utf8.allSatisfy { $0 >= 0x20 } }
        guard isClean else { throw TransportError(kind: .curl(3), message: "the request holds characters that cannot be sent") }
        return Array((head + "\r\n").utf8) + body
    }
}
