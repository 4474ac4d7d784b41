import CCurl
import OSSProtocol
import Platform

/// One libcurl easy handle, used again and again. Belongs to its loop's thread.
final class EasyHandle {
    /// What the handle is set up for: its buffers differ, so it stays what it is.
    enum Use {
        /// A file that the read callback sends.
        case fileBody
        /// A file that is read before, to leave with its headers.
        case smallFile
        /// A request with its own body, or none.
        case inMemory
    }
    /// What a handle for small files keeps from one request to the next.
    private struct Kept: Equatable {
        var method: String
        var avoidsProxy: Bool
    }

    let use: Use
    let easy: UnsafeMutableRawPointer
    private let errorText: UnsafeMutablePointer<CChar>
    private var kept: Kept?
    /// Holds a small file until it is sent.
    private var body = UnsafeMutableRawBufferPointer(start: nil, count: 0)
    /// One header, as libcurl wants it.
    private var line: [UInt8] = []

    init?(_ use: Use) {
        guard let easy = curl_easy_init() else { return nil }
        self.use = use
        self.easy = easy
        errorText = .allocate(capacity: Int(CURL_ERROR_SIZE))
        errorText.initialize(repeating: 0, count: Int(CURL_ERROR_SIZE))
    }

    deinit {
        curl_easy_cleanup(easy)
        errorText.deallocate()
        body.deallocate()
    }

    /// Where a small file is read to; its bytes stay there until the handle is used again.
    func room(for count: Int) -> UnsafeMutableRawPointer {
        if body.count < max(count, 1) {
            body.deallocate()
            body = .allocate(byteCount: max(count, EasyHandle.usualBody), alignment: 16)
        }
        return body.baseAddress ?? UnsafeMutableRawPointer(errorText)
    }

    private static let usualBody = 4096

    /// libcurl's own sentence about what went wrong, else its general one.
    func explanation(of code: CURLcode) -> String {
        let detail = String(cString: errorText)
        return detail.isEmpty ? String(cString: curl_easy_strerror(code)) : detail
    }

