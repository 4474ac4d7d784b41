import CCurl
import Glibc
import OSSProtocol

/// One request under way. Made by the caller, then touched by its loop's thread only; answers exactly once.
final class Exchange: @unchecked Sendable {
    // Safe to hand over: after `CurlLoop.add` only the loop's thread reads or writes it.
    typealias Answer = @Sendable (Result<TransportReply, TransportError>) -> Void

    let id: UInt64
    let request: HTTPRequest
    let body: FileBody?
    let options: SendOptions
    let progress: (@Sendable (Int64) -> Void)?
    let onChunk: (@Sendable ([UInt8]) -> Void)?
    private var answer: Answer?

    var easy: UnsafeMutableRawPointer?
    var headerList: UnsafeMutablePointer<curl_slist>?
    var limit: RateLimit?
    var isPaused = false
    /// What stopped the read callback.
    var sourceFailure: Int32?
    var isTooLarge = false
    private(set) var sent: Int64 = 0
    private(set) var crc = CRC64Stream()
    private var headers = HTTPHeaders()
    private var content: [UInt8] = []
    private(set) var headersComplete = false

    let begun = SystemClock.monotonicNanoseconds()
    var lastMovement = SystemClock.monotonicNanoseconds()
    var lastTotal: Int64 = -1
    var lastReported: Int64 = -1

    private static let mostHeaderBytes = 65_536
    private var headerBytes = 0

    init(
        id: UInt64, request: HTTPRequest, body: FileBody?, options: SendOptions, progress: (@Sendable (Int64) -> Void)?,
        onChunk: (@Sendable ([UInt8]) -> Void)?, answer: @escaping Answer
    ) {
        self.id = id
        self.request = request
        self.body = body
        self.options = options
        self.progress = progress
        self.onChunk = onChunk
        self.answer = answer
    }

    var bodyLength: Int64 { body?.length ?? Int64(request.body.count) }

    /// Weight for choosing a loop.
    var weight: Int64 { bodyLength + 4096 }

    /// The read callback: straight from the file into curl's buffer, the checksum while the bytes are in cache.
    func read(into buffer: UnsafeMutableRawPointer, _ room: Int) -> Int {
        let left = bodyLength - sent
        guard left > 0 else { return 0 }
        var wanted = Int(min(Int64(room), left))
        guard let body else {
            request.body.withUnsafeBytes { bytes in
                guard let base = bytes.baseAddress else { return }
                buffer.copyMemory(from: base.advanced(by: Int(sent)), byteCount: wanted)
            }
            crc.update(UnsafeRawBufferPointer(start: buffer, count: wanted))
            sent += Int64(wanted)
            return wanted
        }
        if let limit { wanted = limit.take(wanted) }
        guard wanted > 0 else {
            isPaused = true
            return 0x1000_0001  // CURL_READFUNC_PAUSE, a macro
        }
        while true {
            let count = pread(body.source.descriptor, buffer, wanted, off_t(body.offset + sent))
            if count < 0 && errno == EINTR { continue }
            guard count > 0 else {
                // 0: the file ended before the part did.
                sourceFailure = count < 0 ? errno : 0
                return 0x1000_0000  // CURL_READFUNC_ABORT, a macro
            }
            crc.update(UnsafeRawBufferPointer(start: buffer, count: count))
            sent += Int64(count)
            return count
        }
    }

    func takeHeader(_ line: UnsafeRawBufferPointer) -> Bool {
        headerBytes += line.count
        guard headerBytes <= Self.mostHeaderBytes else { return false }
        var text = line[...]
        while let last = text.last, last == 13 || last == 10 { text = text.dropLast() }
        if text.isEmpty {
            headersComplete = true
            return true
        }
        if text.starts(with: "HTTP/".utf8) {
            headers = HTTPHeaders()
            headersComplete = false
            return true
        }
        guard let colon = text.firstIndex(of: 0x3A) else { return true }
        let name = String(decoding: text[..<colon], as: UTF8.self)
        var value = text[(colon + 1)...]
        while let first = value.first, first == 32 || first == 9 { value = value.dropFirst() }
        while let last = value.last, last == 32 || last == 9 { value = value.dropLast() }
        headers.add(name, String(decoding: value, as: UTF8.self))
        return true
    }

    func takeContent(_ bytes: UnsafeRawBufferPointer, status: Int) -> Bool {
        if let onChunk, (200..<300).contains(status) {
            onChunk(Array(bytes))
            return true
        }
        guard content.count + bytes.count <= options.maxAnswerBytes else {
            isTooLarge = true
            return false
        }
        content += bytes
        return true
    }

    func succeed(status: Int) {
        if let progress, body != nil, lastReported != sent { progress(sent) }
        let response = HTTPResponse(status: status, headers: headers, body: content)
        finish(.success(TransportReply(response: response, bodyCRC64: crc.value, bodyBytesSent: sent)))
    }

    func fail(_ kind: TransportError.Kind, _ message: String) {
        finish(.failure(TransportError(kind: kind, message: message, bodyBytesSent: sent)))
    }

    private func finish(_ result: Result<TransportReply, TransportError>) {
        let answer = self.answer
        self.answer = nil
        answer?(result)
    }
}
