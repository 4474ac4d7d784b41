import Contracts
import Glibc
import HTTPTypes
import Hummingbird
import Logging
import NIOCore
import Platform

/// The control API on its Unix socket: reads requests, checks who asks, writes answers. What they mean is `ControlAPI`'s matter.
public struct ControlServer: Sendable {
    let api: ControlAPI
    let hub: EventHub
    let path: String
    let log: Logger
    /// Connections at once; more wait to be taken.
    var mostConnections = 1024

    /// From the head of a request to the end of its body.
    static let bodyTime: Duration = .seconds(30)
    /// A connection without a request is closed; a stream of events is none.
    private static let idleTime: TimeAmount = .minutes(5)
    private static let lackPause: TimeAmount = .milliseconds(100)
    private static let headBytes = 64 << 10
    private static let headFields = 100

    /// Serves until the task is shut down gracefully or cancelled.
    ///
    /// - Parameters:
    ///   - ready: called once requests are taken.
    ///   - touched: called with each request, for whoever watches for idleness.
    /// The caller holds the engine's lock: a socket file that is there belongs to nobody and is replaced.
    func run(ready: @escaping @Sendable () async -> Void, touched: @escaping @Sendable () -> Void) async throws {
        try clearPath()
        let responder = ControlResponder(api: api, hub: hub, touched: touched)
        let application = Application(
            responder: responder,
            server: .http1(
                configuration: .init(
                    additionalChannelHandlers: [NoHTTPAnswer()], idleTimeout: ControlServer.idleTime,
                    httpDecoderConfiguration: .init(
                        maxHeaderFieldSize: ControlServer.headBytes, maxHeaderListSize: ControlServer.headBytes,
                        maxHeaderFieldCount: ControlServer.headFields))),
            configuration: ApplicationConfiguration(
                address: .unixDomainSocket(path: path), serverName: nil,
                availableConnectionsDelegate: .maximum(mostConnections, logger: Logger(label: "davit.connections") { _ in SwiftLogNoOpLogHandler() })),
            onServerRunning: { [path] channel in
                await ControlServer.surviveLack(channel)
                // The folder is 0700 already; this guards against its being opened up later.
                chmod(path, 0o600)
                await ready()
            },
            logger: log)
        defer { unlink(path) }
        try await application.run()
    }

    /// Without a descriptor for another connection the server would end at the first that it cannot take: it waits instead.
    private static func surviveLack(_ server: any Channel) async {
        let added = server.eventLoop.submit {
            let handler = AcceptBackoffHandler(shouldForwardIOErrorCaught: false) { _ in lackPause }
            try server.pipeline.syncOperations.addHandler(handler, position: .first)
        }
        try? await added.get()
    }

    /// Removes the socket of an engine that is gone; nothing else that somebody may have put there.
    private func clearPath() throws(EngineFailure) {
        // `sun_path` has 108 bytes with its closing NUL.
        guard path.utf8.count <= 107 else { throw EngineFailure("the socket's path \(path) is over 107 bytes. Give a shorter one") }
        var information = stat()
        guard lstat(path, &information) == 0 else { return }
        guard information.st_mode & S_IFMT == S_IFSOCK else {
            throw EngineFailure("\(path) is no socket, so it is left alone. Give another path, or move it away")
        }
        unlink(path)
    }
}

struct ControlContext: RequestContext {
    var coreContext: CoreRequestContextStorage
    let channel: any Channel

    init(source: ApplicationRequestContextSource) {
        coreContext = CoreRequestContextStorage(source: source)
        channel = source.channel
    }
}

struct ControlResponder: HTTPResponder {
    typealias Context = ControlContext

    let api: ControlAPI
    let hub: EventHub
    let touched: @Sendable () -> Void

    func respond(to request: Request, context: ControlContext) async throws -> Response {
        touched()
        guard await Peer.isOurs(context.channel) else {
            return answer(.error(403, code: "NotYours", message: "this engine belongs to another user", exit: 5), closes: true)
        }
        let target = request.head.path ?? "/"
        let halves = target.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
        let path = String(halves.first ?? "/")
        let query = halves.count > 1 ? String(halves[1]) : nil
        let isHead = request.method == .head
        if request.method == .get, path == "/v1/events" {
            do throws(OrderError) {
                return events(try EventsRequest(query: query, lastEventID: request.headers[.lastEventID], now: SystemClock.wall()), context)
            } catch {
                return answer(.error(error))
            }
        }

        let body: [UInt8]
        switch await collect(request.body, upTo: ControlAPI.bodyLimit(path)) {
        case .whole(let bytes): body = bytes
        case .tooLarge:
            let limit = ControlAPI.bodyLimit(path) >> 20
            return answer(
                .error(413, code: "TooLarge", message: "the body is over \(limit) MiB. Send the order in several", exit: 2), closes: true)
        case .tooSlow:
            return answer(
                .error(408, code: "TooSlow", message: "the body did not come within \(ControlServer.bodyTime.components.seconds) s", exit: 8),
                closes: true)
        case .broken: return answer(.error(400, code: "BadRequest", message: "the body broke off", exit: 2), closes: true)
        }
        if request.method == .post, path == "/v1/plan", let plan = PlanStream(api: api, query: query, body: body) { return plan.response(context) }
        let response = await api.handle(ControlRequest(isHead ? "GET" : request.method.rawValue, path, query: query, body: body))
        api.log.debug("control request", metadata: ["call": "\(request.method.rawValue) \(path)", "status": "\(response.status)"])
        return answer(response, hasBody: !isHead)
    }

