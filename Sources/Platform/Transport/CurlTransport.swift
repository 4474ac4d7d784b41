import CCurl
import Glibc
import OSSProtocol

/// HTTP out, by libcurl: loops on threads of their own, bodies straight from files, TLS verified always, proxies as libcurl's
/// environment variables say.
public final class CurlTransport: Transport {
    public struct Configuration: Sendable {
        /// Threads with a multi handle each. One moves 10 Gbit/s; more help past that.
        public var loops = min(4, max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN))))
        /// Connections kept open a loop; at least the parallelism.
        public var maxConnections = 256
        /// Trusted beside nothing else: a PEM file for private endpoints.
        public var caFile: String?
        /// Every request goes to this socket, whatever its host.
        public var unixSocket: String?
        /// Bytes; 256–512 KiB is the knee of the measured curve. Only file bodies use it.
        public var uploadBuffer = 512 << 10
        public var userAgent: String?
        public init() {}
    }

    private let loops: [CurlLoop]
    private let limit = RateLimit()
    private let nextID = Lock<UInt64>(1)

    private static let initialized: Void = {
        curl_global_init(Int(CURL_GLOBAL_ALL))
        signal(SIGPIPE, SIG_IGN)
    }()

    public init(_ configuration: Configuration = Configuration()) throws(TransportError) {
        _ = CurlTransport.initialized
        var loops: [CurlLoop] = []
        for number in 0..<max(1, min(4, configuration.loops)) {
            loops.append(try CurlLoop(settings: configuration, limit: limit, number: number))
        }
        self.loops = loops
    }

    /// Bytes a second over the bodies of all files together, at once; `nil` is no limit, 0 stops them.
    public func setRateLimit(_ bytesPerSecond: Int64?) {
        limit.set(bytesPerSecond)
        for loop in loops { loop.wake() }
    }

    /// Everything under way fails with `.closed`.
    public func close() { for loop in loops { loop.close() } }

    public func send(
        _ request: HTTPRequest, body: FileBody?, options: SendOptions, progress: (@Sendable (Int64) -> Void)?
    ) async throws(TransportError) -> TransportReply {
        try await exchange(request, body: body, options: options, progress: progress, onChunk: nil)
    }

    /// An answer that is read while it comes (server-sent events). `onChunk` runs on the transport's thread.
    public func stream(
        _ request: HTTPRequest, options: SendOptions, onChunk: @escaping @Sendable ([UInt8]) -> Void
    ) async throws(TransportError) -> HTTPResponse {
        try await exchange(request, body: nil, options: options, progress: nil, onChunk: onChunk).response
    }

    private func exchange(
        _ request: HTTPRequest, body: FileBody?, options: SendOptions, progress: (@Sendable (Int64) -> Void)?,
        onChunk: (@Sendable ([UInt8]) -> Void)?
    ) async throws(TransportError) -> TransportReply {
        if Task.isCancelled { throw TransportError(kind: .cancelled, message: "cancelled") }
        let id = nextID.withLock { next in
            defer { next += 1 }
            return next
        }
        let loop = loops.count == 1 ? loops[0] : loops.min { $0.weight < $1.weight } ?? loops[0]
        let result: Result<TransportReply, TransportError> = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                loop.add(
                    Exchange(id: id, request: request, body: body, options: options, progress: progress, onChunk: onChunk) {
                        continuation.resume(returning: $0)
                    })
                // A cancel that came before the add found nothing to cancel.
                if Task.isCancelled { loop.cancel(id) }
            }
        } onCancel: {
            loop.cancel(id)
        }
        return try result.get()
    }
}
