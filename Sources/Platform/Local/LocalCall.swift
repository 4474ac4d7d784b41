import CPosix
import Glibc
import OSSProtocol

/// One request over a Unix socket, on a thread that may block. Cancelled from any thread.
final class LocalCall: Sendable {
    private struct State {
        var descriptor: Int32 = -1
        var isCancelled = false
    }
    private let state = Lock(State())

    private let socketPath: String
    private let message: [UInt8]
    /// Connections that other calls left open.
    private let idle: Lock<[Int32]>
    private let total: Duration?
    private let stall: Duration
    private let mostBytes: Int
    private let onBody: (@Sendable ([UInt8]) -> Void)?

    private static let connectTimeout: Int32 = 5000
    private static let mostIdle = 4

    init(
        socketPath: String, message: [UInt8], idle: Lock<[Int32]>, total: Duration?, stall: Duration, mostBytes: Int,
        onBody: (@Sendable ([UInt8]) -> Void)?
    ) {
        self.socketPath = socketPath
        self.message = message
        self.idle = idle
        self.total = total
        self.stall = stall
        self.mostBytes = mostBytes
        self.onBody = onBody
    }

    func cancel() {
        state.withLock { state in
            state.isCancelled = true
            // The blocked thread sees the end of the connection; it alone closes the descriptor.
            if state.descriptor >= 0 { shutdown(state.descriptor, Int32(SHUT_RDWR)) }
        }
    }

    /// Blocks until the answer is there.
    func run() -> Result<HTTPResponse, TransportError> {
        do throws(TransportError) {
            let deadline = total.map { SystemClock.steady() + $0 }
            // The server may just have closed a connection that it kept: then nothing was read, and a new one is tried.
            while let descriptor = takeIdle() {
                if let response = try exchange(on: descriptor, deadline, mayBeDead: true) { return .success(response) }
            }
            guard let response = try exchange(on: try connect(), deadline, mayBeDead: false) else {
                throw TransportError(kind: .curl(Code.empty), message: "the connection was closed without an answer")
            }
            return .success(response)
        } catch {
            let isCancelled = state.withLock { $0.isCancelled }
            return .failure(isCancelled ? TransportError(kind: .cancelled, message: "cancelled") : error)
        }
    }

    /// libcurl's numbers, so that a caller need not know which of the two sent a request.
    private enum Code {
        static let connect: Int32 = 7
        static let malformed: Int32 = 8
        static let truncated: Int32 = 18
        static let timeout: Int32 = 28
        static let empty: Int32 = 52
        static let send: Int32 = 55
        static let receive: Int32 = 56
    }

    private func connect() throws(TransportError) -> Int32 {
        let descriptor = dposix_connect_local(socketPath, LocalCall.connectTimeout)
        guard descriptor >= 0 else {
            throw TransportError(
                kind: .curl(Code.connect), message: "\(socketPath) cannot be connected to (\(FileError.text(of: -descriptor)))")
        }
        // Orders carry credentials: they go to a server of this user only, whoever may have made the socket's folder.
        guard dposix_peer_user(descriptor) == Int(geteuid()) else {
            close(descriptor)
            throw TransportError(kind: .closed, message: "the server at \(socketPath) belongs to another user")
        }
        return descriptor
    }

    /// What may be done twice; the others change something.
    private var isRepeatable: Bool { message.starts(with: "GET ".utf8) || message.starts(with: "HEAD ".utf8) }

    /// - Returns: `nil` when the connection was dead before a byte of the answer came, and nothing can have come of the request.
    private func exchange(on descriptor: Int32, _ deadline: Timestamp?, mayBeDead: Bool) throws(TransportError) -> HTTPResponse? {
        let isCancelled = state.withLock { state in
            state.descriptor = descriptor
            return state.isCancelled
        }
        var parser = AnswerParser()
        var isOver = false
        defer {
            state.withLock { $0.descriptor = -1 }
            giveBack(descriptor, keep: isOver && parser.keepsConnection)
        }
        if isCancelled { throw TransportError(kind: .cancelled, message: "cancelled") }
        guard send(on: descriptor) else {
            if mayBeDead { return nil }
            throw TransportError(kind: .curl(Code.send), message: "the request could not be sent (\(FileError.text(of: errno)))")
        }
        var body: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 64 << 10)
        while !parser.isComplete {
            try wait(for: descriptor, deadline)
            let count = recv(descriptor, &buffer, buffer.count, 0)
            if count < 0 && errno == EINTR { continue }
            if count <= 0 && !parser.hasBegun {
                // A Unix socket is reset only when its server left something unread: then it has done nothing. An end says nothing about that.
                if isRepeatable || (count < 0 && errno == ECONNRESET) { return nil }
                throw TransportError(kind: .curl(Code.empty), message: "the connection was closed without an answer")
            }
            if count < 0 { throw TransportError(kind: .curl(Code.receive), message: "the answer broke off (\(FileError.text(of: errno)))") }
            do throws(AnswerParser.Failure) {
                if count == 0 {
                    try parser.end()
                    break
                }
                let piece = try parser.feed(Array(buffer[..<count]))
                if let onBody, (200..<300).contains(parser.status) { if !piece.isEmpty { onBody(piece) } } else { body += piece }
            } catch {
                throw LocalCall.failure(error)
            }
            guard body.count <= mostBytes else {
                throw TransportError(kind: .answerTooLarge, message: "the answer is larger than \(mostBytes) bytes")
            }
        }
        isOver = true
        return HTTPResponse(status: parser.status, headers: parser.headers, body: body)
    }

    private static func failure(_ failure: AnswerParser.Failure) -> TransportError {
        switch failure {
        case .malformed: TransportError(kind: .curl(Code.malformed), message: "the answer is not HTTP")
        case .headersTooLarge: TransportError(kind: .answerTooLarge, message: "the answer's headers are too large")
        case .truncated: TransportError(kind: .curl(Code.truncated), message: "the answer broke off")
        }
    }

    private func send(on descriptor: Int32) -> Bool {
        var sent = 0
        while sent < message.count {
            let count = message.withUnsafeBytes { bytes in
                bytes.baseAddress.map { Glibc.send(descriptor, $0 + sent, bytes.count - sent, Int32(MSG_NOSIGNAL)) } ?? -1
            }
            if count < 0 && errno == EINTR { continue }
            guard count > 0 else { return false }
            sent += count
        }
        return true
    }

    private func wait(for descriptor: Int32, _ deadline: Timestamp?) throws(TransportError) {
        let stallEnd = SystemClock.steady() + stall
        let end = deadline.map { min($0, stallEnd) } ?? stallEnd
        while true {
            let left = (end - SystemClock.steady()).inMilliseconds
            guard left > 0 else { throw TransportError(kind: .curl(Code.timeout), message: "no answer came in time") }
            var waiting = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
            if poll(&waiting, 1, Int32(clamping: left)) > 0 { return }
        }
    }

    private func takeIdle() -> Int32? {
        while let descriptor = idle.withLock({ $0.popLast() }) {
            var byte: UInt8 = 0
            // Nothing to read is right: an end or unasked-for bytes are not.
            if recv(descriptor, &byte, 1, Int32(MSG_PEEK | MSG_DONTWAIT)) < 0, errno == EAGAIN { return descriptor }
            close(descriptor)
        }
        return nil
    }

    private func giveBack(_ descriptor: Int32, keep: Bool) {
        let isKept =
            keep
            && idle.withLock { idle in
                guard idle.count < LocalCall.mostIdle else { return false }
                idle.append(descriptor)
                return true
            }
        if !isKept { close(descriptor) }
    }
}
