import OSSProtocol
import Platform
import TOML

/// Reads one `[….credentials]` (or `[….source]`) table: the same kinds and keys in `config.toml` and in `authd.toml`.
public struct CredentialReader {
    /// Every kind there is, in the order of the documentation.
    public static let kinds = [
        "broker", "signed-url", "static", "env", "profile", "assume-role", "ecs-role", "oidc", "uri", "process", "anonymous",
    ]
    /// Tables inside tables: `source` of `source` of …
    private static let deepest = 4

    private let reader: TOMLReader
    private let folder: String
    private let kinds: [String]
    private let depth: Int

    /// - Parameters:
    ///   - folder: that relative paths start at.
    ///   - kinds: that make sense here.
    public init(_ reader: TOMLReader, folder: String, kinds: [String] = CredentialReader.kinds) {
        self.init(reader, folder: folder, kinds: kinds, depth: 0)
    }

    private init(_ reader: TOMLReader, folder: String, kinds: [String], depth: Int) {
        (self.reader, self.folder, self.kinds, self.depth) = (reader, folder, kinds, depth)
    }

    /// `nil` when something essential is wrong. What is wrong has been reported, unknown keys too.
    public func read() -> CredentialSource? {
        guard let kind = reader.choice("kind", of: kinds, required: true) else {
            // Without its kind nobody can say which keys are right.
            for key in reader.table.keys { _ = reader.value(key) }
            return nil
        }
        let source = read(kind)
        reader.finish()
        return source
    }

    private func read(_ kind: String) -> CredentialSource? {
        switch kind {
        case "broker": return server().map { .broker(url: $0.url, tokenFile: $0.tokenFile) }
        case "signed-url": return server().map { .signedURL(url: $0.url, tokenFile: $0.tokenFile) }
        case "static":
            let id = reader.parsed("access-key-id", required: true, by: accessKeyID)
            let secret = path("access-key-secret-file", required: true)
            let token = path("security-token-file")
            guard let id, let secret else { return nil }
            return .fixed(accessKeyID: id, secretFile: secret, securityTokenFile: token)
        case "env": return .environment
        case "profile":
            let file = path("file")
            return .profile(ProfileChoice(file: file, name: reader.string("name", allowEmpty: false)))
        case "assume-role": return assumeRole()
        case "ecs-role":
            let role = reader.parsed("role", by: roleName)
            return .ecsRole(role: role, metadataURL: reader.parsed("metadata-url", by: plainURL))
        case "oidc":
            let role = self.role(takesExternalID: false)
            let provider = reader.parsed("provider-arn", required: true, by: providerARN)
            let file = path("id-token-file", required: true)
            guard let role, let provider, let file else { return nil }
            return .oidc(role, providerARN: provider, tokenFile: file)
        case "uri": return reader.parsed("url", required: true, by: plainURL).map { .uri($0) }
        case "process": return process()
        default: return .anonymous
        }
    }

    // MARK: - Kinds with several keys

    private func server() -> (url: String, tokenFile: String)? {
        let url = reader.parsed("url", required: true, by: serverURL)
        let file = path("token-file", required: true)
        guard let url, let file else { return nil }
        return (url, file)
    }

    private func assumeRole() -> CredentialSource? {
        let role = self.role(takesExternalID: true)
        guard depth < CredentialReader.deepest else {
            reader.report("source", "roles are assumed on top of each other more than \(CredentialReader.deepest) times; make the chain shorter")
            _ = reader.value("source")
            return nil
        }
        // Requests that the authorization server signs give nothing to assume a role with, and neither does no key at all.
        let possible = kinds.filter { $0 != "signed-url" && $0 != "anonymous" }
        let table = reader.subtable("source", required: true)
        let source = table.flatMap { CredentialReader($0, folder: folder, kinds: possible, depth: depth + 1).read() }
        guard let role, let source else { return nil }
        return .assumeRole(role, source: source)
    }

    private func role(takesExternalID: Bool) -> RoleSettings? {
        let arn = reader.parsed("role-arn", required: true, by: roleARN)
        let name = reader.parsed("session-name", by: sessionName)
        let endpoint = reader.parsed("sts-endpoint", by: serverURL)
        let duration = reader.parsed("duration", by: life)
        let externalID = takesExternalID ? reader.parsed("external-id", by: externalID) : nil
        let policy = path("policy-file")
        guard let arn else { return nil }
        return RoleSettings(
            roleARN: arn, sessionName: name, stsEndpoint: endpoint, duration: duration, externalID: externalID,
            policy: policy.map { .file($0) })
    }

