import Glibc

/// Ctrl-C as something a loop can ask about, for commands that wait. One at a time: the handler is the process's.
final class Interrupts: Sendable {
    private static let pipe: (read: Int32, write: Int32) = {
        var ends: [Int32] = [-1, -1]
        _ = Glibc.pipe(&ends)
        for end in ends {
            _ = fcntl(end, F_SETFD, FD_CLOEXEC)
            _ = fcntl(end, F_SETFL, O_NONBLOCK)
        }
        return (ends[0], ends[1])
    }()

    init() {
        _ = Interrupts.pipe
        signal(SIGINT) { _ in
            var byte: UInt8 = 1
            _ = Glibc.write(Interrupts.pipe.write, &byte, 1)
        }
    }

    func stop() { signal(SIGINT, SIG_DFL) }

    /// Whether Ctrl-C was pressed since the last time this was asked.
    func take() -> Bool {
        var bytes = [UInt8](repeating: 0, count: 16)
        return read(Interrupts.pipe.read, &bytes, bytes.count) > 0
    }

    /// Waits that long, less when Ctrl-C is pressed.
    func pause(_ duration: Duration) async {
        var descriptor = pollfd(fd: Interrupts.pipe.read, events: Int16(POLLIN), revents: 0)
        let milliseconds = duration.components.seconds * 1000 + duration.components.attoseconds / 1_000_000_000_000_000
        _ = poll(&descriptor, 1, Int32(clamping: milliseconds))
    }
}
