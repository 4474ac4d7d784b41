import Glibc

/// What makes a file the same file with the same content, as far as the system tells. Times in nanoseconds since 1970.
public struct SourceIdentity: Sendable, Hashable, Codable {
    public var device: UInt64
    public var inode: UInt64
    public var size: Int64
    public var modified: Int64
    /// The time that nobody can set back: it moves with every write, but also with a mode, an owner, a link more or less. 0 where it is not
    /// known.
    public var changed: Int64

    public init(device: UInt64, inode: UInt64, size: Int64, modified: Int64, changed: Int64 = 0) {
        (self.device, self.inode, self.size, self.modified, self.changed) = (device, inode, size, modified, changed)
    }

    /// Whether nothing but `changed` differs: the bytes are the same unless somebody wrote and then set the time of it back (`touch -r`).
    /// Who must know compares the bytes.
    public func isLikely(_ other: SourceIdentity) -> Bool {
        (device, inode, size, modified) == (other.device, other.inode, other.size, other.modified)
    }

    init(_ status: stat) {
        device = UInt64(status.st_dev)
        inode = UInt64(status.st_ino)
        size = Int64(status.st_size)
        modified = SourceIdentity.nanoseconds(status.st_mtim)
        changed = SourceIdentity.nanoseconds(status.st_ctim)
    }

    /// File systems know times that 64 bits of nanoseconds do not hold (before 1677, after 2262): such a time is the nearest that they do.
    public static func nanoseconds(_ time: timespec) -> Int64 {
        let (seconds, isTooFar) = Int64(time.tv_sec).multipliedReportingOverflow(by: 1_000_000_000)
        let (sum, isOver) = seconds.addingReportingOverflow(Int64(time.tv_nsec))
        return isTooFar || isOver ? (time.tv_sec < 0 ? .min : .max) : sum
    }
}

/// A regular file that stays open for reading while parts of it are sent; closed with its last reference.
public final class SourceFile: Sendable {
    public let path: String
    /// As it was when it was opened.
    public let identity: SourceIdentity
    /// Its file system may keep a reader waiting for ever: never to be read where others wait too.
    public let mayHang: Bool
    package let descriptor: Int32

    private init(path: String, identity: SourceIdentity, mayHang: Bool, descriptor: Int32) {
        (self.path, self.identity, self.mayHang, self.descriptor) = (path, identity, mayHang, descriptor)
    }

    deinit { close(descriptor) }

    /// Follows links: whether a link may be sent is the scanner's decision.
    ///
    /// - Parameter path: as `PathText` writes it.
    public static func open(_ path: String, mayHang: Bool = false) throws(FileError) -> SourceFile {
        // O_NONBLOCK: a pipe without a writer must be refused, not waited for.
        let descriptor = PathText.withPath(path) { Glibc.open($0, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY) }
        guard descriptor >= 0 else { throw FileError(path: PathText.shown(path), errno: errno, what: "cannot be opened") }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else {
            let code = errno
            close(descriptor)
            throw FileError(path: path, errno: code, what: "cannot be examined")
        }
        guard status.st_mode & S_IFMT == S_IFREG else {
            close(descriptor)
            let code = status.st_mode & S_IFMT == S_IFDIR ? EISDIR : 0
            throw FileError(path: path, errno: code, what: "cannot be sent", why: code == 0 ? "it is not a regular file" : nil)
        }
        return SourceFile(path: path, identity: SourceIdentity(status), mayHang: mayHang, descriptor: descriptor)
    }

    /// The open file's identity now: differs from `identity` when it was written to. A replaced path does not show here.
    public func currentIdentity() throws(FileError) -> SourceIdentity {
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw FileError(path: path, errno: errno, what: "cannot be examined") }
        return SourceIdentity(status)
    }

    /// Whether nothing at all has happened to the open file since it was opened: what was read of it in between is one state of it.
    public var isUnchanged: Bool {
        var status = stat()
        return fstat(descriptor, &status) == 0 && SourceIdentity(status) == identity
    }

    /// The same open file under the identity it has now: itself where that is the old one.
    public func renewed() throws(FileError) -> SourceFile {
        let now = try currentIdentity()
        if now == identity { return self }
        let copy = fcntl(descriptor, F_DUPFD_CLOEXEC, 0)
        guard copy >= 0 else { throw FileError(path: path, errno: errno, what: "cannot be opened") }
        return SourceFile(path: path, identity: now, mayHang: mayHang, descriptor: copy)
    }
}
