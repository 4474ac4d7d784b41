import HTTPTypes
import HummingbirdCore
import Logging
import NIOCore
import NIOHTTPTypes
import NIOPosix
import OSSProtocol
import Platform
import ServiceLifecycle

/// One loopback port served by Hummingbird: hands requests to a handler and sends its answers, also the broken ones.
struct HTTPServer: Sendable {
    typealias Handler = @Sendable (IncomingRequest, consuming IncomingBody) async -> Delivery

    let port: Int
    let handler: Handler

    /// Connections beyond these wait in the listening queue.
    private static let mostConnections = 4096
    /// How long a request without an answer keeps its connection.
    private static let longestSilence = 600

    private struct Broken: Error {}

    /// - Parameter onListening: called once, with the port that answers.
    func service(onListening: @escaping @Sendable (Int) -> Void) throws -> any Service {
        var logger = Logger(label: "davit-sandbox")
        logger.logLevel = .critical
        let port = port
        return try HTTPServerBuilder.http1(
            // Tokens, policies and metadata together stay well below.
            configuration: .init(
                additionalChannelHandlers: [LargeReads()],
                httpDecoderConfiguration: .init(maxHeaderFieldSize: 64 << 10, maxHeaderListSize: 128 << 10, maxHeaderFieldCount: 500))
        ).buildServer(
            configuration: ServerConfiguration(
                address: .hostname("127.0.0.1", port: port), backlog: 1024,
                availableConnectionsDelegate: MaximumAvailableConnections(HTTPServer.mostConnections)),
            eventLoopGroup: MultiThreadedEventLoopGroup.singleton, logger: logger,
            responder: { request, writer, channel in try await respond(request, writer, channel) },
            onServerRunning: { channel in onListening(channel.localAddress?.port ?? port) })
    }

    private func respond(_ request: Request, _ writer: consuming ResponseWriter, _ channel: any Channel) async throws {
        let incoming = HTTPServer.incoming(request, channel)
        let expects = request.headers[.expect]?.asciiLower == "100-continue"
        let isUnread = Lock(expects)
        var onFirstRead: (@Sendable () -> Void)?
        if expects {
            onFirstRead = {
                isUnread.withLock { $0 = false }
                channel.writeAndFlush(HTTPResponsePart.head(HTTPTypes.HTTPResponse(status: .continue)), promise: nil)
            }
        }
        let announced = incoming.headers["Content-Length"].flatMap { Int64($0) }
        let body = IncomingBody(request.body, announced: announced, onFirstRead: onFirstRead)
        var delivery = await handler(incoming, body)
        // The client still holds the body back: nothing else can come on this connection.
        let mustClose = isUnread.withLock { $0 }
        if mustClose, case .whole(var answer) = delivery {
            answer.headers["Connection"] = "close"
            delivery = .whole(answer)
        }
        try await send(delivery, isHead: incoming.method == "HEAD", writer, channel)
        if mustClose { throw Broken() }
    }

    private static func incoming(_ request: Request, _ channel: any Channel) -> IncomingRequest {
        var headers = HTTPHeaders()
        for field in request.headers { headers.add(field.name.rawName, field.value) }
        var target = request.head.path ?? "/"
        // A request by way of a proxy names the whole URL.
        for scheme in ["http://", "https://"] where target.asciiLower.hasPrefix(scheme) {
            let rest = target.dropFirst(scheme.count)
            target = rest.firstIndex(of: "/").map { String(rest[$0...]) } ?? "/"
        }
        return IncomingRequest(
            method: request.method.rawValue, target: target, host: request.head.authority ?? headers["Host"] ?? "", headers: headers,
            remote: channel.remoteAddress?.ipAddress ?? "127.0.0.1")
    }

    // MARK: Answers

    private func send(_ delivery: Delivery, isHead: Bool, _ writer: consuming ResponseWriter, _ channel: any Channel) async throws {
        switch delivery {
        case .whole(let answer): try await send(answer, corrupted: false, isHead: isHead, writer)
        case .corrupted(let answer): try await send(answer, corrupted: true, isHead: isHead, writer)
        case .truncated(let answer):
            try await truncate(answer, isHead: isHead, writer)
            try await HTTPServer.close(channel)
        case .closed: try await HTTPServer.close(channel)
        case .reset:
            if let socket = channel as? any SocketOptionProvider {
                try await socket.setSoLinger(linger(l_onoff: 1, l_linger: 0)).get()
            }
            try await HTTPServer.close(channel)
        case .silence:
            for _ in 0..<HTTPServer.longestSilence where channel.isActive { try await Task.sleep(for: .seconds(1)) }
            try await HTTPServer.close(channel)
        }
    }

    private static func close(_ channel: any Channel) async throws {
        try? await channel.close().get()
        throw Broken()
    }

    private static func head(_ answer: Answer) -> HTTPTypes.HTTPResponse {
        var fields = HTTPFields()
        for field in answer.headers.fields {
            guard let name = HTTPField.Name(field.name) else { continue }
            fields.append(HTTPField(name: name, value: field.value))
        }
        if answer.status != 204, answer.status != 304, fields[.contentLength] == nil { fields[.contentLength] = String(answer.body.length) }
        return HTTPTypes.HTTPResponse(status: .init(code: answer.status), headerFields: fields)
    }

    private func send(_ answer: Answer, corrupted: Bool, isHead: Bool, _ writer: consuming ResponseWriter) async throws {
        let head = HTTPServer.head(answer)
        switch answer.body {
        case _ where isHead, .empty: try await writer.writeResponse(head)
        case .bytes(let bytes): try await writer.write(response: head, body: ResponseBody(byteBuffer: ByteBuffer(bytes: bytes)))
        case .content(let reader, let range):
            var body = try await writer.writeHead(head)
            var offset = range.lowerBound
            while offset < range.upperBound {
                var bytes = try reader.read(at: offset, end: range.upperBound)
                if corrupted, offset == range.lowerBound { bytes[0] ^= 1 }
                offset += Int64(bytes.count)
                try await body.write(ByteBuffer(bytes: bytes))
            }
            try await body.finish(nil)
        }
    }

    /// Half of the body; where there is none, more is announced than comes.
    private func truncate(_ answer: Answer, isHead: Bool, _ writer: consuming ResponseWriter) async throws {
        var head = HTTPServer.head(answer)
        guard !isHead, answer.body.length > 0 else {
            head.headerFields[.contentLength] = "64"
            if !isHead { _ = try await writer.writeHead(head) }
            return
        }
        var body = try await writer.writeHead(head)
        switch answer.body {
        case .empty: break
        case .bytes(let bytes): try await body.write(ByteBuffer(bytes: bytes.prefix(bytes.count / 2)))
        case .content(let reader, let range):
            var offset = range.lowerBound
            let end = range.lowerBound + Int64(range.count) / 2
            while offset < end {
                let bytes = try reader.read(at: offset, end: end)
                offset += Int64(bytes.count)
                try await body.write(ByteBuffer(bytes: bytes))
            }
        }
    }
}

/// Larger reads than NIO's own 64 KiB: a part arrives in fewer pieces.
private final class LargeReads: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPRequestPart

    func handlerAdded(context: ChannelHandlerContext) {
        let allocator = AdaptiveRecvByteBufferAllocator(minimum: 2048, initial: 16 << 10, maximum: 256 << 10)
        context.channel.setOption(.recvAllocator, value: allocator).whenFailure { _ in }
    }
}
