import Dispatch
import Glibc
import Platform

/// Opens sources. On disks of this machine at once; where a file system may hang (network, FUSE) on a thread of that file system's own, so
/// that two dead mounts take neither the threads of tasks nor each other's with them.
enum SourceOpening {
    /// A file system that has not answered by then is a reason to fail the upload and to go on with others.
    static let patience = Duration.seconds(60)

    private static let queues = Lock<[UInt64: DispatchQueue]>([:])

    /// - Parameter device: where the file was when it was queued.
    static func open(_ path: String, device: UInt64) async throws(FileError) -> SourceFile {
        guard Mounts.mayHang(device: device) else { return try SourceFile.open(path) }
        return try await open(path, device: device, patience: patience) { () throws(FileError) in try SourceFile.open(path, mayHang: true) }
    }

    /// - Parameter work: what may never return.
    static func open(
        _ path: String, device: UInt64, patience: Duration, _ work: @escaping @Sendable () throws(FileError) -> SourceFile
    ) async throws(FileError) -> SourceFile {
        let queue = queues.withLock { queues in
            if let queue = queues[device] { return queue }
            let queue = DispatchQueue(label: "davit.source.\(device)")
            queues[device] = queue
            return queue
        }
        let result: Result<SourceFile, FileError> = await withCheckedContinuation { continuation in
            let reply = Lock<CheckedContinuation<Result<SourceFile, FileError>, Never>?>(continuation)
            let answer = { @Sendable (result: Result<SourceFile, FileError>) in
                let waiting = reply.withLock { reply in
                    defer { reply = nil }
                    return reply
                }
                // Too late, and nobody holds the file: it is closed.
                waiting?.resume(returning: result)
            }
            queue.async {
                // Nobody waits any more.
                guard reply.withLock({ $0 != nil }) else { return }
                do throws(FileError) { answer(.success(try work())) } catch { answer(.failure(error)) }
            }
            DispatchQueue.global().asyncAfter(deadline: .now() + .nanoseconds(Int(patience / .nanoseconds(1)))) {
                answer(
                    .failure(
                        FileError(
                            path: path, errno: ETIMEDOUT, what: "cannot be opened", why: "its file system does not answer",
                            advice: "Check its server or its mount")))
            }
        }
        return try result.get()
    }
}
