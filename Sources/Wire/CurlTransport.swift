import CCurl
import Glibc
import OSSProtocol
import Platform

/// HTTP out, by libcurl: loops on threads of their own, bodies straight from files, TLS verified always, proxies as libcurl's
/// environment variables say.
public final class CurlTransport: Transport {
    public struct Configuration: Sendable {
        /// Threads with a multi handle each, by default one a core up to four. One moves 10 Gbit/s.
        public var loops = min(4, max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN))))
        /// Connections kept open a loop; at least the parallelism.
        public var maxConnections = 256
        /// A PEM file of authorities that are trusted beside the system's (private endpoints).
        public var caFile: String?
        /// Every request goes to this socket, whatever its host.
        public var unixSocket: String?
        /// Bytes; 256–512 KiB is the knee of the measured curve. Only file bodies use it.
        public var uploadBuffer = 512 << 10
        /// `nil` sends none.
        public var userAgent: String?
        /// Authorities instead of the system's.
        var bundle: String?
        /// No proxy is set for anything: libcurl looks for the variables at every request.
        var hasNoProxy = false
        public init() {}
    }

    private let loops: [CurlLoop]
    private let limit = RateLimit()
    private let pool = ReaderPool()
    private let nextID = Lock<UInt64>(1)
    /// Bytes each loop has still been given to send.
    private let loads: Lock<[Int64]>

    private static let initialized: Void = {
        curl_global_init(Int(CURL_GLOBAL_ALL))
        Signals.ignorePipe()
    }()
    private static let mostLoops = 16
    /// A request without a body is work too.
    private static let requestWeight: Int64 = 4096

    public convenience init(_ configuration: Configuration = Configuration()) throws(TransportError) {
        try self.init(configuration, slowRead: .milliseconds(1))
    }

    /// - Parameter slowRead: when reads take longer on average, threads of their own read ahead; zero is always.
    init(_ configuration: Configuration, slowRead: Duration) throws(TransportError) {
        _ = CurlTransport.initialized
        var settings = configuration
        if settings.caFile?.isEmpty == true { settings.caFile = nil }
        settings.bundle = CurlTransport.environmentBundle()
        settings.hasNoProxy = CurlTransport.environmentHasNoProxy()
        settings.uploadBuffer = min(max(settings.uploadBuffer, 16 << 10), 2 << 20)
        let times = ReadTimes(slow: slowRead)
        var loops: [CurlLoop] = []
        for number in 0..<max(1, min(CurlTransport.mostLoops, settings.loops)) {
            loops.append(try CurlLoop(settings: settings, limit: limit, pool: pool, times: times, number: number))
        }
        self.loops = loops
        loads = Lock([Int64](repeating: 0, count: loops.count))
    }

    deinit { close() }

    /// The curl program's variables for the file of authorities, which the library does not read; the first one that is set counts.
    public static let bundleVariables = ["CURL_CA_BUNDLE", "SSL_CERT_FILE"]

    private static func environmentBundle() -> String? {
        for name in bundleVariables {
            if let value = getenv(name), value.pointee != 0 { return String(cString: value) }
        }
        return nil
    }

    private static func environmentHasNoProxy() -> Bool {
        let names: [String] = ["http_proxy", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"]
        return names.allSatisfy { getenv($0) == nil }
    }

    /// Bytes a second over the bodies of all files together, at once; `nil` is no limit, 0 stops them.
    public func setRateLimit(_ bytesPerSecond: Int64?) {
        limit.set(bytesPerSecond, now: SystemClock.monotonicNanoseconds())
        for loop in loops { loop.rateChanged() }
    }

    /// What requests waited for so far, as of the last tenth of a second.
    public var waits: TransportWaits { loops.reduce(into: TransportWaits()) { $0 += $1.waits.withLock { $0 } } }

    /// Everything under way fails with `.closed`.
    public func close() {
        for loop in loops { loop.close() }
        pool.close()
    }

    public func send(
        _ request: HTTPRequest, body: FileBody?, options: SendOptions, progress: (@Sendable (Int64) -> Void)?
    ) async throws(TransportError) -> TransportReply {
        try await exchange(request, body: body, options: options, progress: progress, onChunk: nil)
    }

    /// A streaming answer (server-sent events): `onChunk` gets the bytes of a success (2xx) as they come, on the transport's
    /// thread; the answer that is returned at the end has an empty body. Any other answer is collected as `send` does.
    public func stream(
        _ request: HTTPRequest, options: SendOptions = SendOptions(), onChunk: @escaping @Sendable ([UInt8]) -> Void
    ) async throws(TransportError) -> HTTPResponse {
        try await exchange(request, body: nil, options: options, progress: nil, onChunk: onChunk).response
    }

    private func exchange(
        _ request: HTTPRequest, body: FileBody?, options: SendOptions, progress: (@Sendable (Int64) -> Void)?,
        onChunk: (@Sendable ([UInt8]) -> Void)?
    ) async throws(TransportError) -> TransportReply {
        let id = nextID.withLock { next in
            defer { next += 1 }
            return next
        }
        let weight = (body?.length ?? Int64(request.body.count)) + CurlTransport.requestWeight
        let number = loads.withLock { loads in
            let number = loads.indices.min { loads[$0] < loads[$1] } ?? 0
            loads[number] += weight
            return number
        }
        defer { loads.withLock { $0[number] -= weight } }
        let loop = loops[number]
        let handed = Lock<Exchange?>(nil)
        let result: Result<TransportReply, TransportError> = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let exchange = Exchange(id: id, request: request, body: body, options: options, progress: progress, onChunk: onChunk) {
                    continuation.resume(returning: $0)
                }
                handed.withLock { $0 = exchange }
                // A cancel that came before found nothing to cancel.
                if Task.isCancelled { exchange.isCancelled.withLock { $0 = true } }
                loop.add(exchange)
            }
        } onCancel: {
            if let exchange = handed.withLock({ $0 }) { loop.cancel(exchange) }
        }
        return try result.get()
    }
}
