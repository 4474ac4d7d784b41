import CCurl
import Glibc
import OSSProtocol

/// One libcurl multi handle on one thread. Commands come through a locked list and `curl_multi_wakeup`.
final class CurlLoop: @unchecked Sendable {
    // Safe to share: everything below `Thread's own` is touched by the loop's thread only; the rest is locked.
    private enum Command {
        case add(Exchange)
        case cancel(UInt64)
        case wake
        case close
    }
    private struct Shared {
        var commands: [Command] = []
        var weight: Int64 = 0
        var isClosed = false
    }

    private let shared = Lock(Shared())
    private let multi: UnsafeMutableRawPointer
    private let settings: CurlTransport.Configuration
    private let limit: RateLimit

    // Thread's own.
    private var active: [UInt64: Exchange] = [:]
    private var byHandle: [UnsafeMutableRawPointer: Exchange] = [:]
    private var idle: [UnsafeMutableRawPointer] = []
    private var lastSweep: UInt64 = 0

    private static let sweepInterval: UInt64 = 100_000_000
    /// How often paused bodies ask the rate limit again.
    private static let pausedWait: Int32 = 10
    private static let longestWait: Int32 = 1000

    init(settings: CurlTransport.Configuration, limit: RateLimit, number: Int) throws(TransportError) {
        guard let multi = curl_multi_init() else { throw TransportError(kind: .closed, message: "libcurl cannot be started") }
        self.multi = multi
        self.settings = settings
        self.limit = limit
        // Below the parallelism every request would make a new connection, over TLS at ten times the cost.
        _ = dcurl_multi_set_long(multi, CURLMOPT_MAXCONNECTS, settings.maxConnections)
        startThread(name: "davit-curl-\(number)") { [self] in run() }
    }

    var weight: Int64 { shared.withLock { $0.weight } }

    func add(_ exchange: Exchange) {
        let accepted = shared.withLock { state in
            guard !state.isClosed else { return false }
            state.weight += exchange.weight
            state.commands.append(.add(exchange))
            return true
        }
        guard accepted else { return exchange.fail(.closed, "the transport is closed") }
        curl_multi_wakeup(multi)
    }

    func cancel(_ id: UInt64) { post(.cancel(id)) }
    func wake() { post(.wake) }

    func close() {
        post(.close)
    }

    private func post(_ command: Command) {
        shared.withLock { $0.commands.append(command) }
        curl_multi_wakeup(multi)
    }

    private func run() {
        var isOpen = true
        while isOpen {
            let commands = shared.withLock { state in
                defer { state.commands.removeAll(keepingCapacity: true) }
                return state.commands
            }
            for command in commands {
                switch command {
                case .add(let exchange): begin(exchange)
                case .cancel(let id): if let exchange = active[id] { end(exchange) { $0.fail(.cancelled, "cancelled") } }
                case .wake: unpause()
                case .close: isOpen = false
                }
            }
            unpause()
            var running: Int32 = 0
            curl_multi_perform(multi, &running)
            collect()
            sweep()
            guard isOpen else { break }
            let hasPaused = active.values.contains { $0.isPaused }
            let wait = hasPaused ? Self.pausedWait : active.isEmpty ? Self.longestWait : 100
            if shared.withLock({ $0.commands.isEmpty }) { curl_multi_poll(multi, nil, 0, wait, nil) }
        }
        let left = shared.withLock { state -> [Exchange] in
            state.isClosed = true
            return state.commands.compactMap { if case .add(let exchange) = $0 { exchange } else { nil } }
        }
        for exchange in active.values { end(exchange) { $0.fail(.closed, "the transport was closed") } }
        for exchange in left { exchange.fail(.closed, "the transport was closed") }
        for easy in idle { curl_easy_cleanup(easy) }
        // The multi handle itself stays: a late `cancel` may still wake it.
    }

    private func unpause() {
        for exchange in active.values where exchange.isPaused {
            exchange.isPaused = false
            exchange.lastMovement = SystemClock.monotonicNanoseconds()
            curl_easy_pause(exchange.easy, 0)
        }
    }

    private func collect() {
        var left: Int32 = 0
        while let message = curl_multi_info_read(multi, &left) {
            guard message.pointee.msg == CURLMSG_DONE, let easy = message.pointee.easy_handle else { continue }
            let result = message.pointee.data.result
            guard let exchange = byHandle[easy] else { continue }
            let status = Int(dcurl_info_long(easy, CURLINFO_RESPONSE_CODE, 0))
            end(exchange) { settle($0, result, status) }
        }
    }

