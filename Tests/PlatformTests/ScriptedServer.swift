import Glibc
import Platform

/// A real HTTP server on loopback that records what came over the wire and answers as the test says.
final class ScriptedServer: Sendable {
    struct Seen: Sendable {
        /// Request line and headers, byte for byte.
        var head: String
        var body: [UInt8]
        /// Which connection it came on, counted from 0.
        var connection: Int
        var path: String { head.split(separator: " ").dropFirst().first.map(String.init) ?? "" }
        func header(_ name: String) -> String? {
            head.split(separator: "\r\n").dropFirst().first { $0.lowercased().hasPrefix(name.lowercased() + ":") }.map {
                String($0.drop { $0 != ":" }.dropFirst().drop { $0 == " " })
            }
        }
    }
    /// What a connection does after it has read a request's head.
    enum Script: Sendable {
        /// Reads the body, then these bytes.
        case answer(String)
        /// Answers before the body was read, then closes.
        case early(String)
        /// Reads the body, answers nothing until the server is closed.
        case silence
        /// Reads that many body bytes, then resets.
        case reset(after: Int)
        /// Answers before the body was read and reads nothing more, but keeps the connection.
        case earlyAndDeaf(String)
        /// Reads the body, sends the pieces one by one with a gap, then closes.
        case pieces([String], gapMilliseconds: UInt32 = 0)
        /// As `answer`, then closes without a word, as servers do with idle connections.
        case answerAndLeave(String)
    }

    /// 0 on a Unix socket.
    let port: Int
    private let listener: Int32
    private let seenRequests = Lock<[Seen]>([])
    private let connections = Lock<[Int32]>([])
    private let script: @Sendable (Seen) -> Script

    var seen: [Seen] { seenRequests.withLock { $0 } }

    /// On a Unix socket.
    init(path: String, _ script: @escaping @Sendable (Seen) -> Script) {
        self.script = script
        listener = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8.prefix($0.count - 1)) }
        let descriptor = listener
        withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                _ = bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        port = 0
        listen(listener, 64)
        thread { [self] in accept() }
    }

    init(_ script: @escaping @Sendable (Seen) -> Script) {
        self.script = script
        listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let descriptor = listener
        withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                _ = bind(descriptor, $0, length)
                _ = getsockname(descriptor, $0, &length)
            }
        }
        port = Int(UInt16(bigEndian: address.sin_port))
        listen(listener, 64)
        thread { [self] in accept() }
    }

    deinit { close() }

    func close() {
        shutdown(listener, Int32(SHUT_RDWR))
        connections.withLock { open in
            for descriptor in open { shutdown(descriptor, Int32(SHUT_RDWR)) }
        }
    }

    private func accept() {
        var number = 0
        while true {
            let descriptor = Glibc.accept(listener, nil, nil)
            if descriptor < 0 { return }
            connections.withLock { $0.append(descriptor) }
            let connection = number
            number += 1
            thread { [self] in
                while serve(descriptor, connection) {}
                // Off the list first: a closed number soon names somebody else's socket, which `close` must not shut down.
                connections.withLock { open in
                    open.removeAll { $0 == descriptor }
                    Glibc.close(descriptor)
                }
            }
        }
    }

    /// - Returns: whether the connection goes on.
    private func serve(_ descriptor: Int32, _ connection: Int) -> Bool {
        var bytes: [UInt8] = []
        let end = Array("\r\n\r\n".utf8)
        while !bytes.suffix(4).elementsEqual(end) {
            var byte: UInt8 = 0
            guard recv(descriptor, &byte, 1, 0) == 1 else { return false }
            bytes.append(byte)
        }
        var request = Seen(head: String(decoding: bytes, as: UTF8.self), body: [], connection: connection)
        let length = request.header("Content-Length").flatMap { Int($0) } ?? 0
        switch script(request) {
        case .answer(let text):
            guard receive(descriptor, length, &request.body) else { return false }
            seenRequests.withLock { $0.append(request) }
            transmit(descriptor, text)
            return !text.contains("Connection: close")
        case .early(let text):
            seenRequests.withLock { $0.append(request) }
            transmit(descriptor, text)
            return false
        case .earlyAndDeaf(let text):
            seenRequests.withLock { $0.append(request) }
            transmit(descriptor, text)
            // Returns when the server is closed; what the client still sends stays in the kernel.
            var waiting = pollfd(fd: descriptor, events: Int16(bitPattern: UInt16(0x2000)), revents: 0)
            poll(&waiting, 1, 120_000)
            return false
        case .pieces(let pieces, let gap):
            guard receive(descriptor, length, &request.body) else { return false }
            seenRequests.withLock { $0.append(request) }
            for piece in pieces {
                transmit(descriptor, piece)
                if gap > 0 { usleep(gap * 1000) }
            }
            return false
        case .answerAndLeave(let text):
            guard receive(descriptor, length, &request.body) else { return false }
            seenRequests.withLock { $0.append(request) }
            transmit(descriptor, text)
            return false
        case .silence:
            _ = receive(descriptor, length, &request.body)
            seenRequests.withLock { $0.append(request) }
            var byte: UInt8 = 0
            _ = recv(descriptor, &byte, 1, 0)
            return false
        case .reset(let after):
            _ = receive(descriptor, min(after, length), &request.body)
            var option = linger(l_onoff: 1, l_linger: 0)
            setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &option, socklen_t(MemoryLayout<linger>.size))
            return false
        }
    }

    private func receive(_ descriptor: Int32, _ length: Int, _ body: inout [UInt8]) -> Bool {
        var buffer = [UInt8](repeating: 0, count: 65536)
        while body.count < length {
            let count = recv(descriptor, &buffer, min(buffer.count, length - body.count), 0)
            guard count > 0 else { return false }
            body += buffer[0..<count]
        }
        return true
    }

    private func transmit(_ descriptor: Int32, _ text: String) {
        let bytes = Array(text.utf8)
        _ = send(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL))
    }

    private func thread(_ body: @escaping @Sendable () -> Void) {
        final class Box: Sendable {
            let body: @Sendable () -> Void
            init(_ body: @escaping @Sendable () -> Void) { self.body = body }
        }
        var identifier = pthread_t()
        pthread_create(
            &identifier, nil,
            { context in
                context.map { Unmanaged<Box>.fromOpaque($0).takeRetainedValue().body() }
                return nil
            }, Unmanaged.passRetained(Box(body)).toOpaque())
        pthread_detach(identifier)
    }
}

func answer(_ status: String, _ body: String = "", headers: String = "") -> String {
    "HTTP/1.1 \(status)\r\nContent-Length: \(body.utf8.count)\r\n\(headers)\r\n\(body)"
}
