import CCurl
import CPosix
import Glibc
import OSSProtocol
import Platform

/// One request under way. Made by the caller, then touched by its loop's thread only; answers exactly once.
final class Exchange: @unchecked Sendable {
    // Safe to hand over: after `CurlLoop.add` only the loop's thread reads or writes it, except `isCancelled`.
    typealias Answer = @Sendable (Result<TransportReply, TransportError>) -> Void

    /// Why the read callback has paused.
    enum Hold {
        /// The rate limit. Neither the stall nor the total time counts meanwhile.
        case rate
        /// The pool has not read the next bytes yet.
        case reading
        /// Bytes wait on the socket: an early answer must be read before more is sent.
        case answer
    }

    let id: UInt64
    let request: HTTPRequest
    let body: FileBody?
    let options: SendOptions
    let progress: (@Sendable (Int64) -> Void)?
    let onChunk: (@Sendable ([UInt8]) -> Void)?
    private var answer: Answer?
    /// A cancel may come before the loop has heard of the exchange.
    let isCancelled = Lock(false)

    // The loop's.
    weak var loop: CurlLoop?
    var handle: EasyHandle?
    var headerList: UnsafeMutablePointer<curl_slist>?
    var hold: Hold?
    /// The limit of all bodies knows that it is held back.
    var isCountedAsHeld = false
    /// Body bytes given to libcurl, and their checksum.
    var position: Int64 = 0
    var crc = CRC64Stream()
    var readAhead: ReadAhead?
    /// A hold for an early answer is tried once a place, whatever the bytes were.
    var heldForAnswerAt: Int64 = -1
    var socket: Int32 = -1
    /// What stopped a callback, in place of libcurl's own reason.
    var failure: (kind: TransportError.Kind, message: String)?

    // The answer.
    /// Read from the socket when libcurl had given it up.
    var isLate = false
    private(set) var status = 0
    private(set) var headersComplete = false
    private var headers = HTTPHeaders()
    private var content: [UInt8] = []
    private var headerBytes = 0
    private var received: Int64 = 0

    // Time.
    private let begun: UInt64
    private var lastMovement: UInt64
    private var lastTotal: Int64 = -1
    private var unacknowledged: Int32?
    private var heldSince: UInt64?
    private var heldTime: UInt64 = 0
    private var lastReported: Int64 = -1
    /// For which it is given up.
    private var silence = Duration.zero
    /// When the last byte of a file body was given to libcurl, and when the answer began.
    var lastGiven: UInt64 = 0
    private var firstHeard: UInt64 = 0

