import OSSProtocol

/// `scheme://host[:port]/path[?query]` taken apart without changing a byte of it: signed URLs must be sent as they were given.
public struct WebAddress: Sendable, Equatable {
    public var scheme: String
    /// With the port, when there is one.
    public var host: String
    /// Begins with `/`.
    public var path: String
    public var query: String?

    public init?(_ text: String) {
        let bytes = Array(text.utf8)
        // Blanks, control characters, a fragment or user information have no place in any URL davit is given.
        guard bytes.count <= 64 << 10, bytes.allSatisfy({ $0 > 0x20 && $0 < 0x7F && $0 != UInt8(ascii: "#") }) else { return nil }
        guard let rest = ["https://", "http://"].lazy.compactMap({ WebAddress.after($0, in: bytes) }).first else { return nil }
        scheme = bytes.starts(with: Array("https".utf8)) ? "https" : "http"
        let authority = rest.prefix { $0 != UInt8(ascii: "/") && $0 != UInt8(ascii: "?") }
        host = String(decoding: authority, as: UTF8.self)
        // A host that is none would be judged by how it begins: `[::1]x` is not this machine.
        guard (try? Endpoint(host)) != nil else { return nil }
        let target = rest.dropFirst(authority.count)
        let path = target.prefix { $0 != UInt8(ascii: "?") }
        self.path = path.isEmpty ? "/" : String(decoding: path, as: UTF8.self)
        query = path.count < target.count ? String(decoding: target.dropFirst(path.count + 1), as: UTF8.self) : nil
    }

    /// The path without slashes at its end: what the calls of a server stand behind.
    var base: String { String(decoding: path.utf8.reversed().drop { $0 == UInt8(ascii: "/") }.reversed(), as: UTF8.self) }

    /// `scheme://host`.
    public var origin: String { "\(scheme)://\(host)" }

    /// Whether requests to it stay on this machine, so that a token may go without TLS.
    public var isLoopback: Bool {
        var name = Array(host.utf8)
        if name.first == UInt8(ascii: "[") {
            name = Array(name.dropFirst().prefix { $0 != UInt8(ascii: "]") })
        } else {
            name = Array(name.prefix { $0 != UInt8(ascii: ":") })
        }
        let text = String(decoding: name, as: UTF8.self).lowercased()
        if text == "localhost" || text == "::1" { return true }
        let numbers = text.split(separator: ".", omittingEmptySubsequences: false).map { UInt8($0) }
        return numbers.count == 4 && numbers[0] == 127 && numbers.allSatisfy { $0 != nil }
    }

    private static func after(_ prefix: String, in bytes: [UInt8]) -> ArraySlice<UInt8>? {
        bytes.starts(with: Array(prefix.utf8)) ? bytes.dropFirst(prefix.utf8.count) : nil
    }
}
