import Glibc

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
        if mustStart { startThread(name: "davit-read") { [self] in work() } }
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

    /// One reading weighs an eighth, so a single hiccup is no slow disk.
    private static let weight = 0.125
    /// Fast again only well below the bound, so that the two ways do not alternate.
    private static let fastAgain = 0.25

    /// - Parameter slow: an average read longer than this is slow.
    init(slow: Duration) { self.slow = Double(slow.inNanoseconds) }

    var isSlow: Bool { slow == 0 || state.withLock { $0.isSlow } }

    func note(nanoseconds: UInt64) {
        state.withLock { state in
            state.average += (Double(nanoseconds) - state.average) * ReadTimes.weight
            if state.average > slow { state.isSlow = true } else if state.average < slow * ReadTimes.fastAgain { state.isSlow = false }
        }
    }
}
