import CPosix
import Glibc
import OSSProtocol

/// A program run to its end and listened to: no shell, nothing of ours open in it, bounded in time and bytes.
///
/// It leads a process group of its own. Whatever makes us give up on it ends the whole group: SIGTERM, a little later SIGKILL. So
/// does our own end by `exit`.
public enum ChildProcess {
    public struct Limits: Sendable {
        /// From its start to its end.
        public var time: Duration
        /// Bytes of standard output; one more ends it.
        public var output: Int
        /// Bytes of standard error that are kept, the last ones: programs stop after what they complain of.
        public var errors = 4096
        /// Between SIGTERM and SIGKILL.
        public var grace = Duration.seconds(2)
        public init(time: Duration, output: Int) { (self.time, self.output) = (time, output) }
    }

    public enum End: Sendable, Equatable, CustomStringConvertible {
        case status(Int32)
        case signal(Int32)

        public var description: String {
            switch self {
            case .status(let status): "it ended with status \(status)"
            case .signal(let number): "it was ended by \(ChildProcess.name(ofSignal: number))"
            }
        }
    }

    public struct Answer: Sendable, Equatable {
        public var end: End
        public var output: [UInt8]
        public var errors: [UInt8]
        public init(end: End, output: [UInt8], errors: [UInt8]) { (self.end, self.output, self.errors) = (end, output, errors) }
    }

    public enum Failure: Error, Sendable, Equatable {
        case notStarted(FileError)
        /// It was ended at its time limit; with what it had said on standard error.
        case tooSlow(errors: [UInt8])
        /// It was ended because it printed more than the limit.
        case tooLong
        case cancelled
    }

    /// - Parameters:
    ///   - command: the program and its arguments. A bare name is looked up in the environment's PATH.
    ///   - environment: all of it.
    public static func run(
        _ command: [String], environment: [String: String], limits: Limits
    ) async throws(Failure) -> Answer {
        if Task.isCancelled { throw .cancelled }
        let bell = Bell()
        let result: Result<Answer, Failure> = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                // It blocks, which a thread of Swift's pool must not.
                let isStarted = startThread(name: "davit-child") {
                    do throws(Failure) {
                        var child = try Child(command, environment: environment, limits: limits, bell: bell)
                        continuation.resume(returning: child.listen())
                    } catch {
                        bell.close()
                        continuation.resume(returning: .failure(error))
                    }
                }
                if !isStarted {
                    bell.close()
                    let error = FileError(path: command.first ?? "", errno: EAGAIN, what: "cannot be started")
                    continuation.resume(returning: .failure(.notStarted(error)))
                }
            }
        } onCancel: {
            bell.ring(Bell.cancelled)
        }
        return try result.get()
    }

    /// Ends every program that runs now and what it has started, at once: for whoever ends without `exit`.
    static func endAllNow() { Children.signalAll(SIGKILL) }

    /// `SIGKILL`, `signal 40`.
    public static func name(ofSignal number: Int32) -> String {
        let names: [Int32: String] = [
            SIGHUP: "HUP", SIGINT: "INT", SIGQUIT: "QUIT", SIGILL: "ILL", SIGTRAP: "TRAP", SIGABRT: "ABRT", SIGBUS: "BUS", SIGFPE: "FPE",
            SIGKILL: "KILL", SIGUSR1: "USR1", SIGSEGV: "SEGV", SIGUSR2: "USR2", SIGPIPE: "PIPE", SIGALRM: "ALRM", SIGTERM: "TERM",
            SIGXCPU: "XCPU", SIGXFSZ: "XFSZ", SIGSYS: "SYS",
        ]
        return names[number].map { "SIG\($0)" } ?? "signal \(number)"
    }
}

/// What wakes the thread that listens to a child: its end, or that nobody wants it any more. One byte each.
private final class Bell: Sendable {
    static let ended = UInt8(ascii: "e")
    static let cancelled = UInt8(ascii: "c")

    /// -1 when there is none.
    let descriptor: Int32
    private let writeEnd: Lock<Int32>

    init() {
        var ends: [Int32] = [-1, -1]
        if dposix_pipe_cloexec(&ends) == 0 {
            for end in ends { _ = fcntl(end, F_SETFL, O_NONBLOCK) }
        }
        (descriptor, writeEnd) = (ends[0], Lock(ends[1]))
    }

    func ring(_ word: UInt8) {
        writeEnd.withLock { end in
            var byte = word
            if end >= 0 { _ = write(end, &byte, 1) }
        }
    }

    func words() -> [UInt8] {
        var buffer = [UInt8](repeating: 0, count: 16)
        let count = read(descriptor, &buffer, buffer.count)
        return count > 0 ? Array(buffer[0..<count]) : []
    }

    /// By the listening thread, once; the cancelling one may still come.
    func close() {
        writeEnd.withLock { end in
            if end >= 0 { Glibc.close(end) }
            end = -1
        }
        if descriptor >= 0 { Glibc.close(descriptor) }
    }
}

