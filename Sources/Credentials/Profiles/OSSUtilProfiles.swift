import OSSProtocol

/// The profiles of an `.ossutilconfig`.
///
/// Version 2: `[default]`, which is `[profile default]`, `[profile NAME]` with `source-profile`, `[buckets NAME]`. Version 1:
/// `[Credentials]`, `[Bucket-Endpoint]`, `[Bucket-Cname]`, `[AkService]`; these stand in for a `[default]` that says no credentials.
/// Names of sections and keys are the same in upper and lower case.
///
/// Source: ossutil 2, "Configure ossutil"; ossutil 1, `config_helper.go` and `command.go`.
public struct OSSUtilProfiles: Sendable {
    /// Profiles that import from each other.
    private static let deepest = 8

    private struct Group: Sendable {
        var name: String
        var entries: [INIFile.Entry]
    }

    /// Of `[profile NAME]`, by NAME.
    private var profiles: [Group] = []
    private var bucketGroups: [Group] = []
    private var credentials: [INIFile.Entry]?
    private var ecsService: [INIFile.Entry] = []
    private var bucketEndpoints: [INIFile.Entry] = []
    private var bucketCnames: [INIFile.Entry] = []

    /// - Throws: `.wrong` with the line.
    public init(parsing bytes: [UInt8]) throws(ProfileError) { self.init(try INIFile(parsing: bytes)) }

    init(_ file: INIFile) {
        for section in file.sections {
            let words = section.name.split(whereSeparator: { $0 == " " || $0 == "\t" }).map(String.init)
            let kind = words.first?.lowercased() ?? ""
            switch (kind, words.count) {
            case ("default", 1): OSSUtilProfiles.add(section, as: "default", to: &profiles)
            case ("profile", 2...): OSSUtilProfiles.add(section, as: words.dropFirst().joined(separator: " "), to: &profiles)
            case ("buckets", 2...): OSSUtilProfiles.add(section, as: words.dropFirst().joined(separator: " "), to: &bucketGroups)
            case ("credentials", 1): credentials = (credentials ?? []) + section.entries
            case ("akservice", 1): ecsService += section.entries
            case ("bucket-endpoint", 1): bucketEndpoints += section.entries
            case ("bucket-cname", 1): bucketCnames += section.entries
            default: break
            }
        }
    }

    /// Whether the sections are such as only ossutil has.
    static func isOSSUtil(_ file: INIFile) -> Bool {
        file.sections.contains { section in
            let name = section.name.lowercased()
            return name == "credentials" || name.hasPrefix("profile ") || name.hasPrefix("buckets ")
        }
    }

    private static func add(_ section: INIFile.Section, as name: String, to groups: inout [Group]) {
        if let place = groups.firstIndex(where: { isSame($0.name, name) }) {
            groups[place].entries += section.entries
        } else {
            groups.append(Group(name: name, entries: section.entries))
        }
    }

    private static func isSame(_ a: String, _ b: String) -> Bool {
        a.utf8.lazy.map(ProfileKey.lower).elementsEqual(b.utf8.lazy.map(ProfileKey.lower))
    }

    public var names: [String] {
        let hasDefault = profiles.contains { OSSUtilProfiles.isSame($0.name, "default") }
        return (credentials != nil && !hasDefault ? ["default"] : []) + profiles.map(\.name)
    }

    /// - Parameters:
    ///   - name: `nil` is `default`.
    ///   - file: that these profiles stand in, for what it is shown with.
    public func profile(_ name: String?, in file: String) throws(ProfileError) -> Profile {
        let wanted = name ?? "default"
        guard let values = try values(of: wanted, path: []) else { throw .absent }
        let source = try source(values, in: file, path: [wanted])
        var profile = Profile(file: file, name: values.name, source: source)
        profile.region = values[.region]
        profile.endpoint = values[.endpoint]
        profile.addressing = try OSSUtilProfiles.addressing(values)
        profile.signature = try OSSUtilProfiles.choice(values, .signature, of: ["v1", "v4"])
        profile.buckets = try buckets(values)
        return profile
    }

    // MARK: - Profiles on top of each other

    /// What the profile says, and for the rest what its source profile says.
    private func values(of name: String, path: [String]) throws(ProfileError) -> ProfileValues? {
        let isDefault = OSSUtilProfiles.isSame(name, "default")
        let group = profiles.first { OSSUtilProfiles.isSame($0.name, name) }
        guard group != nil || isDefault && credentials != nil else { return nil }
        var values = ProfileValues(format: .ossutil, name: group?.name ?? "default")
        for entry in group?.entries ?? [] { values.take(entry.key, entry.value, line: entry.line) }
        if isDefault, let credentials, !values.saysCredentials {
            var older = ProfileValues(format: .ossutil, name: values.name)
            for entry in ecsService where ProfileKey.plain(entry.key) == "ecsak" { older.take(entry.key, entry.value, line: entry.line) }
            for entry in credentials { older.take(entry.key, entry.value, line: entry.line) }
            values.inherit(older)
        }
        guard let source = values[.sourceProfile] else { return values }
        values.inherit(try imported(source, into: values, path: path + [name]))
        return values
    }

