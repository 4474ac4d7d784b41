import OSSProtocol
import Platform

/// Secrets kept in files: tokens and key secrets. A file that others can read is refused, not used with a warning.
enum FileSecrets {
    /// A token longer than this is no token.
    private static let limit = 64 << 10

    /// The file's content without the white space around it.
    static func read(_ path: String, what: String) throws(ProviderFailure) -> Secret {
        let bytes: [UInt8]
        do throws(FileError) {
            bytes = try SecureFile.read(path, limit: limit, mustBePrivate: true)
        } catch {
            throw .refused("\(what) cannot be used: \(error.message)")
        }
        let isBlank: (UInt8) -> Bool = { $0 == 0x20 || $0 == 0x09 || $0 == 0x0A || $0 == 0x0D }
        let trimmed = bytes.drop(while: isBlank)
        let text = trimmed.prefix(trimmed.lastIndex { !isBlank($0) }.map { $0 - trimmed.startIndex + 1 } ?? 0)
        guard !text.isEmpty else { throw .refused("\(what) is empty (\(path)). Write it there") }
        guard text.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else {
            throw .refused("\(what) holds characters that cannot be in it (\(path)). One line of printable ASCII is expected")
        }
        return Secret(String(decoding: text, as: UTF8.self))
    }
}
