import OSSProtocol
import Testing

@testable import Sandbox

/// Every request that the official SDKs signed is taken, and none of them with one thing changed.
@Suite struct SignatureVectorTests {
    private static let headers = ["v4-header", "v1-header"].flatMap { Vector.list($0) }
    private static let urls = ["v4-presign", "v1-presign"].flatMap { Vector.list($0) }

    @Test(arguments: headers + urls) func itIsAcceptedAsSigned(vector: Vector) {
        #expect(vector.refusal(vector.request) == nil)
    }

    @Test(arguments: Vector.list("v4-header").filter { $0["expect"]["authorization_oss2_style"].text != nil })
    func theOtherSpellingOfTheHeaderIsAcceptedToo(vector: Vector) {
        var request = vector.request
        request.headers["Authorization"] = vector["expect"]["authorization_oss2_style"].text

        #expect(vector.refusal(request) == nil)
    }

    @Test(arguments: Vector.list("v4-header")) func anUnsignedDateMakesNoDifference(vector: Vector) {
        for date in [nil, "Mon, 01 Jan 2001 00:00:00 GMT"] {
            var request = vector.request
            guard !(vector["expect"]["canonical_request"].text ?? "").contains("\ndate:") else { return }
            request.headers["Date"] = date
            #expect(vector.refusal(request) == nil)
        }
    }

    @Test(arguments: Vector.list("v1-header") + Vector.list("v1-presign")) func whatVersion1DoesNotSignMayChange(vector: Vector) {
        var request = RequestParts(vector.request)
        request.query += request.query.isEmpty ? "prefix=other" : "&prefix=other"
        var changed = request.request
        changed.headers["Range"] = "bytes=0-1"

        #expect(vector.refusal(changed) == nil)
    }

    // MARK: One thing changed

    enum Change: String, CaseIterable, Sendable {
        case method, pathByte, queryAdded, queryValue, signedHeader, contentType, additionalHeader, tokenByte, tokenGone, tokenAdded, secret
        case serverRegion, scopeRegion, scopeProduct, scopeDay, date, life, signatureDigit, keyID
    }

    @Test(arguments: headers + urls, Change.allCases) func withOneThingChangedItIsRefusedForThat(vector: Vector, change: Change) {
        guard let (request, code, ec) = SignatureVectorTests.changed(vector, change) else { return }

        let refusal = vector.refusal(
            request, region: change == .serverRegion ? "cn-elsewhere" : nil, secret: change == .secret ? "exampleSecreT" : nil)

        #expect(refusal?.code == code && refusal?.ec == ec, "\(refusal.map { "\($0)" } ?? "accepted")")
    }

