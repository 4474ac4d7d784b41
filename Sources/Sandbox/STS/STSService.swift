import OSSProtocol
import Platform

/// STS: AssumeRole, AssumeRoleWithOIDC and GetCallerIdentity. One request in, one answer out.
struct STSService: Sendable {
    let settings: SandboxSettings
    let keys: AccessKeys
    let server: CallServer
    let nonces = NonceMemory()

    init(settings: SandboxSettings, keys: AccessKeys, server: CallServer) {
        (self.settings, self.keys, self.server) = (settings, keys, server)
    }

    /// The longest policy and OIDC token fit many times over.
    static let mostBodyBytes = 256 << 10

    func respond(to request: IncomingRequest, body: consuming IncomingBody) async -> Delivery {
        let requestID = STSService.requestID()
        var body = body
        guard let bytes = try? await body.collect(upTo: STSService.mostBodyBytes) else { return .closed }
        let call = STSCall(request, body: bytes)
        return await server.serve(
            call.action, request, requestID: requestID, bodyBytes: body.received,
            told: { refuse(STSFailure($0.status, $0.code, $0.message), request, call, requestID) },
            perform: { perform(call, request, requestID, &$0) })
    }

    /// `6894B13B-6D71-4EF5-88FA-F32781734A7F`
    private static func requestID() -> String {
        let digits = Array(randomHex(16).uppercased())
        let cuts = [0, 8, 12, 16, 20, 32]
        return zip(cuts, cuts.dropFirst()).map { String(digits[$0..<$1]) }.joined(separator: "-")
    }

    private func perform(_ call: STSCall, _ request: IncomingRequest, _ requestID: String, _ entry: inout RequestLog.Entry) -> Answer {
        do throws(STSFailure) {
            guard request.method == "GET" || request.method == "POST" else {
                throw STSFailure(405, "UnsupportedHTTPMethod", "Only GET and POST are allowed.")
            }
            let now = server.clock.now
            let document: STSDocument
            switch call.action {
            case "": throw STSFailure.missing("Action")
            case "AssumeRole", "GetCallerIdentity":
                let identity = try call.identify(lookup: keys.lookup, nonces: nonces, now: now)
                entry.accessKeyID = identity.accessKeyID
                document = try call.action == "AssumeRole" ? assumeRole(call, identity, now) : callerIdentity(identity)
            case "AssumeRoleWithOIDC":
                // The token speaks for the caller: nothing is signed.
                try call.checkUnsigned()
                document = try assumeRoleWithOIDC(call, now)
            default: throw STSFailure(404, "InvalidApi.NotFound", "The sandbox does not know the action \(call.action).")
            }
            return answer(document.bytes(call.action, requestID: requestID, isXML: call.isXML), status: 200, call, requestID)
        } catch {
            return refuse(error, request, call, requestID)
        }
    }

    private func refuse(_ failure: STSFailure, _ request: IncomingRequest, _ call: STSCall, _ requestID: String) -> Answer {
        let document = failure.document(requestID: requestID, host: request.host, isXML: call.isXML)
        return answer(document, status: failure.status, call, requestID, code: failure.code)
    }

    private func answer(_ document: [UInt8], status: Int, _ call: STSCall, _ requestID: String, code: String? = nil) -> Answer {
        Answer(
            status: status,
            headers: [
                "Date": server.clock.now.httpDate, "Content-Type": call.isXML ? "text/xml;charset=utf-8" : "application/json;charset=utf-8",
                "Content-Length": String(document.count), "x-acs-request-id": requestID, "Cache-Control": "no-store",
            ], body: .bytes(document), code: code)
    }

    // MARK: Who calls

    private func callerIdentity(_ identity: Identity) -> STSDocument {
        var document = STSDocument()
        document.fields.append(("AccountId", SandboxSettings.account))
        if let session = identity.session {
            let name = session.arn.split(separator: "/").last.map { String($0) } ?? ""
            document.fields += [
                ("IdentityType", "AssumedRoleUser"), ("RoleId", STSService.roleID), ("PrincipalId", "\(STSService.roleID):\(name)"),
                ("Arn", session.arn),
            ]
        } else {
            document.fields += [
                ("IdentityType", "RAMUser"), ("UserId", "200000000000000001"), ("PrincipalId", "200000000000000001"),
                ("Arn", "acs:ram::\(SandboxSettings.account):user/sandbox"),
            ]
        }
        return document
    }

    static let roleID = "300000000000000001"
}

/// A successful answer, before it is JSON or XML.
struct STSDocument: Sendable {
    var fields: [(name: String, text: String)] = []
    var groups: [(name: String, fields: [(name: String, text: String)])] = []

    func bytes(_ action: String, requestID: String, isXML: Bool) -> [UInt8] {
        guard !isXML else {
            var writer = XMLWriter()
            writer.element("\(action)Response") { root in
                root.element("RequestId", requestID)
                for group in groups {
                    root.element(group.name) { element in for field in group.fields { element.element(field.name, field.text) } }
                }
                for field in fields { root.element(field.name, field.text) }
            }
            return writer.bytes
        }
        var object: [String: Value] = ["RequestId": .text(requestID)]
        for group in groups { object[group.name] = .group(Dictionary(group.fields.map { ($0.name, $0.text) }) { first, _ in first }) }
        for field in fields { object[field.name] = .text(field.text) }
        return JSON.encode(object)
    }

    private enum Value: Encodable {
        case text(String)
        case group([String: String])

        func encode(to encoder: any Encoder) throws {
            var container = encoder.singleValueContainer()
            switch self {
            case .text(let text): try container.encode(text)
            case .group(let fields): try container.encode(fields)
            }
        }
    }
}
