import Glibc

/// Small files read and written with care: bounded, private where they hold secrets, replaced as a whole.
public enum SecureFile {
    /// - Parameters:
    ///   - limit: bytes; a longer file is refused.
    ///   - mustBePrivate: refuse a file that others than its owner can read.
    public static func read(_ path: String, limit: Int, mustBePrivate: Bool) throws(FileError) -> [UInt8] {
        // A secret comes from a file; anything else may also come from a pipe, `<(…)` or /dev/stdin, which is waited for.
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | (mustBePrivate ? O_NONBLOCK : 0))
        guard descriptor >= 0 else { throw FileError(path: path, errno: errno, what: "cannot be read") }
        defer { close(descriptor) }
        var information = stat()
        guard fstat(descriptor, &information) == 0 else { throw FileError(path: path, errno: errno, what: "cannot be read") }
        if information.st_mode & S_IFMT == S_IFDIR { throw FileError(path: path, errno: EISDIR, what: "cannot be read") }
        let isRegular = information.st_mode & S_IFMT == S_IFREG
        if mustBePrivate {
            guard isRegular else { throw FileError(path: path, errno: 0, what: "cannot be used", why: "it is not a regular file") }
            guard information.st_mode & 0o077 == 0 else {
                throw FileError(
                    path: path, errno: 0, what: "cannot be used", why: "it can be read by others and holds a secret",
                    advice: "Protect it: chmod 600 \(path)")
            }
            guard information.st_uid == geteuid() || information.st_uid == 0 else {
                throw FileError(
                    path: path, errno: 0, what: "cannot be used", why: "it belongs to another user", advice: "Use a file of your own")
            }
        }
        if isRegular && information.st_size > limit { throw tooLarge(path, limit) }
        var content: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65536)
        while true {
            let count = Glibc.read(descriptor, &buffer, buffer.count)
            if count < 0 && errno == EINTR { continue }
            if count < 0 { throw FileError(path: path, errno: errno, what: "cannot be read") }
            if count == 0 { return content }
            content += buffer[0..<count]
            if content.count > limit { throw tooLarge(path, limit) }
        }
    }

    private static func tooLarge(_ path: String, _ limit: Int) -> FileError {
        FileError(
            path: path, errno: 0, what: "cannot be used", why: "it is larger than \(limit) bytes", advice: "It is not what was expected")
    }

    /// Written beside, synced, renamed: whoever reads sees the old content or the new one, also after a power cut.
    public static func write(_ path: String, _ bytes: [UInt8], mode: mode_t = 0o600) throws(FileError) {
        let folder = parent(path)
        let temporary = path + ".new-" + Randomness.token(8)
        let descriptor = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode)
        guard descriptor >= 0 else { throw FileError(path: path, errno: errno, what: "cannot be written") }
        var failure: Int32 = 0
        fchmod(descriptor, mode)
        var written = 0
        while written < bytes.count && failure == 0 {
            let count = bytes.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress?.advanced(by: written), bytes.count - written) }
            if count > 0 { written += count } else if count == 0 { failure = EIO } else if errno != EINTR { failure = errno }
        }
        if failure == 0 && fsync(descriptor) != 0 { failure = errno }
        if close(descriptor) != 0 && failure == 0 { failure = errno }
        if failure == 0 && rename(temporary, path) != 0 { failure = errno }
        guard failure == 0 else {
            unlink(temporary)
            throw FileError(path: path, errno: failure, what: "cannot be written")
        }
        let directory = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        if directory >= 0 {
            fsync(directory)
            close(directory)
        }
    }

    /// Makes the folder and those above it; the last one is 0700 and must be ours.
    public static func makePrivateFolder(_ path: String) throws(FileError) {
        try makeFolders(parent(path))
        if mkdir(path, 0o700) == 0 { return }
        guard errno == EEXIST else { throw FileError(path: path, errno: errno, what: "cannot be made") }
        var information = stat()
        guard lstat(path, &information) == 0 else { throw FileError(path: path, errno: errno, what: "cannot be read") }
        // In a folder where everybody may write, a link may lead to a place that somebody else has chosen.
        if information.st_mode & S_IFMT == S_IFLNK && isWritableByAll(parent(path)) {
            throw FileError(
                path: path, errno: 0, what: "cannot be used", why: "it is a link in a folder of everybody's", advice: "Remove it")
        }
        guard stat(path, &information) == 0 else { throw FileError(path: path, errno: errno, what: "cannot be read") }
        guard information.st_mode & S_IFMT == S_IFDIR else {
            throw FileError(path: path, errno: ENOTDIR, what: "cannot be used as a folder")
        }
        guard information.st_uid == geteuid() else {
            throw FileError(
                path: path, errno: 0, what: "cannot be used", why: "it belongs to another user",
                advice: "Remove it, or set DAVIT_HOME to a folder of your own")
        }
        if information.st_mode & 0o077 != 0 && chmod(path, 0o700) != 0 {
            throw FileError(path: path, errno: errno, what: "is open to others and cannot be closed")
        }
    }

    private static func isWritableByAll(_ folder: String) -> Bool {
        var information = stat()
        return stat(folder, &information) == 0 && information.st_mode & 0o002 != 0
    }

    /// Folders as they are missing, with the usual permissions.
    public static func makeFolders(_ path: String) throws(FileError) {
        if path.isEmpty || path == "/" || path == "." { return }
        if mkdir(path, 0o755) == 0 || errno == EEXIST { return }
        guard errno == ENOENT else { throw FileError(path: path, errno: errno, what: "cannot be made") }
        try makeFolders(parent(path))
        if mkdir(path, 0o755) != 0 && errno != EEXIST { throw FileError(path: path, errno: errno, what: "cannot be made") }
    }

    static func parent(_ path: String) -> String {
        var bytes = Array(path.utf8)
        while bytes.count > 1 && bytes.last == 0x2F { bytes.removeLast() }
        guard let slash = bytes.lastIndex(of: 0x2F) else { return "." }
        return slash == 0 ? "/" : String(decoding: bytes[..<slash], as: UTF8.self)
    }
}
