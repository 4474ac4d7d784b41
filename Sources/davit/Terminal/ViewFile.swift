import Contracts
import Platform
import TerminalUI

/// Where a front end keeps what it looked at, under a name, so that the next one of that name looks as it was left.
struct ViewFile {
    private static let mostBytes = 4 << 20
    private let path: String

    /// - Throws: when `name` cannot be part of a file's name.
    init(places: Places, name: String) throws {
        let isPlain = (1...40).contains(name.utf8.count) && name.utf8.allSatisfy { $0 == 0x2D || $0 == 0x5F || isLetterOrDigit($0) }
        guard isPlain else {
            throw Failure("--view \(Output.clean(name)) is no name. Use up to 40 letters, digits, - and _", exit: Exit.usage)
        }
        path = places.stateFolder + "/view-\(name).json"
    }

    /// `nil` when there is none yet, or none that can be read: a view is a convenience, not a reason not to start.
    func load() -> SavedView? {
        guard let bytes = try? SecureFile.read(path, limit: ViewFile.mostBytes, mustBePrivate: false) else { return nil }
        return try? ContractJSON.decode(SavedView.self, from: bytes)
    }

    func save(_ view: SavedView) {
        guard let bytes = try? ContractJSON.encode(view) else { return }
        try? SecureFile.write(path, bytes)
    }
}

private func isLetterOrDigit(_ byte: UInt8) -> Bool {
    (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
}
