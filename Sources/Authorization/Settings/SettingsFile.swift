import Credentials
import OSSProtocol
import Platform
import TOML

/// `authd.toml` as it was read: the settings when it is usable, and everything that is wrong with it.
public struct SettingsReading: Sendable {
    public var settings: Settings?
    /// `FILE:LINE:COL: error: …`, in the order of the file.
    public var problems: [String]
}

public enum SettingsFile {
    /// Ten thousand clients fit.
    private static let largest = 16 << 20

    /// Reads the file, and the key it names, so that a secret that others can read is found before the first client asks.
    public static func read(_ path: String, environment: [String: String]) -> SettingsReading {
        do throws(FileError) {
            let bytes = try SecureFile.read(path, limit: largest, mustBePrivate: false)
            return parse(bytes, file: path) { source in
                OwnCredentials.problem(source, environment: environment)
            }
        } catch {
            return SettingsReading(settings: nil, problems: ["davit-authd: error: \(error.message)"])
        }
    }

    /// - Parameter probe: what is wrong with the key that the settings name.
    static func parse(_ bytes: [UInt8], file: String, probe: @escaping (CredentialSource) -> SettingError? = { _ in nil })
        -> SettingsReading
    {
        var limits = TOMLLimits()
        (limits.size, limits.values) = (largest, 1_000_000)
        let document: TOMLDocument
        do throws(TOMLError) { document = try TOMLDocument(parsing: bytes, limits: limits) } catch {
            return SettingsReading(settings: nil, problems: [error.problem.text(file: file)])
        }
        let problems = TOMLProblems()
        let reader = SettingsReader(root: TOMLReader(document, problems), folder: folder(of: file), probe: probe)
        let settings = reader.settings()
        return SettingsReading(
            settings: problems.isEmpty ? settings : nil, problems: problems.sorted.map { $0.text(file: file) })
    }

    private static func folder(of path: String) -> String {
        let bytes = Array(path.utf8)
        guard let slash = bytes.lastIndex(of: UInt8(ascii: "/")) else { return "" }
        return String(decoding: bytes[..<max(slash, 1)], as: UTF8.self)
    }
}

/// Reads the tables one by one. Every value that is wrong leaves a problem and a hole; the settings stand only without problems.
private struct SettingsReader {
    let root: TOMLReader
    let folder: String
    let probe: (CredentialSource) -> SettingError?

    func settings() -> Settings? {
        let listen =
            root.table["listen"] == nil ? ListenAddress(host: "127.0.0.1", port: 9001) : root.parsed("listen", by: ListenAddress.init(_:))
        _ = root.value("listen")
        let audit = root.string("audit-log", allowEmpty: false)
        let isSynced = root.boolean("audit-sync") ?? false
        let certificate = root.string("tls-cert", allowEmpty: false)
        let key = root.string("tls-key", allowEmpty: false)
        if (certificate == nil) != (key == nil) {
            root.report(certificate == nil ? "tls-key" : "tls-cert", "tls-cert and tls-key go together; one is missing")
        }
        let authorities = root.string("client-ca", allowEmpty: false)
        if authorities != nil, certificate == nil {
            root.report("client-ca", "client certificates come with TLS only. Set tls-cert and tls-key too")
        }
        let sts = root.subtable("sts", required: true).flatMap(self.sts)
        let issuers = self.issuers()
        let clients = self.clients(issuers, hasAuthorities: authorities != nil)
        root.finish()
        guard let listen, let sts else { return nil }
        return Settings(
            clients: clients, issuers: issuers, sts: sts, listen: listen,
            tls: certificate.flatMap { certificate in key.map { TLSFiles(certificate: absolute(certificate), key: absolute($0)) } },
            clientCA: authorities.map(absolute), auditLog: absolute(audit ?? "audit.jsonl"), syncsAuditLog: isSynced)
    }

