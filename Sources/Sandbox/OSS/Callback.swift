import OSSProtocol
import Platform
import Wire

/// What PutObject and CompleteMultipartUpload shall tell another server once the object is stored.
///
/// Source: OSS document "Callback". Unlike the real service the sandbox does not sign the call, and calls loopback addresses only.
struct Callback: Sendable, Equatable {
    var urls: [String]
    var host: String?
    var body: String
    var isJSON: Bool
    /// Names begin with `x:`.
    var variables: [String: String]

    private struct Order: Decodable {
        var callbackUrl: String
        var callbackHost: String?
        var callbackBody: String
        var callbackBodyType: String?
    }

    private static let mostURLs = 5
    static let form = "application/x-www-form-urlencoded"

    /// `nil` where none is asked for.
    init?(_ request: IncomingRequest) throws(OSSFailure) {
        guard let text = try Callback.value("x-oss-callback", "callback", request) else { return nil }
        var variables: [String: String] = [:]
        if let text = try Callback.value("x-oss-callback-var", "callback-var", request) {
            guard let bytes = Base64.decode(text), let named = try? JSON.decode([String: String].self, bytes) else {
                throw .invalidArgument(
                    "The callback variables must be a JSON object of texts.", name: "callback-var", value: text, ec: "0007-00000004")
            }
            variables = named
        }
        try self.init(text, variables: variables)
    }

    /// - Parameter text: Base64 of the JSON.
    init(_ text: String, variables: [String: String]) throws(OSSFailure) {
        guard text.utf8.count <= OSSLimits.callbackBytes else {
            throw .invalidArgument("The callback parameter exceeds 5 KB.", name: "callback", value: nil, ec: "0007-00000006")
        }
        guard let bytes = Base64.decode(text), let order = try? JSON.decode(Order.self, bytes) else {
            throw .invalidArgument("The callback configuration is not json format.", name: "callback", value: text, ec: "0007-00000001")
        }
        urls = order.callbackUrl.split(separator: ";").map { String($0) }
        guard (1...Callback.mostURLs).contains(urls.count), !order.callbackBody.isEmpty else {
            throw .invalidArgument("The callback needs one to five URLs and a body.", name: "callback", value: text, ec: "0007-00000002")
        }
        let type = order.callbackBodyType ?? Callback.form
        guard type == Callback.form || type == "application/json" else {
            throw .invalidArgument("The callbackBodyType is not known.", name: "callback", value: type, ec: "0007-00000003")
        }
        guard variables.keys.allSatisfy({ $0.hasPrefix("x:") && $0 == $0.asciiLower }) else {
            throw .invalidArgument(
                "The callback variables must have names such as x:name.", name: "callback-var", value: nil, ec: "0007-00000004")
        }
        (host, body, isJSON, self.variables) = (order.callbackHost, order.callbackBody, type != Callback.form, variables)
    }

    private static func value(_ header: String, _ query: String, _ request: IncomingRequest) throws(OSSFailure) -> String? {
        let (one, other) = (request.headers[header], request.parameter(query))
        guard one == nil || other == nil else {
            throw .invalidArgument("The callback is given in the header and in the query.", name: query, value: other, ec: "0007-00000005")
        }
        guard let text = one ?? other else { return nil }
        guard text.utf8.count <= OSSLimits.callbackBytes else {
            throw .invalidArgument("The callback parameter exceeds 5 KB.", name: query, value: nil, ec: "0007-00000006")
        }
        return text
    }

