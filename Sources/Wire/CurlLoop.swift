import CCurl
import CPosix
import Glibc
import OSSProtocol
import Platform

/// One libcurl multi handle on one thread. Commands come through a locked list and `SocketWatch.wake`.
final class CurlLoop: @unchecked Sendable {
    // Safe to share: `shared` is locked, `watch` is used from other threads for `wake` only, everything below
    // "The thread's own" is touched by the loop's thread only.
    private enum Command {
        case add(Exchange)
        case cancel(UInt64)
        /// The pool has read what that exchange waits for.
        case resume(UInt64)
        case rateChanged
        case close
    }
    private struct Shared {
        var commands: [Command] = []
        var isStarted = false
        var isClosed = false
    }

    let settings: CurlTransport.Configuration
    let limit: RateLimit
    let pool: ReaderPool
    let times: ReadTimes
    private let number: Int
    private let shared = Lock(Shared())
    private let multi: UnsafeMutableRawPointer
    private let watch: SocketWatch

    // The thread's own.
    private var active: [UInt64: Exchange] = [:]
    private var byHandle: [UnsafeMutableRawPointer: Exchange] = [:]
    private var idle: [EasyHandle.Use: [EasyHandle]] = [:]
    /// Held by a rate limit, higher priority first, then the longest waiting; only the first whose limits allow it may go on.
    private var queue: [UInt64] = []
    private var turn: UInt64?
    /// To be let go on once libcurl has returned.
    private var released: [Exchange] = []
    let sockets = Sockets()
    private var nextCheck: UInt64 = .max
    private var idleSince: UInt64?
    private var sampledAt: UInt64?
    /// What its exchanges waited for so far.
    let waits = Lock(TransportWaits())

    /// Buffers of handles that nobody needs are given back after that time.
    private static let keepIdle: UInt64 = 10_000_000_000
    private static let longestWait: UInt64 = 60_000_000_000
    /// An order's own limit may change at any time, and tells no loop.
    private static let longestHold: UInt64 = 500_000_000
    private static let sampleInterval: UInt64 = 100_000_000
    /// A larger file body is sent by the read callback; libcurl sends one below 64 KiB together with the headers.
    private static let smallBody: Int64 = 60 << 10

    /// libcurl allocates a handle's upload buffer anew for every request. With malloc's defaults each goes back to the kernel and
    /// comes again page by page: half of the CPU of a 1 MiB upload.
    private static let keepsBuffers: Void = dposix_keep_freed_blocks()

    init(settings: CurlTransport.Configuration, limit: RateLimit, pool: ReaderPool, times: ReadTimes, number: Int) throws(TransportError) {
        guard let multi = curl_multi_init() else {
            throw TransportError(kind: .closed, message: "libcurl cannot be started (out of memory)")
        }
        guard let watch = SocketWatch(multi) else {
            curl_multi_cleanup(multi)
            throw TransportError(kind: .closed, message: "connections cannot be watched (\(FileError.text(of: errno)))")
        }
        (self.multi, self.watch) = (multi, watch)
        self.settings = settings
        self.limit = limit
        self.pool = pool
        self.times = times
        self.number = number
        // Below the parallelism every request would make a new connection, over TLS at eight times the CPU.
        _ = dcurl_multi_set_long(multi, CURLMOPT_MAXCONNECTS, max(1, settings.maxConnections))
    }

    deinit { curl_multi_cleanup(multi) }

    // MARK: - From any thread

    func add(_ exchange: Exchange) {
        if !post(.add(exchange)) { exchange.fail(.closed, "the transport is closed") }
    }

    func cancel(_ exchange: Exchange) {
        exchange.isCancelled.withLock { $0 = true }
        post(.cancel(exchange.id))
    }

    func resume(_ id: UInt64) { post(.resume(id)) }
    func rateChanged() { post(.rateChanged) }
    func close() { post(.close) }

