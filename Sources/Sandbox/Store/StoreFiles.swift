import Glibc
import Platform

/// Why the data folder could not be read or written.
struct StoreError: Error, Sendable, Equatable, CustomStringConvertible {
    var path: String
    var errno: Int32
    var action: String

    init(_ action: String, _ path: String, errno number: Int32 = Glibc.errno) {
        (self.action, self.path, errno) = (action, path, number)
    }

    var description: String { "cannot \(action) \(path): \(String(cString: strerror(errno)))" }
}

/// The few calls to the file system that the store needs.
enum StoreFiles {
    static func makeFolder(_ path: String) throws(StoreError) {
        do { try SecureFile.makeFolders(path) } catch { throw StoreError("make the folder", path, errno: error.errno) }
    }

    /// Names in a folder, `.` and `..` left out; empty where there is no folder.
    static func list(_ path: String) throws(StoreError) -> [String] {
        guard let folder = opendir(path) else {
            if errno == ENOENT { return [] }
            throw StoreError("list", path)
        }
        defer { closedir(folder) }
        var names: [String] = []
        while let entry = readdir(folder) {
            // d_name is as long as the entry says, not as the type says; withUnsafePointer keeps the whole entry in place.
            let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name != ".", name != ".." { names.append(name) }
        }
        return names
    }

    static func size(_ path: String) throws(StoreError) -> Int64 {
        var information = stat()
        guard stat(path, &information) == 0 else { throw StoreError("look at", path) }
        return Int64(information.st_size)
    }

    static func rename(_ from: String, _ to: String) throws(StoreError) {
        guard Glibc.rename(from, to) == 0 else { throw StoreError("rename to", to) }
    }

    /// Gone already is as good.
    static func remove(_ path: String) { unlink(path) }

    static func removeFolder(_ path: String) {
        for name in (try? list(path)) ?? [] { unlink("\(path)/\(name)") }
        rmdir(path)
    }

    /// Only the first `limit` bytes.
    static func read(_ path: String, limit: Int) throws(StoreError) -> [UInt8] {
        let file = try OpenFile(reading: path)
        var bytes: [UInt8] = []
        while bytes.count < limit {
            let piece = try file.read(at: Int64(bytes.count), count: min(limit - bytes.count, 65_536))
            if piece.isEmpty { break }
            bytes += piece
        }
        return bytes
    }

    /// A new file, complete or not there at all.
    static func write(_ path: String, _ bytes: [UInt8], syncs: Bool) throws(StoreError) {
        let file = try OpenFile(creating: path)
        do throws(StoreError) {
            try file.write(bytes)
            if syncs { try file.sync() }
        } catch {
            remove(path)
            throw error
        }
    }

    /// So that a rename in it survives a power cut.
    static func syncFolder(_ path: String) {
        let descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { return }
        fsync(descriptor)
        close(descriptor)
    }
}

/// One open file; closed with its last reference.
final class OpenFile: Sendable {
    private let descriptor: Int32
    let path: String

    init(reading path: String) throws(StoreError) {
        descriptor = open(path, O_RDONLY | O_CLOEXEC)
        self.path = path
        guard descriptor >= 0 else { throw StoreError("open", path) }
    }

    init(creating path: String) throws(StoreError) {
        descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0o600)
        self.path = path
        guard descriptor >= 0 else { throw StoreError("make", path) }
    }

    deinit { if descriptor >= 0 { close(descriptor) } }

    /// At the end of what was written so far.
    func write(_ bytes: UnsafeRawBufferPointer) throws(StoreError) {
        var done = 0
        while done < bytes.count {
            let count = Glibc.write(descriptor, bytes.baseAddress?.advanced(by: done), bytes.count - done)
            if count < 0 {
                if errno == EINTR { continue }
                throw StoreError("write", path)
            }
            done += count
        }
    }

    func write(_ bytes: [UInt8]) throws(StoreError) {
        // The closure of an array loses the error's type.
        let outcome: Result<Void, StoreError> = bytes.withUnsafeBytes { buffer in
            do throws(StoreError) { return .success(try write(buffer)) } catch { return .failure(error) }
        }
        try outcome.get()
    }

    /// Fewer than `count` bytes only at the end of the file.
    func read(at offset: Int64, count: Int) throws(StoreError) -> [UInt8] {
        var failure: Int32 = 0
        let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
            while filled < count {
                let got = pread(descriptor, buffer.baseAddress?.advanced(by: filled), count - filled, off_t(offset) + filled)
                if got < 0 && errno == EINTR { continue }
                if got < 0 { failure = errno }
                if got <= 0 { break }
                filled += got
            }
        }
        if failure != 0 { throw StoreError("read", path, errno: failure) }
        return bytes
    }

    func sync() throws(StoreError) {
        guard fdatasync(descriptor) == 0 else { throw StoreError("sync", path) }
    }
}
