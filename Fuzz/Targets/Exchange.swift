import OSSProtocol

/// An answer as a file: `HTTP/1.1 STATUS`, headers, an empty line, the body. Anything else is the body of an answer that has the headers
/// a success of OSS has.
enum Exchange {
    static func response(_ input: [UInt8]) -> HTTPResponse {
        guard input.starts(with: "HTTP/1.1 ".utf8) else { return HTTPResponse(status: status(of: input), headers: usual, body: input) }
        let status = input.dropFirst(9).prefix(3).reduce(0) { $0 * 10 + Int($1) - 48 }
        var (headers, rest) = (HTTPHeaders(), input[...])
        while let end = rest.firstIndex(of: 10) {
            let line = rest[..<end].last == 13 ? rest[..<(end - 1)] : rest[..<end]
            rest = rest[(end + 1)...]
            if line.isEmpty { break }
            guard let colon = line.firstIndex(of: UInt8(ascii: ":")) else { continue }
            headers.add(text(line[..<colon]), text(line[(colon + 1)...].drop { $0 == 32 }))
        }
        return HTTPResponse(status: status, headers: headers, body: Array(rest))
    }

    private static func status(of body: [UInt8]) -> Int {
        body.starts(with: "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error>".utf8) ? 403 : 200
    }

    private static let usual: HTTPHeaders = [
        "ETag": "\"0F7230CAA4BE94CCBDC99C5500000000\"", "x-oss-hash-crc64ecma": "3231342946509354535", "Content-Length": "7",
        "x-oss-request-id": "5C3D9175B6FC201293AD0001", "Date": "Thu, 15 Jan 2026 08:30:00 GMT",
    ]
}
