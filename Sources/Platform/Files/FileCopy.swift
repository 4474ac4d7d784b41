import Glibc

/// Whole files copied and patched; for files that may be large, in pieces.
public enum FileCopy {
    private static let piece = 1 << 20

    /// A new file for the owner alone; one that is there is refused.
    public static func copy(_ from: String, to: String) throws(FileError) {
        let source = open(from, O_RDONLY | O_CLOEXEC)
        guard source >= 0 else { throw FileError(path: from, errno: errno, what: "cannot be read") }
        defer { close(source) }
        let target = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard target >= 0 else { throw FileError(path: to, errno: errno, what: "cannot be written") }
        defer { close(target) }
        var buffer = [UInt8](repeating: 0, count: piece)
        while true {
            let count = read(source, &buffer, buffer.count)
            if count < 0 && errno == EINTR { continue }
            guard count >= 0 else { throw FileError(path: from, errno: errno, what: "cannot be read") }
            if count == 0 { return }
            try write(target, buffer.prefix(count), at: nil, path: to)
        }
    }

    /// The first bytes, fewer where there are no more.
    public static func beginning(of path: String, count: Int) throws(FileError) -> [UInt8] {
        let source = open(path, O_RDONLY | O_CLOEXEC)
        guard source >= 0 else { throw FileError(path: path, errno: errno, what: "cannot be read") }
        defer { close(source) }
        var buffer = [UInt8](repeating: 0, count: count)
        let got = read(source, &buffer, count)
        guard got >= 0 else { throw FileError(path: path, errno: errno, what: "cannot be read") }
        return Array(buffer.prefix(got))
    }

    /// Bytes.
    public static func size(_ path: String) throws(FileError) -> Int64 {
        var information = stat()
        guard stat(path, &information) == 0 else { throw FileError(path: path, errno: errno, what: "cannot be read") }
        return Int64(information.st_size)
    }

    public static func overwrite(_ path: String, _ bytes: [UInt8], at offset: Int64) throws(FileError) {
        let target = open(path, O_WRONLY | O_CLOEXEC | O_NOFOLLOW)
        guard target >= 0 else { throw FileError(path: path, errno: errno, what: "cannot be written") }
        defer { close(target) }
        try write(target, bytes[...], at: offset, path: path)
    }

    private static func write(_ target: Int32, _ bytes: ArraySlice<UInt8>, at offset: Int64?, path: String) throws(FileError) {
        var done = 0
        while done < bytes.count {
            let count = bytes.withUnsafeBytes { buffer -> Int in
                guard let start = buffer.baseAddress else { return 0 }
                if let offset { return pwrite(target, start + done, bytes.count - done, off_t(offset + Int64(done))) }
                return Glibc.write(target, start + done, bytes.count - done)
            }
            if count < 0 && errno == EINTR { continue }
            guard count > 0 else { throw FileError(path: path, errno: count < 0 ? errno : EIO, what: "cannot be written") }
            done += count
        }
    }
}

extension SecureFile {
    /// To another name in the same folder, durably; what is not there is passed over.
    public static func move(_ from: String, to: String) throws(FileError) {
        guard rename(from, to) == 0 else {
            if errno == ENOENT { return }
            throw FileError(path: from, errno: errno, what: "cannot be renamed")
        }
        let folder = open(parent(to), O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard folder >= 0 else { return }
        fsync(folder)
        close(folder)
    }
}