    /// More is no answer of a server that means well. libcurl's own bound is 100 KiB a line.
    private static let mostHeaderBytes = 256 << 10
    private static let usualHeaders = 12
    private static let progressInterval: UInt64 = 100_000_000
    private static let shortestCheck: UInt64 = 5_000_000
    /// Silence that somebody who judges patience hears of.
    private static let shortSilence: UInt64 = 250_000_000

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
        begun = SystemClock.monotonicNanoseconds()
        lastMovement = begun
    }

    var bodyLength: Int64 { body?.length ?? Int64(request.body.count) }

    // MARK: - The answer

    /// - Returns: false to stop.
    func takeHeader(_ line: UnsafeRawBufferPointer) -> Bool {
        if headerBytes == 0 { firstHeard = SystemClock.monotonicNanoseconds() }
        received += Int64(line.count)
        headerBytes += line.count
        guard headerBytes <= Exchange.mostHeaderBytes else {
            failure = (.answerTooLarge, "the answer's headers are larger than \(Exchange.mostHeaderBytes) bytes")
            return false
        }
        var text = line[...]
        while let last = text.last, last == 10 || last == 13 || last == 32 || last == 9 { text = text.dropLast() }
        if text.first == UInt8(ascii: "H"), text.starts(with: "HTTP/".utf8), headersComplete || status == 0 {
            // Also after an interim answer (1xx): what was read so far was about that one.
            let number = text.drop { $0 != 32 }.dropFirst().prefix(3)
            status = number.reduce(0) { $0 * 10 + Int($1 &- 48) }
            headers = HTTPHeaders()
            headers.reserve(Exchange.usualHeaders)
            headersComplete = false
            return true
        }
        guard !text.isEmpty else {
            headersComplete = status >= 200
            if status < 200 { status = 0 }
            // libcurl stops sending now, but a paused body would keep the exchange open for ever.
            if status >= 300, hold != nil { loop?.releaseSoon(self) }
            return true
        }
        // What follows the body of a chunked answer are trailers: nobody asked for them.
        guard !headersComplete, let colon = text.firstIndex(of: 0x3A) else { return true }
        let value = text[(colon + 1)...].drop { $0 == 32 || $0 == 9 }
        headers.add(String(decoding: text[..<colon], as: UTF8.self), String(decoding: value, as: UTF8.self))
        return true
    }

    /// - Returns: false to stop.
    func takeContent(_ bytes: UnsafeRawBufferPointer) -> Bool {
        received += Int64(bytes.count)
        if let onChunk, (200..<300).contains(status) {
            onChunk(Array(bytes))
            return true
        }
        guard content.count + bytes.count <= options.maxAnswerBytes else {
            failure = (.answerTooLarge, "the answer is larger than \(options.maxAnswerBytes) bytes")
            return false
        }
        content += bytes
        return true
    }

    /// -1 when it cannot be told.
    func currentSocket() -> Int32 {
        if socket < 0, let easy = handle?.easy, let loop { socket = loop.sockets.socket(of: easy) }
        return socket
    }

    var hasNoAnswerYet: Bool { headerBytes == 0 }
    var lateContentLength: Int? { headers["Content-Length"].flatMap { Int($0) }.flatMap { $0 >= 0 ? $0 : nil } }

    // MARK: - Time

    func setHold(_ hold: Hold?, now: UInt64) {
        if let since = heldSince { heldTime += now - min(since, now) }
        heldSince = hold == .rate ? now : nil
        if self.hold == .rate { lastMovement = now }
        self.hold = hold
    }

    /// Looks after progress and time-outs.
    /// - Returns: why it must end now.
    func check(now: UInt64) -> String? {
        guard let easy = handle?.easy else { return nil }
        let uploaded = Int64(dcurl_info_offset(easy, CURLINFO_SIZE_UPLOAD_T, 0))
        report(uploaded)
        if let total = options.total {
            let held = heldTime + (heldSince.map { now - min($0, now) } ?? 0)
            if now - begun - min(held, now - begun) >= total.inNanoseconds { return "it was not done within \(text(of: total))" }
        }
        // Until libcurl may send, the connect time-out is in charge.
        let isConnecting = dcurl_info_offset(easy, CURLINFO_PRETRANSFER_TIME_T, 0) == 0
        if isConnecting || hold == .rate || uploaded + received != lastTotal {
            lastTotal = uploaded + received
            lastMovement = now
            unacknowledged = nil
            return nil
        }
        let idle = now - min(lastMovement, now)
        let stall = options.stallTimeout.inNanoseconds
        guard idle >= (options.isPatient == nil ? stall / 2 : min(stall / 2, Exchange.shortSilence)) else { return nil }
        // The kernel holds megabytes for a slow line: what it gets rid of is movement too.
        let left = dposix_unacknowledged(currentSocket())
        guard let before = unacknowledged else {
            unacknowledged = left
            return nil
        }
        if left < before {
            unacknowledged = left
            lastMovement = now
            return nil
        }
        if hold == nil, let isPatient = options.isPatient, !isPatient(.milliseconds(Int64(idle / 1_000_000)), uploaded >= bodyLength && left == 0) {
            silence = .milliseconds(Int64(idle / 1_000_000))
            return "no byte moved for \(idle / 1_000_000) ms, unlike with others"
        }
        guard idle >= stall else { return nil }
        silence = .milliseconds(Int64(idle / 1_000_000))
        return hold == .reading
            ? "the file could not be read for \(text(of: options.stallTimeout))" : "no byte moved for \(text(of: options.stallTimeout))"
    }

    /// When `check` should be called next.
    func nextCheck(now: UInt64) -> UInt64 {
        var wait = options.stallTimeout.inNanoseconds / 4
        if body != nil || progress != nil { wait = min(wait, Exchange.progressInterval) }
        if options.isPatient != nil { wait = min(wait, Exchange.shortSilence / 2) }
        if let total = options.total { wait = min(wait, total.inNanoseconds - min(now - begun, total.inNanoseconds)) }
        return now &+ min(max(wait, Exchange.shortestCheck), 1 << 50)
    }

    private func report(_ uploaded: Int64) {
        guard let progress, uploaded > lastReported else { return }
        lastReported = uploaded
        progress(uploaded)
    }

    private func text(of duration: Duration) -> String {
        duration.inMilliseconds % 1000 == 0 ? "\(duration.components.seconds) s" : "\(duration.inMilliseconds) ms"
    }

    /// What it waits for now.
    var wait: WritableKeyPath<TransportWaits, Double> {
        switch hold {
        case .rate: return \.limited
        case .reading: return \.reading
        case .answer, nil: break
        }
        guard let easy = handle?.easy, body != nil else { return \.answering }
        if dcurl_info_offset(easy, CURLINFO_SIZE_UPLOAD_T, 0) < bodyLength { return \.sending }
        // The kernel holds megabytes for a slow line.
        return dposix_unacknowledged(currentSocket()) > 0 ? \.sending : \.answering
    }

    // MARK: - The end

    func succeed() {
        report(sent)
        let response = HTTPResponse(status: status, headers: headers, body: content)
        finish(.success(TransportReply(response: response, bodyCRC64: crc.value, bodyBytesSent: sent, answerTime: answerTime)))
    }

    private var answerTime: Duration {
        guard let easy = handle?.easy, firstHeard > 0 else { return .zero }
        if lastGiven > 0 { return .milliseconds(Int64((firstHeard - min(lastGiven, firstHeard)) / 1_000_000)) }
        // A small body leaves with its headers. Both times are libcurl's, which begins anew where it repeats a request by itself.
        let micros = dcurl_info_offset(easy, CURLINFO_STARTTRANSFER_TIME_T, 0) - dcurl_info_offset(easy, CURLINFO_PRETRANSFER_TIME_T, 0)
        return .milliseconds(max(Int64(micros) / 1000, 0))
    }

    func fail(_ kind: TransportError.Kind, _ message: String) {
        finish(.failure(TransportError(kind: kind, message: message, bodyBytesSent: sent, silence: silence)))
    }

    private var sent: Int64 { handle.map { Int64(dcurl_info_offset($0.easy, CURLINFO_SIZE_UPLOAD_T, 0)) } ?? 0 }

    private func finish(_ result: Result<TransportReply, TransportError>) {
        let answer = self.answer
        self.answer = nil
        answer?(result)
    }
}
