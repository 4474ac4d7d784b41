import HTTPTypes
import NIOCore
import NIOHTTP1
import NIOHTTPTypes

/// Answers what is no HTTP in the words of the control API, and closes the connection: nothing that follows on it could be understood.
final class NoHTTPAnswer: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPRequestPart
    typealias InboundOut = HTTPRequestPart
    typealias OutboundIn = HTTPResponsePart
    typealias OutboundOut = HTTPResponsePart

    /// Requests whose answer is not written to its end: what breaks in the middle of one is that request's matter.
    private var open = 0

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        if case .head = unwrapInboundIn(data) { open += 1 }
        context.fireChannelRead(data)
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        if case .end = unwrapOutboundIn(data) { open -= 1 }
        context.write(data, promise: promise)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        guard open <= 0, let wrong = error as? HTTPParserError, context.channel.isActive else { return context.fireErrorCaught(error) }
        let isOverflow = wrong == .headerOverflow
        let answer = ControlResponse.error(
            isOverflow ? 431 : 400, code: isOverflow ? "HeadTooLarge" : "NoHTTP",
            message: isOverflow
                ? "the head of the request is over 64 KiB or 100 fields" : "this is no request of HTTP/1.1", exit: 2)
        var fields = HTTPFields()
        fields[.contentType] = answer.contentType
        fields[.davitAPI] = ControlResponse.apiVersion
        fields[.connection] = "close"
        fields[.contentLength] = String(answer.body.count)
        let head = HTTPResponse(status: HTTPResponse.Status(code: answer.status), headerFields: fields)
        context.write(wrapOutboundOut(.head(head)), promise: nil)
        context.write(wrapOutboundOut(.body(ByteBuffer(bytes: answer.body))), promise: nil)
        context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
        context.close(promise: nil)
    }
}
