import Glibc
import Platform
import TransferCore

/// The machine's zone database, and what its clock on the wall shows.
enum ZoneFile {
    private static let folder = "/usr/share/zoneinfo/"
    private static let here = "/etc/localtime"
    private static let sizeLimit = 256 << 10

    /// - Parameter name: such as `Europe/Berlin`; `nil` is returned for what the database does not have.
    static func named(_ name: String) -> ZoneRules? {
        if ["UTC", "Etc/UTC", "Z"].contains(name) { return .utc }
        let bytes = Array(name.utf8)
        // No way out of the folder.
        guard (1...100).contains(bytes.count), bytes[0] != UInt8(ascii: "/"), !name.split(separator: "/").contains(".."),
            bytes.allSatisfy({ (0x21...0x7E).contains($0) })
        else { return nil }
        return read(folder + name)
    }

    /// By the variable `TZ`, else as the machine is set up, else UTC.
    ///
    /// - Parameter variable: of `TZ`: a name, with or without a colon before it, a path, or a rule.
    static func local(_ variable: String?) -> ZoneRules {
        if var text = variable, !text.isEmpty {
            if text.hasPrefix(":") { text.removeFirst() }
            if text.hasPrefix("/") { return read(text) ?? .utc }
            return named(text) ?? ZoneRules(posix: text) ?? .utc
        }
        return read(here) ?? .utc
    }

    private static func read(_ path: String) -> ZoneRules? {
        guard let bytes = try? SecureFile.read(path, limit: sizeLimit, mustBePrivate: false) else { return nil }
        return ZoneRules(tzif: bytes)
    }
}
