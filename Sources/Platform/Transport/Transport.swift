import OSSProtocol

/// Sends one finished request and answers once. Knows nothing of OSS, signs nothing, retries nothing.
///
/// Cancelling the task ends the request with `.cancelled`.
public protocol Transport: Sendable {
    /// - Parameters:
    ///   - body: a range of a file as the body; otherwise `request.body` is sent.
    ///   - progress: body bytes handed to the socket so far, at most about every 100 ms and once at the end; called on the
    ///     transport's thread, so it must be quick.
    func send(
        _ request: HTTPRequest, body: FileBody?, options: SendOptions, progress: (@Sendable (Int64) -> Void)?
    ) async throws(TransportError) -> TransportReply
}

/// A range of an open file as a request's body. Bytes.
public struct FileBody: Sendable {
    public var source: SourceFile
    public var offset: Int64
    public var length: Int64
    /// The last bytes leave only when the file, looked at after all of them were read, is what it was when it was opened; else the request
    /// ends with `.source(errno: 0)`, and the server never has a whole body of two states of the file.
    public var isGuarded: Bool
    public init(source: SourceFile, offset: Int64, length: Int64, isGuarded: Bool = false) {
        (self.source, self.offset, self.length, self.isGuarded) = (source, offset, length, isGuarded)
    }
}

public struct SendOptions: Sendable {
    /// Name, connection and TLS together.
    public var connectTimeout: Duration = .seconds(10)
    /// No byte either way for so long, once connected. Time held back by our own rate limit does not count.
    public var stallTimeout: Duration = .seconds(30)
    /// The whole request; `nil` for as long as bytes move. Time held back by our own rate limit does not count.
    public var total: Duration?
    /// Asked again and again while no byte moves, from half a second on: whether to wait on. No ends it as the stall time-out does. Called on
    /// the transport's thread, so it must be quick.
    public var isPatient: (@Sendable (_ silence: Duration, _ isWhole: Bool) -> Bool)?
    /// Whether it may be sent twice. libcurl repeats a request by itself when a kept connection died before its answer; what must not happen
    /// twice unseen goes on a new connection, where it never does that.
    public var mayRepeat = true
    /// Straight to the host, whatever the environment says of proxies: what a proxy answered in a metadata service's place would be the
    /// proxy's own credentials.
    public var avoidsProxy = false
    /// A longer answer is `.answerTooLarge`.
    public var maxAnswerBytes: Int = 4 << 20
    /// For the body of a file.
    public var pace = BodyPace()
    public init() {}
}

public struct TransportReply: Sendable {
    public var response: HTTPResponse
    /// CRC-64 of the body bytes that were read for sending. Stands for the whole body unless the server answered before its end.
    public var bodyCRC64: UInt64
    /// Body bytes handed to the socket.
    public var bodyBytesSent: Int64
    /// From the last byte of the request to the first of its answer; zero where it is not known.
    public var answerTime: Duration
    public init(response: HTTPResponse, bodyCRC64: UInt64 = 0, bodyBytesSent: Int64 = 0, answerTime: Duration = .zero) {
        (self.response, self.bodyCRC64, self.bodyBytesSent, self.answerTime) = (response, bodyCRC64, bodyBytesSent, answerTime)
    }
}

/// Why there is no answer.
public struct TransportError: Error, Sendable, Equatable, CustomStringConvertible {
    public enum Kind: Sendable, Equatable {
        /// libcurl's `CURLcode`: 6 name, 7 connect, 18 truncated answer, 28 time-out, 35 and 60 TLS, 52, 55 and 56 broken connection …
        case curl(Int32)
        case cancelled
        /// Reading the file failed, or (0) it ended before the part did.
        case source(errno: Int32)
        case answerTooLarge
        /// The transport was closed.
        case closed
    }
    public var kind: Kind
    /// One sentence for people.
    public var message: String
    /// Body bytes that had left before it failed.
    public var bodyBytesSent: Int64
    /// How long no byte had moved, where it was given up for that.
    public var silence: Duration

    public init(kind: Kind, message: String, bodyBytesSent: Int64 = 0, silence: Duration = .zero) {
        (self.kind, self.message, self.bodyBytesSent, self.silence) = (kind, message, bodyBytesSent, silence)
    }

    public var description: String { message }

    /// It took too long.
    public var isTimeout: Bool { kind == .curl(28) }
}

extension Transport {
    /// A request without a file.
    public func send(_ request: HTTPRequest, options: SendOptions = SendOptions()) async throws(TransportError) -> TransportReply {
        try await send(request, body: nil, options: options, progress: nil)
    }
}