    /// The body with `${…}` filled in: URL-encoded in a form, as JSON values in JSON. What is not known becomes empty.
    func filled(bucket: String, object: StoredObject) -> String {
        let numbers = ["size": String(object.size)]
        var texts = variables
        texts["bucket"] = bucket
        texts["object"] = object.key.description
        texts["etag"] = object.etag
        texts["mimeType"] = object.attributes.contentType ?? "application/octet-stream"
        texts["crc64"] = String(object.crc64)
        texts["contentMd5"] = object.contentMD5 ?? ""
        var (result, rest) = ("", body[...])
        while let start = rest.firstRange(of: "${") {
            guard let end = rest[start.upperBound...].firstIndex(of: "}") else { break }
            result += rest[..<start.lowerBound]
            let name = String(rest[start.upperBound..<end])
            let text = texts[name] ?? ""
            if let number = numbers[name] {
                result += number
            } else {
                result += isJSON ? String(decoding: JSON.encode(text), as: UTF8.self) : PercentEncoding.encode(text)
            }
            rest = rest[rest.index(after: end)...]
        }
        return result + rest
    }

    /// The call to one of the URLs; `nil` where it does not lead to this machine.
    func request(to url: String, body: String) -> HTTPRequest? {
        guard let (scheme, rest) = url.splitScheme, scheme == "http" || scheme == "https" else { return nil }
        let authority = String(rest.prefix { $0 != "/" && $0 != "?" })
        let name = ServiceAddress.withoutPort(authority).asciiLower
        guard ["127.0.0.1", "localhost", "[::1]"].contains(name) else { return nil }
        let target = rest.dropFirst(authority.count)
        let parts = target.cut(at: "?") ?? (String(target), "")
        var headers: HTTPHeaders = ["Content-Type": isJSON ? "application/json" : Callback.form, "User-Agent": "aliyun-oss-callback"]
        if let host, !host.isEmpty { headers["Host"] = host }
        return HTTPRequest(
            method: "POST", scheme: scheme, host: authority, path: parts.before.isEmpty ? "/" : parts.before,
            query: parts.after.isEmpty ? nil : parts.after, headers: headers, body: Array(body.utf8))
    }
}

extension String {
    fileprivate var splitScheme: (scheme: String, rest: Substring)? {
        guard let range = firstRange(of: "://") else { return nil }
        return (self[..<range.lowerBound].asciiLower, self[range.upperBound...])
    }
}

/// Makes the calls, with a transport that exists from the first one on.
final class CallbackCaller: Sendable {
    private let transport = Lock<CurlTransport?>(nil)
    /// Of the document: each URL has 5 s, an answer is below 3 MB.
    private static let patience: Duration = .seconds(5)
    private static let mostAnswerBytes = 3 << 20

    /// The JSON that the first URL with a good answer gave.
    ///
    /// - Throws: `CallbackFailed`, with status 203: the object is stored all the same.
    func call(_ callback: Callback, bucket: String, object: StoredObject) async throws(OSSFailure) -> [UInt8] {
        let body = callback.filled(bucket: bucket, object: object)
        var why = "the callback URL does not lead to this machine"
        for url in callback.urls {
            guard let request = callback.request(to: url, body: body) else { continue }
            var options = SendOptions()
            (options.total, options.connectTimeout, options.maxAnswerBytes) = (
                CallbackCaller.patience, CallbackCaller.patience, CallbackCaller.mostAnswerBytes
            )
            do throws(TransportError) {
                let answer = try await shared().send(request, options: options).response
                let first = answer.body.first { $0 > 32 }
                let isJSON = first == UInt8(ascii: "{") || first == UInt8(ascii: "[")
                if answer.status == 200, isJSON, answer.headers["Content-Length"] != nil { return answer.body }
                why = "the callback server answered \(answer.status)\(isJSON ? "" : ", and no JSON")"
            } catch {
                why = error.message
            }
        }
        throw OSSFailure(203, "CallbackFailed", "Error status : \(why).", ec: "0007-00000203")
    }

    private func shared() throws(TransportError) -> CurlTransport {
        let made: Result<CurlTransport, TransportError> = transport.withLock { transport in
            if let transport { return .success(transport) }
            var configuration = CurlTransport.Configuration()
            configuration.loops = 1
            do throws(TransportError) {
                let fresh = try CurlTransport(configuration)
                transport = fresh
                return .success(fresh)
            } catch {
                return .failure(error)
            }
        }
        return try made.get()
    }
}
