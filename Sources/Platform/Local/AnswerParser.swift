import OSSProtocol

/// Reads one HTTP/1.1 answer from bytes that come cut anywhere: status, headers, and a body by length, in chunks, or to the end of
/// the connection. Source: RFC 9112. For the engine's own server; answers of strangers are libcurl's.
struct AnswerParser {
    enum Failure: Error, Equatable {
        case malformed
        case headersTooLarge
        /// The connection ended within the answer.
        case truncated
    }
    private enum State: Equatable {
        case head
        case body(left: Int)
        case chunkSize
        case chunk(left: Int)
        case chunkEnd
        case trailers
        case untilEnd
        case complete
    }

    private(set) var status = 0
    private(set) var headers = HTTPHeaders()
    private var state = State.head
    private var line: [UInt8] = []
    private var headerBytes = 0
    private var sawStatus = false

    private static let mostHeaderBytes = 64 << 10

    var isHeadComplete: Bool { state != .head }
    var isComplete: Bool { state == .complete }
    var hasBegun: Bool { sawStatus || !line.isEmpty }
    /// Whether the next request may use the connection.
    var keepsConnection: Bool { isComplete && headers["Connection"]?.lowercased() != "close" }

    /// - Returns: the bytes of the body among these.
    mutating func feed(_ bytes: [UInt8]) throws(Failure) -> [UInt8] {
        var body: [UInt8] = []
        var rest = bytes[...]
        while !rest.isEmpty, state != .complete {
            switch state {
            case .body(let left):
                let taken = rest.prefix(left)
                body += taken
                rest = rest.dropFirst(taken.count)
                state = taken.count == left ? .complete : .body(left: left - taken.count)
            case .chunk(let left):
                let taken = rest.prefix(left)
                body += taken
                rest = rest.dropFirst(taken.count)
                state = taken.count == left ? .chunkEnd : .chunk(left: left - taken.count)
            case .untilEnd:
                body += rest
                rest = []
            case .head, .chunkSize, .chunkEnd, .trailers, .complete:
                guard let end = rest.firstIndex(of: 10) else {
                    try append(rest)
                    return body
                }
                try append(rest[...end])
                line.removeLast()
                rest = rest[(end + 1)...]
                if line.last == 13 { line.removeLast() }
                try endOfLine()
                line.removeAll(keepingCapacity: true)
            }
        }
        return body
    }

    /// The connection has ended.
    mutating func end() throws(Failure) {
        guard state == .untilEnd || state == .complete else { throw .truncated }
        state = .complete
    }

    private mutating func append(_ bytes: ArraySlice<UInt8>) throws(Failure) {
        headerBytes += bytes.count
        guard headerBytes <= AnswerParser.mostHeaderBytes else { throw .headersTooLarge }
        line += bytes
    }

    private mutating func endOfLine() throws(Failure) {
        switch state {
        case .head:
            if !sawStatus { return try statusLine() }
            guard !line.isEmpty else { return try beginBody() }
            guard let colon = line.firstIndex(of: 0x3A) else { throw .malformed }
            let value = line[(colon + 1)...].drop { $0 == 32 || $0 == 9 }
            headers.add(String(decoding: line[..<colon], as: UTF8.self), String(decoding: value, as: UTF8.self))
        case .chunkSize:
            let digits = line.prefix { $0 != 0x3B && $0 != 32 }
            // Sixteen digits would overflow; no chunk is that long.
            guard (1...8).contains(digits.count), let size = Int(String(decoding: digits, as: UTF8.self), radix: 16), size >= 0 else {
                throw .malformed
            }
            headerBytes = 0
            state = size == 0 ? .trailers : .chunk(left: size)
        case .chunkEnd:
            guard line.isEmpty else { throw .malformed }
            state = .chunkSize
        case .trailers: if line.isEmpty { state = .complete }
        case .body, .chunk, .untilEnd, .complete: break
        }
    }

    private mutating func statusLine() throws(Failure) {
        let parts = line.split(separator: 32, maxSplits: 2)
        guard parts.count >= 2, parts[0].starts(with: "HTTP/1.".utf8), parts[1].count == 3,
            let number = Int(String(decoding: parts[1], as: UTF8.self)), (100...599).contains(number)
        else { throw .malformed }
        status = number
        sawStatus = true
    }

    private mutating func beginBody() throws(Failure) {
        headerBytes = 0
        guard status >= 200 else {
            // An interim answer: the real one follows.
            sawStatus = false
            headers = HTTPHeaders()
            return
        }
        if status == 204 || status == 304 {
            state = .complete
        } else if headers["Transfer-Encoding"]?.lowercased() == "chunked" {
            state = .chunkSize
        } else if let text = headers["Content-Length"] {
            guard let length = Int(text), length >= 0 else { throw .malformed }
            state = length == 0 ? .complete : .body(left: length)
        } else {
            state = .untilEnd
        }
    }
}
