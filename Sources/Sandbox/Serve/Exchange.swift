import HummingbirdCore
import NIOCore
import OSSProtocol

/// One request, its body still to come.
struct IncomingRequest: Sendable {
    var method: String
    /// As on the wire, without the query; begins with `/`.
    var path: String
    /// As on the wire, without the `?`.
    var query: String?
    /// The query decoded.
    var items: [QueryItem]
    /// The Host header as sent, with its port.
    var host: String
    var headers: HTTPHeaders
    /// The other end's address.
    var remote: String
    /// Came by TLS, which the sandbox itself does not speak.
    var isSecure = false

    init(method: String, target: String, host: String, headers: HTTPHeaders, remote: String = "127.0.0.1") {
        let parts = target.cut(at: "?")
        self.method = method
        (path, query) = (parts?.before ?? target, parts?.after)
        items = QueryItem.parse(query)
        (self.host, self.headers, self.remote) = (host, headers, remote)
    }

    /// The first parameter of that name; empty where it has no value.
    func parameter(_ name: String) -> String? { items.first { $0.name == name }.map { $0.value ?? "" } }
    func has(_ name: String) -> Bool { items.contains { $0.name == name } }
}

/// What goes back.
struct Answer: Sendable {
    enum Body: Sendable {
        case empty
        case bytes([UInt8])
        /// Bytes of a stored object, read while they are sent.
        case content(ContentReader, Range<Int64>)

        var length: Int64 {
            switch self {
            case .empty: 0
            case .bytes(let bytes): Int64(bytes.count)
            case .content(_, let range): Int64(range.count)
            }
        }
    }

    var status: Int
    var headers: HTTPHeaders
    var body: Body
    /// The error code, for the record of requests.
    var code: String?

    init(status: Int, headers: HTTPHeaders = [:], body: Body = .empty, code: String? = nil) {
        (self.status, self.headers, self.body, self.code) = (status, headers, body, code)
    }

    static func json(_ value: some Encodable, status: Int = 200) -> Answer {
        Answer(status: status, headers: ["Content-Type": "application/json"], body: .bytes(JSON.encode(value) + [UInt8(ascii: "\n")]))
    }

    static func xml(_ writer: XMLWriter, headers: HTTPHeaders = [:]) -> Answer {
        var headers = headers
        headers["Content-Type"] = "application/xml"
        return Answer(status: 200, headers: headers, body: .bytes(writer.bytes))
    }
}

/// How an answer leaves, which a fault may change.
enum Delivery: Sendable {
    case whole(Answer)
    /// The head and half of the body, then the connection closes.
    case truncated(Answer)
    /// As whole, with one byte of the body changed.
    case corrupted(Answer)
    /// The connection closes without an answer.
    case closed
    /// The connection is reset.
    case reset
    /// Nothing ever comes, and nothing more is read.
    case silence

    var answer: Answer? {
        switch self {
        case .whole(let answer), .truncated(let answer), .corrupted(let answer): answer
        case .closed, .reset, .silence: nil
        }
    }
}

/// The body of a request as it arrives, never more than a few reads of it in memory.
struct IncomingBody {
    private var iterator: RequestBody.AsyncIterator
    /// `nil` for a chunked body.
    let announced: Int64?
    private(set) var received: Int64 = 0
    private(set) var hasEnded = false
    /// One bit of the next piece will be wrong, as after a fault on the way.
    var corruptsNext = false
    private var onFirstRead: (@Sendable () -> Void)?

    /// - Parameter onFirstRead: asks the client for the body where it waits to be asked.
    init(_ body: RequestBody, announced: Int64?, onFirstRead: (@Sendable () -> Void)? = nil) {
        iterator = body.makeAsyncIterator()
        (self.announced, self.onFirstRead) = (announced, onFirstRead)
    }

    /// `nil` at the end.
    ///
    /// - Throws: `.torn` when the connection ends before the body does.
    mutating func next() async throws(BodyError) -> ByteBuffer? {
        if hasEnded { return nil }
        onFirstRead?()
        onFirstRead = nil
        let piece: ByteBuffer?
        do { piece = try await iterator.next() } catch { throw .torn(received: received) }
        guard var piece else {
            hasEnded = true
            // The server's iterator also ends when the connection does, so the length decides.
            if let announced, announced != received { throw .torn(received: received) }
            return nil
        }
        received += Int64(piece.readableBytes)
        if corruptsNext, let first = piece.getInteger(at: piece.readerIndex, as: UInt8.self) {
            corruptsNext = false
            piece.setInteger(first ^ 1, at: piece.readerIndex)
        }
        return piece
    }

    /// Reads and forgets, all of it or up to `limit` bytes.
    mutating func drain(upTo limit: Int64 = .max) async throws(BodyError) {
        while received < limit, try await next() != nil {}
    }

    /// All of a small body.
    mutating func collect(upTo limit: Int) async throws(BodyError) -> [UInt8] {
        var bytes: [UInt8] = []
        while let piece = try await next() {
            guard bytes.count + piece.readableBytes <= limit else { throw .tooLarge(limit: limit) }
            bytes.append(contentsOf: piece.readableBytesView)
        }
        return bytes
    }
}

enum BodyError: Error, Sendable, Equatable {
    case torn(received: Int64)
    case tooLarge(limit: Int)
}
