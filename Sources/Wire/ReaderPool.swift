import CPosix
import Glibc
import Platform

/// Threads that read ahead for bodies on slow storage, so that a slow disk never stops a loop and its other requests.
///
/// Threads start with the first slow body and end with the transport.
final class ReaderPool: @unchecked Sendable {
    // Safe to share: `waiting` is a semaphore that never moves, the rest is locked.
    typealias Job = @Sendable () -> Void

    private struct State {
        var jobs: [Job] = []
        var threads = 0
        var isClosed = false
    }
    private let state = Lock(State())
    private let waiting: UnsafeMutablePointer<sem_t>

    /// Measured with 5 ms a read, 16 bodies: 2 threads 0.18 GiB/s, 4 0.35, 8 0.65.
    private static let mostThreads = 8

    init() {
        waiting = .allocate(capacity: 1)
        waiting.initialize(to: sem_t())
        sem_init(waiting, 0, 0)
    }

    deinit {
        sem_destroy(waiting)
        waiting.deallocate()
    }

    func run(_ job: @escaping Job) {
        let mustStart = state.withLock { state in
            guard !state.isClosed else { return false }
            state.jobs.append(job)
            guard state.threads < ReaderPool.mostThreads else { return false }
            state.threads += 1
            return true
        }
        if mustStart, !startThread(name: "davit-read", { [self] in work() }) { workWithoutThread() }
        sem_post(waiting)
    }

    func close() {
        let threads = state.withLock { state in
            state.isClosed = true
            state.jobs = []
            return state.threads
        }
        for _ in 0..<threads { sem_post(waiting) }
    }

    /// Others may take the job; where there are none, it is done here: slow, but not never.
    private func workWithoutThread() {
        let job = state.withLock { state in
            state.threads -= 1
            return state.threads == 0 && !state.jobs.isEmpty ? state.jobs.removeLast() : nil
        }
        job?()
    }

    private func work() {
        while true {
            while sem_wait(waiting) != 0 {}
            let (job, isClosed) = state.withLock { state in (state.jobs.isEmpty ? nil : state.jobs.removeFirst(), state.isClosed) }
            if isClosed { return }
            job?()
        }
    }
}

/// How long reads take: decides between reading in the callback and reading ahead. Shared by all loops.
final class ReadTimes: Sendable {
    private struct State {
        var average: Double = 0
        var isSlow = false
    }
    private let state = Lock(State())
    private let slow: Double

    /// One reading weighs an eighth of four times the bound at most, so that it takes three to make a slow disk.
    private static let weight = 0.125
    private static let mostCounted = 4.0
    /// Fast again only well below the bound, so that the two ways do not alternate.
    private static let fastAgain = 0.25
    /// The time of a shorter read says little about the storage.
    private static let worthTiming = 64 << 10

    /// - Parameter slow: an average read longer than this is slow.
    init(slow: Duration) { self.slow = Double(slow.inNanoseconds) }

    var isSlow: Bool { slow == 0 || state.withLock { $0.isSlow } }

    /// Performs a read of so many bytes on this thread and notes how long the storage took.
    func measure<Result>(_ bytes: Int, _ read: () -> Result) -> Result {
        guard bytes >= ReadTimes.worthTiming else { return read() }
        let waits = dposix_voluntary_waits()
        let begun = SystemClock.monotonicNanoseconds()
        let result = read()
        // A thread that never waited was slow because others wanted the processor: more threads would not help.
        note(nanoseconds: dposix_voluntary_waits() == waits ? 0 : SystemClock.monotonicNanoseconds() - begun)
        return result
    }

    func note(nanoseconds: UInt64) {
        state.withLock { state in
            state.average += (min(Double(nanoseconds), slow * ReadTimes.mostCounted) - state.average) * ReadTimes.weight
            if state.average > slow { state.isSlow = true } else if state.average < slow * ReadTimes.fastAgain { state.isSlow = false }
        }
    }
}
