import CPosix
import Glibc

/// Signals as values. Handlers only write one byte to a pipe; a thread of its own reads it.
public enum Signals {
    /// A write to a closed socket is an error of that write, never the end of the program.
    public static func ignorePipe() { _ = dposix_ignore_signal(SIGPIPE) }

    private static let pipe: (read: Int32, write: Int32) = {
        var ends: [Int32] = [-1, -1]
        _ = dposix_pipe_cloexec(&ends)
        _ = fcntl(ends[1], F_SETFL, O_NONBLOCK)
        return (ends[0], ends[1])
    }()

    /// Every arrival of those signals from now on. Called once a process.
    public static func arrivals(of numbers: [Int32]) -> AsyncStream<Int32> {
        _ = pipe
        let (stream, continuation) = AsyncStream<Int32>.makeStream(bufferingPolicy: .bufferingNewest(16))
        for number in numbers {
            _ = dposix_forward_signal(number, pipe.write)
        }
        startThread(name: "davit-signals") {
            var byte: UInt8 = 0
            while true {
                let count = read(pipe.read, &byte, 1)
                if count == 1 { continuation.yield(Int32(byte)) } else if errno != EINTR { return }
            }
        }
        return stream
    }
}

/// A plain thread, detached.
func startThread(name: String, _ body: @escaping @Sendable () -> Void) {
    final class Box { let body: @Sendable () -> Void; let name: String; init(_ body: @escaping @Sendable () -> Void, _ name: String) { (self.body, self.name) = (body, name) } }
    var thread = pthread_t()
    var attributes = pthread_attr_t()
    pthread_attr_init(&attributes)
    pthread_attr_setdetachstate(&attributes, Int32(PTHREAD_CREATE_DETACHED))
    // The default of 8 MiB is only address space, but 512 KiB is plenty and shows in no one's accounting.
    pthread_attr_setstacksize(&attributes, 512 << 10)
    let context = Unmanaged.passRetained(Box(body, name)).toOpaque()
    pthread_create(&thread, &attributes, { context in
        guard let context else { return nil }
        let box = Unmanaged<Box>.fromOpaque(context).takeRetainedValue()
        dposix_name_thread(box.name)
        box.body()
        return nil
    }, context)
    pthread_attr_destroy(&attributes)
}
