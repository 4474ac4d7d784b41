import Glibc

/// Sources that have no file of their own (standard input): kept in a private folder until they are stored.
///
/// A file is locked by whoever fills it until its order is taken, so that whoever tidies up knows it from what a killed program left
/// behind.
public final class Spool: Sendable {
    /// Absolute.
    public let path: String
    private let descriptor: Int32

    private init(path: String, descriptor: Int32) { (self.path, self.descriptor) = (path, descriptor) }

    /// Lets go of the lock; the file stays.
    deinit { close(descriptor) }

    private static let bufferSize = 1 << 20

    /// Takes everything that can be read of a descriptor, whatever its length; blocks until its end.
    ///
    /// - Throws: what is wrong with either of them; nothing is left behind then.
    public static func fill(from input: Int32, called name: String, in folder: String) throws(FileError) -> Spool {
        try SecureFile.makePrivateFolder(folder)
        let path = folder + "/" + Randomness.token(16)
        let descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard descriptor >= 0 else { throw FileError(path: path, errno: errno, what: "cannot be written") }
        let spool = Spool(path: path, descriptor: descriptor)
        do throws(FileError) {
            guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else { throw FileError(path: path, errno: errno, what: "cannot be locked") }
            try copy(from: input, called: name, to: spool)
            guard fsync(descriptor) == 0 else { throw FileError(path: path, errno: errno, what: "cannot be written") }
        } catch {
            unlink(path)
            throw error
        }
        return spool
    }

    private static func copy(from input: Int32, called name: String, to spool: Spool) throws(FileError) {
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: bufferSize, alignment: 16)
        defer { buffer.deallocate() }
        while true {
            let count = read(input, buffer.baseAddress, buffer.count)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw FileError(path: name, errno: errno, what: "cannot be read") }
            if count == 0 { return }
            var written = 0
            while written < count {
                let done = write(spool.descriptor, buffer.baseAddress.map { $0 + written }, count - written)
                if done < 0, errno == EINTR { continue }
                guard done > 0 else {
                    throw FileError(path: spool.path, errno: done == 0 ? EIO : errno, what: "cannot hold what was read of \(name)")
                }
                written += done
            }
        }
    }

    /// Every file in the folder; none where there is no such folder.
    public static func files(in folder: String) -> [String] {
        guard let stream = opendir(folder) else { return [] }
        defer { closedir(stream) }
        var paths: [String] = []
        while let entry = readdir(stream) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
            if name != ".", name != ".." { paths.append(folder + "/" + name) }
        }
        return paths.sorted()
    }

    /// Unless somebody is still filling it.
    public static func remove(_ path: String) {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)
        guard descriptor >= 0 else { return }
        defer { close(descriptor) }
        if flock(descriptor, LOCK_EX | LOCK_NB) == 0 { unlink(path) }
    }
}
