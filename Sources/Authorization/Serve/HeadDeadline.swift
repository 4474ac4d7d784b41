import HTTPTypes
import NIOCore
import NIOHTTPTypes

/// Closes a connection whose next request's head does not come in time.
///
/// The server's idle time begins anew with every byte, so a peer that sends one a minute would hold its connection for ever; the
/// body has its own limit in `ServiceResponder`.
final class HeadDeadline: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPRequestPart

    private let limit: TimeAmount
    private var timer: Scheduled<Void>?

    /// - Parameter limit: from the opening, or from the end of the request before.
    init(_ limit: TimeAmount) { self.limit = limit }

    func handlerAdded(context: ChannelHandlerContext) {
        if context.channel.isActive { begin(context) }
    }

    func channelActive(context: ChannelHandlerContext) {
        begin(context)
        context.fireChannelActive()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head: end()
        case .body: break
        case .end: begin(context)
        }
        context.fireChannelRead(data)
    }

    func channelInactive(context: ChannelHandlerContext) {
        end()
        context.fireChannelInactive()
    }

    func handlerRemoved(context: ChannelHandlerContext) { end() }

    private func begin(_ context: ChannelHandlerContext) {
        end()
        let channel = context.channel
        timer = context.eventLoop.scheduleTask(in: limit) { channel.close(promise: nil) }
    }

    private func end() {
        timer?.cancel()
        timer = nil
    }
}