    private func imported(_ source: String, into values: ProfileValues, path: [String]) throws(ProfileError) -> ProfileValues {
        try ProfileChain.check(source, path: path, deepest: OSSUtilProfiles.deepest, values, isSame: OSSUtilProfiles.isSame)
        guard let imported = try self.values(of: source, path: path) else { throw ProfileChain.absent(values, among: names) }
        return imported
    }

    private func source(_ values: ProfileValues, in file: String, path: [String]) throws(ProfileError) -> CredentialSource {
        try values.source(try mode(values), in: file, at: Timestamp(seconds: 0)) { name throws(ProfileError) in
            let imported = try imported(name, into: values, path: path)
            return try source(imported, in: file, path: path + [name])
        }
    }

    /// Without a mode the keys tell: ossutil takes an access key where there is one.
    private func mode(_ values: ProfileValues) throws(ProfileError) -> ProfileMode {
        if let text = values[.mode] {
            guard let mode = ProfileMode.named(text, in: .ossutil) else {
                let known = ProfileMode.supported(in: .ossutil)
                throw values.wrong("the mode \(ProfileValues.quoted(text)) is not known; \(known) are supported", at: .mode)
            }
            return mode
        }
        if values[.ecsService] != nil { return .ecsRole }
        if values[.accessKeyID] != nil || values[.accessKeySecret] != nil { return values[.securityToken] == nil ? .key : .temporaryKey }
        if values[.command] != nil { return .process }
        if values[.uri] != nil { return .uri }
        if values[.providerARN] != nil { return .oidc }
        if values[.ecsRole] != nil { return .ecsRole }
        throw .empty
    }

    // MARK: - Places

    private static func addressing(_ values: ProfileValues) throws(ProfileError) -> String? {
        try choice(values, .addressing, of: ["virtual", "path", "cname"])
    }

    private static func choice(_ values: ProfileValues, _ key: ProfileKey, of accepted: [String]) throws(ProfileError) -> String? {
        guard let text = values[key] else { return nil }
        guard let choice = accepted.first(where: { isSame($0, text) }) else {
            throw values.wrong(key, "takes " + accepted.dropLast().joined(separator: ", ") + " or " + (accepted.last ?? ""))
        }
        return choice
    }

    /// What is said of single buckets; the first that names one counts, as with ossutil the CNAME before the endpoint.
    private func buckets(_ values: ProfileValues) throws(ProfileError) -> [Profile.BucketPlace] {
        var places: [Profile.BucketPlace] = []
        if let name = values[.buckets] {
            guard let group = bucketGroups.first(where: { OSSUtilProfiles.isSame($0.name, name) }) else {
                throw values.wrong(.buckets, "names a section [buckets …] that is not there")
            }
            places = try nested(group)
        }
        for entry in bucketCnames where !entry.value.isEmpty {
            places.append(.init(bucket: entry.key, endpoint: entry.value, addressing: "cname"))
        }
        for entry in bucketEndpoints where !entry.value.isEmpty { places.append(.init(bucket: entry.key, endpoint: entry.value)) }
        return places
    }

    /// `BUCKET =` with `key=value` further right on the lines below it, or behind it on the same line.
    private func nested(_ group: Group) throws(ProfileError) -> [Profile.BucketPlace] {
        var places: [Profile.BucketPlace] = []
        var open: (indent: Int, bucket: String, values: ProfileValues)?
        func close() throws(ProfileError) {
            guard let done = open else { return }
            places.append(
                .init(
                    bucket: done.bucket, region: done.values[.region], endpoint: done.values[.endpoint],
                    addressing: try OSSUtilProfiles.addressing(done.values)))
        }
        for entry in group.entries {
            if let indent = open?.indent, entry.indent > indent {
                open?.values.take(entry.key, entry.value, line: entry.line)
                continue
            }
            try close()
            var values = ProfileValues(format: .ossutil, name: group.name)
            for pair in entry.value.split(whereSeparator: { $0 == " " || $0 == "\t" }) {
                let parts = pair.split(separator: "=", maxSplits: 1)
                if parts.count == 2 { values.take(String(parts[0]), String(parts[1]), line: entry.line) }
            }
            open = (entry.indent, entry.key, values)
        }
        try close()
        return places
    }
}
