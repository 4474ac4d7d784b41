import Dispatch
import Glibc
import Platform

/// Opens sources and looks at them. On disks of this machine at once; where a file system may hang (network, FUSE) on a thread of that file
/// system's own, so that two dead mounts take neither the threads of tasks nor each other's with them.
enum SourceOpening {
    /// A file system that has not answered by then is a reason to fail the upload and to go on with others.
    static let patience = Duration.seconds(60)

    private static let queues = Lock<[UInt64: DispatchQueue]>([:])

    /// - Parameter device: where the file was when it was queued.
    static func open(_ path: String, device: UInt64) async throws(FileError) -> SourceFile {
        guard Mounts.mayHang(device: device) else { return try SourceFile.open(path) }
        return try await open(path, device: device, patience: patience) { () throws(FileError) in try SourceFile.open(path, mayHang: true) }
    }

    /// What the open file is now.
    static func identity(_ source: SourceFile) async throws(FileError) -> SourceIdentity {
        guard source.mayHang else { return try source.currentIdentity() }
        return try await open(source.path, device: source.identity.device, patience: patience) { () throws(FileError) in
            try source.currentIdentity()
        }
    }

    /// The open file under what it is now.
    static func renewed(_ source: SourceFile) async throws(FileError) -> SourceFile {
        guard source.mayHang else { return try source.renewed() }
        return try await open(source.path, device: source.identity.device, patience: patience) { () throws(FileError) in
            try source.renewed()
        }
    }

    static func queue(device: UInt64) -> DispatchQueue {
        queues.withLock { queues in
            if let queue = queues[device] { return queue }
            let queue = DispatchQueue(label: "davit.source.\(device)")
            queues[device] = queue
            return queue
        }
    }

    /// - Parameter work: what may never return.
    static func open<Value: Sendable>(
        _ path: String, device: UInt64, patience: Duration, _ work: @escaping @Sendable () throws(FileError) -> Value
    ) async throws(FileError) -> Value {
        let queue = queue(device: device)
        let result: Result<Value, FileError> = await withCheckedContinuation { continuation in
            let reply = Lock<CheckedContinuation<Result<Value, FileError>, Never>?>(continuation)
            let answer = { @Sendable (result: Result<Value, FileError>) in
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
                            path: path, errno: ETIMEDOUT, what: "cannot be read", why: "its file system does not answer",
                            advice: "Check its server or its mount")))
            }
        }
        return try result.get()
    }
}
