/// Where a service answers: scheme and host. Nothing is looked up.
public struct Endpoint: Sendable, Hashable, CustomStringConvertible {
    /// `http` or `https`.
    public var scheme: String
    /// As in the `Host` header: lower case, with the port when it is not the scheme's own.
    public var host: String
    /// The host is an IPv4 or IPv6 address, so buckets cannot be names in front of it.
    public var isAddress: Bool

    /// `https://host[:port]`, `http://host[:port]` or a bare `host[:port]`, which means https.
    public init(_ text: String) throws(EndpointError) {
        var rest = Substring(text)
        var scheme = "https"
        if let (before, after) = text.splitOnce("://") {
            scheme = before.lowercased()
            rest = Substring(after)
            guard scheme == "http" || scheme == "https" else { throw .scheme(before) }
        }
        if rest.last == "/" { rest.removeLast() }
        let (name, port) = try Endpoint.parts(rest, of: text)
        let ownPort = scheme == "https" ? 443 : 80
        self.scheme = scheme
        host = name.lowercased() + (port.map { $0 == ownPort ? "" : ":\($0)" } ?? "")
        isAddress = name.utf8.first == UInt8(ascii: "[") || Endpoint.isIPv4(name)
    }

    /// One of the service's own names, by https.
    init(ownHost: String) { (scheme, host, isAddress) = ("https", ownHost, false) }

    public var description: String { "\(scheme)://\(host)" }

    /// The host without its port.
    var name: String {
        guard let colon = host.utf8.lastIndex(of: UInt8(ascii: ":")), host.utf8.last != UInt8(ascii: "]") else { return host }
        return String(host[..<colon])
    }

    private static func parts(_ rest: Substring, of text: String) throws(EndpointError) -> (name: String, port: Int?) {
        let bytes = Array(rest.utf8)
        var nameEnd = bytes.firstIndex(of: UInt8(ascii: ":")) ?? bytes.count
        if bytes.first == UInt8(ascii: "[") {
            guard let close = bytes.firstIndex(of: UInt8(ascii: "]")) else { throw .host(text) }
            nameEnd = close + 1
        }
        let name = String(decoding: bytes[..<nameEnd], as: UTF8.self)
        guard isName(bytes[..<nameEnd]) else { throw .host(text) }
        guard nameEnd < bytes.count else { return (name, nil) }
        let digits = bytes[(nameEnd + 1)...]
        guard bytes[nameEnd] == UInt8(ascii: ":"), let port = Int.digits(digits), (1...65_535).contains(port) else { throw .port(text) }
        return (name, port)
    }

    private static func isName(_ name: ArraySlice<UInt8>) -> Bool {
        // 253: the longest name DNS can hold.
        guard let first = name.first, name.count <= 253 else { return false }
        if first == UInt8(ascii: "[") {
            return AddressRange.isIPv6(String(decoding: name.dropFirst().dropLast(), as: UTF8.self))
        }
        return first != UInt8(ascii: ".") && first != UInt8(ascii: "-")
            && name.allSatisfy {
                switch $0 {
                case 48...57, 65...90, 97...122, UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"): true
                default: false
                }
            }
    }

    static func isIPv4(_ name: String) -> Bool {
        let fields = name.utf8.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        return fields.count == 4 && fields.allSatisfy { Int.digits($0).map { $0 <= 255 } ?? false }
    }
}

/// Why a text is no endpoint.
public enum EndpointError: Error, Sendable, Equatable, CustomStringConvertible {
    case scheme(String)
    case host(String)
    case port(String)
    case region(String)

    public var description: String {
        switch self {
        case .scheme(let scheme): "the endpoint's scheme is \"\(scheme)\"; use http or https"
        case .host(let text): "\"\(text)\" is not an endpoint; write https://HOST or https://HOST:PORT, without a path"
        case .port(let text): "\"\(text)\" has no valid port; write a number from 1 to 65535 after the colon, and no path"
        case .region(let text) where text.hasPrefix("oss-"):
            "\"\(text)\" is a location; the region is what stands behind oss-, such as cn-hangzhou"
        case .region(let text): "\"\(text)\" is not a region; write it as in cn-hangzhou: a-z, 0-9 and -"
        }
    }
}

/// How a bucket is named in a URL. It never changes what is signed.
public enum Addressing: String, Sendable, Codable {
    /// The bucket is the first label of the host: what the public service wants.
    case virtual
    /// The bucket is the first part of the path.
    case path
    /// The host stands for the bucket.
    case cname
}

extension String {
    /// The text before and after the first `separator`.
    func splitOnce(_ separator: String) -> (before: String, after: String)? {
        let (all, mark) = (Array(utf8), Array(separator.utf8))
        guard all.count >= mark.count,
            let place = (0...(all.count - mark.count)).first(where: { all[$0..<($0 + mark.count)].elementsEqual(mark) })
        else { return nil }
        return (String(decoding: all[..<place], as: UTF8.self), String(decoding: all[(place + mark.count)...], as: UTF8.self))
    }
}

extension Int {
    /// A plain decimal number, at most 18 digits: no sign, no blanks.
    static func digits(_ bytes: some Collection<UInt8>) -> Int? {
        guard !bytes.isEmpty, bytes.count <= 18 else { return nil }
        var value = 0
        for byte in bytes {
            guard (48...57).contains(byte) else { return nil }
            value = value * 10 + Int(byte - 48)
        }
        return value
    }
}
