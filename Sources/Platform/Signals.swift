import CPosix
import Glibc

/// Signals as values. The handler only writes one byte to a pipe; a thread of its own reads it.
public enum Signals {
    /// A write to a closed socket is an error of that write, never the end of the program.
    public static func ignorePipe() { _ = dposix_ignore_signal(SIGPIPE) }

    private struct State {
        var pipe: (read: Int32, write: Int32)?
        var listeners: [Int: (numbers: Set<Int32>, continuation: AsyncStream<Int32>.Continuation)] = [:]
        var nextListener = 0
    }
    private static let state = Lock(State())

    /// Every arrival of those signals from now on, until the stream is no longer read: then they do again what they did by themselves.
    public static func arrivals(of numbers: [Int32]) -> AsyncStream<Int32> {
        let (stream, continuation) = AsyncStream<Int32>.makeStream(bufferingPolicy: .bufferingNewest(16))
        let (listener, mustStart) = state.withLock { state in
            let listener = state.nextListener
            state.nextListener += 1
            state.listeners[listener] = (Set(numbers), continuation)
            guard state.pipe == nil else { return (listener, Int32(-1)) }
            var ends: [Int32] = [-1, -1]
            guard dposix_pipe_cloexec(&ends) == 0 else { return (listener, Int32(-1)) }
            _ = fcntl(ends[1], F_SETFL, O_NONBLOCK)
            state.pipe = (ends[0], ends[1])
            return (listener, ends[0])
        }
        if mustStart >= 0, !startThread(name: "davit-signals", { deliver(from: mustStart) }) {
            // Signals that nobody reads would be lost: they do what they do by themselves.
            let pipe = state.withLock { state in
                defer { state.pipe = nil }
                return state.pipe
            }
            if let pipe { for end in [pipe.read, pipe.write] { close(end) } }
        }
        if let pipe = state.withLock({ $0.pipe }) {
            for number in numbers { _ = dposix_forward_signal(number, pipe.write) }
        }
        continuation.onTermination = { _ in forget(listener) }
        return stream
    }

    private static func deliver(from descriptor: Int32) {
        var byte: UInt8 = 0
        while true {
            let count = read(descriptor, &byte, 1)
            if count < 0 && errno == EINTR { continue }
            guard count == 1 else { return }
            let number = Int32(byte)
            let continuations = state.withLock { $0.listeners.values.filter { $0.numbers.contains(number) }.map(\.continuation) }
            for continuation in continuations { continuation.yield(number) }
        }
    }

    private static func forget(_ listener: Int) {
        let unheard = state.withLock { state -> Set<Int32> in
            guard let gone = state.listeners.removeValue(forKey: listener) else { return [] }
            return state.listeners.values.reduce(gone.numbers) { $0.subtracting($1.numbers) }
        }
        for number in unheard { _ = dposix_default_signal(number) }
    }
}

/// A plain detached thread, for what may block.
///
/// - Parameter stack: bytes; `nil` for the usual size.
/// - Returns: false when the system has none to give: then `body` is never called.
@discardableResult
package func startThread(name: String, stack: Int? = nil, _ body: @escaping @Sendable () -> Void) -> Bool {
    final class Start: Sendable {
        let name: String
        let body: @Sendable () -> Void
        init(_ name: String, _ body: @escaping @Sendable () -> Void) { (self.name, self.body) = (name, body) }
    }
    var thread = pthread_t()
    var attributes = pthread_attr_t()
    pthread_attr_init(&attributes)
    pthread_attr_setdetachstate(&attributes, Int32(PTHREAD_CREATE_DETACHED))
    if let stack { pthread_attr_setstacksize(&attributes, stack) }
    let context = Unmanaged.passRetained(Start(name, body)).toOpaque()
    let code = pthread_create(
        &thread, &attributes,
        { context in
            guard let context else { return nil }
            let start = Unmanaged<Start>.fromOpaque(context).takeRetainedValue()
            dposix_name_thread(start.name)
            start.body()
            return nil
        }, context)
    pthread_attr_destroy(&attributes)
    if code != 0 { Unmanaged<Start>.fromOpaque(context).release() }
    return code == 0
}