/// The children that run now. None outlives a program that ends by `exit`: whoever waited for its answer is gone.
private enum Children {
    /// Leaders of their groups, in the process table until they are taken out here: no number can have become another's.
    private static let running = Lock<Set<pid_t>>([])
    private static let grace = Duration.milliseconds(500)

    private static let watchesTheExit: Bool = atexit { Children.endAll() } == 0

    static func add(_ process: pid_t) {
        _ = watchesTheExit
        running.withLock { _ = $0.insert(process) }
    }

    /// - Parameter reap: takes it out of the process table.
    static func remove<Value>(_ process: pid_t, reap: () -> Value) -> Value {
        running.withLock { running in
            running.remove(process)
            return reap()
        }
    }

    /// The threads that listen to them go on meanwhile and reap those that have ended.
    private static func endAll() {
        let end = SystemClock.steady() + grace
        signalAll(SIGTERM)
        while !running.withLock({ $0.isEmpty }), SystemClock.steady() < end { usleep(5000) }
        signalAll(SIGKILL)
    }

    static func signalAll(_ number: Int32) {
        running.withLock { running in
            for process in running { kill(-process, number) }
        }
    }
}

/// A running child and what it has said so far. Belongs to the thread that listens.
private struct Child {
    private let process: pid_t
    private let limits: ChildProcess.Limits
    private let deadline: Timestamp
    private let bell: Bell
    private var output: Int32
    private var errors: Int32
    private var said: [UInt8] = []
    private var complaint: [UInt8] = []
    private var hasEnded = false

    /// One reading takes no more: a child that floods us must not keep us from the clock.
    private static let mouthful = 64 << 10
    /// After SIGKILL only a broken disk or driver keeps a process.
    private static let longestDying = Duration.seconds(5)

    init(
        _ command: [String], environment: [String: String], limits: ChildProcess.Limits, bell: Bell
    ) throws(ChildProcess.Failure) {
        let program = command.first ?? ""
        let fail: (Int32) -> ChildProcess.Failure = {
            .notStarted(FileError(path: program, errno: $0, what: "cannot be started", advice: Child.advice($0, program, environment)))
        }
        guard !program.isEmpty, !command.contains(where: { $0.utf8.contains(0) }) else { throw fail(EINVAL) }
        guard bell.descriptor >= 0, let out = Child.pipe() else { throw fail(errno) }
        guard let err = Child.pipe() else {
            let code = errno
            for end in [out.read, out.write] { close(end) }
            throw fail(code)
        }
        let started = Child.spawn(command, environment, output: out.write, errors: err.write)
        for end in [out.write, err.write] { close(end) }
        guard case .success(let process) = started else {
            for end in [out.read, err.read] { close(end) }
            if case .failure(let error) = started { throw fail(error.code) }
            throw fail(EINVAL)
        }
        (self.process, self.limits, self.bell, output, errors) = (process, limits, bell, out.read, err.read)
        deadline = SystemClock.steady() + limits.time
        Children.add(process)
        let isWatched = startThread(name: "davit-wait") {
            dposix_wait_ended(process)
            bell.ring(Bell.ended)
        }
        guard isWatched else {
            // Nobody would hear of its end.
            kill(-process, SIGKILL)
            _ = Children.remove(process) { Child.status(of: process) }
            for end in [out.read, err.read] { close(end) }
            throw fail(EAGAIN)
        }
    }

    // MARK: - Starting

    private struct Errno: Error { var code: Int32 }

    /// Both ends above the standard descriptors, which the child's are set from, and none of them inherited.
    private static func pipe() -> (read: Int32, write: Int32)? {
        var ends: [Int32] = [-1, -1]
        guard dposix_pipe_cloexec(&ends) == 0 else { return nil }
        let moved = ends.map { $0 > 2 ? $0 : fcntl($0, F_DUPFD_CLOEXEC, 3) }
        let code = errno
        for (old, new) in zip(ends, moved) where old != new { close(old) }
        guard moved.allSatisfy({ $0 >= 0 }) else {
            for end in moved where end >= 0 { close(end) }
            errno = code
            return nil
        }
        _ = fcntl(moved[0], F_SETFL, O_NONBLOCK)
        return (moved[0], moved[1])
    }

    /// As `execvp` looks for it, but only in absolute folders, and without handing scripts that lack a first line to a shell.
    private static func candidates(_ program: String, _ environment: [String: String]) -> [String] {
        if program.utf8.contains(UInt8(ascii: "/")) { return [program] }
        let folders = (environment["PATH"] ?? "/usr/local/bin:/usr/bin:/bin").utf8.split(separator: UInt8(ascii: ":"))
        return folders.filter { $0.first == UInt8(ascii: "/") }.map { "\(String(decoding: $0, as: UTF8.self))/\(program)" }
    }

