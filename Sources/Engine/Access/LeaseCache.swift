import Credentials
import FoundationEssentials
import Glibc
import OSSProtocol
import Platform
import TransferCore

/// What the engine keeps of one scope's credentials on disk, so that a restart goes on: a 0600 file in a 0700 folder. The file's
/// permissions are what guards it; nothing is encrypted, since the key would lie beside it.
struct LeaseCache: Sendable {
    /// A file that is larger was not written by us.
    private static let limit = 256 << 10

    let path: String
    let scope: String
    /// How long the machine has been up, to tell the age of what an earlier run wrote.
    let boot: @Sendable () -> BootTime?

    init(folder: String, scope: String, boot: @escaping @Sendable () -> BootTime? = { BootTime.ofThisMachine() }) {
        // Scopes hold names that people chose: the file's name is made of none of it.
        path = folder + "/lease-" + Hex.encode(Array(Digests.sha256(Array(scope.utf8)).prefix(16))) + ".json"
        self.scope = scope
        self.boot = boot
    }

    struct Entry: Sendable, Equatable {
        var credentials: Credentials
        /// When they were had and when they end, by our clock.
        var fetched: Timestamp
        var expires: Timestamp?
        var grant: Grant?
        /// `CredentialProvider.fingerprint` of who gave them.
        var fingerprint: String
        /// Settings that came with an order; `nil` for leases.
        var order: OrderPlace?
        /// The moment of `fetched`.
        var boot: BootTime?
        /// OSS refused them: only their id is kept, to tell the source, and what it granted.
        var isRefused = false

        var record: LeaseRecord {
            LeaseRecord(fetched: fetched, expires: expires, boot: boot, fingerprint: fingerprint, isRefused: isRefused)
        }
    }

    /// `nil` when there is none, it belongs to another scope, or it cannot be trusted (others could read it).
    func load() -> Entry? {
        guard let bytes = try? SecureFile.read(path, limit: LeaseCache.limit, mustBePrivate: true),
            let stored = try? JSONDecoder().decode(Stored.self, from: Data(bytes)), Array(stored.scope.utf8) == Array(scope.utf8)
        else { return nil }
        let credentials = Credentials(
            accessKeyID: stored.accessKeyID, accessKeySecret: Secret(stored.accessKeySecret),
            securityToken: stored.securityToken.map { Secret($0) }, expiration: stored.expiration)
        return Entry(
            credentials: credentials, fetched: stored.fetched, expires: stored.expires, grant: stored.grant,
            fingerprint: stored.fingerprint, order: stored.order, boot: stored.boot, isRefused: stored.isRefused ?? false)
    }

    func store(_ entry: Entry) throws(FileError) {
        let (credentials, isRefused) = (entry.credentials, entry.isRefused)
        let stored = Stored(
            scope: scope, accessKeyID: credentials.accessKeyID, accessKeySecret: isRefused ? "" : credentials.accessKeySecret.reveal(),
            securityToken: isRefused ? nil : credentials.securityToken?.reveal(), expiration: credentials.expiration,
            fetched: entry.fetched, expires: entry.expires, grant: entry.grant, fingerprint: entry.fingerprint, order: entry.order,
            boot: entry.boot, isRefused: isRefused ? true : nil)
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        guard let bytes = try? encoder.encode(stored) else { return }
        try SecureFile.write(path, Array(bytes), mode: 0o600)
    }

    func remove() { unlink(path) }

    /// The scopes that are kept in the folder. What a write that was cut off has left is removed on the way.
    static func scopes(in folder: String) -> [String] {
        Spool.files(in: folder).compactMap { path in
            if path.contains(".json.new-") {
                var information = stat()
                // A younger one may be being written.
                if stat(path, &information) == 0, time(nil) - information.st_mtim.tv_sec > 60 { unlink(path) }
                return nil
            }
            guard path.hasPrefix(folder + "/lease-"), let bytes = try? SecureFile.read(path, limit: limit, mustBePrivate: true) else { return nil }
            return (try? JSONDecoder().decode(Named.self, from: Data(bytes)))?.scope
        }
    }

    private struct Named: Decodable { var scope: String }

    /// The only place where a secret becomes part of a document: the file that is meant to hold it.
    private struct Stored: Codable {
        var scope: String
        var accessKeyID: String
        var accessKeySecret: String
        var securityToken: String?
        var expiration: Timestamp?
        var fetched: Timestamp
        var expires: Timestamp?
        var grant: Grant?
        var fingerprint: String
        var order: OrderPlace?
        var boot: BootTime?
        var isRefused: Bool?
    }
}

/// Where credentials that came with an order hold.
struct OrderPlace: Sendable, Hashable, Codable {
    var region: String
    /// With scheme.
    var endpoint: String
    /// `virtual` or `path`.
    var addressing: String
}

extension BootTime {
    /// `nil` where the kernel does not name its start.
    static func ofThisMachine() -> BootTime? {
        guard let boot = kernelStart else { return nil }
        var time = timespec()
        clock_gettime(CLOCK_BOOTTIME, &time)
        return BootTime(boot: boot, milliseconds: Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000)
    }

    private static let kernelStart: String? = {
        let bytes = try? SecureFile.read("/proc/sys/kernel/random/boot_id", limit: 256, mustBePrivate: false)
        return bytes.map { String(decoding: $0.prefix { $0 > 0x20 }, as: UTF8.self) }.flatMap { $0.isEmpty ? nil : $0 }
    }()
}
