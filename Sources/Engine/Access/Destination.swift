import Credentials
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
                    "“\(PlainText.line(text, limit: 100))” names no bucket. Write oss://BUCKET/KEY, or oss://BUCKET/PREFIX/ with a slash at the end")
            }
            let bucketName = String(decoding: bucket, as: UTF8.self)
            do throws(OSSLimitError) { try OSSLimits.check(bucket: bucketName) } catch { throw Destination.wrong("\(error)") }
            self = .bucket(bucketName, name: try Destination.checked(name))
            return
        }
        guard let colon = bytes.firstIndex(of: UInt8(ascii: ":")) else {
            throw Destination.wrong(
                "“\(PlainText.line(text, limit: 100))” is no destination (it names neither a bucket nor a remote). \(Destination.accepted(remotes))")
        }
        let remote = String(decoding: bytes[..<colon], as: UTF8.self)
        guard remotes.contains(where: { Array($0.utf8) == Array(remote.utf8) }) else {
            throw Destination.wrong("there is no remote “\(PlainText.line(remote, limit: 100))” in the configuration. \(Destination.accepted(remotes))")
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
