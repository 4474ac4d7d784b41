import Dispatch
import Glibc
import Platform

/// Opens sources and looks at them. On disks of this machine at once; where a file system may hang (network, FUSE) on a thread of that file
/// system's own, so that two dead mounts take neither the threads of tasks nor each other's with them.
enum SourceOpening {
    /// A file system that has not answered by then is a reason to fail the upload and to go on with others.
    static let patience = Duration.seconds(60)

    private static let devices = Lock<[UInt64: Device]>([:])

    /// A file system that may hang.
    final class Device: Sendable {
        /// Opens and looks, one after the other.
        let opening: DispatchQueue
        /// Reads for as long as that takes.
        let reading: DispatchQueue
        private let moved: Lock<ContinuousClock.Instant>

        fileprivate init(_ number: UInt64) {
            opening = DispatchQueue(label: "davit.source.\(number)")
            reading = DispatchQueue(label: "davit.source-reading.\(number)")
            moved = Lock(.now)
        }

        /// It has answered somebody.
        fileprivate func move() { moved.withLock { $0 = .now } }
        fileprivate var lastMoved: ContinuousClock.Instant { moved.withLock { $0 } }
    }

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

    static func device(_ number: UInt64) -> Device {
        devices.withLock { devices in
            if let device = devices[number] { return device }
            let device = Device(number)
            devices[number] = device
            return device
        }
    }

    /// - Parameters:
    ///   - patience: without an answer to anybody: a file system that is slow and at work is waited for.
    ///   - work: what may never return.
    static func open<Value: Sendable>(
        _ path: String, device number: UInt64, patience: Duration, _ work: @escaping @Sendable () throws(FileError) -> Value
    ) async throws(FileError) -> Value {
        let device = device(number)
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
            device.opening.async {
                // Nobody waits any more.
                guard reply.withLock({ $0 != nil }) else { return }
                do throws(FileError) { answer(.success(try work())) } catch { answer(.failure(error)) }
                device.move()
            }
            wait(device, since: .now, patience, isOver: { reply.withLock { $0 == nil } }) {
                answer(
                    .failure(
                        FileError(
                            path: path, errno: ETIMEDOUT, what: "cannot be read", why: "its file system does not answer",
                            advice: "Check its server or its mount")))
            }
        }
        return try result.get()
    }

    private static func wait(
        _ device: Device, since: ContinuousClock.Instant, _ patience: Duration, isOver: @escaping @Sendable () -> Bool,
        giveUp: @escaping @Sendable () -> Void
    ) {
        let end = since + patience
        let nanoseconds = max(Int((end - .now) / .nanoseconds(1)), 0)
        DispatchQueue.global().asyncAfter(deadline: .now() + .nanoseconds(nanoseconds)) {
            guard !isOver() else { return }
            let moved = device.lastMoved
            if moved > since { wait(device, since: moved, patience, isOver: isOver, giveUp: giveUp) } else { giveUp() }
        }
    }
}