    private func process() -> CredentialSource? {
        let words = reader.strings("command", required: true)
        let timeout = reader.parsed("timeout", by: processTime) ?? ProcessProvider.usualTimeout
        guard let words else { return nil }
        let command = words.map(\.text)
        guard let program = command.first, !program.isEmpty else {
            reader.report("command", "\"command\" takes at least the program, as in [\"/usr/local/bin/credentials\", \"--oss\"]")
            return nil
        }
        guard !command.contains(where: { $0.utf8.contains(0) }) else {
            reader.report("command", "\"command\" holds a NUL, which no argument can")
            return nil
        }
        // A path with a slash starts at the configuration's folder like every other; a bare name is looked up in PATH.
        let isPath = program.utf8.contains(UInt8(ascii: "/"))
        return .process(command: [isPath ? absolute(program) : program] + command.dropFirst(), timeout: timeout)
    }

    // MARK: - Values

    /// What is accepted instead, after the key's name.
    private struct SettingError: Error, CustomStringConvertible {
        var description: String
        init(_ description: String) { self.description = description }
    }

    private func absolute(_ path: String) -> String {
        path.utf8.first == UInt8(ascii: "/") || folder.isEmpty ? path : folder + "/" + path
    }

    /// Absolute; `nil` when absent or empty.
    private func path(_ key: String, required: Bool = false) -> String? {
        guard let text = reader.string(key, required: required, allowEmpty: !required), !text.isEmpty else { return nil }
        guard !text.utf8.contains(0) else {
            reader.report(key, "\"\(key)\" holds a NUL, which no path can")
            return nil
        }
        return absolute(text)
    }

    /// Whatever goes there is a secret or answered by one.
    private func serverURL(_ text: String) throws(SettingError) -> String {
        guard let address = WebAddress(text), address.query == nil else {
            throw SettingError("takes https://HOST[:PORT][/PATH] of the server")
        }
        guard address.scheme == "https" || address.isLoopback else {
            throw SettingError("takes https:// (http:// only on this machine: the token would cross the network in the clear)")
        }
        return text
    }

    /// Metadata services and credential servers of a host or a pod speak plain HTTP on link-local addresses.
    private func plainURL(_ text: String) throws(SettingError) -> String {
        guard WebAddress(text) != nil else { throw SettingError("takes http://HOST[:PORT][/PATH] or https://…") }
        return text
    }

    private func accessKeyID(_ text: String) throws(SettingError) -> String {
        guard (1...128).contains(text.utf8.count), text.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F && $0 != UInt8(ascii: "/") }) else {
            throw SettingError("takes an access key id: printable ASCII without blanks and slashes")
        }
        return text
    }

    private func roleARN(_ text: String) throws(SettingError) -> String {
        guard ResourceName.isRole(text) else { throw SettingError("takes a role such as \"acs:ram::ACCOUNT:role/NAME\"") }
        return text
    }

    private func providerARN(_ text: String) throws(SettingError) -> String {
        guard ResourceName.isIdentityProvider(text) else {
            throw SettingError("takes an identity provider such as \"acs:ram::ACCOUNT:oidc-provider/NAME\"")
        }
        return text
    }

    private func roleName(_ text: String) throws(SettingError) -> String {
        guard ResourceName.isRoleName(text) else { throw SettingError("takes the name of a RAM role: letters, digits, - and .") }
        return text
    }

    private func sessionName(_ text: String) throws(SettingError) -> String {
        guard ResourceName.isSessionName(text) else { throw SettingError("takes 2 to 64 letters, digits, ., @, - and _") }
        return text
    }

    private func externalID(_ text: String) throws(SettingError) -> String {
        guard ResourceName.isExternalID(text) else { throw SettingError("takes 2 to 1224 letters, digits and _=,.@:/-+") }
        return text
    }

    /// Source: AssumeRole; the role's own longest session may be shorter, which STS then says.
    private func life(_ text: String) throws(SettingError) -> Duration {
        guard let duration = DurationText.parse(text), (.seconds(900)...(.seconds(43_200))).contains(duration) else {
            throw SettingError("takes \"15m\" to \"12h\"")
        }
        return duration
    }

    private func processTime(_ text: String) throws(SettingError) -> Duration {
        guard let duration = DurationText.parse(text), (.seconds(1)...(.seconds(600))).contains(duration) else {
            throw SettingError("takes \"1s\" to \"10m\"")
        }
        return duration
    }
}
