import Glibc
import TerminalUI

/// The theme on the screen: loads it, and notices when a file that it is made of was written.
final class ThemeLoader {
    private let files: ThemeFiles
    private let depth: ColorDepth
    /// What `auto` is on this terminal.
    private var standard: String
    /// The theme that was loaded last, by name or file.
    private(set) var name: String
    /// The theme goes by the terminal's background.
    private(set) var isAuto = false
    /// Readable when something was written; -1 where the system gives no watch.
    let descriptor: Int32
    private var watched: Set<String> = []
    private var watch = ThemeWatch()

    /// - Parameter background: what the environment says of it.
    init(files: ThemeFiles, depth: ColorDepth, background: Background?) {
        (self.files, self.depth) = (files, depth)
        standard = (background ?? .dark).theme
        name = standard
        descriptor = inotify_init1(Int32(IN_NONBLOCK) | Int32(IN_CLOEXEC))
    }

    deinit { if descriptor >= 0 { close(descriptor) } }

    /// Whether it is worth asking the terminal for its background.
    var asksForBackground: Bool { isAuto && depth != .none }

    /// The terminal has said what its background is.
    /// - Returns: whether another theme belongs on it.
    func learn(_ background: Background) -> Bool {
        let isOther = standard != background.theme
        standard = background.theme
        return isOther && isAuto
    }

    /// - Throws: where it is wrong; the theme before stays the one in use.
    func load(_ wanted: String) throws -> Theme {
        let asksForAuto = wanted == "auto" || wanted.isEmpty
        let wanted = asksForAuto ? standard : wanted
        for folder in files.folders.prefix(1) + files.folder(of: wanted) { watch(folder) }
        watch.begin()
        watch.looked(for: wanted)
        let theme = try files.load(wanted, depth: depth) { self.watch.looked(for: $0) }
        (name, isAuto) = (wanted, asksForAuto)
        return theme
    }

    /// Its files were written: it is read as it was chosen.
    func reload() throws -> Theme { try load(isAuto ? "auto" : name) }

    /// Editors write beside and rename, so the folder is watched and not the file.
    private func watch(_ folder: String) {
        guard descriptor >= 0, !watched.contains(folder) else { return }
        let events = UInt32(IN_CLOSE_WRITE) | UInt32(IN_MOVED_TO)
        if inotify_add_watch(descriptor, folder, events) >= 0 { watched.insert(folder) }
    }

    /// Takes what the system tells. Bounded: what comes while it is read is for the next time.
    func hasChanged() -> Bool {
        var bytes = [UInt8](repeating: 0, count: 16_384)
        var written: [String] = []
        var isIncomplete = false
        for _ in 0..<64 {
            let count = read(descriptor, &bytes, bytes.count)
            guard count > 0 else { break }
            var offset = 0
            while offset + MemoryLayout<inotify_event>.size <= count {
                let event = bytes.withUnsafeBytes { $0.loadUnaligned(fromByteOffset: offset, as: inotify_event.self) }
                let start = offset + MemoryLayout<inotify_event>.size
                let end = min(count, start + Int(event.len))
                if event.mask & UInt32(IN_Q_OVERFLOW) != 0 { isIncomplete = true }
                written.append(String(decoding: bytes[start..<end].prefix { $0 != 0 }, as: UTF8.self))
                offset = end
            }
        }
        return watch.isConcerned(by: written, isIncomplete: isIncomplete)
    }
}