    /// - Returns: `nil` where the request has no such thing.
    private static func changed(_ vector: Vector, _ change: Change) -> (IncomingRequest, code: String, ec: String)? {
        var parts = RequestParts(vector.request)
        let (isFour, isURL) = (vector.isVersion4, vector.isURL)
        let mismatch = ("SignatureDoesNotMatch", isFour ? "0002-00000201" : "0002-00000040")
        var expected = mismatch
        switch change {
        case .method: parts.method = parts.method == "PUT" ? "POST" : "PUT"
        case .pathByte:
            // Without a bucket another path would name one.
            guard vector["bucket"].text != nil else { return nil }
            parts.path = flipped(path: parts.path)
        case .queryAdded: parts.query += (parts.query.isEmpty ? "" : "&") + "live=1"
        case .queryValue:
            guard
                let place = parts.items.firstIndex(where: { item in
                    let name = String(item.prefix { $0 != "=" })
                    return item.contains("=")
                        && !["x-oss-", "Expires", "Signature", "OSSAccessKeyId", "security-token"].contains { name.hasPrefix($0) }
                        && (isFour || ["uploadId", "partNumber", "position", "callback", "versionId", "continuation-token"].contains(name))
                })
            else { return nil }
            parts.items[place] += "0"
        case .signedHeader: parts.headers["x-oss-meta-added"] = "1"
        case .contentType: parts.headers["Content-Type"] = (parts.headers["Content-Type"] ?? "") + "x"
        case .additionalHeader:
            guard isFour,
                let name = ["Range", "Cache-Control", "zabc", "abc"].first(where: { name in
                    parts.headers[name] != nil && (vector["expect"]["canonical_request"].text ?? "").contains("\n\(name.asciiLower):")
                })
            else { return nil }
            parts.headers[name] = (parts.headers[name] ?? "") + "0"
        case .tokenByte:
            guard let token = vector.token else { return nil }
            setToken(flipped(token), &parts, vector)
            expected = ("InvalidSecurityToken", "0002-00000008")
        case .tokenGone:
            guard vector.token != nil else { return nil }
            setToken(nil, &parts, vector)
            expected = ("InvalidAccessKeyId", "0002-00000003")
        case .tokenAdded:
            guard vector.token == nil else { return nil }
            setToken("CAISanother", &parts, vector)
            expected = ("AccessKeyIdAndSecurityTokenNotMatch", "0002-00000009")
        case .secret: break
        case .serverRegion:
            guard isFour else { return nil }
            expected = ("InvalidArgument", "0002-00000226")
        case .scopeRegion, .scopeProduct, .scopeDay:
            guard isFour else { return nil }
            let day = String(vector.now.basic.prefix(8))
            let product = vector["product"].text ?? "oss"
            var scope = (day, vector.region, product)
            switch change {
            case .scopeRegion: (scope.1, expected) = (flipped(scope.1), ("InvalidArgument", "0002-00000226"))
            case .scopeProduct: (scope.2, expected) = ("sts", ("InvalidArgument", "0002-00000227"))
            default: (scope.0, expected) = (flipped(day), ("InvalidArgument", "0002-00000212"))
            }
            parts.replace(
                "\(day)/\(vector.region)/\(product)/", with: "\(scope.0)/\(scope.1)/\(scope.2)/", inQuery: isURL)
        case .date:
            let other = vector.now + .seconds(1)
            if isURL {
                guard isFour else { return nil }
                parts.replace(vector.now.basic, with: other.basic, inQuery: true)
            } else if isFour {
                parts.headers["x-oss-date"] = other.basic
            } else {
                // An x-oss-date takes the place of the Date.
                let name = parts.headers["x-oss-date"] == nil ? "Date" : "x-oss-date"
                guard let time = parts.headers[name].flatMap({ Timestamp(httpDate: $0) }) else { return nil }
                parts.headers[name] = (time + .seconds(1)).httpDate
            }
            // The last second of a day.
            if isFour, other.basic.prefix(8) != vector.now.basic.prefix(8) { expected = ("InvalidArgument", "0002-00000212") }
        case .life:
            guard isURL else { return nil }
            let name = isFour ? "x-oss-expires" : "Expires"
            guard let place = parts.items.firstIndex(where: { $0.hasPrefix("\(name)=") }) else { return nil }
            let number = Int64(parts.items[place].dropFirst(name.count + 1)) ?? 0
            parts.items[place] = "\(name)=\(number + 1)"
            if isFour, number == 604_800 { expected = ("InvalidArgument", "0002-00000232") }
        case .signatureDigit:
            let signature = vector["expect"]["signature"].text ?? ""
            parts.replace(signature, with: flipped(signature), inQuery: isURL)
        case .keyID:
            parts.replace(vector.keyID, with: "LTAIunknown", inQuery: isURL)
            expected = ("InvalidAccessKeyId", "0002-00000902")
        }
        return (parts.request, expected.0, expected.1)
    }

    private static func setToken(_ token: String?, _ parts: inout RequestParts, _ vector: Vector) {
        guard vector.isURL else {
            parts.headers["x-oss-security-token"] = token
            return
        }
        let name = vector.isVersion4 ? "x-oss-security-token" : "security-token"
        parts.items.removeAll { $0.hasPrefix("\(name)=") }
        if let token { parts.items.append("\(name)=\(PercentEncoding.encode(token))") }
    }

