import OSSProtocol

/// A destination as people write it: `oss://BUCKET/KEY-OR-PREFIX` or `REMOTE:KEY-OR-PREFIX`.
enum Destination: Equatable, Sendable {
    case bucket(String, name: String)
    case remote(String, name: String)

    /// - Throws: `OrderError` with exit 2, naming what is accepted.
    init(_ text: String, remotes: [String]) throws(OrderError) {
        let bytes = Array(text.utf8)
        let scheme = Array("oss://".utf8)
        if bytes.starts(with: scheme) {
            let rest = bytes[scheme.count...]
            let bucket = rest.prefix { $0 != UInt8(ascii: "/") }
            let name = rest.dropFirst(bucket.count).dropFirst()
            guard !bucket.isEmpty else {
                throw Destination.wrong(
                    "“\(text)” names no bucket. Write oss://BUCKET/KEY, or oss://BUCKET/PREFIX/ with a slash at the end")
            }
            let bucketName = String(decoding: bucket, as: UTF8.self)
            do throws(OSSLimitError) { try OSSLimits.check(bucket: bucketName) } catch { throw Destination.wrong("\(error)") }
            self = .bucket(bucketName, name: try Destination.checked(name))
            return
        }
        guard let colon = bytes.firstIndex(of: UInt8(ascii: ":")) else {
            throw Destination.wrong(
                "“\(text)” is no destination (it names neither a bucket nor a remote). \(Destination.accepted(remotes))")
        }
        let remote = String(decoding: bytes[..<colon], as: UTF8.self)
        guard remotes.contains(where: { Array($0.utf8) == Array(remote.utf8) }) else {
            throw Destination.wrong("there is no remote “\(remote)” in the configuration. \(Destination.accepted(remotes))")
        }
        self = .remote(remote, name: try Destination.checked(bytes[(colon + 1)...]))
    }

    private static func checked(_ name: ArraySlice<UInt8>) throws(OrderError) -> String {
        // "//" at the start would make a key that begins with a slash, which OSS refuses.
        if let first = name.first, first == UInt8(ascii: "/") || first == UInt8(ascii: "\\") {
            throw wrong("an object key cannot begin with “\(Character(UnicodeScalar(first)))”. Leave it out of the destination")
        }
        guard name.count <= OSSLimits.keyBytes else {
            throw wrong("the destination is \(name.count) bytes long (an object key has at most \(OSSLimits.keyBytes)). Use a shorter one")
        }
        return String(decoding: name, as: UTF8.self)
    }

    private static func accepted(_ remotes: [String]) -> String {
        guard !remotes.isEmpty else { return "Write oss://BUCKET/KEY, or add a [remote.NAME] table to config.toml" }
        let shown = remotes.prefix(8).map { $0 + ":" }.joined(separator: ", ") + (remotes.count > 8 ? ", …" : "")
        return "Write oss://BUCKET/KEY, or one of your remotes with a colon: \(shown)"
    }

    static func wrong(_ message: String) -> OrderError { OrderError(code: "BadDestination", message: message, exit: 2) }
}

/// How prefixes come together: granted, then the remote's, then what the destination names.
enum Prefixes {
    /// Empty stays empty; everything else ends with one slash of its own.
    static func folder(_ prefix: String) -> String {
        guard let last = prefix.utf8.last else { return "" }
        return last == UInt8(ascii: "/") ? prefix : prefix + "/"
    }

    /// The remote's prefix lies under the granted one and is never repeated where it already begins with it.
    static func under(granted: String, remote: String) -> String {
        let (granted, remote) = (folder(granted), folder(remote))
        return remote.utf8.starts(with: granted.utf8) ? remote : granted + remote
    }
}

/// Regions and endpoints, each from the other where one is missing. Source: OSS endpoint names (`oss-REGION[-internal].aliyuncs.com`).
enum RegionNames {
    static func region(ofEndpoint endpoint: String) -> String? {
        var host = Array(endpoint.utf8)
        if let separator = firstIndex(of: Array("://".utf8), in: host) { host.removeFirst(separator + 3) }
        let name = host.prefix { $0 != UInt8(ascii: ":") && $0 != UInt8(ascii: "/") }
        let (front, back) = (Array("oss-".utf8), Array(".aliyuncs.com".utf8))
        guard name.starts(with: front), name.count > front.count + back.count, name.suffix(back.count).elementsEqual(back) else {
            return nil
        }
        var region = name.dropFirst(front.count).dropLast(back.count)
        let inside = Array("-internal".utf8)
        if region.count > inside.count, region.suffix(inside.count).elementsEqual(inside) { region = region.dropLast(inside.count) }
        // Accelerated endpoints serve every region: they do not tell which.
        guard !region.starts(with: Array("accelerate".utf8)) else { return nil }
        return String(decoding: region, as: UTF8.self)
    }

    static func isPlausible(_ region: String) -> Bool {
        let bytes = Array(region.utf8)
        return (2...40).contains(bytes.count)
            && bytes.allSatisfy { (97...122).contains($0) || (48...57).contains($0) || $0 == UInt8(ascii: "-") }
    }

    private static func firstIndex(of needle: [UInt8], in bytes: [UInt8]) -> Int? {
        guard bytes.count >= needle.count else { return nil }
        return (0...(bytes.count - needle.count)).first { bytes[$0..<($0 + needle.count)].elementsEqual(needle) }
    }
}
