import OSSProtocol
import Testing

@testable import Sandbox

@Suite struct AuthenticationTests {
    /// One thing that somebody on the way may change.
    enum Change: String, CaseIterable, Sendable {
        case method, pathByte, queryValue, signedHeader, token, secret, signatureDigit, region, clock
    }

    private func identify(_ request: IncomingRequest, _ vector: Vector, now: Timestamp? = nil) throws(OSSFailure) -> Identity {
        // Path-style and CNAME hosts of the vectors are not known here: the bucket is the vector's.
        let hosts = vector["bucket"].text.map { [ServiceAddress.withoutPort(request.host): $0] } ?? [:]
        let isPathStyle = vector["bucket"].text.map { request.path.hasPrefix("/\($0)/") && !request.host.hasPrefix($0) } ?? false
        let address = try ServiceAddress.find(
            host: isPathStyle ? "127.0.0.1" : request.host, path: request.path,
            hosts: isPathStyle || vector["bucket"].text.map { request.host.hasPrefix("\($0).") } ?? true ? [:] : hosts)
        return try vector.authentication().identify(request, address, now: now ?? vector.now)
    }

    @Test(arguments: ["v4-header", "v1-header"].flatMap { Vector.list($0) }) func everyHeaderVectorIsAccepted(vector: Vector) throws {
        #expect(throws: Never.self) { try identify(vector.signedByHeader, vector) }
    }

    @Test(arguments: ["v4-presign", "v1-presign"].flatMap { Vector.list($0) }) func everyURLVectorIsAccepted(vector: Vector) throws {
        #expect(throws: Never.self) { try identify(vector.signedByURL, vector) }
    }

    @Test(arguments: Vector.list("v4-header"), Change.allCases)
    func aHeaderVectorWithOneThingChangedIsRefused(vector: Vector, change: Change) throws {
        guard let changed = changed(vector.signedByHeader, change) else { return }
        let now = change == .clock ? vector.now + .seconds(901) : vector.now

        #expect(throws: OSSFailure.self) { try identify(changed, vector, now: now) }
    }

    @Test(arguments: Vector.list("v4-presign"), Change.allCases)
    func aURLVectorWithOneThingChangedIsRefused(vector: Vector, change: Change) throws {
        guard let changed = changed(vector.signedByURL, change) else { return }
        let now = change == .clock ? vector.now + .seconds(604_801) : vector.now

        #expect(throws: OSSFailure.self) { try identify(changed, vector, now: now) }
    }

    /// `nil` where the request has no such thing.
    private func changed(_ request: IncomingRequest, _ change: Change) -> IncomingRequest? {
        var (target, headers, method) = (request.path + (request.query.map { "?" + $0 } ?? ""), request.headers, request.method)
        switch change {
        case .method: method = method == "PUT" ? "POST" : "PUT"
        case .pathByte:
            let parts = target.cut(at: "?") ?? (target, "")
            target = parts.before + "x" + (parts.after.isEmpty ? "" : "?\(parts.after)")
        case .queryValue: target += (request.query == nil ? "?" : "&") + "prefix=other"
        case .signedHeader: headers["x-oss-meta-added"] = "1"
        case .token: headers["x-oss-security-token"] = (headers["x-oss-security-token"] ?? "") + "x"
        case .secret, .signatureDigit:
            if let text = headers["Authorization"] {
                headers["Authorization"] = flippedDigit(text, after: "Signature=")
            } else {
                target = flippedDigit(target, after: "x-oss-signature=")
            }
        case .region:
            if let text = headers["Authorization"] {
                headers["Authorization"] = text.split(separator: "/oss").joined(separator: "x/oss")
            } else {
                target = target.split(separator: "%2Foss").joined(separator: "x%2Foss")
            }
        case .clock: break
        }
        return IncomingRequest(method: method, target: target, host: request.host, headers: headers)
    }

    private func flippedDigit(_ text: String, after name: String) -> String {
        var bytes = Array(text.utf8)
        let mark = Array(name.utf8)
        guard let place = bytes.indices.first(where: { bytes[$0...].starts(with: mark) }) else { return text }
        let digit = place + mark.count + 5
        bytes[digit] = bytes[digit] == UInt8(ascii: "0") ? UInt8(ascii: "1") : UInt8(ascii: "0")
        return String(decoding: bytes, as: UTF8.self)
    }

    // MARK: What is refused, and how

    private func failure(_ change: (inout IncomingRequest) -> Void) throws -> OSSFailure? {
        let vector = try #require(Vector.list("v4-header").first)
        var request = vector.signedByHeader
        change(&request)
        do throws(OSSFailure) {
            _ = try identify(request, vector)
            return nil
        } catch {
            return error
        }
    }

    @Test func withoutASignatureARequestIsAnonymous() throws {
        let failure = try failure { $0.headers["Authorization"] = nil }

        #expect(failure?.status == 403 && failure?.code == "AccessDenied" && failure?.ec == "0003-00001201")
    }

    @Test func bothFormsAtOnceAreRefused() throws {
        let failure = try failure {
            $0 = IncomingRequest(method: $0.method, target: $0.path + "?x-oss-signature=1", host: $0.host, headers: $0.headers)
        }

        #expect(failure?.status == 400 && failure?.code == "InvalidArgument")
    }

    @Test(arguments: [
        ("OSS4-HMAC-SHA256 nonsense", "0002-00000202"), ("OSS4-HMAC-SHA256 Signature=0", "0002-00000205"),
        ("OSS4-HMAC-SHA256 Credential=a/b,Signature=0", "0002-00000213"), ("Bearer x", "0002-00000202"),
    ]) func aMalformedAuthorizationNamesItsFault(value: String, ec: String) throws {
        let failure = try failure { $0.headers["Authorization"] = value }

        #expect(failure?.status == 400 && failure?.ec == ec)
    }

    @Test func aHashedPayloadIsRefused() throws {
        let failure = try failure { $0.headers["x-oss-content-sha256"] = String(repeating: "0", count: 64) }

        #expect(failure?.status == 400 && failure?.ec == "0002-00000214")
    }

    @Test func aSkewedClockIsToldTheServersTime() throws {
        let vector = try #require(Vector.list("v4-header").first)

        let failure = #expect(throws: OSSFailure.self) { try identify(vector.signedByHeader, vector, now: vector.now + .seconds(901)) }

        #expect(failure?.code == "RequestTimeTooSkewed")
        #expect(failure?.elements.first { $0.name == "ServerTime" }?.text == "2026-01-15T08:45:01.000Z")
        #expect(throws: Never.self) { try identify(vector.signedByHeader, vector, now: vector.now + .seconds(900)) }
    }

    @Test func aScopeOfAnotherRegionIsRefusedBeforeItsSignature() throws {
        let failure = try failure {
            $0.headers["Authorization"] = $0.headers["Authorization"]?.split(separator: "cn-hangzhou").joined(separator: "cn-beijing")
        }

        #expect(failure?.status == 400 && failure?.ec == "0002-00000226")
    }

    @Test func aMismatchShowsWhatWasSigned() throws {
        let failure = try failure { $0.headers["x-oss-meta-a"] = "b" }

        #expect(failure?.code == "SignatureDoesNotMatch")
        #expect(failure?.elements.contains { $0.name == "CanonicalRequest" && $0.text.contains("x-oss-meta-a:b") } == true)
    }
}
