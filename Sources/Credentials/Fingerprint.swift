import OSSProtocol

/// Names what a source's answer depends on, and shows none of it: settings hold secrets too, a token in a URL, an argument of a command.
enum Fingerprint {
    static func of(_ kind: String, _ parts: [String?]) -> String {
        var bytes: [UInt8] = []
        // With their lengths, so that no two lists of parts read the same.
        for part in parts {
            bytes += Array("\(part.map { String($0.utf8.count) } ?? "-"):".utf8)
            bytes += Array((part ?? "").utf8)
        }
        return "\(kind)|\(Hex.encode(Digests.sha256(bytes)))"
    }
}