    private func settle(_ exchange: Exchange, _ result: CURLcode, _ status: Int) {
        if let number = exchange.sourceFailure {
            let why = number == 0 ? "the file is shorter than it was" : String(cString: strerror(number))
            return exchange.fail(.source(errno: number), why)
        }
        if exchange.isTooLarge { return exchange.fail(.answerTooLarge, "the answer is larger than \(exchange.options.maxAnswerBytes) bytes") }
        // The server judged before it had read the whole body, then closed: its answer counts, the broken pipe does not.
        let isEarlyAnswer = status >= 300 && exchange.headersComplete && (result == CURLE_SEND_ERROR || result == CURLE_RECV_ERROR)
        if result == CURLE_OK || isEarlyAnswer { return exchange.succeed(status: status) }
        exchange.fail(.curl(Int32(result.rawValue)), String(cString: curl_easy_strerror(result)))
    }

    private func end(_ exchange: Exchange, _ report: (Exchange) -> Void) {
        active[exchange.id] = nil
        shared.withLock { $0.weight -= exchange.weight }
        if let easy = exchange.easy {
            byHandle[easy] = nil
            curl_multi_remove_handle(multi, easy)
            curl_easy_reset(easy)
            idle.append(easy)
        }
        curl_slist_free_all(exchange.headerList)
        exchange.easy = nil
        exchange.headerList = nil
        report(exchange)
    }

    /// Progress reports, and what has moved for too short a time.
    private func sweep() {
        let now = SystemClock.monotonicNanoseconds()
        guard now &- lastSweep >= Self.sweepInterval else { return }
        lastSweep = now
        for exchange in active.values {
            guard let easy = exchange.easy else { continue }
            let up = dcurl_info_offset(easy, CURLINFO_SIZE_UPLOAD_T, 0)
            let down = dcurl_info_offset(easy, CURLINFO_SIZE_DOWNLOAD_T, 0)
            if let progress = exchange.progress, exchange.body != nil, Int64(up) > exchange.lastReported {
                exchange.lastReported = Int64(up)
                progress(Int64(up))
            }
            if Int64(up + down) != exchange.lastTotal || exchange.isPaused {
                exchange.lastTotal = Int64(up + down)
                exchange.lastMovement = now
            } else if now &- exchange.lastMovement > UInt64(max(0, exchange.options.stallTimeout.inMilliseconds)) * 1_000_000 {
                let seconds = exchange.options.stallTimeout.components.seconds
                end(exchange) { $0.fail(.curl(Int32(CURLE_OPERATION_TIMEDOUT.rawValue)), "no byte moved for \(seconds) s") }
                continue
            }
            if let total = exchange.options.total, now &- exchange.begun > UInt64(max(0, total.inMilliseconds)) * 1_000_000 {
                end(exchange) { $0.fail(.curl(Int32(CURLE_OPERATION_TIMEDOUT.rawValue)), "no answer within \(total.components.seconds) s") }
            }
        }
    }

    private func begin(_ exchange: Exchange) {
        active[exchange.id] = exchange
        guard let easy = idle.popLast() ?? curl_easy_init() else {
            return end(exchange) { $0.fail(.curl(Int32(CURLE_OUT_OF_MEMORY.rawValue)), "out of memory") }
        }
        exchange.easy = easy
        byHandle[easy] = exchange
        guard prepare(exchange, easy) else {
            return end(exchange) { $0.fail(.curl(Int32(CURLE_URL_MALFORMAT.rawValue)), "the request holds a line end or cannot be sent") }
        }
        let code = curl_multi_add_handle(multi, easy)
        if code != CURLM_OK { end(exchange) { $0.fail(.curl(Int32(CURLE_FAILED_INIT.rawValue)), String(cString: curl_multi_strerror(code))) } }
    }

