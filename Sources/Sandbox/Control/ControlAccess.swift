import OSSProtocol
import Platform

/// Who may come in, and how strictly that is looked at.
extension ControlService {
    private struct IdentityOrder: Decodable {
        var subject: String?
        var seconds: Int?
    }

    private struct IdentityView: Encodable {
        var token, subject, issuer, expiration: String
        var providerARN: String

        enum CodingKeys: String, CodingKey {
            case token, subject, issuer, expiration
            case providerARN = "provider_arn"
        }
    }

    func makeIdentityToken(_ body: [UInt8]) throws(Failure) -> Answer {
        let order = body.isEmpty ? IdentityOrder() : try read(IdentityOrder.self, body, #"{"subject": "alice", "seconds": 60}"#)
        let (subject, seconds) = (order.subject ?? "system:serviceaccount:default:uploader", order.seconds ?? 3600)
        guard (1...255).contains(subject.utf8.count) else { throw Failure(status: 400, message: "subject must have 1 to 255 bytes") }
        guard IdentityTokens.lives.contains(seconds) else { throw Failure(status: 400, message: "seconds must be 1 to 86400") }
        let token = IdentityTokens(store: keys.tokens).issue(subject: subject, seconds: seconds, now: clock.now)
        return .json(
            IdentityView(
                token: token, subject: subject, issuer: IdentityTokens.issuer, expiration: (clock.now + .seconds(seconds)).iso8601,
                providerARN: SandboxSettings.oidcProviderARN), status: 201)
    }

    private struct KeyOrder: Decodable {
        var id, secret: String
        var token: String?
        var seconds: Int?

        enum CodingKeys: String, CodingKey {
            case id = "access_key_id"
            case secret = "access_key_secret"
            case token = "security_token"
            case seconds
        }
    }

    func addKey(_ body: [UInt8]) throws(Failure) -> Answer {
        let order = try read(KeyOrder.self, body, #"{"access_key_id": "LTAI…", "access_key_secret": "…", "security_token": "…"}"#)
        guard (1...128).contains(order.id.utf8.count), !order.secret.isEmpty, order.token?.isEmpty != true else {
            throw Failure(status: 400, message: "the key, its secret and its token must not be empty, and the key has at most 128 bytes")
        }
        guard order.id != keys.accessKeyID else { throw Failure(status: 409, message: "that is the sandbox's own key") }
        guard order.seconds.map({ TokenStore.lives.contains($0) }) ?? true else {
            throw Failure(status: 400, message: "seconds must be 1 to 43200")
        }
        let key = AccessKeys.Added(
            secret: Secret(order.secret), token: order.token, expires: order.seconds.map { clock.now + .seconds($0) })
        let isAdded = keys.added.withLock { added in
            guard added.count < AccessKeys.mostAdded || added[order.id] != nil else { return false }
            added[order.id] = key
            return true
        }
        guard isAdded else { throw Failure(status: 409, message: "there are \(AccessKeys.mostAdded) keys already") }
        return .json(["access_key_id": order.id], status: 201)
    }

    private struct SwitchOrder: Decodable {
        var isStrict, onlyVersion4, needsMetadataToken: Bool?

        enum CodingKeys: String, CodingKey {
            case isStrict = "strict_addressing"
            case onlyVersion4 = "v4_only"
            case needsMetadataToken = "metadata_token_required"
        }
    }

    func turnSwitches(_ body: [UInt8]) throws(Failure) -> Answer {
        let order = try read(SwitchOrder.self, body, #"{"strict_addressing": true, "v4_only": true, "metadata_token_required": true}"#)
        return .json(
            switches.withLock { switches in
                switches.isStrict = order.isStrict ?? switches.isStrict
                switches.onlyVersion4 = order.onlyVersion4 ?? switches.onlyVersion4
                switches.needsMetadataToken = order.needsMetadataToken ?? switches.needsMetadataToken
                return switches
            })
    }
}
