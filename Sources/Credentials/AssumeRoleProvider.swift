import OSSProtocol
import Platform

/// A role assumed with the credentials of another source, which is asked anew for each call: it keeps nothing either.
struct AssumeRoleProvider: CredentialProvider {
    let sts: STSCaller
    let role: RoleSettings
    let source: any CredentialProvider

    var kind: String { "assume-role" }
    var fingerprint: String { Fingerprint.of("assume-role", [sts.endpoint.description, source.fingerprint] + role.fingerprint) }

    func fetch(refusing accessKeyID: String?) async throws(ProviderFailure) -> IssuedCredentials {
        let wish = try role.request()
        let own = try await key(refusing: nil)
        let failure: STSCaller.Failure
        do throws(STSCaller.Failure) { return try await sts.assumeRole(wish, with: own) } catch { failure = error }
        // A source that keeps what it hands out cannot know that its token was revoked.
        guard failure.refusesToken else { throw failure.reason }
        let other = try await key(refusing: own.accessKeyID)
        guard other != own else { throw failure.reason }
        do throws(STSCaller.Failure) { return try await sts.assumeRole(wish, with: other) } catch { throw error.reason }
    }

    private func key(refusing accessKeyID: String?) async throws(ProviderFailure) -> Credentials {
        let credentials = try await source.fetch(refusing: accessKeyID).credentials
        guard !credentials.isAnonymous else {
            throw .refused("the role \(role.roleARN) cannot be assumed without a key, and its source is anonymous. Use another kind there")
        }
        return credentials
    }
}

extension RoleSettings {
    /// Characters. Source: AssumeRole, Policy.
    private static let longestPolicy = 2048

    func request() throws(ProviderFailure) -> AssumeRoleRequest {
        AssumeRoleRequest(
            roleARN: roleARN, roleSessionName: sessionName, durationSeconds: duration.map { Int($0.components.seconds) },
            policy: try policyText(), externalID: externalID)
    }

    /// Everything that changes what comes out; the policy by its content, which may be changed in its file.
    var fingerprint: [String?] {
        let seconds = duration.map { String($0.components.seconds) }
        switch policy {
        case nil: return [roleARN, sessionName, seconds, externalID, nil]
        case .text(let text): return [roleARN, sessionName, seconds, externalID, text]
        case .file(let path):
            return [roleARN, sessionName, seconds, externalID, (try? policyText()) ?? "unreadable \(path)"]
        }
    }

    /// Read at each call, so that a changed file counts without a restart.
    private func policyText() throws(ProviderFailure) -> String? {
        let text: String
        switch policy {
        case nil: return nil
        case .text(let given): text = given
        // A character has up to four bytes; what is longer by far is not read to its end.
        case .file(let path): text = try FileSecrets.readText(path, what: "policy-file", limit: 16 << 10)
        }
        let count = text.unicodeScalars.count
        guard count <= RoleSettings.longestPolicy else {
            throw .refused("the session policy has \(count) characters, STS takes \(RoleSettings.longestPolicy). Make it shorter")
        }
        return text.isEmpty ? nil : text
    }
}