    /// Everything curl must know, and nothing it would add by itself: a signer never sends what it did not sign.
    private func prepare(_ exchange: Exchange, _ easy: UnsafeMutableRawPointer) -> Bool {
        let request = exchange.request
        guard !request.url.utf8.contains(where: { $0 <= 32 }) else { return false }
        guard dcurl_set_text(easy, CURLOPT_URL, request.url) == CURLE_OK else { return false }
        _ = dcurl_set_long(easy, CURLOPT_NOSIGNAL, 1)
        _ = dcurl_set_long(easy, CURLOPT_PATH_AS_IS, 1)
        _ = dcurl_set_long(easy, CURLOPT_FOLLOWLOCATION, 0)
        _ = dcurl_set_long(easy, CURLOPT_HTTP_VERSION, Int(CURL_HTTP_VERSION_1_1))
        _ = dcurl_set_long(easy, CURLOPT_TCP_KEEPALIVE, 1)
        _ = dcurl_set_long(easy, CURLOPT_CONNECTTIMEOUT_MS, Int(exchange.options.connectTimeout.inMilliseconds))
        _ = dcurl_set_text(easy, CURLOPT_PROTOCOLS_STR, "http,https")
        if let file = settings.caFile { _ = dcurl_set_text(easy, CURLOPT_CAINFO, file) }
        if let socket = settings.unixSocket {
            _ = dcurl_set_text(easy, CURLOPT_UNIX_SOCKET_PATH, socket)
            _ = dcurl_set_text(easy, CURLOPT_NOPROXY, "*")
        }
        if let agent = settings.userAgent { _ = dcurl_set_text(easy, CURLOPT_USERAGENT, agent) }

        var list: UnsafeMutablePointer<curl_slist>?
        for line in ["Expect:", "Accept:", "Transfer-Encoding:"] { list = curl_slist_append(list, line) }
        for field in request.headers.fields where field.name.lowercased() != "content-length" && field.name.lowercased() != "host" {
            let text = field.name + field.value
            guard !text.utf8.contains(where: { $0 == 10 || $0 == 13 || $0 == 0 }) else {
                curl_slist_free_all(list)
                return false
            }
            list = curl_slist_append(list, field.value.isEmpty ? field.name + ";" : "\(field.name): \(field.value)")
        }
        exchange.headerList = list
        _ = dcurl_set_list(easy, CURLOPT_HTTPHEADER, list)

        switch request.method {
        case "HEAD": _ = dcurl_set_long(easy, CURLOPT_NOBODY, 1)
        case "GET": _ = dcurl_set_long(easy, CURLOPT_HTTPGET, 1)
        case "PUT", "POST":
            // POST goes the way of PUT, so that curl adds no content type.
            _ = dcurl_set_long(easy, CURLOPT_UPLOAD, 1)
            _ = dcurl_set_offset(easy, CURLOPT_INFILESIZE_LARGE, curl_off_t(exchange.bodyLength))
            if request.method == "POST" { _ = dcurl_set_text(easy, CURLOPT_CUSTOMREQUEST, "POST") }
            if exchange.body != nil { _ = dcurl_set_long(easy, CURLOPT_UPLOAD_BUFFERSIZE, settings.uploadBuffer) }
        default: _ = dcurl_set_text(easy, CURLOPT_CUSTOMREQUEST, request.method)
        }
        setCallbacks(exchange, easy)
        return true
    }

    private func setCallbacks(_ exchange: Exchange, _ easy: UnsafeMutableRawPointer) {
        let pointer = Unmanaged.passUnretained(exchange).toOpaque()
        exchange.limit = limit
        _ = dcurl_set_reader(
            easy,
            { buffer, size, count, context in
                guard let buffer, let context else { return 0 }
                let exchange = Unmanaged<Exchange>.fromOpaque(context).takeUnretainedValue()
                return exchange.read(into: UnsafeMutableRawPointer(buffer), size * count)
            }, pointer)
        _ = dcurl_set_header_writer(
            easy,
            { bytes, size, count, context in
                guard let bytes, let context else { return 0 }
                let exchange = Unmanaged<Exchange>.fromOpaque(context).takeUnretainedValue()
                return exchange.takeHeader(UnsafeRawBufferPointer(start: bytes, count: size * count)) ? size * count : 0
            }, pointer)
        _ = dcurl_set_writer(
            easy,
            { bytes, size, count, context in
                guard let bytes, let context else { return 0 }
                let exchange = Unmanaged<Exchange>.fromOpaque(context).takeUnretainedValue()
                let status = exchange.easy.map { Int(dcurl_info_long($0, CURLINFO_RESPONSE_CODE, 0)) } ?? 0
                let chunk = UnsafeRawBufferPointer(start: bytes, count: size * count)
                return exchange.takeContent(chunk, status: status) ? size * count : 0
            }, pointer)
    }
}
