import Glibc
import Platform

/// HTTP to the engine over its Unix socket, without libcurl: that one and its thirty libraries would cost the front end 8 MB and
/// half of its start-up time, and a socket in a private folder needs neither TLS nor proxies.
///
/// One connection a request. Blocking calls run on threads of their own, never on the ones that tasks share.
struct SocketHTTP: Sendable {
    struct Answer: Sendable {
        var status: Int
        var body: [UInt8]
    }

    let path: String

    private static let largestAnswer = 64 << 20

    func request(_ method: String, _ target: String, body: [UInt8] = [], timeout: Duration) async throws -> Answer {
        let path = path
        return try await withCheckedThrowingContinuation { continuation in
            Thread.start {
                continuation.resume(
                    with: Result {
                        let socket = try Socket(path: path, timeout: timeout)
                        try socket.send(Self.message(method, target, body))
                        var reader = ResponseReader()
                        var content: [UInt8] = []
                        while !reader.isComplete {
                            let bytes = try socket.receive()
                            content += try bytes.isEmpty ? reader.end() : reader.feed(bytes)
                            guard content.count <= Self.largestAnswer else { throw SocketFailure("the answer is too large") }
                        }
                        return Answer(status: reader.status, body: content)
                    })
            }
        }
    }

    /// Server-sent events until the engine ends them or the reader stops.
    func events(_ target: String) -> AsyncThrowingStream<ServerEvent, any Error> {
        let path = path
        return AsyncThrowingStream(bufferingPolicy: .bufferingNewest(256)) { continuation in
            let open = Lock<Socket?>(nil)
            continuation.onTermination = { _ in open.withLock { $0?.shutDown() } }
            Thread.start {
                do {
                    // The engine sends a comment every 15 s; a minute without one is a dead engine.
                    let socket = try Socket(path: path, timeout: .seconds(60))
                    open.withLock { $0 = socket }
                    try socket.send(Self.message("GET", target, []))
                    var reader = ResponseReader()
                    var parser = EventStreamParser()
                    while !reader.isComplete {
                        let bytes = try socket.receive()
                        let content = try bytes.isEmpty ? reader.end() : reader.feed(bytes)
                        guard reader.status == 0 || reader.status == 200 else { throw SocketFailure("the engine answered with status \(reader.status)") }
                        for event in parser.feed(content) { continuation.yield(event) }
                    }
                    continuation.finish()
                } catch {
                    continuation.finish(throwing: error)
                }
            }
        }
    }

    private static func message(_ method: String, _ target: String, _ body: [UInt8]) -> [UInt8] {
        var head = "\(method) \(target) HTTP/1.1\r\nHost: engine\r\nConnection: close\r\n"
        if !body.isEmpty || method != "GET" { head += "Content-Type: application/json\r\nContent-Length: \(body.count)\r\n" }
        return Array((head + "\r\n").utf8) + body
    }
}

/// The engine could not be reached or broke off.
struct SocketFailure: Error {
    var message: String
    init(_ message: String) { self.message = message }
    init(errno number: Int32) { message = String(cString: strerror(number)) }
}

/// One connection; closed with its last user.
private final class Socket: Sendable {
    private let descriptor: Int32

    init(path: String, timeout: Duration) throws {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let bytes = Array(path.utf8)
        guard bytes.count < MemoryLayout.size(ofValue: address.sun_path) else { throw SocketFailure("the socket's path is too long") }
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
        descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { throw SocketFailure(errno: errno) }
        let (seconds, attoseconds) = timeout.components
        var wait = timeval(tv_sec: Int(seconds), tv_usec: Int(attoseconds / 1_000_000_000_000))
        for option in [SO_RCVTIMEO, SO_SNDTIMEO] { setsockopt(descriptor, SOL_SOCKET, option, &wait, socklen_t(MemoryLayout<timeval>.size)) }
        let connected = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size)) }
        }
        guard connected == 0 else { throw SocketFailure(errno: errno) }
    }

    deinit { close(descriptor) }

    func shutDown() { shutdown(descriptor, Int32(SHUT_RDWR)) }

    func send(_ bytes: [UInt8]) throws {
        var left = bytes[...]
        while !left.isEmpty {
            let count = left.withUnsafeBytes { Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
            if count < 0 && errno == EINTR { continue }
            guard count > 0 else { throw SocketFailure(errno: errno) }
            left = left.dropFirst(count)
        }
    }

    /// Empty at the end of the connection.
    func receive() throws -> [UInt8] {
        var buffer = [UInt8](repeating: 0, count: 65536)
        while true {
            let count = recv(descriptor, &buffer, buffer.count, 0)
            if count < 0 && errno == EINTR { continue }
            if count < 0 { throw SocketFailure(errno == EAGAIN ? "no answer in time" : String(cString: strerror(errno))) }
            return Array(buffer[0..<count])
        }
    }
}