    private static func spawn(
        _ command: [String], _ environment: [String: String], output: Int32, errors: Int32
    ) -> Result<pid_t, Errno> {
        var arguments: [UnsafeMutablePointer<CChar>?] = command.map { strdup($0) } + [nil]
        var variables: [UnsafeMutablePointer<CChar>?] = environment.map { strdup("\($0.key)=\($0.value)") } + [nil]
        defer { for pointer in arguments + variables { free(pointer) } }
        var reason = ENOENT
        for path in candidates(command[0], environment) {
            var process: pid_t = 0
            let code = dposix_spawn_captured(&process, path, &arguments, &variables, output, errors)
            switch code {
            case 0: return .success(process)
            case ENOENT, ENOTDIR: continue
            // Another folder may have one that may be run.
            case EACCES: reason = EACCES
            default: return .failure(Errno(code: code))
            }
        }
        return .failure(Errno(code: reason))
    }

    private static func advice(_ code: Int32, _ program: String, _ environment: [String: String]) -> String? {
        let isPath = program.utf8.contains(UInt8(ascii: "/"))
        switch code {
        case ENOENT where isPath && access(program, F_OK) == 0: return "The interpreter that its first line names is missing"
        case ENOENT where !isPath: return "It is in no folder of PATH. Write its whole path"
        case ENOEXEC: return "A script needs a first line such as #!/bin/sh"
        case EACCES: return "Make it executable: chmod +x"
        default: return nil
        }
    }

    // MARK: - Listening

    mutating func listen() -> Result<ChildProcess.Answer, ChildProcess.Failure> {
        let failure = follow()
        if failure != nil { end() }
        let status = reap()
        for descriptor in [output, errors] where descriptor >= 0 { close(descriptor) }
        bell.close()
        let complaint = Array(complaint.suffix(limits.errors))
        switch failure {
        case .tooSlow?: return .failure(.tooSlow(errors: complaint))
        case let failure?: return .failure(failure)
        case nil: return .success(ChildProcess.Answer(end: status, output: said, errors: complaint))
        }
    }

    /// Until the child has ended. What it left behind, a daemon of its own perhaps, may hold its output open; that is not waited for.
    private mutating func follow() -> ChildProcess.Failure? {
        while true {
            let left = (deadline - SystemClock.steady()).inMilliseconds
            guard left > 0 else { return .tooSlow(errors: []) }
            wait(milliseconds: left, alsoForOutput: true)
            let words = bell.words()
            if words.contains(Bell.ended) { hasEnded = true }
            repeat {
                let piece = Child.take(&output)
                said += piece
                // What it wrote last is still in the pipe when it has ended, however large it made that.
                if piece.isEmpty || !hasEnded { break }
            } while said.count <= limits.output
            complaint += Child.take(&errors)
            if complaint.count > limits.errors * 2 { complaint.removeFirst(complaint.count - limits.errors) }
            if said.count > limits.output { return .tooLong }
            if words.contains(Bell.cancelled) { return .cancelled }
            if hasEnded { return nil }
        }
    }

    private func wait(milliseconds: Int64, alsoForOutput: Bool) {
        var waiting = [pollfd(fd: bell.descriptor, events: Int16(POLLIN), revents: 0)]
        if alsoForOutput {
            for descriptor in [output, errors] where descriptor >= 0 {
                waiting.append(pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0))
            }
        }
        poll(&waiting, nfds_t(waiting.count), Int32(clamping: milliseconds))
    }

    /// What is there now; the descriptor becomes -1 at the end of its stream.
    private static func take(_ descriptor: inout Int32) -> [UInt8] {
        guard descriptor >= 0 else { return [] }
        var buffer = [UInt8](repeating: 0, count: mouthful)
        var count = -1
        repeat { count = read(descriptor, &buffer, buffer.count) } while count < 0 && errno == EINTR
        if count > 0 { return Array(buffer[0..<count]) }
        if count < 0 && errno == EAGAIN { return [] }
        close(descriptor)
        descriptor = -1
        return []
    }

    // MARK: - Ending

    /// The leader is not reaped before the last signal, so the group's number cannot have become another's.
    private mutating func end() {
        signal(SIGTERM)
        waitForEnd(limits.grace)
        signal(SIGKILL)
        waitForEnd(Child.longestDying)
    }

    private func signal(_ number: Int32) {
        kill(-process, number)
        // It may have left the group that it led.
        kill(process, number)
    }

    private mutating func waitForEnd(_ time: Duration) {
        let end = SystemClock.steady() + time
        while !hasEnded {
            let left = (end - SystemClock.steady()).inMilliseconds
            guard left > 0 else { return }
            wait(milliseconds: left, alsoForOutput: false)
            if bell.words().contains(Bell.ended) { hasEnded = true }
        }
    }

    private func reap() -> ChildProcess.End {
        guard hasEnded else {
            // Whenever it does end, it must not stay in the process table.
            startThread(name: "davit-wait") { [process] in
                dposix_wait_ended(process)
                _ = Children.remove(process) { Child.status(of: process) }
            }
            return .signal(SIGKILL)
        }
        return Children.remove(process) { Child.status(of: process) }
    }

    private static func status(of process: pid_t) -> ChildProcess.End {
        var status: Int32 = 0
        while waitpid(process, &status, 0) < 0 && errno == EINTR {}
        let signal = status & 0x7F
        return signal == 0 ? .status((status >> 8) & 0xFF) : .signal(signal)
    }
}