    private func absolute(_ path: String) -> String {
        path.utf8.first == UInt8(ascii: "/") || folder.isEmpty ? path : "\(folder)/\(path)"
    }

    // MARK: [sts]

    private func sts(_ reader: TOMLReader) -> STSSettings? {
        let endpoint = reader.parsed("endpoint", by: Endpoint.init(_:))
        let region = reader.parsed("region", required: true, by: SettingsReader.region)
        let role = reader.parsed("role-arn", required: true, by: SettingsReader.role)
        let credentials = reader.subtable("credentials", required: true).flatMap(self.credentials)
        reader.finish()
        guard let region, let role, let credentials else { return nil }
        return STSSettings(endpoint: endpoint ?? .stsForRegion(region), region: region, roleARN: role, credentials: credentials)
    }

    /// Another authorization server may be the source; one that signs requests gives no key, and without one STS cannot be asked.
    private static let kinds = CredentialReader.kinds.filter { $0 != "signed-url" && $0 != "anonymous" }

    private func credentials(_ reader: TOMLReader) -> CredentialSource? {
        guard let source = CredentialReader(reader, folder: folder, kinds: SettingsReader.kinds).read() else { return nil }
        if let error = probe(source) { reader.report("kind", "\(error)") }
        return source
    }

    /// Lower-case letters, digits and `-`, as in `cn-hangzhou`.
    private static func region(_ text: String) throws(SettingError) -> String {
        let isName = text.utf8.allSatisfy { (97...122).contains($0) || (48...57).contains($0) || $0 == UInt8(ascii: "-") }
        guard isName, (2...40).contains(text.utf8.count) else { throw SettingError("no region. Accepted: a name like cn-hangzhou") }
        guard !text.utf8.starts(with: "oss-".utf8) else { throw SettingError("an endpoint's name. Accepted: the region without “oss-”") }
        return text
    }

    private static func role(_ text: String) throws(SettingError) -> String {
        let fields = text.utf8.split(separator: UInt8(ascii: ":"), omittingEmptySubsequences: false)
        guard fields.count == 5, fields[0].elementsEqual("acs".utf8), fields[1].elementsEqual("ram".utf8), fields[2].isEmpty,
            !fields[3].isEmpty, fields[4].starts(with: "role/".utf8), fields[4].count > 5
        else { throw SettingError("no role. Accepted: acs:ram::ACCOUNT:role/NAME") }
        return text
    }

    // MARK: [[jwt]]

    private func issuers() -> [TokenIssuer] {
        var seen: Set<[UInt8]> = []
        return root.subtables("jwt").compactMap { reader in
            let issuer = reader.string("issuer", required: true, allowEmpty: false)
            let audience = reader.string("audience", required: true, allowEmpty: false)
            let file = reader.string("jwks-file", allowEmpty: false)
            let url = reader.parsed("jwks-url", by: SettingsReader.keysAddress)
            if file != nil, reader.table["jwks-url"] != nil { reader.report("jwks-url", "jwks-file and jwks-url exclude each other") }
            if file == nil, reader.table["jwks-url"] == nil { reader.report("[[jwt]] needs jwks-file or jwks-url, where the issuer's keys are") }
            let claim = reader.string("client-claim", allowEmpty: false) ?? "sub"
            let leeway = reader.parsed("leeway", by: SettingsReader.leeway) ?? .seconds(60)
            let grants = reader.subtables("grant").compactMap(claimGrant)
            reader.finish()
            guard let issuer, let audience, let keys = file.map({ .file(absolute($0)) }) ?? url.map({ TokenIssuer.Keys.url($0) }) else {
                return nil
            }
            if !seen.insert(Array(issuer.utf8)).inserted { reader.report("issuer", "there are two [[jwt]] of this issuer; issuers must differ") }
            return TokenIssuer(
                issuer: issuer, audience: audience, keys: keys, clientClaim: claim, leeway: leeway, grants: grants)
        }
    }