/// The bytes of one HTTP/1.1 answer to its status and content: a length, pieces, or until the connection ends.
struct ResponseReader {
    private enum Place: Equatable {
        case head
        case counted(Int)
        case pieceSize
        case piece(Int)
        case pieceEnd
        case untilEnd
        case complete
    }
    private(set) var status = 0
    private var place = Place.head
    private var pending: [UInt8] = []

    private static let largestHead = 65536

    var isComplete: Bool { place == .complete }

    /// The content in those bytes.
    mutating func feed(_ bytes: [UInt8]) throws -> [UInt8] {
        pending += bytes
        var content: [UInt8] = []
        while true {
            switch place {
            case .head:
                guard let end = Self.find([13, 10, 13, 10], in: pending) else {
                    guard pending.count <= Self.largestHead else { throw SocketFailure("the answer's head is too large") }
                    return content
                }
                try readHead(String(decoding: pending[..<end], as: UTF8.self))
                pending.removeFirst(end + 4)
            case .counted(let left), .piece(let left):
                let count = min(left, pending.count)
                content += pending.prefix(count)
                pending.removeFirst(count)
                let isPiece = if case .piece = place { true } else { false }
                place = isPiece ? (count == left ? .pieceEnd : .piece(left - count)) : (count == left ? .complete : .counted(left - count))
                if count < left { return content }
            case .pieceSize:
                guard let end = Self.find([13, 10], in: pending) else { return content }
                let digits = String(decoding: pending[..<end].prefix { $0 != 0x3B }, as: UTF8.self)
                guard let size = Int(digits, radix: 16), size >= 0 else { throw SocketFailure("the answer is not HTTP") }
                pending.removeFirst(end + 2)
                place = size == 0 ? .complete : .piece(size)
            case .pieceEnd:
                guard pending.count >= 2 else { return content }
                pending.removeFirst(2)
                place = .pieceSize
            case .untilEnd:
                content += pending
                pending = []
                return content
            case .complete: return content
            }
        }
    }

    /// The connection ended.
    mutating func end() throws -> [UInt8] {
        guard place == .untilEnd || place == .complete else { throw SocketFailure("the engine closed the connection") }
        place = .complete
        return []
    }

    private mutating func readHead(_ head: String) throws {
        let lines = head.split(separator: "\r\n")
        let words = lines.first?.split(separator: " ") ?? []
        guard words.count >= 2, words[0].hasPrefix("HTTP/1."), let number = Int(words[1]) else { throw SocketFailure("the answer is not HTTP") }
        status = number
        place = .untilEnd
        for line in lines.dropFirst() {
            let name = line.prefix { $0 != ":" }.lowercased()
            let value = line.dropFirst(name.count + 1).drop { $0 == " " }
            if name == "content-length", let length = Int(value), length >= 0 { place = length == 0 ? .complete : .counted(length) }
            if name == "transfer-encoding", value.lowercased() == "chunked" { place = .pieceSize }
        }
    }

    private static func find(_ mark: [UInt8], in bytes: [UInt8]) -> Int? {
        guard bytes.count >= mark.count else { return nil }
        return (0...(bytes.count - mark.count)).first { bytes[$0] == mark[0] && bytes[$0..<($0 + mark.count)].elementsEqual(mark) }
    }
}

/// A thread for one blocking piece of work.
private enum Thread {
    private final class Work: Sendable {
        let body: @Sendable () -> Void
        init(_ body: @escaping @Sendable () -> Void) { self.body = body }
    }

    static func start(_ body: @escaping @Sendable () -> Void) {
        var thread = pthread_t()
        var attributes = pthread_attr_t()
        pthread_attr_init(&attributes)
        pthread_attr_setdetachstate(&attributes, Int32(PTHREAD_CREATE_DETACHED))
        pthread_attr_setstacksize(&attributes, 256 << 10)
        pthread_create(
            &thread, &attributes,
            { context in
                context.map { Unmanaged<Work>.fromOpaque($0).takeRetainedValue().body() }
                return nil
            }, Unmanaged.passRetained(Work(body)).toOpaque())
        pthread_attr_destroy(&attributes)
    }
}
