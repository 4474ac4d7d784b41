import OSSProtocol

/// `.alibabacloud/credentials`, the INI file of the credential SDKs: one profile a section, its kind after `type`.
///
/// Source: the credential SDKs' profile provider (Go, Python). As there, a `#` ends a value; names of sections have their case.
public struct CredentialsFile: Sendable {
    private let file: INIFile

    /// - Throws: `.wrong` with the line.
    public init(parsing bytes: [UInt8]) throws(ProfileError) { self.init(try INIFile(parsing: bytes)) }

    init(_ file: INIFile) { self.file = file }

    public var names: [String] { file.sections.map(\.name) }

    /// - Parameters:
    ///   - name: `nil` is `default`.
    ///   - path: of the file, for what it is shown with.
    public func profile(_ name: String?, in path: String) throws(ProfileError) -> Profile {
        let wanted = name ?? "default"
        guard let section = file.sections.first(where: { $0.name.utf8.elementsEqual(wanted.utf8) }) else { throw .absent }
        var values = ProfileValues(format: .credentialsFile, name: wanted)
        for entry in section.entries { values.take(entry.key, CredentialsFile.withoutComment(entry.value), line: entry.line) }
        if values[.isEnabled] != nil, try !values.flag(.isEnabled) { throw .empty }
        guard let type = values[.mode] else {
            throw values.wrong("“type” is missing; \(ProfileMode.supported(in: .credentialsFile)) are supported")
        }
        guard let mode = ProfileMode.named(type, in: .credentialsFile) else {
            let known = ProfileMode.supported(in: .credentialsFile)
            throw values.wrong("the type \(ProfileValues.quoted(type)) is not known; \(known) are supported", at: .mode)
        }
        let source = try values.source(mode, in: path, at: Timestamp(seconds: 0)) { _ throws(ProfileError) in
            throw values.wrong(.sourceProfile, "is not known here. Write access_key_id and access_key_secret")
        }
        var profile = Profile(file: path, name: wanted, source: source)
        profile.region = values[.region]
        return profile
    }

    private static func withoutComment(_ value: String) -> String {
        let bytes = Array(value.utf8)
        guard let mark = bytes.firstIndex(of: UInt8(ascii: "#")) else { return value }
        return INIFile.unquoted(INIFile.trimmed(bytes[..<mark]))
    }
}