    private func claimGrant(_ reader: TOMLReader) -> ClaimGrant? {
        var claims: [String: String] = [:]
        if let wanted = reader.subtable("claims") {
            for entry in wanted.table.entries { claims[entry.key] = wanted.string(entry.key, allowEmpty: false) }
            wanted.finish()
        }
        return grant(reader, hasClaims: true).map { ClaimGrant(claims: claims, rule: $0) }
    }

    /// Keys that anybody on the way could exchange would let anybody in.
    private static func keysAddress(_ text: String) throws(SettingError) -> String {
        guard let address = WebAddress(text), address.scheme == "https" || address.isLoopback else {
            throw SettingError("no address of keys. Accepted: https://HOST/PATH, or http:// on this machine")
        }
        return text
    }

    private static func leeway(_ text: String) throws(SettingError) -> Duration {
        guard let duration = DurationText.parse(text), duration <= .seconds(300) else {
            throw SettingError("no leeway. Accepted: 0s to 5m, as in 60s")
        }
        return duration
    }

    // MARK: [[client]]

    private func clients(_ issuers: [TokenIssuer], hasAuthorities: Bool) -> [Client] {
        var seen: Set<[UInt8]> = []
        var holders: Set<CertificateName> = []
        return root.subtables("client").compactMap { reader in
            let name = reader.parsed("name", required: true) { text throws(SettingError) in
                if let reason = SettingText.problem(clientName: text) { throw SettingError(reason) }
                return text
            }
            var tokens = reader.parsed("token-hash", isSecret: true, by: TokenHash.init(_:)).map { [BearerHash($0)] } ?? []
            tokens += reader.subtables("token").compactMap(token)
            let certificates = self.certificates(reader, hasAuthorities: hasAuthorities)
            for certificate in certificates where !holders.insert(certificate).inserted {
                reader.report("certificate-san", "two clients have the certificate name \(Line.clean(certificate.text))")
            }
            let issuer = reader.parsed("jwt-issuer") { text throws(SettingError) in
                guard issuers.contains(where: { $0.issuer.utf8.elementsEqual(text.utf8) }) else {
                    throw SettingError("no issuer of a [[jwt]] in this file")
                }
                return text
            }
            let mayUsePath = reader.boolean("uri") ?? false
            let grants = reader.subtables("grant").compactMap { grant($0, hasClaims: false, client: name) }
            if reader.table["grant"] == nil { reader.report("[[client]] needs at least one [[client.grant]]") }
            let proofs = ["token-hash", "token", "certificate-san", "certificate-subject", "jwt-issuer"]
            if !proofs.contains(where: { reader.table[$0] != nil }) {
                reader.report("[[client]] needs a way to show who it is. Accepted: one or more of \(proofs.joined(separator: ", "))")
            }
            reader.finish()
            guard let name else { return nil }
            if !seen.insert(Array(name.utf8)).inserted { reader.report("name", "there are two clients \"\(name)\"; names must differ") }
            return Client(
                name: name, tokens: tokens, certificates: certificates, issuer: issuer, mayUsePath: mayUsePath, grants: grants)
        }
    }

    private func token(_ reader: TOMLReader) -> BearerHash? {
        let hash = reader.parsed("hash", required: true, isSecret: true, by: TokenHash.init(_:))
        let expires = reader.parsed("expires") { text throws(SettingError) in
            guard let time = Timestamp(iso8601: text) else {
                throw SettingError("no time. Accepted: UTC as in 2027-01-31T12:00:00Z, in quotes")
            }
            return time
        }
        reader.finish()
        return hash.map { BearerHash($0, expires: expires) }
    }