    @discardableResult private func post(_ command: Command) -> Bool {
        let (isAccepted, mustStart, mustWake) = shared.withLock { state in
            guard !state.isClosed else { return (false, false, false) }
            var mustStart = false
            switch command {
            case .add:
                mustStart = !state.isStarted
                state.isStarted = true
            case .close: state.isClosed = true
            default: break
            }
            // A loop without a thread has nothing that could be cancelled, resumed or closed.
            guard state.isStarted else { return (true, false, false) }
            state.commands.append(command)
            return (true, mustStart, state.commands.count == 1 && !mustStart)
        }
        if mustStart, !startThread(name: "davit-curl-\(number)", { [self] in run() }) { failToStart() }
        // Once is enough: the wake-up stays until the loop polls, and it takes the whole list.
        if mustWake { watch.wake() }
        return isAccepted
    }

    /// The next exchange tries again.
    private func failToStart() {
        let commands = shared.withLock { state in
            defer { state.commands = [] }
            state.isStarted = false
            return state.commands
        }
        for case .add(let exchange) in commands { exchange.fail(.closed, "no thread can be started") }
    }

    // MARK: - The thread

    private func run() {
        watch.isTold = { [unowned sockets] in sockets.isOpen($0) }
        sockets.onClose = { [unowned self] socket in
            watch.forget(socket)
            for exchange in active.values where exchange.socket == socket {
                exchange.takeLateAnswer(from: socket)
                // The number is soon another's.
                exchange.socket = -1
            }
        }
        while obey() {
            letGoOn(SystemClock.monotonicNanoseconds())
            watch.actOnTimer()
            collect()
            for exchange in released where exchange.hold != nil { unpause(exchange) }
            let mustHurry = !released.isEmpty
            released.removeAll(keepingCapacity: true)
            let now = SystemClock.monotonicNanoseconds()
            check(now)
            sample(now)
            let wait = mustHurry ? 0 : self.wait(now)
            watch.wait(atMost: wait)
            collect()
        }
        for exchange in active.values { end(exchange) { $0.fail(.closed, "the transport was closed") } }
        let late = shared.withLock { state in
            defer { state.commands = [] }
            return state.commands
        }
        for case .add(let exchange) in late { exchange.fail(.closed, "the transport is closed") }
        idle = [:]
        sockets.onClose = { _ in }
    }

    /// - Returns: false to end.
    private func obey() -> Bool {
        let commands = shared.withLock { state in
            defer { state.commands = [] }
            return state.commands
        }
        var goesOn = true
        for command in commands {
            switch command {
            case .add(let exchange) where goesOn: begin(exchange)
            case .add(let exchange): exchange.fail(.closed, "the transport is closed")
            case .cancel(let id): if let exchange = active[id] { end(exchange) { $0.fail(.cancelled, "cancelled") } }
            case .resume(let id): if let exchange = active[id], exchange.hold == .reading { unpause(exchange) }
            case .rateChanged: if limit.isStopped { holdAll() }
            case .close: goesOn = false
            }
        }
        return goesOn
    }

    private func wait(_ now: UInt64) -> UInt64 {
        let longest = CurlLoop.longestWait
        var wait = longest
        for id in queue {
            guard let exchange = active[id] else { continue }
            wait = min(wait, exchange.options.pace.limits.isEmpty ? longest : CurlLoop.longestHold, self.wait(of: exchange, now))
            if wait == 0 { break }
        }
        if nextCheck != .max { wait = min(wait, nextCheck - min(now, nextCheck)) }
        guard active.isEmpty, idle.contains(where: { !$1.isEmpty }) else {
            idleSince = nil
            return wait
        }
        let since = idleSince ?? now
        idleSince = since
        if now - since >= CurlLoop.keepIdle { idle = [:] }
        return min(wait, CurlLoop.keepIdle)
    }

    private func check(_ now: UInt64) {
        guard now >= nextCheck else { return }
        nextCheck = .max
        for exchange in active.values {
            if let reason = exchange.check(now: now) {
                end(exchange) { $0.fail(.curl(Int32(CURLE_OPERATION_TIMEDOUT.rawValue)), reason) }
            } else {
                nextCheck = min(nextCheck, exchange.nextCheck(now: now))
            }
        }
    }

