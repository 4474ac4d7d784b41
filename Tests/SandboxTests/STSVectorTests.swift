import OSSProtocol
import Testing

@testable import Sandbox

/// Every call that the official SDKs signed is taken by STS, and none of them with one thing changed.
@Suite struct STSVectorTests {
    /// A call in pieces that can be changed.
    private struct Call {
        var method: String
        var path: String
        var host: String
        var query: [QueryItem]
        var form: [QueryItem]?
        var headers: HTTPHeaders
        var body: String

        init(_ vector: Vector) {
            let request = vector["request"]
            (method, path, host) = (request["method"].text ?? "", request["path"].text ?? "/", request["host"].text ?? "")
            query = request["query_parameters"].texts.sorted { $0.key < $1.key }.map { QueryItem($0.key, $0.value) }
            headers = HTTPHeaders(request["headers"].texts.map { HTTPHeaders.Field($0.key, $0.value) })
            body = request["body"].text ?? ""
            if vector.kind == "sts-acs3" {
                headers["Authorization"] = vector["expect"]["authorization"].text
            } else {
                query.append(QueryItem("Signature", vector["expect"]["signature"].text))
                let pairs = request["form_parameters"].texts
                if !pairs.isEmpty {
                    form = pairs.sorted { $0.key < $1.key }.map { QueryItem($0.key, $0.value) }
                    headers["Content-Type"] = "application/x-www-form-urlencoded"
                }
            }
        }

        func identify(_ vector: Vector, secret: String? = nil, nonces: NonceMemory = NonceMemory(), after: Duration = .zero)
            throws(STSFailure) -> Identity
        {
            let target = path + (QueryItem.join(query).map { "?\($0)" } ?? "")
            let request = IncomingRequest(method: method, target: target, host: host, headers: headers)
            let bytes = Array((form.map { QueryItem.join($0) ?? "" } ?? body).utf8)
            return try STSCall(request, body: bytes).identify(
                lookup: vector.keys(secret: secret).lookup, nonces: nonces, now: vector.now + after)
        }

        func refusal(_ vector: Vector, secret: String? = nil, after: Duration = .zero) -> STSFailure? {
            do throws(STSFailure) {
                _ = try identify(vector, secret: secret, after: after)
                return nil
            } catch {
                return error
            }
        }
    }

    private static let vectors = (Vector.list("sts-rpc-v1") + Vector.list("sts-acs3")).filter { $0["expect"]["signature"].text != nil }

    @Test(arguments: vectors) func aCallIsAcceptedAsSignedForFifteenMinutes(vector: Vector) throws {
        let call = Call(vector)

        #expect(try call.identify(vector).accessKeyID == vector.keyID)
        for seconds in [-900, 900] as [Int64] { #expect(call.refusal(vector, after: .seconds(seconds)) == nil) }
        for seconds in [-901, 901] as [Int64] {
            #expect(call.refusal(vector, after: .seconds(seconds))?.code == "InvalidTimeStamp.Expired")
        }
    }

    @Test(arguments: vectors) func aCallIsAcceptedOnce(vector: Vector) throws {
        let (call, nonces) = (Call(vector), NonceMemory())

        _ = try call.identify(vector, nonces: nonces)

        let failure = #expect(throws: STSFailure.self) { try call.identify(vector, nonces: nonces) }
        #expect(failure?.status == 400 && failure?.code == "SignatureNonceUsed")
    }

    enum Change: CaseIterable, Sendable {
        case method, parameterAdded, parameter, signedHeader, bodyByte, host, tokenByte, tokenGone, secret, date, signatureDigit, keyID
    }

    @Test(arguments: vectors, Change.allCases) func aCallWithOneThingChangedIsRefusedForThat(vector: Vector, change: Change) {
        var call = Call(vector)
        let isACS3 = vector.kind == "sts-acs3"
        var code = "SignatureDoesNotMatch"
        switch change {
        case .method: call.method = call.method == "POST" ? "GET" : "POST"
        case .parameterAdded: call.query.append(QueryItem("ExtraParameter", "1"))
        case .parameter:
            // One of the query, the form or, for ACS3, of what else is signed.
            if let place = call.form?.firstIndex(where: { $0.name == "RoleSessionName" }) {
                call.form?[place].value = "mallory"
            } else if let place = call.query.firstIndex(where: { $0.name == "RoleSessionName" || $0.name == "Action" }) {
                call.query[place].value = "mallory"
            } else if isACS3 {
                call.headers["x-acs-action"] = "AssumeRole2"
            }
        case .signedHeader:
            guard isACS3 else { return }
            call.headers["user-agent"] = "Another/1.0"
        case .bodyByte:
            guard isACS3, !call.body.isEmpty else { return }
            call.body += "0"
        case .host:
            guard isACS3 else { return }
            call.headers["host"] = "sts.example.com"
        case .tokenByte:
            guard let token = vector.token else { return }
            setToken(token + "x", &call, isACS3)
            code = "InvalidSecurityToken.Malformed"
        case .tokenGone:
            guard vector.token != nil else { return }
            setToken(nil, &call, isACS3)
            code = "MissingSecurityToken"
        case .secret: break
        case .date:
            if isACS3 {
                call.headers["x-acs-date"] = (vector.now + .seconds(1)).iso8601
            } else if let place = call.query.firstIndex(where: { $0.name == "Timestamp" }) {
                call.query[place].value = (vector.now + .seconds(1)).iso8601
            }
        case .signatureDigit:
            let signature = vector["expect"]["signature"].text ?? ""
            let other = (signature.first == "a" ? "b" : "a") + signature.dropFirst()
            if isACS3 {
                call.headers["Authorization"] = call.headers["Authorization"]?.split(separator: signature, omittingEmptySubsequences: false)
                    .joined(separator: other)
            } else if let place = call.query.firstIndex(where: { $0.name == "Signature" }) {
                call.query[place].value = other
            }
        case .keyID:
            if isACS3 {
                call.headers["Authorization"] = call.headers["Authorization"]?.split(separator: vector.keyID).joined(
                    separator: "LTAIunknown")
            } else if let place = call.query.firstIndex(where: { $0.name == "AccessKeyId" }) {
                call.query[place].value = "LTAIunknown"
            }
            code = "InvalidAccessKeyId.NotFound"
        }

        let refusal = call.refusal(vector, secret: change == .secret ? "exampleSecreT" : nil)

        #expect(refusal?.code == code, "\(refusal.map { "\($0)" } ?? "accepted")")
    }

    private func setToken(_ token: String?, _ call: inout Call, _ isACS3: Bool) {
        guard !isACS3 else {
            call.headers["x-acs-security-token"] = token
            return
        }
        call.query.removeAll { $0.name == "SecurityToken" }
        if let token { call.query.append(QueryItem("SecurityToken", token)) }
    }
}
