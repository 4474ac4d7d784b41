import Glibc
import Platform

/// Rescues an answer that has arrived but that libcurl has not read.
///
/// A server that refuses and closes at once resets the connection. When that reset meets a send, libcurl (7.88) reports the broken
/// pipe and closes the socket, with the 403 or 503 still in it. So it is taken out just before. Over TLS there is nothing to be had
/// that way: there it stays a broken connection, which is tried again. Removable when libcurl reads before it gives up.
extension Exchange {
    private static let mostLateBytes = 64 << 10

    func takeLateAnswer(from socket: Int32) {
        // Only a clean beginning can be read here: libcurl has taken nothing of the answer.
        guard request.scheme == "http", hasNoAnswerYet else { return }
        var rest = Exchange.drain(socket)[...]
        while !headersComplete, let end = rest.firstIndex(of: 10) {
            let isTaken = Array(rest[...end]).withUnsafeBytes { takeHeader($0) }
            guard isTaken else { return }
            rest = rest[(end + 1)...]
        }
        guard headersComplete, status >= 300 else { return }
        isLate = true
        // A chunked body is left out: the status alone decides as well.
        if let length = lateContentLength { _ = Array(rest.prefix(length)).withUnsafeBytes { takeContent($0) } }
    }

    private static func drain(_ socket: Int32) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: mostLateBytes) { buffer, count in
            guard let start = buffer.baseAddress else { return }
            while count < buffer.count {
                let got = recv(socket, start + count, buffer.count - count, Int32(MSG_DONTWAIT))
                guard got > 0 else { return }
                count += got
            }
        }
    }
}
