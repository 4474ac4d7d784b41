/// Absolute local paths and destinations, as text.
enum Paths {
    static func parent(_ path: String) -> String {
        let bytes = Array(path.utf8)
        guard let slash = bytes.lastIndex(of: UInt8(ascii: "/")), slash > 0 else { return "/" }
        return String(decoding: bytes[..<slash], as: UTF8.self)
    }
    static func name(_ path: String) -> [UInt8] {
        let bytes = Array(path.utf8)
        guard let slash = bytes.lastIndex(of: UInt8(ascii: "/")) else { return bytes }
        return Array(bytes[(slash + 1)...])
    }
    static func join(_ folder: String, _ name: String) -> String {
        folder.utf8.last == UInt8(ascii: "/") ? folder + name : folder + "/" + name
    }

    /// `~/media` for what lies below the home folder.
    static func shown(_ path: String, home: String) -> String {
        guard home.utf8.count > 1, path.utf8.starts(with: home.utf8) else { return path }
        let rest = path.utf8.dropFirst(home.utf8.count)
        guard rest.isEmpty || rest.first == UInt8(ascii: "/") else { return path }
        return "~" + String(decoding: rest, as: UTF8.self)
    }

    /// The prefix above a destination; `nil` at the top of a bucket or remote.
    static func parentDestination(_ dest: String) -> String? {
        var bytes = Array(dest.utf8)
        if bytes.last == UInt8(ascii: "/") { bytes.removeLast() }
        let isURL = dest.utf8.starts(with: "oss://".utf8)
        guard let slash = bytes.lastIndex(of: UInt8(ascii: "/")), !isURL || slash > 5 else {
            guard !isURL, let colon = bytes.firstIndex(of: UInt8(ascii: ":")), colon + 1 < bytes.count else { return nil }
            return String(decoding: bytes[...colon], as: UTF8.self)
        }
        return String(decoding: bytes[...slash], as: UTF8.self)
    }

    /// The destination's folder: everything up to the last slash.
    static func destinationFolder(_ dest: String) -> String {
        let bytes = Array(dest.utf8)
        guard let slash = bytes.lastIndex(of: UInt8(ascii: "/")) else { return dest }
        return String(decoding: bytes[...slash], as: UTF8.self)
    }

    /// `.` and `..` taken out; `~` is the home folder; relative paths start at `base`.
    static func absolute(_ text: String, base: String, home: String) -> String {
        var path = text
        let bytes = Array(text.utf8)
        if bytes == [UInt8(ascii: "~")] {
            path = home
        } else if bytes.starts(with: "~/".utf8) {
            path = home + String(decoding: bytes.dropFirst(), as: UTF8.self)
        }
        if path.utf8.first != UInt8(ascii: "/") { path = join(base, path) }
        var parts: [[UInt8]] = []
        // Bytes, not characters: a slash before a combining mark is still a slash.
        for part in Array(path.utf8).split(separator: UInt8(ascii: "/")) where !part.elementsEqual(".".utf8) {
            if part.elementsEqual("..".utf8) { _ = parts.popLast() } else { parts.append(Array(part)) }
        }
        return "/" + parts.map { String(decoding: $0, as: UTF8.self) }.joined(separator: "/")
    }
}
