import Glibc
import Platform
import TerminalUI

/// Where work off the terminal's thread leaves its results: a locked list and a pipe that wakes the loop.
final class Inbox: Sendable {
    let wakeDescriptor: Int32
    private let writeDescriptor: Int32
    private let events = Lock<[AppEvent]>([])

    init() throws {
        var ends: [Int32] = [-1, -1]
        guard pipe(&ends) == 0 else { throw Failure("no pipe can be made (\(String(cString: strerror(errno))))") }
        for end in ends {
            _ = fcntl(end, F_SETFD, FD_CLOEXEC)
            _ = fcntl(end, F_SETFL, O_NONBLOCK)
        }
        (wakeDescriptor, writeDescriptor) = (ends[0], ends[1])
    }

    func post(_ event: AppEvent) {
        let isFirst = events.withLock { list in
            // Of pushed states only the newest matters: a slow terminal must not collect a backlog.
            if case .status = event {
                list.removeAll { if case .status = $0 { true } else { false } }
            }
            list.append(event)
            return list.count == 1
        }
        if isFirst {
            var byte: UInt8 = 0
            _ = write(writeDescriptor, &byte, 1)
        }
    }

    func take() -> [AppEvent] {
        var bytes = [UInt8](repeating: 0, count: 64)
        while read(wakeDescriptor, &bytes, bytes.count) > 0 {}
        return events.withLock { list in
            defer { list = [] }
            return list
        }
    }
}
