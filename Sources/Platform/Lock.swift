import Glibc

/// State that several threads touch, one at a time. For leaf state only: never await, block or call out while holding it.
///
/// A pthread mutex on the heap: `Synchronization.Mutex` reports false races under the thread sanitizer when contended.
public final class Lock<State>: @unchecked Sendable {
    // Safe to share: `state` is only touched with `mutex` held, and `mutex` never moves.
    private let mutex: UnsafeMutablePointer<pthread_mutex_t>
    private var state: State

    public init(_ state: sending State) {
        self.state = state
        mutex = .allocate(capacity: 1)
        mutex.initialize(to: pthread_mutex_t())
        pthread_mutex_init(mutex, nil)
    }

    deinit {
        pthread_mutex_destroy(mutex)
        mutex.deallocate()
    }

    public func withLock<Result, Failure: Error>(_ body: (inout State) throws(Failure) -> Result) throws(Failure) -> Result {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        return try body(&state)
    }
}