    /// Everything libcurl must know, and nothing it would add by itself: a signer never sends what it did not sign.
    /// - Returns: what is wrong with the request.
    func prepare(_ exchange: Exchange, _ settings: CurlTransport.Configuration, _ sockets: Sockets) -> (CURLcode, String)? {
        let request = exchange.request
        // libcurl would encode or refuse them each in its own way; a signed path is sent as it is or not at all.
        let url = request.url
        guard url.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }), !request.method.isEmpty,
            request.method.utf8.allSatisfy({ (0x41...0x5A).contains($0) })
        else { return (CURLE_URL_MALFORMAT, "the request's method or address holds characters that cannot be sent") }
        errorText.pointee = 0
        let kept = use == .smallFile ? Kept(method: request.method, avoidsProxy: exchange.options.avoidsProxy) : nil
        if kept == nil || kept != self.kept {
            // Frees the body of the request before; a file body's buffer stays.
            if use != .fileBody { curl_easy_reset(easy) }
            setConnection(settings, exchange.options)
            sockets.install(on: easy)
            self.kept = kept
        }
        _ = dcurl_set_long(easy, CURLOPT_FRESH_CONNECT, exchange.options.mayRepeat ? 0 : 1)
        _ = dcurl_set_long(easy, CURLOPT_CONNECTTIMEOUT_MS, max(1, Int(clamping: exchange.options.connectTimeout.inMilliseconds)))
        let code = dcurl_set_text(easy, CURLOPT_URL, url)
        guard code == CURLE_OK else { return (code, explanation(of: code)) }
        guard setHeaders(exchange, settings) else {
            return (CURLE_BAD_FUNCTION_ARGUMENT, "a header of the request holds a line end or has no name")
        }
        switch use {
        case .fileBody: setFileBody(exchange, settings)
        case .smallFile: setBody(UnsafeRawPointer(room(for: 1)), Int(exchange.bodyLength), request.method)
        case .inMemory: setMethod(request)
        }
        return setCallbacks(exchange)
    }

    private func setConnection(_ settings: CurlTransport.Configuration, _ options: SendOptions) {
        _ = dcurl_set_pointer(easy, CURLOPT_ERRORBUFFER, errorText)
        _ = dcurl_set_long(easy, CURLOPT_NOSIGNAL, 1)
        // Without it whoever ends a request waits for the thread that resolves its name, and with it the whole loop.
        _ = dcurl_set_long(easy, CURLOPT_QUICK_EXIT, 1)
        _ = dcurl_set_long(easy, CURLOPT_PATH_AS_IS, 1)
        _ = dcurl_set_long(easy, CURLOPT_FOLLOWLOCATION, 0)
        _ = dcurl_set_long(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1)
        _ = dcurl_set_text(easy, CURLOPT_PROTOCOLS_STR, "http,https")
        _ = dcurl_set_long(easy, CURLOPT_HTTP_VERSION, Int(CURL_HTTP_VERSION_1_1))
        _ = dcurl_set_long(easy, CURLOPT_TCP_KEEPALIVE, 1)
        setAuthorities(settings)
        _ = dcurl_set_text(easy, CURLOPT_TLS13_CIPHERS, EasyHandle.ciphers)
        if let socket = settings.unixSocket {
            _ = dcurl_set_text(easy, CURLOPT_UNIX_SOCKET_PATH, socket)
        }
        if settings.unixSocket != nil || options.avoidsProxy || settings.hasNoProxy { _ = dcurl_set_text(easy, CURLOPT_NOPROXY, "*") }
        if let agent = settings.userAgent { _ = dcurl_set_text(easy, CURLOPT_USERAGENT, agent) }
    }

    private func setAuthorities(_ settings: CurlTransport.Configuration) {
        if let file = settings.caFile {
            // The system's folder of authorities stays; it is looked into only where the file does not help.
            _ = dcurl_set_text(easy, CURLOPT_CAINFO, file)
            return
        }
        if let bundle = settings.bundle { _ = dcurl_set_text(easy, CURLOPT_CAINFO, bundle) }
        // libcurl keeps a parsed bundle for later connections only when no folder is set: 15 ms of CPU a connection.
        if settings.bundle != nil || EasyHandle.hasBundle { _ = dcurl_set_text(easy, CURLOPT_CAPATH, nil) }
    }

    /// AES with 128 bits first: nobody breaks either, and it takes a tenth less of the processor. OpenSSL has 256 first.
    private static let ciphers = "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256"
    private static let hasBundle = dcurl_has_bundle() == 1

    private func setHeaders(_ exchange: Exchange, _ settings: CurlTransport.Configuration) -> Bool {
        let headers = exchange.request.headers
        // `Expect: 100-continue` would go with every PUT, and cost a second each with a server that does not answer it.
        var list = curl_slist_append(nil, "Expect:")
        if headers["Accept"] == nil { list = curl_slist_append(list, "Accept:") }
        if headers["Content-Type"] == nil { list = curl_slist_append(list, "Content-Type:") }
        // The host that was signed, with the port as it was written.
        if headers["Host"] == nil { list = curl_slist_append(list, "Host: " + exchange.request.host) }
        exchange.headerList = list
        // Its own for as long as it is filled, byte by byte.
        var line = line
        self.line = []
        defer { self.line = line }
        for field in headers.fields {
            // libcurl says it from the body it sends.
            if field.name.utf8.count == EasyHandle.contentLength.utf8.count, HTTPHeaders([field])[EasyHandle.contentLength] != nil { continue }
            guard EasyHandle.fill(&line, field) else { return false }
            line.withUnsafeBytes { list = curl_slist_append(list, $0.baseAddress?.assumingMemoryBound(to: CChar.self)) }
        }
        exchange.headerList = list
        _ = dcurl_set_list(easy, CURLOPT_HTTPHEADER, list)
        return true
    }

    private static let contentLength = "Content-Length"

    /// - Returns: whether the field can be sent.
    private static func fill(_ line: inout [UInt8], _ field: HTTPHeaders.Field) -> Bool {
        var (name, value) = (field.name, field.value)
        line.removeAll(keepingCapacity: true)
        let isName = name.withUTF8 { name in
            line.append(contentsOf: name)
            return !name.isEmpty && name.allSatisfy { $0 > 0x20 && $0 < 0x7F && $0 != 0x3A && $0 != 0x3B }
        }
        guard isName else { return false }
        if value.utf8.isEmpty {
            line.append(UInt8(ascii: ";"))
        } else {
            line.append(UInt8(ascii: ":"))
            line.append(UInt8(ascii: " "))
        }
        let isValue = value.withUTF8 { value in
            line.append(contentsOf: value)
            return value.allSatisfy { $0 != 10 && $0 != 13 && $0 != 0 }
        }
        line.append(0)
        return isValue
    }

    private func setFileBody(_ exchange: Exchange, _ settings: CurlTransport.Configuration) {
        _ = dcurl_set_long(easy, CURLOPT_UPLOAD, 1)
        _ = dcurl_set_text(easy, CURLOPT_CUSTOMREQUEST, exchange.request.method == "PUT" ? nil : exchange.request.method)
        _ = dcurl_set_offset(easy, CURLOPT_INFILESIZE_LARGE, curl_off_t(exchange.bodyLength))
        _ = dcurl_set_long(easy, CURLOPT_UPLOAD_BUFFERSIZE, settings.uploadBuffer)
    }

    private func setMethod(_ request: HTTPRequest) {
        let content = request.body
        if ["PUT", "POST", "PATCH"].contains(request.method) || !content.isEmpty {
            content.withUnsafeBytes { setBody($0.baseAddress ?? UnsafeRawPointer(errorText), content.count, request.method, isCopied: true) }
        } else if request.method == "HEAD" {
            _ = dcurl_set_long(easy, CURLOPT_NOBODY, 1)
        } else {
            _ = dcurl_set_long(easy, CURLOPT_HTTPGET, 1)
            if request.method != "GET" { _ = dcurl_set_text(easy, CURLOPT_CUSTOMREQUEST, request.method) }
        }
    }

    /// Every method with a small body goes the way of POST: body and headers leave in one send, and an empty one says its length.
    private func setBody(_ bytes: UnsafeRawPointer, _ count: Int, _ method: String, isCopied: Bool = false) {
        _ = dcurl_set_long(easy, CURLOPT_POST, 1)
        _ = dcurl_set_offset(easy, CURLOPT_POSTFIELDSIZE_LARGE, curl_off_t(count))
        _ = dcurl_set_pointer(easy, isCopied ? CURLOPT_COPYPOSTFIELDS : CURLOPT_POSTFIELDS, bytes)
        if method != "POST" { _ = dcurl_set_text(easy, CURLOPT_CUSTOMREQUEST, method) }
    }

    private func setCallbacks(_ exchange: Exchange) -> (CURLcode, String)? {
        let pointer = Unmanaged.passUnretained(exchange).toOpaque()
        if use == .fileBody {
            _ = dcurl_set_reader(
                easy,
                { buffer, size, count, context in
                    guard let buffer, let context else { return Int(CURL_READFUNC_ABORT) }
                    return Unmanaged<Exchange>.fromOpaque(context).takeUnretainedValue().read(into: buffer, size * count)
                }, pointer)
            _ = dcurl_set_seeker(
                easy,
                { context, offset, origin in
                    guard let context, offset == 0, origin == SEEK_SET else { return Int32(CURL_SEEKFUNC_CANTSEEK) }
                    Unmanaged<Exchange>.fromOpaque(context).takeUnretainedValue().rewind()
                    return Int32(CURL_SEEKFUNC_OK)
                }, pointer)
        }
        _ = dcurl_set_header_writer(
            easy,
            { bytes, size, count, context in
                guard let bytes, let context else { return 0 }
                let line = UnsafeRawBufferPointer(start: bytes, count: size * count)
                return Unmanaged<Exchange>.fromOpaque(context).takeUnretainedValue().takeHeader(line) ? line.count : 0
            }, pointer)
        let code = dcurl_set_writer(
            easy,
            { bytes, size, count, context in
                guard let bytes, let context else { return 0 }
                let content = UnsafeRawBufferPointer(start: bytes, count: size * count)
                return Unmanaged<Exchange>.fromOpaque(context).takeUnretainedValue().takeContent(content) ? content.count : 0
            }, pointer)
        return code == CURLE_OK ? nil : (code, explanation(of: code))
    }
}
