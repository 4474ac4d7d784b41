import Dispatch
import Glibc
import Platform

/// One thing a scan came upon.
enum ScanItem: Sendable, Equatable {
    /// - relative: below the source, `/` between names; the file's own name for a source that is a file.
    case file(path: String, relative: String, identity: SourceIdentity)
    /// Not queued, and why.
    case refused(path: String, reason: String)
}

/// Walks one source of an order, a batch at a time: nothing is read ahead of whoever asks, so memory does not depend on the folder's size.
///
/// Reads by descriptor (`openat`), so that a folder renamed under it is still the folder it began with. Blocks on a thread of its own.
final class Scanner: Sendable {
    enum Links: Sendable { case skip, follow }

    static let batchSize = 1_000
    /// Names of one folder that are sorted together; a larger folder comes in sorted runs of so many.
    private static let sortedNames = 20_000
    /// Folders in folders; each holds a descriptor open.
    private static let deepest = 200

    private struct Folder {
        var stream: OpaquePointer
        /// With `/` at the end; empty for the source itself.
        var relative: [UInt8]
        var device: UInt64
        var inode: UInt64
        var names: [[UInt8]] = []
        var isRead = false
    }

    private struct State {
        var folders: [Folder] = []
        var isBegun = false
    }

    let source: String
    private let links: Links
    private let wants: @Sendable (_ relative: [UInt8], _ isFolder: Bool) -> Bool
    private let state = Lock(State())
    private let queue = DispatchQueue(label: "davit.scanner")

    /// - Parameters:
    ///   - source: absolute; a trailing slash makes no difference here.
    ///   - wants: whether a file belongs to the order, and whether a folder has to be read at all.
    init(source: String, links: Links, wants: @escaping @Sendable (_ relative: [UInt8], _ isFolder: Bool) -> Bool = { _, _ in true }) {
        (self.source, self.links, self.wants) = (source, links, wants)
    }

    deinit { state.withLock { state in for folder in state.folders { closedir(folder.stream) } } }

    /// At most `batchSize`; empty when everything was told.
    func next() async -> [ScanItem] {
        await withCheckedContinuation { continuation in
            queue.async { continuation.resume(returning: self.state.withLock { self.batch(&$0) }) }
        }
    }

    private func batch(_ state: inout State) -> [ScanItem] {
        var items: [ScanItem] = []
        if !state.isBegun {
            state.isBegun = true
            begin(&state, &items)
        }
        while items.count < Scanner.batchSize, !state.folders.isEmpty {
            let top = state.folders.count - 1
            if state.folders[top].names.isEmpty {
                if state.folders[top].isRead {
                    closedir(state.folders[top].stream)
                    state.folders.removeLast()
                } else {
                    readNames(&state.folders[top], &items)
                }
                continue
            }
            guard let name = state.folders[top].names.popLast() else { continue }
            visit(name, &state, &items)
        }
        return items
    }

    /// A source named by a person is followed even if it is a link: that is what its name stands for.
    private func begin(_ state: inout State, _ items: inout [ScanItem]) {
        var information = stat()
        guard stat(source, &information) == 0 else { return items.append(.refused(path: source, reason: reason(errno))) }
        switch information.st_mode & S_IFMT {
        case S_IFREG:
            guard !source.utf8.elementsEqual("".utf8), source.utf8.last != UInt8(ascii: "/") else {
                return items.append(.refused(path: source, reason: "it is a file and its name ends with /"))
            }
            guard access(source, R_OK) == 0 else { return items.append(.refused(path: source, reason: reason(errno))) }
            let name = KeyRules.ownName(source) ?? source
            // Filters speak of what lies in folders; a file that was named is wanted.
            items.append(.file(path: source, relative: name, identity: SourceIdentity(stat: information)))
        case S_IFDIR:
            let descriptor = open(source, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
            push(descriptor, relative: [], information, path: source, &state, &items)
        default: items.append(.refused(path: source, reason: Scanner.kind(information.st_mode)))
        }
    }

    private func push(
        _ descriptor: Int32, relative: [UInt8], _ information: stat, path: String, _ state: inout State, _ items: inout [ScanItem]
    ) {
        guard descriptor >= 0 else { return items.append(.refused(path: path, reason: reason(errno))) }
        guard let stream = fdopendir(descriptor) else {
            let number = errno
            close(descriptor)
            return items.append(.refused(path: path, reason: reason(number)))
        }
        state.folders.append(
            Folder(stream: stream, relative: relative, device: UInt64(information.st_dev), inode: UInt64(information.st_ino)))
    }

    private func readNames(_ folder: inout Folder, _ items: inout [ScanItem]) {
        var names: [[UInt8]] = []
        while names.count < Scanner.sortedNames {
            errno = 0
            guard let entry = readdir(folder.stream) else {
                if errno != 0 { items.append(.refused(path: path(folder.relative), reason: reason(errno))) }
                folder.isRead = true
                break
            }
            let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                pointer.withMemoryRebound(to: UInt8.self, capacity: 256) {
                    Array(UnsafeBufferPointer(start: $0, count: strnlen(UnsafeRawPointer($0).assumingMemoryBound(to: CChar.self), 256)))
                }
            }
            if name == [46] || name == [46, 46] { continue }
            names.append(name)
        }
        // Taken from the end.
        folder.names = names.sorted { $1.lexicographicallyPrecedes($0) }
    }

