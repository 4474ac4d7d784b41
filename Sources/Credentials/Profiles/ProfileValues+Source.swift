import OSSProtocol

/// From what a profile says to where its credentials come from. Nothing is read or asked here.
extension ProfileValues {
    /// - Parameters:
    ///   - file: that the profile stands in.
    ///   - base: the credentials of another profile, by its name.
    func source(
        _ mode: ProfileMode, in file: String, at now: Timestamp, base: (String) throws(ProfileError) -> CredentialSource
    ) throws(ProfileError) -> CredentialSource {
        switch mode {
        case .key: return try keyPair(in: file, token: .ignored)
        case .temporaryKey: return try keyPair(in: file, token: .required)
        case .role: return try roleOnKeyPair(in: file, base: base)
        case .ecsRole: return try ecsRole()
        case .roleOnECSRole: return .assumeRole(try role(), source: try ecsRole())
        case .roleOnProfile: return .assumeRole(try role(), source: try other(try required(.sourceProfile), base))
        case .process: return try process()
        case .uri:
            let uri = try required(.uri)
            guard WebAddress(uri) != nil else { throw wrong(.uri, "takes http://HOST[:PORT][/PATH] or https://…") }
            return .uri(uri)
        case .oidc: return try oidc()
        case .anonymous: return .anonymous
        case .cloudSSO: return try browserLogin("CloudSSO", in: file, at: now)
        case .oauth: return try browserLogin("OAuth", in: file, at: now)
        case .bearerToken: throw wrong("a bearer token opens no bucket. Use a profile with another mode", at: .mode)
        case .rsaKeyPair:
            throw wrong("a key pair of RSA is not supported, as Alibaba Cloud has given it up. Use a profile with another mode", at: .mode)
        }
    }

    // MARK: - Keys

    private enum Token { case ignored, optional, required }

    private func keyPair(in file: String, token: Token) throws(ProfileError) -> CredentialSource {
        guard self[.accessKeyID] != nil || self[.accessKeySecret] != nil || self[.securityToken] != nil else { throw .empty }
        return .inProfile(try credentials(token), file: file)
    }

    private func credentials(_ token: Token) throws(ProfileError) -> Credentials {
        let id = try required(.accessKeyID)
        guard id.utf8.count <= 128, CredentialDocument.isPrintable(id), !id.utf8.contains(UInt8(ascii: "/")) else {
            throw wrong(.accessKeyID, "takes an access key id: printable ASCII without blanks and slashes")
        }
        let secret = try required(.accessKeySecret)
        guard CredentialDocument.isPrintable(secret) else { throw wrong(.accessKeySecret, "takes printable ASCII without blanks") }
        var text: String?
        switch token {
        case .ignored: break
        case .optional: text = self[.securityToken]
        case .required: text = try required(.securityToken)
        }
        guard text.map(CredentialDocument.isPrintable) ?? true else { throw wrong(.securityToken, "takes printable ASCII without blanks") }
        return Credentials(accessKeyID: id, accessKeySecret: Secret(secret), securityToken: text.map { Secret($0) })
    }

    /// A login in a browser leaves a temporary key with its end; the tool that has the login renews it.
    private func browserLogin(_ mode: String, in file: String, at now: Timestamp) throws(ProfileError) -> CredentialSource {
        let end = self[.stsExpiration].flatMap { Int64($0) }.flatMap { (1...253_402_300_799).contains($0) ? Timestamp(seconds: $0) : nil }
        let renew = "davit cannot log in with a browser. Renew it with “aliyun sts GetCallerIdentity --profile …”, or use another profile"
        guard let end, self[.accessKeyID] != nil, self[.accessKeySecret] != nil, self[.securityToken] != nil else {
            throw wrong("its mode \(mode) has left no temporary key, and \(renew)", at: .mode)
        }
        guard end > now else { throw wrong("the temporary key of its mode \(mode) has ended, and \(renew)", at: .mode) }
        var credentials = try credentials(.required)
        credentials.expiration = end
        return .inProfile(credentials, file: file)
    }

    // MARK: - Roles

    private func roleOnKeyPair(
        in file: String, base: (String) throws(ProfileError) -> CredentialSource
    ) throws(ProfileError) -> CredentialSource {
        let role = try role()
        // A profile of ossutil takes its key from its source profile, which may have another kind of credentials.
        if self[.accessKeyID] == nil, self[.accessKeySecret] == nil, let name = self[.sourceProfile] {
            return .assumeRole(role, source: try other(name, base))
        }
        return .assumeRole(role, source: .inProfile(try credentials(.optional), file: file))
    }

    private func other(
        _ name: String, _ base: (String) throws(ProfileError) -> CredentialSource
    ) throws(ProfileError) -> CredentialSource {
        do throws(ProfileError) {
            return try base(name)
        } catch {
            // What is only unused by itself is wrong where another profile needs it.
            guard error == .empty else { throw error }
            throw wrong(.sourceProfile, "names the profile \(ProfileValues.quoted(name)), which says nothing about credentials")
        }
    }

