import Glibc
import Platform

/// The rest of one body, read by the pool into two buffers ahead of the socket.
final class ReadAhead: @unchecked Sendable {
    // Safe to share: a buffer's memory belongs to the pool while it is `.filling` and to the loop while it is `.full`; who has it
    // is written down under the lock.
    enum Taken: Equatable {
        case bytes(Int)
        /// `wake` is called once when there is something.
        case later
        /// Like `TransportError.Kind.source`.
        case failed(errno: Int32)
    }
    private enum Buffer: Equatable {
        case empty
        case filling
        case full(from: Int, to: Int)
    }
    private struct State {
        var buffers = [Buffer.empty, .empty]
        /// The buffer whose bytes come next.
        var turn = 0
        /// File offset of what is asked for next, and where the body ends.
        var next: Int64
        var failure: Int32?
        var isWaiting = false
        /// Buffers that the pool has not finished with.
        var reading = 0
    }

    private let source: SourceFile
    /// `FileBody.isGuarded`.
    private let isGuarded: Bool
    private let end: Int64
    private let size: Int
    private let memory: [UnsafeMutableRawPointer]
    private let pool: ReaderPool
    private let times: ReadTimes
    private let wake: @Sendable () -> Void
    private let state: Lock<State>

    init(
        source: SourceFile, isGuarded: Bool, from offset: Int64, to end: Int64, bufferSize: Int, pool: ReaderPool, times: ReadTimes,
        wake: @escaping @Sendable () -> Void
    ) {
        self.source = source
        self.isGuarded = isGuarded
        self.end = end
        size = bufferSize
        memory = (0..<2).map { _ in .allocate(byteCount: bufferSize, alignment: 4096) }
        self.pool = pool
        self.times = times
        self.wake = wake
        state = Lock(State(next: offset))
        fill(0)
        fill(1)
    }

    deinit { for memory in memory { memory.deallocate() } }

    /// Bytes that can be taken now; `nil` when there are none and `wake` will say when.
    func available() -> Taken {
        state.withLock { state in
            if case .full(let from, let to) = state.buffers[state.turn] { return .bytes(to - from) }
            if let failure = state.failure { return .failed(errno: failure) }
            state.isWaiting = true
            return .later
        }
    }

    /// Copies without taking: `drop` takes. `count` at most what `available` said.
    func copy(into buffer: UnsafeMutableRawPointer, _ count: Int) {
        let place = state.withLock { state -> UnsafeMutableRawPointer? in
            guard case .full(let from, _) = state.buffers[state.turn] else { return nil }
            return memory[state.turn] + from
        }
        if let place { buffer.copyMemory(from: place, byteCount: count) }
    }

    func drop(_ count: Int) {
        let emptied = state.withLock { state -> Int? in
            guard case .full(let from, let to) = state.buffers[state.turn] else { return nil }
            guard from + count == to else {
                state.buffers[state.turn] = .full(from: from + count, to: to)
                return nil
            }
            let emptied = state.turn
            state.buffers[emptied] = .empty
            state.turn = 1 - emptied
            return emptied
        }
        if let emptied { fill(emptied) }
    }

    private func fill(_ index: Int) {
        let range = state.withLock { state -> (offset: Int64, count: Int)? in
            let count = Int(min(Int64(size), end - state.next))
            guard count > 0, state.failure == nil else { return nil }
            defer { state.next += Int64(count) }
            state.buffers[index] = .filling
            state.reading += 1
            return (state.next, count)
        }
        guard let range else { return }
        pool.run { [self] in
            let result = times.measure(range.count) { source.read(into: memory[index], range.count, at: range.offset) }
            // Whoever is the last to have read looks at the file, here, where that may take its time. What comes first may be read last.
            let isLast = state.withLock { state in
                state.reading -= 1
                return state.reading == 0 && state.next == end
            }
            let isTorn = isGuarded && isLast && !source.isUnchanged
            let mustWake = state.withLock { state in
                switch result {
                case .success where isTorn: (state.buffers[index], state.failure) = (.empty, 0)
                case .success(let count) where count == range.count: state.buffers[index] = .full(from: 0, to: count)
                case .success: (state.buffers[index], state.failure) = (.empty, 0)
                case .failure(let error): (state.buffers[index], state.failure) = (.empty, error.errno)
                }
                defer { state.isWaiting = false }
                return state.isWaiting
            }
            if mustWake { wake() }
        }
    }
}