    /// The fifth character is another letter or digit.
    private static func flipped(_ text: String) -> String {
        var bytes = Array(text.utf8)
        bytes[4] = bytes[4] == UInt8(ascii: "a") ? UInt8(ascii: "b") : UInt8(ascii: "a")
        return String(decoding: bytes, as: UTF8.self)
    }

    /// The last byte that stands for itself is another one.
    private static func flipped(path: String) -> String {
        var bytes = Array(path.utf8)
        let place = bytes.indices.last { at in
            (97...122).contains(bytes[at]) && !bytes[max(0, at - 2)..<at].contains(UInt8(ascii: "%"))
        }
        guard let place else { return path + "x" }
        bytes[place] = bytes[place] == UInt8(ascii: "q") ? UInt8(ascii: "r") : UInt8(ascii: "q")
        return String(decoding: bytes, as: UTF8.self)
    }

    // MARK: The clock

    @Test(arguments: headers) func theHeaderLives15MinutesEitherWay(vector: Vector) throws {
        for seconds in [-900, 900] as [Int64] { #expect(vector.refusal(vector.request, now: vector.now + .seconds(seconds)) == nil) }
        for seconds in [-901, 901, 86_400, -86_400] as [Int64] {
            let now = vector.now + .seconds(seconds)

            let refusal = try #require(vector.refusal(vector.request, now: now))

            #expect(refusal.status == 403 && refusal.code == "RequestTimeTooSkewed")
            #expect(refusal.ec == (vector.isVersion4 ? "0002-00000504" : "0002-00000501"))
            #expect(
                refusal.elements.map(\.name) == ["MaxAllowedSkewMilliseconds", "RequestTime", "ServerTime"]
                    && refusal.elements.map(\.text) == ["900000", vector.now.wholeSecond, now.wholeSecond])
        }
    }

    @Test(arguments: urls) func aURLLivesToItsLastSecondAndNoLonger(vector: Vector) throws {
        #expect(vector.refusal(vector.request, now: vector.now + .seconds(vector.life)) == nil)

        let late = try #require(vector.refusal(vector.request, now: vector.now + .seconds(vector.life + 1)))
        let early = vector.refusal(vector.request, now: vector.now - .seconds(901))

        #expect(late.status == 403 && late.code == "AccessDenied" && late.message == "Request has expired.")
        #expect(late.ec == "0002-00000069" && late.elements.contains { $0.name == "ServerTime" })
        // Version 1 knows no beginning.
        #expect(early?.ec == (vector.isVersion4 ? "0002-00000235" : nil))
        #expect(vector.refusal(vector.request, now: vector.now - .seconds(900)) == nil)
    }
}

/// A request in pieces that can be changed.
struct RequestParts {
    var method, path, query, host: String
    var headers: HTTPHeaders

    init(_ request: IncomingRequest) {
        (method, path, query, host, headers) = (request.method, request.path, request.query ?? "", request.host, request.headers)
    }

    /// The parameters as sent.
    var items: [String] {
        get { query.split(separator: "&").map { String($0) } }
        set { query = newValue.joined(separator: "&") }
    }

    var request: IncomingRequest {
        IncomingRequest(method: method, target: query.isEmpty ? path : "\(path)?\(query)", host: host, headers: headers)
    }

    /// In the query (where it stands encoded) or in the Authorization header.
    mutating func replace(_ text: String, with other: String, inQuery: Bool) {
        if inQuery {
            query = query.split(separator: PercentEncoding.encode(text), omittingEmptySubsequences: false).joined(
                separator: PercentEncoding.encode(other))
        } else {
            headers["Authorization"] = (headers["Authorization"] ?? "").split(separator: text, omittingEmptySubsequences: false).joined(
                separator: other)
        }
    }
}