    /// What each exchange waits for now counts for the time since the last look.
    private func sample(_ now: UInt64) {
        guard !active.isEmpty else {
            sampledAt = nil
            return
        }
        guard let before = sampledAt else {
            sampledAt = now
            return
        }
        guard now - min(before, now) >= CurlLoop.sampleInterval else { return }
        sampledAt = now
        var waits = TransportWaits()
        let seconds = Double(now - before) / 1e9
        for exchange in active.values { waits[keyPath: exchange.wait] += seconds }
        self.waits.withLock { $0 += waits }
    }

    // MARK: - One exchange

    private func begin(_ exchange: Exchange) {
        guard !exchange.isCancelled.withLock({ $0 }) else { return exchange.fail(.cancelled, "cancelled") }
        exchange.loop = self
        var use = EasyHandle.Use.inMemory
        if let body = exchange.body {
            let isHeldBack = limit.isSet || times.isSlow || body.source.mayHang || exchange.options.pace.isLimited
            use = body.length > CurlLoop.smallBody || (body.length > 0 && isHeldBack) ? .fileBody : .smallFile
        }
        if use == .fileBody { _ = CurlLoop.keepsBuffers }
        guard let handle = idle[use]?.popLast() ?? EasyHandle(use) else {
            return exchange.fail(.curl(Int32(CURLE_OUT_OF_MEMORY.rawValue)), "out of memory")
        }
        if use == .smallFile, let body = exchange.body {
            guard exchange.readWhole(body, into: handle.room(for: Int(body.length))) else {
                idle[use, default: []].append(handle)
                return exchange.fail(exchange.failure?.kind ?? .source(errno: 0), exchange.failure?.message ?? "")
            }
        } else if use == .inMemory {
            exchange.crc.update(exchange.request.body)
        }
        exchange.handle = handle
        active[exchange.id] = exchange
        byHandle[handle.easy] = exchange
        if let (code, message) = handle.prepare(exchange, settings, sockets) {
            return end(exchange) { $0.fail(.curl(Int32(code.rawValue)), message) }
        }
        let code = curl_multi_add_handle(multi, handle.easy)
        guard code == CURLM_OK else {
            return end(exchange) { $0.fail(.curl(Int32(CURLE_FAILED_INIT.rawValue)), String(cString: curl_multi_strerror(code))) }
        }
        nextCheck = min(nextCheck, exchange.nextCheck(now: SystemClock.monotonicNanoseconds()))
    }

    private func collect() {
        var left: Int32 = 0
        while let message = curl_multi_info_read(multi, &left) {
            guard message.pointee.msg == CURLMSG_DONE, let easy = message.pointee.easy_handle else { continue }
            let result = message.pointee.data.result
            guard let exchange = byHandle[easy] else { continue }
            end(exchange) { settle($0, result) }
        }
    }

    private func settle(_ exchange: Exchange, _ result: CURLcode) {
        if let failure = exchange.failure { return exchange.fail(failure.kind, failure.message) }
        // The server judged before it had read the whole body, then closed: its answer counts, the broken pipe does not.
        let isBroken = result == CURLE_SEND_ERROR || (exchange.isLate && result == CURLE_RECV_ERROR)
        let isEarlyAnswer = isBroken && exchange.headersComplete && exchange.status >= 300
        if result == CURLE_OK || isEarlyAnswer { return exchange.succeed() }
        exchange.fail(.curl(Int32(result.rawValue)), exchange.handle?.explanation(of: result) ?? "")
    }

    private func end(_ exchange: Exchange, _ report: (Exchange) -> Void) {
        if exchange.hold == .rate { leaveQueue(exchange) }
        active[exchange.id] = nil
        if turn == exchange.id { turn = nil }
        if let handle = exchange.handle {
            byHandle[handle.easy] = nil
            curl_multi_remove_handle(multi, handle.easy)
            report(exchange)
            idle[handle.use, default: []].append(handle)
        } else {
            report(exchange)
        }
        curl_slist_free_all(exchange.headerList)
        exchange.handle = nil
        exchange.headerList = nil
        exchange.readAhead = nil
        exchange.hold = nil
    }

