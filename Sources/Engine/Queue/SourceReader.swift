import Dispatch
import Glibc
import Platform

/// Reads a range of a source without sending it, away from the threads that tasks run on.
enum SourceReader {
    private static let queue = DispatchQueue(label: "davit.source-reader")
    private static let bufferSize = 512 << 10

    /// CRC-64 of the range.
    ///
    /// Ends soon when the task is cancelled: the next file waits behind this one.
    static func crc64(of source: SourceFile, offset: Int64, length: Int64) async throws(FileError) -> UInt64 {
        let isCancelled = Lock(false)
        // A file system that hangs keeps only its own waiting, and whoever reads a large file keeps nobody from opening one.
        let queue = source.mayHang ? SourceOpening.device(source.identity.device).reading : queue
        let result: Result<UInt64, FileError> = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                queue.async { continuation.resume(returning: read(source, offset, length, isCancelled)) }
            }
        } onCancel: {
            isCancelled.withLock { $0 = true }
        }
        return try result.get()
    }

    private static func read(_ source: SourceFile, _ offset: Int64, _ length: Int64, _ isCancelled: Lock<Bool>) -> Result<UInt64, FileError>
    {
        // The open file, whatever its name leads to by now.
        do throws(FileError) {
            guard try source.currentIdentity().isLikely(source.identity) else {
                return .failure(FileError(path: source.path, errno: 0, what: "is not the file it was"))
            }
        } catch {
            return .failure(error)
        }
        var crc = CRC64Stream()
        var at = offset
        let end = offset + length
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: bufferSize, alignment: 16)
        defer { buffer.deallocate() }
        while at < end {
            if isCancelled.withLock({ $0 }) {
                return .failure(FileError(path: source.path, errno: ECANCELED, what: "is not wanted any more"))
            }
            let count = pread(source.descriptor, buffer.baseAddress, min(buffer.count, Int(end - at)), off_t(at))
            if count < 0, errno == EINTR { continue }
            guard count > 0 else {
                return .failure(FileError(path: source.path, errno: count == 0 ? 0 : errno, what: "cannot be read to its end"))
            }
            crc.update(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
            at += Int64(count)
        }
        return .success(crc.value)
    }

    enum Kind: Sendable, Equatable {
        case folder
        /// A file, or what a scan will refuse.
        case other
        case unreadable(errno: Int32)
    }

    /// Of each path. Not on the threads of tasks: a file system that hangs must not take the engine with it.
    static func kinds(_ paths: [String]) async -> [Kind] {
        await withCheckedContinuation { continuation in
            DispatchQueue.global().async {
                continuation.resume(
                    returning: paths.map { path in
                        var information = stat()
                        guard PathText.withPath(path, { stat($0, &information) }) == 0 else { return .unreadable(errno: errno) }
                        return information.st_mode & S_IFMT == S_IFDIR ? .folder : .other
                    })
            }
        }
    }

    /// What a person should know of it.
    static func difference(_ before: SourceIdentity, _ now: SourceIdentity) -> String {
        if before.device != now.device || before.inode != now.inode { return "another file has its name now" }
        if before.size != now.size { return "it had \(before.size) bytes and has \(now.size)" }
        if before.isLikely(now) { return "it was written to, and the time of that set back" }
        return "it was written to"
    }
}

/// Body bytes of one request that have left so far. Written by the transport's thread, read by the loop.
final class FlightMeter: Sendable {
    private let sent = Lock<Int64>(0)
    private let total: WireMeter
    let pace: BodyPace

    init(total: WireMeter, pace: BodyPace = BodyPace()) { (self.total, self.pace) = (total, pace) }

    /// The request waits for credentials or a signature from now on (1), or no longer (-1).
    func waitsForAccess(_ change: Int) { total.authorizing(change) }

    func report(_ bytes: Int64) {
        let gained = sent.withLock { value in
            let gained = bytes - value
            value = max(value, bytes)
            return max(gained, 0)
        }
        if gained > 0 { total.add(gained) }
    }

    var bytes: Int64 { sent.withLock { $0 } }
}

/// Body bytes of all requests since the engine started.
final class WireMeter: Sendable {
    private let sum = Lock<Int64>(0)
    func add(_ bytes: Int64) { sum.withLock { $0 += bytes } }
    var bytes: Int64 { sum.withLock { $0 } }

    private let waiting = Lock(0)
    func authorizing(_ change: Int) { waiting.withLock { $0 += change } }
    /// Requests that wait for credentials or a signature now.
    var authorizing: Int { waiting.withLock { $0 } }
}

extension SourceIdentity {
    init(stat status: stat) {
        self.init(
            device: UInt64(status.st_dev), inode: UInt64(status.st_ino), size: Int64(status.st_size),
            modified: SourceIdentity.nanoseconds(status.st_mtim), changed: SourceIdentity.nanoseconds(status.st_ctim))
    }
}
