import Dispatch
import Glibc
import Platform

/// One thing a scan came upon.
enum ScanItem: Sendable, Equatable {
    /// - path: as `PathText` writes it.
    /// - relative: below the source, `/` between names; the file's own name for a source that is a file, as `PathText` writes it.
    case file(path: String, relative: String, identity: SourceIdentity)
    /// Not queued, and why.
    case refused(path: String, reason: String)
}

/// What a scan came upon and did not queue, by kind: the names that `JobView.skipped` has.
enum SkippedKind: String, Sendable, CaseIterable {
    /// Symbolic links that are not followed.
    case links
    /// Left out by the order's filters, sizes and ages.
    case filtered
    case pipes, sockets, devices
    case unreadable
    /// Names that no object key can be made of.
    case names
}

/// What one step of a scan found.
struct ScanStep: Sendable {
    var items: [ScanItem] = []
    var skipped: [SkippedKind: Int] = [:]
    /// Names that were looked at, folders included.
    var looked = 0
    /// Where a scan goes on that begins behind this step; see `Scanner.init`.
    var place: [UInt8] = []
    var isEnd = false
    /// No folder can be opened now, since too many files are open: the same is tried again by the next step.
    var lacksFiles = false

    mutating func skip(_ kind: SkippedKind) { skipped[kind, default: 0] += 1 }
}

/// Walks one source of an order, a step at a time: nothing is read ahead of whoever asks, so memory depends on the largest folder's names
/// alone, and on those only up to a bound.
///
/// Every folder's names come in the order of their bytes, a folder's content before the name after it. So the name that was finished last
/// says what is finished: a scan that was cut off goes on behind it, however the folder has changed meanwhile, and looks at nothing twice.
///
/// Reads by descriptor (`openat`), so that a folder renamed under it is still the folder it began with. Blocks on a thread of its own.
final class Scanner: Sendable {
    enum Links: Sendable { case skip, follow }

    static let batchSize = 4_000
    /// Names of all folders that are open, bytes. A folder takes up to half of what is left, and is read again for what lies beyond.
    private static let nameBudget = 64 << 20
    /// Folders in folders. Each holds a descriptor open, while there are enough.
    private static let deepest = 200
    /// Looked at in one step though nothing is found: whoever waits may have to end.
    private static let mostLooked = 10 * batchSize

    private struct Folder {
        /// `nil` where its descriptor was given up: it is opened again when its turn comes.
        var stream: OpaquePointer?
        /// Of its path below the source, `/` at the end included; 0 for the source itself.
        var pathCount: Int
        var device: UInt64
        var inode: UInt64
        var names: NameList
        var isRead = false
        /// Where a scan that was cut off goes on below it: the name to descend into, and what follows.
        var resume: ArraySlice<[UInt8]>
        /// The name taken last is a folder that could not be opened yet.
        var isRepeated = false
    }

    private struct State {
        var folders: [Folder] = []
        /// Of the innermost folder, `/` at the end included.
        var path: [UInt8] = []
        var isBegun = false
    }

    let source: String
    private let links: Links
    private let encodesNames: Bool
    private let capacity: Int?
    private let mostOpen: Int
    private let wants: @Sendable (_ relative: [UInt8], _ isFolder: Bool) -> Bool
    private let state = Lock(State())
    private let resume: [[UInt8]]
    private let user = geteuid()