    private enum Collected: Sendable {
        case whole([UInt8])
        case tooLarge, tooSlow, broken
    }

    /// A peer that promises a body and does not send it must not hold a connection for ever.
    private func collect(_ body: RequestBody, upTo limit: Int) async -> Collected {
        await withTaskGroup(of: Collected.self) { tasks in
            tasks.addTask {
                var bytes: [UInt8] = []
                var isTooLarge = false
                do {
                    for try await buffer in body {
                        // Read on and forgotten: a peer that is still writing would never see the answer.
                        isTooLarge = isTooLarge || bytes.count + buffer.readableBytes > limit
                        if isTooLarge { bytes = [] } else { bytes += buffer.readableBytesView }
                    }
                    return isTooLarge ? .tooLarge : .whole(bytes)
                } catch is CancellationError {
                    return .tooSlow
                } catch {
                    return .broken
                }
            }
            tasks.addTask {
                try? await Task.sleep(for: ControlServer.bodyTime)
                return .tooSlow
            }
            let first = await tasks.next() ?? .broken
            tasks.cancelAll()
            return first
        }
    }

    private func answer(_ response: ControlResponse, hasBody: Bool = true, closes: Bool = false) -> Response {
        var headers = HTTPFields()
        headers[.contentType] = response.contentType
        headers[.cacheControl] = "no-store"
        headers[.davitAPI] = ControlResponse.apiVersion
        if let allowed = response.allowed { headers[.allow] = allowed }
        headers[.davitVersion] = EngineProgram.version
        if closes { headers[.connection] = "close" }
        guard hasBody else {
            headers[.contentLength] = String(response.body.count)
            return Response(status: HTTPResponse.Status(code: response.status), headers: headers, body: ResponseBody())
        }
        return Response(
            status: HTTPResponse.Status(code: response.status), headers: headers,
            body: ResponseBody(byteBuffer: ByteBuffer(bytes: response.body)))
    }

    private func events(_ wish: EventsRequest, _ context: ControlContext) -> Response {
        var headers = HTTPFields()
        headers[.contentType] = "text/event-stream"
        headers[.cacheControl] = "no-store"
        headers[.davitAPI] = ControlResponse.apiVersion
        headers[.davitVersion] = EngineProgram.version
        let (hub, channel, touched) = (hub, context.channel, touched)
        let body = ResponseBody { writer in
            let reader = await hub.attach(wish.wish) { channel.close(promise: nil) }
            // A reader that goes away while nothing happens is noticed by this, not by the next write.
            channel.closeFuture.whenComplete { _ in Task { await hub.detach(reader.id) } }
            do {
                for await _ in reader.bell {
                    let bytes = await hub.take(reader.id)
                    guard !bytes.isEmpty else { continue }
                    touched()
                    try await writer.write(ByteBuffer(bytes: bytes))
                    try await Task.sleep(for: EventHub.pause)
                }
                try await writer.finish(nil)
            } catch {
                await hub.detach(reader.id)
                throw error
            }
            await hub.detach(reader.id)
        }
        return Response(status: .ok, headers: headers, body: body)
    }
}

/// Who is at the other end of the socket.
enum Peer {
    /// `struct ucred`, which needs _GNU_SOURCE: pid, uid, gid.
    private struct Credentials: Sendable { var pid: Int32 = 0, uid: UInt32 = 0, gid: UInt32 = 0 }

    /// Whether the peer runs as the engine's own user. A peer that cannot be told is not.
    static func isOurs(_ channel: any Channel) async -> Bool {
        guard let provider = channel as? any SocketOptionProvider else { return false }
        let option = provider.unsafeGetSocketOption(level: .socket, name: .init(rawValue: SO_PEERCRED)) as EventLoopFuture<Credentials>
        guard let credentials = try? await option.get() else { return false }
        return credentials.uid == getuid()
    }
}

extension HTTPField.Name {
    static var lastEventID: HTTPField.Name { HTTPField.Name("Last-Event-ID") ?? .server }
    // The names are tokens, so the initializer cannot fail on them.
    static var davitAPI: HTTPField.Name { HTTPField.Name("Davit-API") ?? .server }
    static var davitVersion: HTTPField.Name { HTTPField.Name("Davit-Version") ?? .server }
}
