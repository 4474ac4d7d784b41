import Glibc
import OSSProtocol
import Platform

/// How names become object keys. All of it is bytes.
enum KeyRules {
    /// What a source's own name puts in front of what lies in it: rsync's rule for the slash.
    ///
    /// - Returns: `nil` when the source stands for its contents (`a/`, `a/.`, `/`).
    static func ownName(_ source: String) -> String? {
        let bytes = Array(source.utf8)
        guard let last = bytes.last, last != UInt8(ascii: "/") else { return nil }
        let name = bytes.suffix(while: { $0 != UInt8(ascii: "/") })
        let text = String(decoding: name, as: UTF8.self)
        return text.utf8.elementsEqual(".".utf8) || text.utf8.elementsEqual("..".utf8) ? nil : text
    }

    /// The path of a source below a folder, for the key.
    ///
    /// - Returns: `nil` where it does not lie there, or stands for its contents.
    static func below(_ base: String, _ source: String) -> String? {
        let (folder, bytes) = (Array(base.utf8), Array(source.utf8))
        let start = folder.count + (folder.last == UInt8(ascii: "/") ? 0 : 1)
        guard ownName(source) != nil, bytes.count > start, bytes.starts(with: folder), bytes[start - 1] == UInt8(ascii: "/") else { return nil }
        // Names that point nowhere else: `a//b` and `./a` are `a/b` and `a`.
        let names = bytes[start...].split(separator: UInt8(ascii: "/")).filter { !$0.elementsEqual(".".utf8) }
        guard !names.contains(where: { $0.elementsEqual("..".utf8) }) else { return nil }
        return String(decoding: Array(names.joined(separator: "/".utf8)), as: UTF8.self)
    }

    static let notUTF8 = "its name is not UTF-8, and object keys are. Rename it, or use --encode-names percent"

    /// A name or path of a source, as `PathText` writes it, for an object's key.
    ///
    /// - Returns: `nil` where it is not UTF-8 and is not to be written `%XX`.
    static func keyText(_ name: String, encodes: Bool) -> String? {
        guard let bytes = PathText.bytes(name) else { return name }
        return String(validating: bytes, as: UTF8.self) ?? (encodes ? PathText.percent(bytes) : nil)
    }

    /// `name (1).ext`; a leading dot is no extension.
    static func numbered(_ key: String, _ number: Int) -> String {
        let bytes = Array(key.utf8)
        let nameStart = bytes.lastIndex(of: UInt8(ascii: "/")).map { $0 + 1 } ?? 0
        let dot = bytes[nameStart...].lastIndex(of: UInt8(ascii: ".")).flatMap { $0 > nameStart ? $0 : nil } ?? bytes.count
        return String(decoding: bytes[..<dot] + Array(" (\(number))".utf8) + bytes[dot...], as: UTF8.self)
    }

    /// Why OSS would refuse it, in words; `nil` when it would not.
    static func problem(_ key: String) -> String? {
        if isPlain(key) { return nil }
        if key.utf8.contains(0) { return "the object key would hold a NUL byte" }
        do throws(OSSLimitError) {
            try OSSLimits.check(key: ObjectKey(key))
            return nil
        } catch {
            return error.description
        }
    }
}

extension KeyRules {
    /// Whether OSS surely takes it: what a look at the bytes tells, of a text that is UTF-8 already.
    private static func isPlain(_ key: String) -> Bool {
        var key = key
        return key.withUTF8 { bytes in
            guard let start = bytes.baseAddress, let first = bytes.first, bytes.count <= OSSLimits.keyBytes else { return false }
            return first != UInt8(ascii: "/") && first != UInt8(ascii: "\\") && memchr(start, 0, bytes.count) == nil
        }
    }
}

extension BidirectionalCollection {
    /// The longest suffix whose elements all pass.
    fileprivate func suffix(while passes: (Element) -> Bool) -> SubSequence {
        var start = endIndex
        while start > startIndex, passes(self[index(before: start)]) { start = index(before: start) }
        return self[start...]
    }
}
