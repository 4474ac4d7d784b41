import OSSProtocol
import Platform

/// The metadata service of an ECS instance that has the sandbox's role: a token, the role's name, its credentials.
///
/// Source: ECS documents "Instance metadata" and "Instance RAM roles". Its operations for fault rules and in the record of requests:
/// `MetadataToken`, `MetadataRole`, `MetadataCredentials`.
struct MetadataService: Sendable {
    let settings: SandboxSettings
    let keys: AccessKeys
    let server: CallServer
    let switches: Lock<SandboxSwitches>
    /// Tokens with their ends.
    private let tokens = Lock<[String: Timestamp]>([:])

    static let prefix = "/latest/"
    private static let lives = 1...21_600
    private static let mostTokens = 10_000
    private static let folder = "/latest/meta-data/ram/security-credentials"

    private struct Failure: Error {
        var status: Int
        var message: String
    }

    init(settings: SandboxSettings, keys: AccessKeys, server: CallServer, switches: Lock<SandboxSwitches>) {
        (self.settings, self.keys, self.server, self.switches) = (settings, keys, server, switches)
    }

    func respond(to request: IncomingRequest, body: consuming IncomingBody) async -> Delivery {
        var body = body
        // A PUT here has no body worth the name.
        guard (try? await body.collect(upTo: 4096)) != nil else { return .closed }
        let operation =
            if request.path == "/latest/api/token" {
                "MetadataToken"
            } else if request.path.hasPrefix("\(MetadataService.folder)/"), request.path.utf8.count > MetadataService.folder.utf8.count + 1
            {
                "MetadataCredentials"
            } else {
                "MetadataRole"
            }
        return await server.serve(
            operation, request, requestID: randomHex(12).uppercased(), bodyBytes: body.received,
            told: { told in
                var answer = Answer.json(["Code": told.code, "Message": told.message], status: told.status)
                answer.code = told.code
                return answer
            },
            perform: { entry in
                do throws(Failure) {
                    return try perform(operation, request, &entry)
                } catch {
                    return MetadataService.text(error.message, status: error.status)
                }
            })
    }

    private static func text(_ text: String, status: Int = 200) -> Answer {
        Answer(
            status: status, headers: ["Content-Type": "text/plain"], body: .bytes(Array(text.utf8)), code: status == 200 ? nil : "\(status)"
        )
    }

    private func perform(_ operation: String, _ request: IncomingRequest, _ entry: inout RequestLog.Entry) throws(Failure) -> Answer {
        let now = server.clock.now
        if operation == "MetadataToken" {
            guard request.method == "PUT" else { throw Failure(status: 405, message: "only PUT gives a token") }
            return MetadataService.text(try makeToken(request, now))
        }
        guard request.method == "GET" else { throw Failure(status: 405, message: "only GET is allowed") }
        try checkToken(request, now)
        let role = keys.roles.first
        switch request.path {
        case MetadataService.folder, "\(MetadataService.folder)/": return MetadataService.text(role.name)
        case "/latest/meta-data/region-id": return MetadataService.text(settings.region)
        case "\(MetadataService.folder)/\(role.name)": break
        default: throw Failure(status: 404, message: "\(request.path) is not here")
        }
        // Six hours, as the real service; `tokens/life` makes them shorter.
        let made = keys.tokens.issue(
            arn: "acs:ram::\(SandboxSettings.account):assumed-role/\(role.name)/ecs-instance", policy: nil, seconds: 21_600, now: now)
        entry.accessKeyID = made.accessKeyID
        return .json([
            "Code": "Success", "AccessKeyId": made.accessKeyID, "AccessKeySecret": made.accessKeySecret.reveal(),
            "SecurityToken": made.securityToken?.reveal() ?? "", "Expiration": made.expiration?.iso8601 ?? "", "LastUpdated": now.iso8601,
        ])
    }

    private func makeToken(_ request: IncomingRequest, _ now: Timestamp) throws(Failure) -> String {
        guard let text = request.headers["X-aliyun-ecs-metadata-token-ttl-seconds"], let seconds = Int(digits: text),
            MetadataService.lives.contains(seconds)
        else { throw Failure(status: 400, message: "X-aliyun-ecs-metadata-token-ttl-seconds must be 1 to 21600") }
        let token = IdentityTokens.text(Randomness.bytes(36))
        tokens.withLock { tokens in
            if tokens.count >= MetadataService.mostTokens { tokens = tokens.filter { $0.value > now } }
            if tokens.count >= MetadataService.mostTokens { tokens = [:] }
            tokens[token] = now + .seconds(seconds)
        }
        return token
    }

    private func checkToken(_ request: IncomingRequest, _ now: Timestamp) throws(Failure) {
        guard let token = request.headers["X-aliyun-ecs-metadata-token"] else {
            guard !switches.withLock({ $0.needsMetadataToken }) else {
                throw Failure(status: 403, message: "the metadata service asks for a token: PUT /latest/api/token")
            }
            return
        }
        guard let end = tokens.withLock({ $0[token] }), now < end else {
            throw Failure(status: 401, message: "the metadata token is unknown or over")
        }
    }
}
