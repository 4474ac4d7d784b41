import Hummingbird
import HummingbirdCore
import HummingbirdTLS
import Logging
import NIOCore
import Platform

/// Serves `AuthorizationService` by Hummingbird: reads a bounded request, hands it over, writes the answer.
///
/// Nothing is written to a log here: a path may hold a token.
struct HTTPServer: Sendable {
    let service: AuthorizationService
    let host: String
    let port: Int
    let tls: TLS?
    /// Called once with the port that answers.
    let onListening: @Sendable (Int) async -> Void

    private static let mostConnections = 4096
    /// Kept free of connections: the audit log, questions to STS, the runtime's own. Files.
    private static let ownFiles = 64
    /// A slow peer holds a connection for so long at most.
    private static let idle: TimeAmount = .seconds(60)
    private static let mostHeaderBytes = 16 << 10
    private static let mostHeaders = 100

    /// Past the limit of open files accepting fails again and again, at the whole processor's expense.
    /// - Parameter openFiles: as many as may be open at once.
    static func connections(openFiles: Int) -> Int { max(1, min(mostConnections, openFiles - ownFiles)) }

    /// Until SIGTERM or SIGINT; requests under way are finished.
    func run() async throws {
        let base = HTTPServerBuilder.http1(
            configuration: .init(
                additionalChannelHandlers: [HeadDeadline(HTTPServer.idle)], idleTimeout: HTTPServer.idle,
                httpDecoderConfiguration: .init(
                    maxHeaderFieldSize: HTTPServer.mostHeaderBytes, maxHeaderListSize: HTTPServer.mostHeaderBytes,
                    maxHeaderFieldCount: HTTPServer.mostHeaders)))
        let builder = try tls.map { try HTTPServerBuilder.tls(base, tlsConfiguration: $0.configuration) } ?? base
        var logger = Logger(label: "davit-authd")
        logger.logLevel = .error
        let application = Application(
            responder: ServiceResponder(service: service, asksForCertificates: tls?.authorities != nil), server: builder,
            configuration: ApplicationConfiguration(
                address: .hostname(host, port: port),
                availableConnectionsDelegate: MaximumAvailableConnections(HTTPServer.connections(openFiles: Descriptors.limits().soft))),
            onServerRunning: { [onListening, port] channel in await onListening(channel.localAddress?.port ?? port) }, logger: logger)
        try await application.runService()
    }
}

/// A request's context that remembers who is at the other end.
struct PeerContext: RequestContext {
    var coreContext: CoreRequestContextStorage
    let channel: any Channel

    init(source: ApplicationRequestContextSource) {
        coreContext = CoreRequestContextStorage(source: source)
        channel = source.channel
    }

    var remote: String? { channel.remoteAddress?.ipAddress }

    /// What the certificate says that was verified in the handshake; empty without one.
    func certificate() async -> [CertificateName] {
        let certificate = try? await channel.nioSSL_peerCertificate().get()
        return certificate.flatMap { $0 }.map(CertificateName.names) ?? []
    }
}

struct ServiceResponder: HTTPResponder {
    typealias Context = PeerContext

    let service: AuthorizationService
    let asksForCertificates: Bool

    static let mostBodyBytes = 1 << 20
    /// From the head to the body's last byte.
    private static let bodyTime: Duration = .seconds(30)

    func respond(to request: Request, context: PeerContext) async throws -> Response {
        let answer: ServiceAnswer
        do throws(Refusal) {
            let path = request.head.path ?? "/"
            let body = try await ServiceResponder.body(of: request)
            answer = await service.respond(
                to: ServiceRequest(
                    method: request.method.rawValue, path: String(path.prefix { $0 != "?" }),
                    authorization: request.headers[.authorization],
                    body: body, remote: context.remote, certificate: asksForCertificates ? await context.certificate() : []))
        } catch {
            var failure = ServiceAnswer.failure(error)
            // The rest of the body is not read, so the connection cannot be used again.
            failure.headers.append(("Connection", "close"))
            return ServiceResponder.response(failure)
        }
        return ServiceResponder.response(answer, hasBody: request.method != .head)
    }

    private static func body(of request: Request) async throws(Refusal) -> [UInt8] {
        let tooLarge = Refusal(413, "TooLarge", "the body has more than \(mostBodyBytes) bytes. Send fewer requests in one batch")
        if let length = request.headers[.contentLength].flatMap({ Int($0) }), length > mostBodyBytes { throw tooLarge }
        let limit = mostBodyBytes
        let read: Result<[UInt8]?, any Error>
        do {
            let bytes = try await withThrowingTaskGroup(of: [UInt8]?.self) { group in
                group.addTask {
                    var bytes: [UInt8] = []
                    for try await buffer in request.body {
                        bytes += Array(buffer.readableBytesView)
                        guard bytes.count <= limit else { throw tooLarge }
                    }
                    return bytes
                }
                group.addTask {
                    try await Task.sleep(for: bodyTime)
                    return nil
                }
                defer { group.cancelAll() }
                return try await group.next() ?? nil
            }
            read = .success(bytes)
        } catch {
            read = .failure(error)
        }
        switch read {
        case .success(let bytes?): return bytes
        case .success(nil): throw Refusal(408, "TooSlow", "the body did not arrive within \(bodyTime.components.seconds) s")
        case .failure(let error as Refusal): throw error
        case .failure: throw Refusal(400, "BadRequest", "the body broke off")
        }
    }

    private static func response(_ answer: ServiceAnswer, hasBody: Bool = true) -> Response {
        var headers = HTTPFields()
        headers[.contentType] = answer.contentType
        headers[.cacheControl] = "no-store"
        // Answers are data for programs: no browser is to guess at them, show them in a frame or run what is in them.
        headers[.xContentTypeOptions] = "nosniff"
        headers[.contentSecurityPolicy] = "default-src 'none'; frame-ancestors 'none'"
        for (name, value) in answer.headers {
            if let field = HTTPFields.Element(name: name, value: value) { headers.append(field) }
        }
        let body = hasBody ? ResponseBody(byteBuffer: ByteBuffer(bytes: answer.body)) : ResponseBody()
        return Response(status: .init(code: answer.status), headers: headers, body: body)
    }
}

extension HTTPFields.Element {
    fileprivate init?(name text: String, value: String) {
        guard let name = Name(text) else { return nil }
        self.init(name: name, value: value)
    }
}