    // MARK: - Holding back

    /// What the rate limits give; nothing while others wait longer for the same.
    func grant(_ wanted: Int, to exchange: Exchange) -> RateLimit.Grant {
        let pace = exchange.options.pace
        if !limit.isSet, !pace.isLimited { return .bytes(wanted) }
        guard queue.isEmpty || turn == exchange.id else { return .wait(0) }
        turn = nil
        let now = SystemClock.monotonicNanoseconds()
        var granted = wanted
        let limits = pace.limits + [limit]
        for (index, limit) in limits.enumerated() {
            let grant = limit.take(granted, priority: pace.priority, now: now)
            guard case .bytes(let bytes) = grant else {
                for earlier in limits[..<index] { earlier.giveBack(granted) }
                return grant
            }
            if bytes < granted { for earlier in limits[..<index] { earlier.giveBack(granted - bytes) } }
            granted = bytes
        }
        return .bytes(granted)
    }

    func giveBack(_ bytes: Int, of exchange: Exchange) {
        limit.giveBack(bytes)
        for limit in exchange.options.pace.limits { limit.giveBack(bytes) }
    }

    private func wait(of exchange: Exchange, _ now: UInt64) -> UInt64 {
        let (piece, pace) = (piece(exchange), exchange.options.pace)
        return pace.limits.reduce(limit.wait(for: piece, priority: pace.priority, now: now)) {
            max($0, $1.wait(for: piece, priority: pace.priority, now: now))
        }
    }

    private func joinQueue(_ exchange: Exchange) {
        let priority = exchange.options.pace.priority
        let place = queue.firstIndex { active[$0].map { $0.options.pace.priority > priority } ?? false }
        queue.insert(exchange.id, at: place ?? queue.endIndex)
        // One with a limit of its own may wait for that: nobody else is held up by it.
        exchange.isCountedAsHeld = !exchange.options.pace.isLimited
        if exchange.isCountedAsHeld { limit.held(1, priority: priority) }
    }

    private func leaveQueue(_ exchange: Exchange) {
        guard let place = queue.firstIndex(of: exchange.id) else { return }
        queue.remove(at: place)
        if exchange.isCountedAsHeld { limit.held(-1, priority: exchange.options.pace.priority) }
        exchange.isCountedAsHeld = false
    }

    func hold(_ exchange: Exchange, _ hold: Exchange.Hold) {
        exchange.setHold(hold, now: SystemClock.monotonicNanoseconds())
        switch hold {
        case .rate: joinQueue(exchange)
        case .answer: released.append(exchange)
        case .reading: break
        }
    }

    /// Inside a callback nothing can be let go on.
    func releaseSoon(_ exchange: Exchange) { released.append(exchange) }

    private func letGoOn(_ now: UInt64) {
        guard let exchange = queue.lazy.compactMap({ self.active[$0] }).first(where: { self.wait(of: $0, now) == 0 }) else { return }
        turn = exchange.id
        unpause(exchange)
    }

    private func piece(_ exchange: Exchange) -> Int {
        max(1, Int(min(exchange.bodyLength - exchange.position, Int64(settings.uploadBuffer))))
    }

    private func unpause(_ exchange: Exchange) {
        if exchange.hold == .rate { leaveQueue(exchange) }
        exchange.setHold(nil, now: SystemClock.monotonicNanoseconds())
        if let easy = exchange.handle?.easy { curl_easy_pause(easy, CURLPAUSE_CONT) }
    }

    /// The rate became 0: what lies in libcurl's buffers stops too.
    private func holdAll() {
        for exchange in active.values where exchange.hold == nil && exchange.handle?.use == .fileBody && !exchange.headersComplete {
            guard let easy = exchange.handle?.easy, dcurl_info_offset(easy, CURLINFO_SIZE_UPLOAD_T, 0) < exchange.bodyLength else {
                continue
            }
            curl_easy_pause(easy, CURLPAUSE_SEND)
            hold(exchange, .rate)
        }
    }
}
