import CCurl
import CPosix
import Glibc
import Platform

/// The sockets of one loop: libcurl opens and closes them here, so that it is known which one an exchange uses. (libcurl 7.88 tells
/// an exchange's socket only after its end.) Belongs to the loop's thread.
final class Sockets {
    private struct Ports: Equatable {
        var local: Int
        var peer: Int
    }
    /// With its ports once it was seen connected.
    private var open: [Int32: Ports?] = [:]
    /// Called with a socket that libcurl is about to close.
    var onClose: (Int32) -> Void = { _ in }

    func install(on easy: UnsafeMutableRawPointer) {
        let pointer = Unmanaged.passUnretained(self).toOpaque()
        _ = dcurl_set_opener(
            easy,
            { context, _, address in
                guard let context, let address = address?.pointee else { return -1 }
                let socket = dposix_socket(address.family, address.socktype, address.protocol)
                if socket >= 0 { Unmanaged<Sockets>.fromOpaque(context).takeUnretainedValue().open[socket] = .some(nil) }
                return socket
            }, pointer)
        _ = dcurl_set_closer(
            easy,
            { context, socket in
                if let context {
                    let sockets = Unmanaged<Sockets>.fromOpaque(context).takeUnretainedValue()
                    sockets.onClose(socket)
                    sockets.open[socket] = nil
                }
                return close(socket)
            }, pointer)
    }

    func isOpen(_ socket: Int32) -> Bool { open[socket] != nil }

    /// The socket of a connected exchange, by its ports; -1 when it cannot be told for certain.
    func socket(of easy: UnsafeMutableRawPointer) -> Int32 {
        let ports = Ports(local: dcurl_info_long(easy, CURLINFO_LOCAL_PORT, 0), peer: dcurl_info_long(easy, CURLINFO_PRIMARY_PORT, 0))
        guard ports.local > 0, ports.peer > 0 else { return -1 }
        var found: Int32 = -1
        for (socket, known) in open {
            guard let theirs = known ?? Sockets.ports(of: socket) else { continue }
            open[socket] = .some(theirs)
            guard theirs == ports else { continue }
            // Two connections to different addresses may share both ports.
            guard found < 0 else { return -1 }
            found = socket
        }
        return found
    }

    private static func ports(of socket: Int32) -> Ports? {
        var local: Int32 = 0
        var peer: Int32 = 0
        return dposix_ports(socket, &local, &peer) == 1 ? Ports(local: Int(local), peer: Int(peer)) : nil
    }
}
