import Glibc
import TerminalUI

/// The theme on the screen: loads it, and notices when a file of the user's theme folder, or the file it came from, was written.
final class ThemeLoader {
    private let files: ThemeFiles
    private let depth: ColorDepth
    /// What `auto` is on this terminal.
    private let standard: String
    /// The theme that was loaded last, by name or file.
    private(set) var name: String
    /// Readable when something was written; -1 where the system gives no watch.
    let descriptor: Int32
    private var watched: Set<String> = []

    init(files: ThemeFiles, depth: ColorDepth, standard: String) {
        (self.files, self.depth, self.standard, name) = (files, depth, standard, standard)
        descriptor = inotify_init1(Int32(IN_NONBLOCK) | Int32(IN_CLOEXEC))
    }

    deinit { if descriptor >= 0 { close(descriptor) } }

    /// - Throws: where it is wrong; the theme before stays the one in use.
    func load(_ wanted: String) throws -> Theme {
        let wanted = wanted == "auto" || wanted.isEmpty ? standard : wanted
        for folder in files.folders.prefix(1) + files.folder(of: wanted) { watch(folder) }
        let theme = try files.load(wanted, depth: depth)
        name = wanted
        return theme
    }

    /// Editors write beside and rename, so the folder is watched and not the file.
    private func watch(_ folder: String) {
        guard descriptor >= 0, !watched.contains(folder) else { return }
        let events = UInt32(IN_CLOSE_WRITE) | UInt32(IN_MOVED_TO)
        if inotify_add_watch(descriptor, folder, events) >= 0 { watched.insert(folder) }
    }

    func hasChanged() -> Bool {
        var bytes = [UInt8](repeating: 0, count: 4096)
        var isChanged = false
        while read(descriptor, &bytes, bytes.count) > 0 { isChanged = true }
        return isChanged
    }
}
