import CPosix
import Glibc

/// What systemd is told of a service that it started with `Type=notify`: datagrams to the socket it named. Without one nothing happens.
///
/// Source: sd_notify(3). No library of systemd's: the protocol is a promise, and a few lines.
public struct ServiceManager: Sendable {
    /// A path, or an abstract name that begins with `@`.
    private let socket: String?
    /// The service must give a sign that often, or it is ended and started again.
    public let watchdog: Duration?

    /// - Parameter process: a watchdog that was meant for another process is not ours.
    public init(environment: [String: String], process: Int = Int(getpid())) {
        socket = environment["NOTIFY_SOCKET"].flatMap { $0.utf8.first == UInt8(ascii: "/") || $0.utf8.first == UInt8(ascii: "@") ? $0 : nil }
        let isOurs = environment["WATCHDOG_PID"].map { Int($0) == process } ?? true
        let microseconds = environment["WATCHDOG_USEC"].flatMap { Int64($0) }
        watchdog = socket != nil && isOurs ? microseconds.flatMap { $0 > 0 ? .microseconds($0) : nil } : nil
    }

    /// No socket: for tests, and for an engine that davit started.
    public init() { (socket, watchdog) = (nil, nil) }

    public var isThere: Bool { socket != nil }

    /// What a child of the service must not inherit: it would speak in the service's name.
    public static let variables = ["NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID", "LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES"]

    public func ready(_ status: String) { send(["READY=1", "STATUS=\(status)", "MAINPID=\(getpid())"]) }
    public func status(_ status: String) { send(["STATUS=\(status)"]) }
    /// Until `ready`. The time lets `Type=notify-reload` tell this reload from an earlier one.
    public func reloading() { send(["RELOADING=1", "MONOTONIC_USEC=\(SystemClock.monotonicNanoseconds() / 1000)"]) }
    public func stopping(_ status: String) { send(["STOPPING=1", "STATUS=\(status)"]) }
    public func isAlive() { send(["WATCHDOG=1"]) }
    /// A start may take longer than is usual: it has that long from now on.
    public func isStarting(_ status: String, within time: Duration) {
        send(["EXTEND_TIMEOUT_USEC=\(time.inNanoseconds / 1000)", "WATCHDOG=1", "STATUS=\(status)"])
    }

    private func send(_ lines: [String]) {
        guard let socket else { return }
        // One line a variable: whatever a text holds, it must not become another variable.
        let text = lines.map { line in String(line.map { $0.isNewline ? " " : $0 }) }.joined(separator: "\n") + "\n"
        let bytes = Array(text.utf8.map { CChar(bitPattern: $0) })
        _ = dposix_send_datagram(socket, bytes, bytes.count)
    }
}

/// The journal behind standard error: it takes a line's priority from `<N>` in front of it.
public struct Journal: Sendable {
    /// `nil` where standard error is something else, also when the variable was inherited from a service that is our parent.
    public init?(environment: [String: String]) {
        guard let stream = environment["JOURNAL_STREAM"] else { return nil }
        var information = stat()
        guard fstat(STDERR_FILENO, &information) == 0, stream == "\(information.st_dev):\(information.st_ino)" else { return nil }
    }

    /// - Parameter priority: 0 to 7, as syslog's.
    public func write(_ line: String, priority: Int) {
        let bytes = Array("<\(priority)>\(line)\n".utf8)
        // One write a line; a journal that does not listen loses it, never the program its time.
        _ = Glibc.write(STDERR_FILENO, bytes, bytes.count)
    }
}

/// Open files and connections that this process may have.
public enum Descriptors {
    /// Raises the limit as far as it goes without rights. - Returns: what may be open at once.
    @discardableResult
    public static func raiseLimit() -> Int {
        var (soft, hard): (UInt, UInt) = (0, 0)
        guard dposix_raise_descriptors(&soft, &hard) == 0 || soft > 0 else { return 1024 }
        return Int(clamping: soft)
    }

    public static func limits() -> (soft: Int, hard: Int) {
        var (soft, hard): (UInt, UInt) = (0, 0)
        _ = dposix_descriptor_limits(&soft, &hard)
        return (Int(clamping: soft), Int(clamping: hard))
    }

    /// How many are open now; `nil` where nobody can tell.
    public static func count() -> Int? {
        guard let folder = opendir("/proc/self/fd") else { return nil }
        defer { closedir(folder) }
        var count = 0
        while readdir(folder) != nil { count += 1 }
        // `.`, `..` and the folder itself.
        return max(count - 3, 0)
    }
}