    private func visit(_ name: [UInt8], _ state: inout State, _ items: inout [ScanItem]) {
        let top = state.folders.count - 1
        let relative = state.folders[top].relative + name
        let descriptor = dirfd(state.folders[top].stream)
        let terminated = name.map { CChar(bitPattern: $0) } + [0]
        var information = stat()
        guard fstatat(descriptor, terminated, &information, AT_SYMLINK_NOFOLLOW) == 0 else {
            // Gone since its name was read: nothing to upload, nothing to report.
            if errno != ENOENT { items.append(.refused(path: path(relative), reason: reason(errno))) }
            return
        }
        var isLink = false
        if information.st_mode & S_IFMT == S_IFLNK {
            guard links == .follow else { return }
            isLink = true
            guard fstatat(descriptor, terminated, &information, 0) == 0 else {
                return items.append(.refused(path: path(relative), reason: "the link leads nowhere (\(reason(errno)))"))
            }
        }
        switch information.st_mode & S_IFMT {
        case S_IFREG: file(relative, name: terminated, descriptor, information, &items)
        case S_IFDIR:
            guard wants(relative, true) else { return }
            guard state.folders.count < Scanner.deepest else {
                return items.append(.refused(path: path(relative), reason: "more than \(Scanner.deepest) folders deep"))
            }
            let identity = (UInt64(information.st_dev), UInt64(information.st_ino))
            if isLink, state.folders.contains(where: { ($0.device, $0.inode) == identity }) {
                return items.append(.refused(path: path(relative), reason: "the link leads back to a folder it lies in"))
            }
            let child = openat(descriptor, terminated, O_RDONLY | O_DIRECTORY | O_CLOEXEC | (isLink ? 0 : O_NOFOLLOW))
            push(child, relative: relative + [UInt8(ascii: "/")], information, path: path(relative), &state, &items)
        default: items.append(.refused(path: path(relative), reason: Scanner.kind(information.st_mode)))
        }
    }

    private func file(_ relative: [UInt8], name: [CChar], _ folder: Int32, _ information: stat, _ items: inout [ScanItem]) {
        guard wants(relative, false) else { return }
        guard let text = String(validating: relative, as: UTF8.self) else {
            return items.append(.refused(path: path(relative), reason: "its name is not UTF-8, and object keys are. Rename it"))
        }
        guard faccessat(folder, name, R_OK, 0) == 0 else { return items.append(.refused(path: path(relative), reason: reason(errno))) }
        items.append(.file(path: path(relative), relative: text, identity: SourceIdentity(stat: information)))
    }

    private func path(_ relative: [UInt8]) -> String {
        let slash = source.utf8.last == UInt8(ascii: "/") || relative.isEmpty ? "" : "/"
        return source + slash + String(decoding: relative, as: UTF8.self)
    }

    private func reason(_ number: Int32) -> String { FileError.text(of: number) }

    private static func kind(_ mode: mode_t) -> String {
        switch mode & S_IFMT {
        case S_IFIFO: "it is a pipe, not a file"
        case S_IFSOCK: "it is a socket, not a file"
        case S_IFCHR, S_IFBLK: "it is a device, not a file"
        default: "it is neither a file nor a folder"
        }
    }
}
