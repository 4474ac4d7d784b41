import Glibc
import OSSProtocol
import Platform

/// Secrets kept in files: tokens and key secrets. A file that others can read is refused, not used with a warning.
public enum FileSecrets {
    /// A token longer than this is no token.
    private static let limit = 64 << 10

    /// The file's content without the white space around it.
    /// - Parameter what: the key that names the file, for the message.
    public static func read(_ path: String, what: String) throws(ProviderFailure) -> Secret {
        let text = try content(path, what: what, limit: limit, mustBePrivate: true)
        return Secret(try word(text, path, what))
    }

    /// A token that somebody else lays there and renews, such as Kubernetes, with the mode that somebody else thinks right.
    static func readProjected(_ path: String, what: String, limit: Int) throws(ProviderFailure) -> Secret {
        let text = try content(path, what: what, limit: limit, mustBePrivate: false)
        return Secret(try word(text, path, what))
    }

    /// A text that is no secret, of several lines perhaps; without the white space around it.
    static func readText(_ path: String, what: String, limit: Int) throws(ProviderFailure) -> String {
        let bytes = try content(path, what: what, limit: limit, mustBePrivate: false)
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw .refused("\(what) is no UTF-8 text (\(path)). Write it again")
        }
        return text
    }

    private static func content(
        _ path: String, what: String, limit: Int, mustBePrivate: Bool
    ) throws(ProviderFailure) -> ArraySlice<UInt8> {
        let bytes: [UInt8]
        do throws(FileError) {
            // A pipe or a device would be waited for.
            var information = stat()
            if !mustBePrivate, stat(path, &information) == 0, information.st_mode & S_IFMT != S_IFREG,
                information.st_mode & S_IFMT != S_IFDIR
            {
                throw FileError(path: path, errno: 0, what: "cannot be used", why: "it is not a regular file")
            }
            bytes = try SecureFile.read(path, limit: limit, mustBePrivate: mustBePrivate)
        } catch {
            throw .refused("\(what): \(error.message)")
        }
        let isBlank: (UInt8) -> Bool = { $0 == 0x20 || $0 == 0x09 || $0 == 0x0A || $0 == 0x0D }
        let trimmed = bytes.drop(while: isBlank)
        let text = trimmed.prefix(trimmed.lastIndex { !isBlank($0) }.map { $0 - trimmed.startIndex + 1 } ?? 0)
        guard !text.isEmpty else { throw .refused("\(what) is empty (\(path)). Write it there") }
        return text
    }

    private static func word(_ text: ArraySlice<UInt8>, _ path: String, _ what: String) throws(ProviderFailure) -> String {
        guard text.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else {
            throw .refused("\(what) holds characters that cannot be in it (\(path)). One line of printable ASCII is expected")
        }
        return String(decoding: text, as: UTF8.self)
    }
}
