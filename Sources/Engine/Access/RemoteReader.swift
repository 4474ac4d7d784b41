import OSSProtocol
import TOML

/// Reads one `[remote.NAME]` with its credentials.
struct RemoteReader {
    private typealias SettingError = ConfigurationReader.SettingError

    let reader: TOMLReader
    let name: String
    /// The folder that relative paths start at.
    private let folder: String

    init(_ reader: TOMLReader, name: String, file: String) {
        (self.reader, self.name) = (reader, name)
        let slash = file.utf8.lastIndex(of: UInt8(ascii: "/"))
        folder = slash.map { String(file[..<$0]) } ?? "."
    }

    /// `nil` when something essential is wrong; what is wrong has been reported.
    func read() -> RemoteSettings? {
        let source = readCredentials()
        var remote = RemoteSettings(name: name, credentials: source ?? .environment)
        remote.bucket = reader.parsed("bucket", by: bucketName)
        remote.region = reader.parsed("region", by: region)
        remote.endpoint = reader.parsed("endpoint", by: endpoint)
        if reader.choice("addressing", of: ["virtual", "path"]) == "path" { remote.addressing = .path }
        if let prefix = reader.parsed("prefix", by: prefix) { remote.prefix = prefix }
        if reader.choice("signature", of: ["v4", "v1"]) == "v1" {
            reader.report("signature", "\"signature\" = \"v1\" is not in this version; \"v4\" is")
        }
        if let existing = reader.choice("existing", of: ["overwrite", "skip", "newer", "fail", "rename"]) { remote.existing = existing }
        remote.storageClass = reader.choice(
            "storage-class", of: ObjectHeaders.storageClasses)
        remote.caFile = path("ca-file", reader)
        guard let source else { return nil }
        checkPlace(&remote, source)
        return remote
    }

    /// Bucket and region must be known here unless the authorization server says them.
    private func checkPlace(_ remote: inout RemoteSettings, _ source: CredentialSource) {
        if remote.region == nil { remote.region = remote.endpoint.flatMap(RegionNames.region(ofEndpoint:)) }
        switch source {
        case .broker, .signedURL: return
        case .fixed, .environment: break
        }
        if remote.bucket == nil, reader.table.entry("bucket") == nil {
            reader.report("\"bucket\" is missing; only an authorization server can say it instead")
        }
        // The environment's OSS_REGION serves a remote that takes its key from there.
        if remote.region == nil, reader.table.entry("region") == nil, source != .environment {
            reader.report("\"region\" is missing (such as \"cn-hangzhou\"); signatures need it and it cannot be told from the endpoint")
        }
    }

    // MARK: - Credentials

    private func readCredentials() -> CredentialSource? {
        guard let table = reader.subtable("credentials") else { return reader.table.entry("credentials") == nil ? .environment : nil }
        let source = CredentialReader(self, table).read()
        table.finish()
        return source
    }

    /// Absolute; `nil` when absent or empty.
    func path(_ key: String, _ table: TOMLReader, required: Bool = false) -> String? {
        guard let text = table.string(key, required: required, allowEmpty: !required), !text.isEmpty else { return nil }
        guard !text.utf8.contains(0) else {
            table.report(key, "\"\(key)\" holds a NUL, which no path can")
            return nil
        }
        return text.utf8.first == UInt8(ascii: "/") ? text : folder + "/" + text
    }

    // MARK: - Values

    private func bucketName(_ text: String) throws(SettingError) -> String {
        do throws(OSSLimitError) { try OSSLimits.check(bucket: text) } catch { throw SettingError("\(error)") }
        return text
    }

    private func region(_ text: String) throws(SettingError) -> String {
        guard RegionNames.isPlausible(text) else { throw SettingError("takes a region's id such as \"cn-hangzhou\"") }
        return text
    }

    private func endpoint(_ text: String) throws(SettingError) -> String {
        let wrong = SettingError("takes https://HOST[:PORT], without bucket and path, such as \"https://oss-cn-hangzhou.aliyuncs.com\"")
        let full = text.utf8.starts(with: "http://".utf8) || text.utf8.starts(with: "https://".utf8) ? text : "https://" + text
        guard let address = WebAddress(full), address.path == "/", address.query == nil else { throw wrong }
        do { _ = try Endpoint(address.origin) } catch { throw wrong }
        return address.origin
    }

