import Glibc
import OSSProtocol
import Platform

/// A file of profiles on this machine: where it lies, what it is, and who may read it.
struct ProfileFile {
    /// Where profiles may stand, and which one is wanted there.
    struct Place: Sendable {
        var path: String
        /// `nil`: what is in it tells.
        var format: ProfileFormat?
        var name: String?
        /// The variable that names the file, which then has to be there.
        var variable: String?
    }

    /// A file that was read and did not have the profile.
    struct Look {
        var place: Place
        var names: [String]
        var isEmpty: Bool
    }

    private enum Content {
        case ossutil(OSSUtilProfiles)
        case aliyun(AliyunProfiles)
        case credentialsFile(CredentialsFile)
    }

    private let path: String
    private let content: Content
    let holdsSecrets: Bool

    init(path: String, bytes: [UInt8], format: ProfileFormat?) throws(ProfileError) {
        self.path = path
        if (format ?? (ProfileFile.isJSON(bytes) ? .aliyun : .ossutil)) == .aliyun {
            let profiles = try AliyunProfiles(parsing: bytes)
            (content, holdsSecrets) = (.aliyun(profiles), profiles.holdsSecrets)
            return
        }
        let file = try INIFile(parsing: bytes)
        holdsSecrets = file.sections.contains { $0.entries.contains { ProfileKey.isSecret($0.key) && !$0.value.isEmpty } }
        // Only the credential SDKs write a type.
        let hasType = file.sections.contains { $0.entries.contains { ProfileKey.plain($0.key) == "type" } }
        let isCredentialsFile = format == .credentialsFile || format == nil && hasType && !OSSUtilProfiles.isOSSUtil(file)
        content = isCredentialsFile ? .credentialsFile(CredentialsFile(file)) : .ossutil(OSSUtilProfiles(file))
    }

    private static func isJSON(_ bytes: [UInt8]) -> Bool {
        let text = bytes.starts(with: [0xEF, 0xBB, 0xBF]) ? bytes.dropFirst(3) : bytes[...]
        return text.first { $0 != 0x20 && !(0x09...0x0D).contains($0) } == UInt8(ascii: "{")
    }

    var names: [String] {
        switch content {
        case .ossutil(let profiles): profiles.names
        case .aliyun(let profiles): profiles.names
        case .credentialsFile(let file): file.names
        }
    }

    func profile(_ name: String?, at now: Timestamp) throws(ProfileError) -> Profile {
        switch content {
        case .ossutil(let profiles): try profiles.profile(name, in: path)
        case .aliyun(let profiles): try profiles.profile(name, in: path, at: now)
        case .credentialsFile(let file): try file.profile(name, in: path)
        }
    }

    /// The aliyun command line can be told to start no programs and ask no servers for credentials; who says so means its profiles.
    static func check(_ source: CredentialSource, of file: ProfileFile, environment: [String: String]) throws(ProfileError) {
        let variable = "ALIBABA_CLOUD_DISABLE_EXTERNAL_PROCESS"
        guard case .aliyun = file.content, isTrue(environment[variable]), isExternal(source) else { return }
        let what = "the profile gets its credentials from a program or a server"
        throw .wrong(line: nil, "\(what), and \(variable) forbids it. Use another profile")
    }

    private static func isExternal(_ source: CredentialSource) -> Bool {
        switch source {
        case .process, .uri: true
        case .assumeRole(_, let source): isExternal(source)
        default: false
        }
    }

    static func isTrue(_ text: String?) -> Bool { text == "1" || text?.lowercased() == "true" }

    // MARK: - Reading

    /// `nil` when there is no such file.
    static func read(_ place: Place) throws(ProviderFailure) -> ProfileFile? {
        let bytes: [UInt8]
        do throws(FileError) {
            bytes = try SecureFile.read(place.path, limit: INIFile.mostBytes, mustBePrivate: true)
        } catch {
            return try open(place, after: error)
        }
        do throws(ProfileError) {
            return try ProfileFile(path: place.path, bytes: bytes, format: place.format)
        } catch {
            throw refusal(place.path, error)
        }
    }

    /// - Parameter problem: why it cannot be read as a secret.
    private static func open(_ place: Place, after problem: FileError) throws(ProviderFailure) -> ProfileFile? {
        if problem.isAbsent {
            guard let variable = place.variable else { return nil }
            throw .refused("\(variable) names \(place.path), which is not there. Write the profiles there, or unset it")
        }
        // Without a secret in it a file may be read by others, not written: it names programs that are run.
        guard isWrittenByUsOnly(place.path), let bytes = try? SecureFile.read(place.path, limit: INIFile.mostBytes, mustBePrivate: false),
            let file = try? ProfileFile(path: place.path, bytes: bytes, format: place.format), !file.holdsSecrets
        else { throw .refused(problem.message) }
        return file
    }

    private static func isWrittenByUsOnly(_ path: String) -> Bool {
        var information = stat()
        return stat(path, &information) == 0 && information.st_mode & S_IFMT == S_IFREG && information.st_mode & 0o022 == 0
            && (information.st_uid == geteuid() || information.st_uid == 0)
    }

    /// Says which file, in which line.
    static func refusal(_ path: String, _ error: ProfileError) -> ProviderFailure {
        switch error {
        case .absent: .refused("\(path) has no such profile")
        case .empty: .refused("\(path) says nothing about credentials")
        case .wrong(let line, let text): .refused(path + (line.map { ":\($0)" } ?? "") + ": " + text)
        }
    }
}