    /// - Parameters:
    ///   - source: absolute; a trailing slash makes no difference here.
    ///   - place: of an earlier scan: the path below the source that was finished last, or a folder's with `/` behind it that was begun.
    ///   - encodesNames: names that are not UTF-8 come with their bytes written `%XX`; else they are refused.
    ///   - capacity: bytes of names that a folder may hold, for tests.
    ///   - mostOpen: folders that can be opened at once, for tests.
    ///   - wants: whether a file belongs to the order, and whether a folder has to be read at all.
    init(
        source: String, links: Links, from place: [UInt8] = [], encodesNames: Bool = false, capacity: Int? = nil, mostOpen: Int = .max,
        wants: @escaping @Sendable (_ relative: [UInt8], _ isFolder: Bool) -> Bool = { _, _ in true }
    ) {
        (self.source, self.links, self.encodesNames, self.capacity, self.wants) = (source, links, encodesNames, capacity, wants)
        self.mostOpen = mostOpen
        resume = place.isEmpty ? [] : place.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false).map(Array.init)
    }

    deinit { state.withLock { state in for folder in state.folders { if let stream = folder.stream { closedir(stream) } } } }

    /// Items of the next steps, at most `batchSize`; empty when everything was told.
    func next() async -> [ScanItem] {
        await withCheckedContinuation { continuation in
            DispatchQueue.global().async {
                var step = ScanStep()
                repeat { step = self.step() } while step.items.isEmpty && !step.isEnd && !step.lacksFiles
                continuation.resume(returning: step.items)
            }
        }
    }

    /// The next items, which may be none though more follow. Blocks as long as the file system does.
    ///
    /// - Parameter most: items.
    func step(_ most: Int = batchSize) -> ScanStep {
        state.withLock { state in
            var step = ScanStep()
            if !state.isBegun {
                state.isBegun = true
                begin(&state, &step)
            }
            while !step.lacksFiles, step.items.count < most, step.looked < Scanner.mostLooked, let top = state.folders.indices.last {
                let isNameLeft = state.folders[top].isRepeated || !state.folders[top].names.isEmpty
                if !isNameLeft, state.folders[top].isRead, state.folders[top].names.isLastRun {
                    leave(&state)
                } else if let stream = state.folders[top].stream ?? reopen(&state, &step) {
                    if isNameLeft { visit(stream, &state, &step) } else { readNames(stream, &state, &step) }
                }
            }
            step.isEnd = state.folders.isEmpty && !step.lacksFiles
            if state.folders.isEmpty, step.lacksFiles { step.place = Array(resume.joined(separator: [UInt8(ascii: "/")])) }
            if let top = state.folders.last {
                // A folder of which nothing was taken yet begins where the scan before ended.
                step.place = state.path + (top.resume.isEmpty ? top.names.last : Array(top.resume.joined(separator: [UInt8(ascii: "/")])))
            }
            return step
        }
    }

    /// A source named by a person is followed even if it is a link: that is what its name stands for.
    private func begin(_ state: inout State, _ step: inout ScanStep) {
        var information = stat()
        step.looked += 1
        guard PathText.withPath(source, { stat($0, &information) }) == 0 else { return refuse(source, errno, &step) }
        switch information.st_mode & S_IFMT {
        case S_IFREG:
            guard !source.utf8.elementsEqual("".utf8), source.utf8.last != UInt8(ascii: "/") else {
                return step.items.append(.refused(path: PathText.shown(source), reason: "it is a file and its name ends with /"))
            }
            guard PathText.withPath(source, { access($0, R_OK) }) == 0 else { return refuse(source, errno, &step) }
            let name = KeyRules.ownName(source) ?? source
            // Filters speak of what lies in folders; a file that was named is wanted.
            step.items.append(.file(path: source, relative: name, identity: SourceIdentity(stat: information)))
        case S_IFDIR:
            let descriptor = openFolder(&state) { PathText.withPath(source) { open($0, O_RDONLY | O_DIRECTORY | O_CLOEXEC) } }
            if Scanner.isLack(descriptor) {
                (state.isBegun, step.lacksFiles) = (false, true)
                return
            }
            push(descriptor, information, resume: resume[...], path: source, &state, &step)
        default: refuse(source, information.st_mode, &step)
        }
    }

    /// - Returns: -1 with `errno`; that of too many files only where no folder's descriptor could be given up for it.
    private func openFolder(_ state: inout State, _ open: () -> Int32) -> Int32 {
        while true {
            let isFull = state.folders.count { $0.stream != nil } >= mostOpen
            if isFull { errno = EMFILE }
            let descriptor = isFull ? -1 : open()
            // The outermost is needed last. The innermost is what the new one is opened by.
            guard Scanner.isLack(descriptor), let given = state.folders.dropLast().firstIndex(where: { $0.stream != nil }) else {
                return descriptor
            }
            if let stream = state.folders[given].stream { closedir(stream) }
            state.folders[given].stream = nil
        }
    }

    private static func isLack(_ descriptor: Int32) -> Bool { descriptor < 0 && (errno == EMFILE || errno == ENFILE) }

    /// The innermost folder, by its path: it has to be the one that it was.
    ///
    /// - Returns: `nil` where that cannot be had now, or at all: then it is left.
    private func reopen(_ state: inout State, _ step: inout ScanStep) -> OpaquePointer? {
        guard let folder = state.folders.last else { return nil }
        let names = state.path.split(separator: UInt8(ascii: "/"))
        let descriptor = openFolder(&state) {
            var descriptor = PathText.withPath(source) { Glibc.open($0, O_RDONLY | O_DIRECTORY | O_CLOEXEC) }
            for name in names where descriptor >= 0 {
                let outer = descriptor
                descriptor = (name + [0]).withCString {
                    openat(outer, $0, O_RDONLY | O_DIRECTORY | O_CLOEXEC | (links == .follow ? 0 : O_NOFOLLOW))
                }
                let number = errno
                close(outer)
                errno = number
            }
            return descriptor
        }
        if Scanner.isLack(descriptor) {
            step.lacksFiles = true
            return nil
        }
        var information = stat()
        if descriptor >= 0, fstat(descriptor, &information) == 0, UInt64(information.st_dev) == folder.device,
            UInt64(information.st_ino) == folder.inode, let stream = fdopendir(descriptor)
        {
            state.folders[state.folders.count - 1].stream = stream
            return stream
        }
        let number = descriptor < 0 ? errno : ENOENT
        if descriptor >= 0 { close(descriptor) }
        refuse(path(Array(state.path)), number, &step)
        leave(&state)
        return nil
    }

    private func leave(_ state: inout State) {
        if let stream = state.folders.removeLast().stream { closedir(stream) }
        state.path.removeLast(state.path.count - (state.folders.last?.pathCount ?? 0))
    }

    private func push(
        _ descriptor: Int32, _ information: stat, resume: ArraySlice<[UInt8]>, path: String, _ state: inout State, _ step: inout ScanStep
    ) {
        guard descriptor >= 0 else { return refuse(path, errno, &step) }
        guard let stream = fdopendir(descriptor) else {
            let number = errno
            close(descriptor)
            return refuse(path, number, &step)
        }
        let names = resume.first.map { NameList(from: $0, includesPlace: resume.count > 1) } ?? NameList()
        state.folders.append(
            Folder(
                stream: stream, pathCount: state.path.count, device: UInt64(information.st_dev), inode: UInt64(information.st_ino),
                names: names, resume: resume))
    }

    private func readNames(_ stream: OpaquePointer, _ state: inout State, _ step: inout ScanStep) {
        let top = state.folders.count - 1
        let room = (Scanner.nameBudget - state.folders.reduce(0) { $0 + $1.names.size }) / 2
        if state.folders[top].isRead { rewinddir(stream) }
        state.folders[top].isRead = true
        let number = state.folders[top].names.read(stream, capacity: capacity ?? max(room, NameList.leastCapacity))
        if number != 0 { refuse(path(Array(state.path)), number, &step) }
    }

    private func visit(_ stream: OpaquePointer, _ state: inout State, _ step: inout ScanStep) {
        let top = state.folders.count - 1
        if state.folders[top].isRepeated { state.folders[top].isRepeated = false } else { state.folders[top].names.take() }
        let name = state.folders[top].names.last
        let resume = state.folders[top].resume
        state.folders[top].resume = []
        let descriptor = dirfd(stream)
        let folderCount = state.path.count
        step.looked += 1
        // The path of what is looked at, for as long as that takes; a folder that is entered keeps it.
        state.path += name
        defer { if state.folders.count == top + 1 { state.path.removeLast(state.path.count - folderCount) } }
        var information = stat()
        var isLink = false
        let terminated = name + [0]
        let status = terminated.withCString { name -> Int32? in
            guard fstatat(descriptor, name, &information, AT_SYMLINK_NOFOLLOW) == 0 else { return errno }
            guard information.st_mode & S_IFMT == S_IFLNK else { return 0 }
            isLink = true
            guard links == .follow else { return nil }
            return fstatat(descriptor, name, &information, 0) == 0 ? 0 : errno
        }
        guard let status else { return step.skip(.links) }
        guard status == 0 else {
            if isLink {
                step.skip(.unreadable)
                step.items.append(.refused(path: path(state.path), reason: "the link leads nowhere (\(reason(status)))"))
            } else if status != ENOENT {
                // What is gone since its name was read is nothing to upload, and nothing to report.
                refuse(path(state.path), status, &step)
            }
            return
        }
        switch information.st_mode & S_IFMT {
        case S_IFREG: file(state.path, name: terminated, descriptor, information, &step)
        case S_IFDIR:
            guard wants(state.path, true) else { return }
            guard state.folders.count < Scanner.deepest else {
                return step.items.append(.refused(path: path(state.path), reason: "more than \(Scanner.deepest) folders deep"))
            }
            let identity = (UInt64(information.st_dev), UInt64(information.st_ino))
            if isLink, state.folders.contains(where: { ($0.device, $0.inode) == identity }) {
                return step.items.append(.refused(path: path(state.path), reason: "the link leads back to a folder it lies in"))
            }
            let child = openFolder(&state) {
                terminated.withCString { openat(descriptor, $0, O_RDONLY | O_DIRECTORY | O_CLOEXEC | (isLink ? 0 : O_NOFOLLOW)) }
            }
            if Scanner.isLack(child) {
                // As a folder that was begun, of which nothing was taken.
                (state.folders[top].isRepeated, step.lacksFiles) = (true, true)
                state.folders[top].resume = resume.first == name ? resume : [name, []]
                return
            }
            let shown = path(state.path)
            state.path.append(UInt8(ascii: "/"))
            push(child, information, resume: resume.first == name ? resume.dropFirst() : [], path: shown, &state, &step)
        default: refuse(path(state.path), information.st_mode, &step)
        }
    }

    private func file(_ relative: [UInt8], name: [UInt8], _ folder: Int32, _ information: stat, _ step: inout ScanStep) {
        guard wants(relative, false) else { return step.skip(.filtered) }
        let isASCII = relative.isASCII
        let text = isASCII ? String(decoding: relative, as: UTF8.self) : String(validating: relative, as: UTF8.self)
        guard text != nil || encodesNames else {
            step.skip(.names)
            return step.items.append(
                .refused(
                    path: PathText.shown(path(PathText.text(relative))),
                    reason: KeyRules.notUTF8))
        }
        // An owner's own permission is all that counts for the owner: no need to ask a second time.
        if information.st_uid != user || information.st_mode & S_IRUSR == 0 {
            guard name.withCString({ faccessat(folder, $0, R_OK, 0) }) == 0 else { return refuse(path(relative), errno, &step) }
        }
        step.items.append(
            .file(
                path: isASCII
                    ? asciiPath(relative) : path(text.flatMap { PathText.isPlain(relative) ? $0 : nil } ?? PathText.text(relative)),
                relative: text ?? PathText.percent(relative), identity: SourceIdentity(stat: information)))
    }

    private func refuse(_ path: String, _ number: Int32, _ step: inout ScanStep) {
        step.skip(.unreadable)
        step.items.append(.refused(path: PathText.shown(path), reason: reason(number)))
    }

    private func refuse(_ path: String, _ mode: mode_t, _ step: inout ScanStep) {
        let (kind, reason): (SkippedKind, String) =
            switch mode & S_IFMT {
            case S_IFIFO: (.pipes, "it is a pipe, not a file")
            case S_IFSOCK: (.sockets, "it is a socket, not a file")
            case S_IFCHR, S_IFBLK: (.devices, "it is a device, not a file")
            default: (.unreadable, "it is neither a file nor a folder")
            }
        step.skip(kind)
        step.items.append(.refused(path: PathText.shown(path), reason: reason))
    }

    private func path(_ relative: [UInt8]) -> String { path(String(decoding: relative, as: UTF8.self)) }

    private func path(_ relative: String) -> String {
        source.utf8.last == UInt8(ascii: "/") || relative.utf8.isEmpty ? source + relative : source + "/" + relative
    }

    /// As `path`, made in one piece.
    private func asciiPath(_ relative: [UInt8]) -> String {
        String(unsafeUninitializedCapacity: source.utf8.count + 1 + relative.count) { bytes in
            guard let start = bytes.baseAddress else { return 0 }
            var count = 0
            var source = source
            source.withUTF8 { source in
                if let from = source.baseAddress { memcpy(start, from, source.count) }
                count = source.count
                if source.last != UInt8(ascii: "/") {
                    bytes[count] = UInt8(ascii: "/")
                    count += 1
                }
            }
            relative.withUnsafeBytes { relative in if let from = relative.baseAddress { memcpy(start + count, from, relative.count) } }
            return count + relative.count
        }
    }

    private func reason(_ number: Int32) -> String { FileError.text(of: number) }
}

extension [UInt8] {
    fileprivate var isASCII: Bool {
        withUnsafeBytes { bytes in
            var (place, all) = (0, UInt64(0))
            while place + 8 <= bytes.count {
                all |= bytes.loadUnaligned(fromByteOffset: place, as: UInt64.self)
                place += 8
            }
            while place < bytes.count {
                all |= UInt64(bytes[place])
                place += 1
            }
            return all & 0x8080_8080_8080_8080 == 0
        }
    }

    /// - Parameter body: gets the bytes, which end with NUL, as they are.
    fileprivate func withCString<T>(_ body: (UnsafePointer<CChar>) -> T) -> T {
        withUnsafeBytes { body($0.baseAddress!.assumingMemoryBound(to: CChar.self)) }
    }
}