    private func prefix(_ text: String) throws(SettingError) -> String {
        guard text.utf8.first != UInt8(ascii: "/"), text.utf8.first != UInt8(ascii: "\\") else {
            throw SettingError("begins with a slash, which no object key may; leave it out")
        }
        guard text.utf8.count < 1000 else { throw SettingError("is over 1,000 bytes; an object key has at most 1,023") }
        return Prefixes.folder(text)
    }
}

/// Reads one `[….credentials]` (or `[….source]`) table. Every kind's keys are known; kinds that this version cannot use say so.
struct CredentialReader {
    private typealias SettingError = ConfigurationReader.SettingError

    private static let kinds = [
        "broker", "signed-url", "static", "env", "profile", "assume-role", "ecs-role", "oidc", "uri", "process", "anonymous",
    ]

    private let remote: RemoteReader
    private let reader: TOMLReader

    init(_ remote: RemoteReader, _ reader: TOMLReader) { (self.remote, self.reader) = (remote, reader) }

    func read() -> CredentialSource? {
        guard let kind = reader.choice("kind", of: CredentialReader.kinds, required: true) else {
            // Without its kind nobody can say which keys are right.
            for key in reader.table.keys { _ = reader.value(key) }
            return nil
        }
        switch kind {
        case "broker":
            guard let (url, file) = server() else { return nil }
            return .broker(url: url, tokenFile: file)
        case "signed-url":
            guard let (url, file) = server() else { return nil }
            return .signedURL(url: url, tokenFile: file)
        case "static":
            let id = reader.parsed("access-key-id", required: true, by: accessKeyID)
            let secret = remote.path("access-key-secret-file", reader, required: true)
            let token = remote.path("security-token-file", reader)
            guard let id, let secret else { return nil }
            return .fixed(accessKeyID: id, secretFile: secret, securityTokenFile: token)
        case "env": return .environment
        default:
            readLater(kind)
            return nil
        }
    }

    private func server() -> (url: String, tokenFile: String)? {
        let url = reader.parsed("url", required: true, by: serverURL)
        let file = remote.path("token-file", reader, required: true)
        guard let url, let file else { return nil }
        return (url, file)
    }

    private func serverURL(_ text: String) throws(SettingError) -> String {
        guard let address = WebAddress(text), address.query == nil else {
            throw SettingError("takes https://HOST[:PORT][/PATH] of the authorization server")
        }
        guard address.scheme == "https" || address.isLoopback else {
            throw SettingError("takes https:// (http:// only on this machine: the token would cross the network in the clear)")
        }
        return text
    }

    private func accessKeyID(_ text: String) throws(SettingError) -> String {
        guard (1...128).contains(text.utf8.count), text.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F && $0 != UInt8(ascii: "/") }) else {
            throw SettingError("takes an access key id: printable ASCII without blanks and slashes")
        }
        return text
    }

    /// Kinds whose settings are checked already, so that a file written for them stays right, and that nothing acts on yet.
    private func readLater(_ kind: String) {
        switch kind {
        case "profile":
            _ = remote.path("file", reader)
            _ = reader.string("name", allowEmpty: false)
        case "assume-role":
            _ = reader.string("role-arn", required: true, allowEmpty: false)
            _ = reader.parsed("sts-endpoint", by: serverURL)
            _ = reader.parsed("duration", by: duration)
            _ = reader.string("external-id", allowEmpty: false)
            _ = remote.path("policy-file", reader)
            if let source = reader.subtable("source", required: true) {
                _ = CredentialReader(remote, source).read()
                source.finish()
            }
        case "ecs-role":
            _ = reader.string("role", allowEmpty: false)
            _ = reader.string("metadata-url", allowEmpty: false)
        case "oidc":
            _ = reader.string("provider-arn", required: true, allowEmpty: false)
            _ = reader.string("role-arn", required: true, allowEmpty: false)
            _ = remote.path("id-token-file", reader, required: true)
        case "uri": _ = reader.string("url", required: true, allowEmpty: false)
        case "process":
            if reader.strings("command", required: true)?.isEmpty == true {
                reader.report("command", "\"command\" takes at least the program")
            }
            _ = reader.parsed("timeout", by: duration)
        default: break
        }
        reader.report("kind", "\"kind\" = \"\(kind)\" is not in this version; \"broker\", \"signed-url\", \"static\" and \"env\" are")
    }

    private func duration(_ text: String) throws(SettingError) -> Duration {
        guard let duration = SettingText.duration(text) else { throw SettingError("takes a time such as \"15m\" or \"1h\"") }
        return duration
    }
}
