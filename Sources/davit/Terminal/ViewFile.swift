import Contracts
import FoundationEssentials
import Platform
import TerminalUI

/// Where a front end keeps what it looked at, under a name, so that the next one of that name looks as it was left.
struct ViewFile {
    private static let mostBytes = 4 << 20
    private let path: String

    /// - Throws: when `name` cannot be part of a file's name.
    init(places: Places, name: String) throws {
        guard SavedView.isName(name) else {
            throw Failure("--view \(Output.clean(name)) is no name. Use up to 40 letters, digits, - and _", exit: Exit.usage)
        }
        path = places.stateFolder + "/view-\(name).json"
    }

    /// `nil` when there is none yet, or none that can be read: a view is a convenience, not a reason not to start.
    func load() -> SavedView? {
        guard let bytes = try? SecureFile.read(path, limit: ViewFile.mostBytes, mustBePrivate: false) else { return nil }
        return try? ContractJSON.decode(SavedView.self, from: bytes)
    }

    /// What a front end without a name is kept as.
    static let usual = "usual"
    /// More views than this are not read.
    private static let most = 200

    /// Every view that has a name.
    static func all(places: Places) -> [String: SavedView] {
        var views: [String: SavedView] = [:]
        for file in (try? FileManager.default.contentsOfDirectory(atPath: places.stateFolder))?.sorted() ?? [] {
            guard file.hasPrefix("view-"), file.hasSuffix(".json"), views.count < most else { continue }
            let name = String(file.dropFirst(5).dropLast(5))
            if name != usual, let view = (try? ViewFile(places: places, name: name))?.load() { views[name] = view }
        }
        return views
    }

    func save(_ view: SavedView) {
        guard let bytes = try? ContractJSON.encode(view) else { return }
        try? SecureFile.write(path, bytes)
    }
}