    private func certificates(_ reader: TOMLReader, hasAuthorities: Bool) -> [CertificateName] {
        var names: [CertificateName] = []
        if let words = reader.strings("certificate-san") {
            for (text, position) in words {
                do throws(SettingError) { names.append(try CertificateName(text)) } catch {
                    reader.problems.report(at: position, "\(error)")
                }
            }
        }
        if let subject = reader.parsed("certificate-subject", by: { text throws(SettingError) in try CertificateName("SUBJECT:\(text)") }) {
            names.append(subject)
        }
        for key in ["certificate-san", "certificate-subject"] where reader.table[key] != nil && !hasAuthorities {
            reader.report(key, "no certificate is believed without client-ca. Set it, the file of the authorities' certificates")
        }
        return names
    }

    // MARK: grants

    /// - Parameter client: fills in what is known by now, so that a prefix that cannot be is found here.
    private func grant(_ reader: TOMLReader, hasClaims: Bool, client: String? = nil) -> GrantRule? {
        let bucket = reader.parsed("bucket", required: true) { text throws(OSSLimitError) in
            try OSSLimits.check(bucket: text)
            return text
        }
        let region = reader.parsed("region", required: true, by: SettingsReader.region)
        let endpoint = reader.parsed("endpoint", by: Endpoint.init(_:))
        let prefix = reader.parsed("prefix", required: true) { text throws(SettingError) in
            let template = try PrefixTemplate(text)
            if template.needsClaims, !hasClaims { throw SettingError("a prefix with a claim, which only clients of a [[jwt]] have") }
            if let client { _ = try template.resolve(client: client, day: Timestamp(seconds: 0)) }
            return template
        }
        let verbs = self.verbs(reader)
        let duration = reader.parsed("duration", by: SettingText.life)
        let rate = reader.integer("requests-per-minute", in: 1...1_000_000)
        let addresses = self.addresses(reader)
        let largest = reader.parsed("max-object-size") { text throws(SettingError) in
            guard let size = ByteSize(text)?.bytes, (1...OSSLimits.largestPart).contains(size) else {
                throw SettingError("no size. Accepted: 1 byte to 5GiB, as in 100MiB")
            }
            return size
        }
        reader.finish()
        guard let bucket, let region, let prefix, let verbs else { return nil }
        return GrantRule(
            bucket: bucket, region: region, endpoint: endpoint ?? .forRegion(region), prefix: prefix, verbs: verbs,
            duration: duration ?? .seconds(3600), requestsPerMinute: rate.map(Int.init) ?? 60, sourceAddresses: addresses,
            largestObject: largest)
    }

    private func addresses(_ reader: TOMLReader) -> [String] {
        guard let words = reader.strings("source-ip") else { return [] }
        for (text, position) in words where AddressRange(text) == nil {
            reader.problems.report(at: position, "no address. Accepted: IPv4 and IPv6 addresses and ranges, as in 192.0.2.0/24")
        }
        if words.isEmpty { reader.report("source-ip", "\"source-ip\" is empty. Leave it out, or name addresses and ranges") }
        if words.count > 16 { reader.report("source-ip", "\"source-ip\" has \(words.count) ranges. Accepted: at most 16") }
        return words.map(\.text)
    }

    private func verbs(_ reader: TOMLReader) -> Set<GrantVerb>? {
        guard let words = reader.strings("verbs", required: true) else { return nil }
        let accepted = GrantVerb.allCases.map { "\"\($0.rawValue)\"" }.joined(separator: ", ")
        var verbs: Set<GrantVerb> = []
        for (text, position) in words {
            if let verb = GrantVerb(rawValue: text) {
                verbs.insert(verb)
            } else {
                let guess = nearest(text, among: GrantVerb.allCases.map(\.rawValue)).map { " Did you mean \"\($0)\"?" } ?? ""
                reader.problems.report(at: position, "unknown verb.\(guess) Accepted: \(accepted)")
            }
        }
        if words.isEmpty { reader.report("verbs", "\"verbs\" is empty. Accepted: one or more of \(accepted)") }
        return verbs.isEmpty ? nil : verbs
    }
}