    private func role() throws(ProfileError) -> RoleSettings {
        let arn = try required(.roleARN)
        guard ResourceName.isRole(arn) else { throw wrong(.roleARN, "takes a role such as acs:ram::ACCOUNT:role/NAME") }
        if let name = self[.sessionName], !ResourceName.isSessionName(name) {
            throw wrong(.sessionName, "takes 2 to 64 letters, digits, ., @, - and _")
        }
        if let id = self[.externalID], !ResourceName.isExternalID(id) {
            throw wrong(.externalID, "takes 2 to 1224 letters, digits and _=,.@:/-+")
        }
        // Source: AssumeRole, Policy.
        if let policy = self[.policy], policy.count > 2048 {
            throw wrong(.policy, "has \(policy.count) characters; STS takes at most 2048")
        }
        return RoleSettings(
            roleARN: arn, sessionName: self[.sessionName], stsEndpoint: try stsEndpoint(), duration: try duration(),
            externalID: self[.externalID], policy: self[.policy].map { .text($0) })
    }

    /// `nil` leaves it to the region. As with the official tools the endpoint beats the region.
    private func stsEndpoint() throws(ProfileError) -> String? {
        if let text = self[.stsEndpoint] {
            let url = text.utf8.starts(with: "http://".utf8) || text.utf8.starts(with: "https://".utf8) ? text : "https://\(text)"
            guard let address = WebAddress(url), address.query == nil else { throw wrong(.stsEndpoint, "takes the host of STS") }
            guard address.scheme == "https" || address.isLoopback else {
                throw wrong(.stsEndpoint, "takes https:// (the credentials would cross the network in the clear)")
            }
            return url
        }
        guard let region = self[.stsRegion] else { return nil }
        do throws(EndpointError) { try Endpoint.check(region: region) } catch {
            throw wrong(.stsRegion, "takes a region such as cn-hangzhou")
        }
        return try flag(.isInVPC) ? "https://sts-vpc.\(region).aliyuncs.com" : "https://sts.\(region).aliyuncs.com"
    }

    /// Zero is how the tools write "not set".
    private func duration() throws(ProfileError) -> Duration? {
        guard let text = self[.duration], text != "0" else { return nil }
        guard let seconds = Int64(text), (900...43_200).contains(seconds) else { throw wrong(.duration, "takes 900 to 43200 seconds") }
        return .seconds(seconds)
    }

    func flag(_ key: ProfileKey) throws(ProfileError) -> Bool {
        switch self[key]?.lowercased() {
        case nil, "false", "0", "no", "off": return false
        case "true", "1", "yes", "on": return true
        default: throw wrong(key, "takes true or false")
        }
    }

    private func ecsRole() throws(ProfileError) -> CredentialSource {
        if let role = self[.ecsRole] {
            guard ResourceName.isRoleName(role) else {
                throw wrong(.ecsRole, "takes the name of a RAM role: letters, digits, -, . and _")
            }
            return .ecsRole(role: role, metadataURL: nil)
        }
        guard let service = self[.ecsService] else { return .ecsRole(role: nil, metadataURL: nil) }
        // `http://100.100.100.200/latest/meta-data/Ram/security-credentials/ROLE`, or a server of the operator's own.
        guard let address = WebAddress(service) else { throw wrong(.ecsService, "takes http://HOST[:PORT][/PATH] or https://…") }
        let words = address.path.split(separator: "/", omittingEmptySubsequences: false)
        guard words.count >= 3, words[words.count - 2].lowercased() == "security-credentials", let role = words.last.map(String.init),
            ResourceName.isRoleName(role), address.query == nil
        else { return .uri(service) }
        return .ecsRole(role: role, metadataURL: address.origin == ECSRoleProvider.usualURL ? nil : address.origin)
    }

    private func oidc() throws(ProfileError) -> CredentialSource {
        let role = try role()
        let provider = try required(.providerARN)
        guard ResourceName.isIdentityProvider(provider) else {
            throw wrong(.providerARN, "takes an identity provider such as acs:ram::ACCOUNT:oidc-provider/NAME")
        }
        let file = try required(.tokenFile)
        // The official tools start at the folder they were called in, which the engine knows nothing of.
        guard file.utf8.first == UInt8(ascii: "/"), !file.utf8.contains(0) else { throw wrong(.tokenFile, "takes a path from / on") }
        return .oidc(role, providerARN: provider, tokenFile: file)
    }

    // MARK: - Programs

    private func process() throws(ProfileError) -> CredentialSource {
        let text = try required(.command)
        guard let words = CommandWords.split(text), let program = words.first, !program.isEmpty, !text.utf8.contains(0) else {
            throw wrong(.command, "takes a program and its arguments, every quote closed")
        }
        guard program.utf8.first == UInt8(ascii: "/") || !program.utf8.contains(UInt8(ascii: "/")) else {
            throw wrong(.command, "takes a program's path from / on, or a name that is looked up in PATH")
        }
        guard let timeout = self[.commandTimeout] else { return .process(command: words, timeout: ProcessProvider.usualTimeout) }
        guard let seconds = Int64(timeout), (1...600).contains(seconds) else { throw wrong(.commandTimeout, "takes 1 to 600 seconds") }
        return .process(command: words, timeout: .seconds(seconds))
    }
}
