import FoundationEssentials
import OSSProtocol

/// The profiles of the aliyun command line's `config.json`. Unknown fields and fields of a strange type are ignored.
///
/// Source: the aliyun command line, `config/profile.go`; the credential SDKs' CLI profile provider.
public struct AliyunProfiles: Sendable {
    public static let mostBytes = 1 << 20
    private static let deepest = 8

    private let current: String?
    private let profiles: [(name: String, fields: [(key: String, text: String)])]

    /// - Throws: `.wrong` when it is no such JSON.
    public init(parsing bytes: [UInt8]) throws(ProfileError) {
        guard bytes.count <= AliyunProfiles.mostBytes else {
            throw .wrong(line: nil, "the file is larger than 1 MiB, which no file of profiles is")
        }
        let text = bytes.starts(with: [0xEF, 0xBB, 0xBF]) ? bytes.dropFirst(3) : bytes[...]
        guard let document = try? JSONDecoder().decode(Document.self, from: Data(text)) else {
            throw .wrong(line: nil, "the file is no config.json of the aliyun command line. JSON with “current” and “profiles” is expected")
        }
        current = document.current?.text
        profiles = (document.profiles ?? []).compactMap { profile in
            guard let profile, let name = profile["name"]?.text else { return nil }
            // In an order of their own: of two writings of one key the last counts, which so is the tool's (`access_key_id`).
            let fields = profile.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }
            return (name, fields.compactMap { key, field in field.text.map { (key, $0) } })
        }
    }

    public var names: [String] { profiles.map(\.name) }

    /// Whether others must not read it.
    public var holdsSecrets: Bool {
        profiles.contains { $0.fields.contains { ProfileKey.isSecret($0.key) && !$0.text.isEmpty } }
    }

    /// - Parameters:
    ///   - name: `nil` is the one that the file calls current, else `default`.
    ///   - file: that these profiles stand in, for what it is shown with.
    ///   - now: whether the key that a browser login has left is still good.
    public func profile(_ name: String?, in file: String, at now: Timestamp) throws(ProfileError) -> Profile {
        let wanted = name ?? current.flatMap { $0.isEmpty ? nil : $0 } ?? "default"
        guard let values = values(of: wanted) else { throw .absent }
        var profile = Profile(file: file, name: wanted, source: try source(values, in: file, at: now, path: [wanted]))
        // Its `endpoint` is that of whatever product is called, not of OSS.
        profile.region = values[.region]
        return profile
    }

    private func values(of name: String) -> ProfileValues? {
        // As with the official tools the first one of a name counts.
        guard let profile = profiles.first(where: { $0.name.utf8.elementsEqual(name.utf8) }) else { return nil }
        var values = ProfileValues(format: .aliyun, name: profile.name)
        for field in profile.fields { values.take(field.key, field.text, line: nil) }
        return values
    }

    private func source(
        _ values: ProfileValues, in file: String, at now: Timestamp, path: [String]
    ) throws(ProfileError) -> CredentialSource {
        try values.source(try mode(values), in: file, at: now) { name throws(ProfileError) in
            try ProfileChain.check(name, path: path, deepest: AliyunProfiles.deepest, values) { $0.utf8.elementsEqual($1.utf8) }
            guard let base = self.values(of: name) else { throw ProfileChain.absent(values, among: names) }
            return try source(base, in: file, at: now, path: path + [name])
        }
    }

    /// Source: the command line's recognition of profiles without a mode.
    private func mode(_ values: ProfileValues) throws(ProfileError) -> ProfileMode {
        if let text = values[.mode] {
            guard let mode = ProfileMode.named(text, in: .aliyun) else {
                let known = ProfileMode.supported(in: .aliyun)
                throw values.wrong("the mode \(ProfileValues.quoted(text)) is not known; \(known) are supported", at: .mode)
            }
            return mode
        }
        if values[.accessKeyID] != nil, values[.accessKeySecret] != nil {
            if values[.securityToken] != nil { return .temporaryKey }
            return values[.roleARN] == nil ? .key : .role
        }
        if values[.privateKey] != nil { return .rsaKeyPair }
        if values[.ecsRole] != nil { return .ecsRole }
        if values[.command] != nil { return .process }
        if values[.providerARN] != nil, values[.tokenFile] != nil, values[.roleARN] != nil { return .oidc }
        if values[.signInURL] != nil { return .cloudSSO }
        if values[.bearerToken] != nil { return .bearerToken }
        throw .empty
    }

    // MARK: - As it is written

    private struct Document: Decodable {
        var current: Field?
        var profiles: [[String: Field]?]?
    }

    private enum Field: Decodable {
        case value(String)
        case other

        var text: String? {
            if case .value(let text) = self { return text }
            return nil
        }

        init(from decoder: any Decoder) throws {
            let container = try decoder.singleValueContainer()
            if let text = try? container.decode(String.self) {
                self = .value(text)
            } else if let flag = try? container.decode(Bool.self) {
                self = .value(flag ? "true" : "false")
            } else if let number = try? container.decode(Int64.self) {
                self = .value(String(number))
            } else {
                self = .other
            }
        }
    }
}
