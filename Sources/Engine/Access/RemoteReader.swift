import Credentials
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
        switch reader.parsed("endpoint", by: endpoint) {
        case .host(let origin)?: remote.endpoint = origin
        case .network(let network)?: remote.network = network
        case nil: break
        }
        if let addressing = reader.choice("addressing", of: ["virtual", "path", "cname"]).flatMap(Addressing.init(rawValue:)) {
            remote.addressing = addressing
        }
        if let prefix = reader.parsed("prefix", by: prefix) { remote.prefix = prefix }
        if let signature = reader.choice("signature", of: ["v4", "v1"]).flatMap(SignatureVersion.init(rawValue:)) {
            remote.signature = signature
        }
        if let existing = reader.choice("existing", of: ["overwrite", "skip", "newer", "fail", "rename"]) { remote.existing = existing }
        remote.storageClass = reader.choice(
            "storage-class", of: ObjectHeaders.storageClasses)
        remote.caFile = path("ca-file")
        remote.limits = readLimits()
        guard let source else { return nil }
        checkPlace(&remote, source)
        return remote
    }

    private func readLimits() -> RemoteLimits {
        var limits = RemoteLimits()
        if let value = reader.value("parts") {
            if let number = value.integer, (1...256).contains(number) {
                limits.parts = Int(number)
            } else {
                reader.report("parts", "\"parts\" of a remote takes a number from 1 to 256; without it those of [engine] count alone")
            }
        }
        if let rate = reader.parsed("rate-limit", by: ConfigurationReader.rate) { limits.rate = rate.bytes }
        return limits
    }

    /// Bucket and region must be known here unless the authorization server says them.
    private func checkPlace(_ remote: inout RemoteSettings, _ source: CredentialSource) {
        if remote.region == nil { remote.region = remote.endpoint.flatMap(Endpoint.region(of:)) }
        if source.saysPlace { return }
        if remote.bucket == nil, reader.table.entry("bucket") == nil {
            reader.report("\"bucket\" is missing; only an authorization server can say it instead")
        }
        switch source {
        // OSS_REGION, or what the profile says.
        case .environment, .profile: return
        // What is not signed with it needs it only to find the endpoint.
        case .anonymous where remote.endpoint != nil: return
        default: if remote.signature == .v1, remote.endpoint != nil { return }
        }
        if remote.region == nil, reader.table.entry("region") == nil {
            reader.report("\"region\" is missing (such as \"cn-hangzhou\"); signatures need it and it cannot be told from the endpoint")
        }
    }

    // MARK: - Credentials

    private func readCredentials() -> CredentialSource? {
        guard let table = reader.subtable("credentials") else { return reader.table.entry("credentials") == nil ? .environment : nil }
        return CredentialReader(table, folder: folder).read()
    }

    /// Absolute; `nil` when absent or empty.
    private func path(_ key: String) -> String? {
        guard let text = reader.string(key), !text.isEmpty else { return nil }
        guard !text.utf8.contains(0) else {
            reader.report(key, "\"\(key)\" holds a NUL, which no path can")
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
        do throws(EndpointError) { try Endpoint.check(region: text) } catch {
            throw SettingError("takes a region's id such as \"cn-hangzhou\"")
        }
        return text
    }

    private enum Place {
        case host(String)
        case network(Endpoint.Network)
    }

    private func endpoint(_ text: String) throws(SettingError) -> Place {
        if let network = Endpoint.Network(rawValue: text) { return .network(network) }
        let ways = Endpoint.Network.allCases.map { "\"\($0.rawValue)\"" }.joined(separator: ", ")
        let wrong = SettingError(
            "takes https://HOST[:PORT], without bucket and path, such as \"https://oss-cn-hangzhou.aliyuncs.com\", or one of the region's: \(ways)"
        )
        // A lone word is more likely a misspelled way than a host; with a scheme it is a host.
        guard text.utf8.contains(where: { ":./".utf8.contains($0) }) else { throw wrong }
        let full = text.utf8.starts(with: "http://".utf8) || text.utf8.starts(with: "https://".utf8) ? text : "https://" + text
        guard let address = WebAddress(full), address.path == "/", address.query == nil else { throw wrong }
        do { _ = try Endpoint(address.origin) } catch { throw wrong }
        return .host(address.origin)
    }

    private func prefix(_ text: String) throws(SettingError) -> String {
        guard text.utf8.first != UInt8(ascii: "/"), text.utf8.first != UInt8(ascii: "\\") else {
            throw SettingError("begins with a slash, which no object key may; leave it out")
        }
        guard text.utf8.count < 1000 else { throw SettingError("is over 1,000 bytes; an object key has at most 1,023") }
        return Prefixes.folder(text)
    }
}
