import Credentials
import Glibc
import OSSProtocol
import Platform
import Wire

/// What `davit-authd` does, without its command line. Exit statuses: 0, 1 failed, 2 usage or configuration.
public enum AuthorizationProgram {
    public static let version = davitVersion

    /// - Parameters:
    ///   - listen: instead of the file's, `HOST:PORT`.
    ///   - json: one line `{"url":…}` on standard output once it answers.
    public static func run(config: String, listen: String?, json: Bool, environment: [String: String]) async -> Int32 {
        guard let settings = settings(config, environment) else { return 2 }
        Descriptors.raiseLimit()
        // Nothing of this process's memory reaches a disk or another process of this user: clients' tokens and keys pass through it.
        ProcessMemory.keepPrivate()
        let address: ListenAddress
        let audit: AuditFile
        let tls: TLS?
        do throws(SettingError) {
            address = try listen.map { text throws(SettingError) in try ListenAddress(text) } ?? settings.listen
            audit = try AuditFile(path: settings.auditLog, isSynced: settings.syncsAuditLog)
            tls = try settings.tls.map { files throws(SettingError) in try TLS(files, clientCA: settings.clientCA) }
        } catch {
            return fail("\(error)", 2)
        }
        let counters = Counters()
        let clock = ServerClock(SystemClock.wall)
        let transport: CurlTransport
        do {
            var wire = CurlTransport.Configuration()
            wire.userAgent = "davit-authd"
            transport = try CurlTransport(wire)
        } catch {
            return fail("the HTTP client does not start (\(error))", 1)
        }
        defer { transport.close() }
        let own = OwnCredentials(
            maker: ProviderMaker(
                environment: environment, transport: { _ throws(ProviderFailure) in transport }, now: { clock.now() },
                learnClock: { clock.learn($0) }),
            now: { clock.now() })
        let source = STSClient(
            transport: transport, clock: clock, counters: counters,
            ownCredentials: { sts throws(ProviderFailure) in try await own.credentials(for: sts) },
            nonce: { Randomness.token() })
        let service = AuthorizationService(
            settings: settings, source: source, keys: KeyRings(fetch: KeyFetcher(transport: transport).fetch, now: { clock.now() }), audit: audit, clock: clock, counters: counters, wall: SystemClock.wall)
        return await serve(service, audit, settings, address, tls, config: config, json: json, environment: environment)
    }

    private static func serve(
        _ service: AuthorizationService, _ audit: AuditFile, _ settings: Settings, _ address: ListenAddress, _ tls: TLS?,
        config: String, json: Bool, environment: [String: String]
    ) async -> Int32 {
        let scheme = tls == nil ? "http" : "https"
        let server = HTTPServer(service: service, host: address.host, port: address.port, tls: tls) { port in
            let url = "\(scheme)://\(ListenAddress(host: address.host, port: port).description)"
            Screen.note("listening on \(url)")
            if json { Screen.result("{\"url\":\"\(url)\"}") }
        }
        // Caught from here on: before, the signal would end the program.
        let hangups = Signals.arrivals(of: [SIGHUP])
        // Ends with the server, by the cancellation below.
        let reloads = Task {
            for await _ in hangups { await reload(service, audit, settings, tls, config, environment) }
        }
        defer { reloads.cancel() }
        do {
            try await server.run()
            return 0
        } catch {
            return fail("\(address.description) cannot be listened on (\(error)). Is the port taken? Choose another with --listen", 1)
        }
    }

    private static func reload(
        _ service: AuthorizationService, _ audit: AuditFile, _ old: Settings, _ tls: TLS?, _ config: String,
        _ environment: [String: String]
    ) async {
        // Whoever rotates the audit log says so by the same signal.
        do { try audit.reopen() } catch { _ = fail("\(error)", 1) }
        guard let fresh = settings(config, environment) else { return Screen.note("davit-authd: the configuration stays as it was") }
        if fresh.listen != old.listen || (fresh.tls == nil) != (tls == nil) || fresh.clientCA != old.clientCA || fresh.auditLog != old.auditLog
            || fresh.syncsAuditLog != old.syncsAuditLog
        {
            Screen.note("davit-authd: listen, client-ca, audit-log, audit-sync and whether there is TLS change with the next start")
        }
        // A renewed certificate serves from the next handshake on; one that cannot be used must not take the old one's place.
        if let tls, let files = fresh.tls {
            do throws(SettingError) { try tls.renew(files) } catch {
                _ = fail("\(error)", 1)
                return Screen.note("davit-authd: the configuration stays as it was")
            }
        }
        await service.use(fresh)
        Screen.note("davit-authd: the configuration is read anew, \(fresh.clients.count) clients")
    }

    /// `--check`: everything that is wrong, without starting.
    public static func check(config: String, environment: [String: String]) async -> Int32 {
        guard let settings = settings(config, environment) else { return 2 }
        do throws(SettingError) {
            if let files = settings.tls { _ = try TLS(files, clientCA: settings.clientCA) }
            for issuer in settings.issuers { try await check(issuer) }
        } catch {
            return fail("\(error)", 2)
        }
        Screen.result("\(config): ok, \(settings.clients.count) clients")
        return 0
    }

    /// `token new CLIENT`.
    public static func newToken(client: String, json: Bool) -> Int32 {
        do throws(SettingError) {
            let (token, hash) = try ClientToken.new(client: client)
            if json {
                Screen.result("{\"token\":\"\(token.text.reveal())\",\"token-hash\":\"\(hash)\"}")
            } else {
                Screen.result("token: \(token.text.reveal())\ntoken-hash = \"\(hash)\"")
            }
            return 0
        } catch {
            return fail("\"\(Line.clean(client, most: 80))\": \(error)", 2)
        }
    }

    /// Prints what is wrong.
    private static func settings(_ path: String, _ environment: [String: String]) -> Settings? {
        let reading = SettingsFile.read(path, environment: environment)
        for problem in reading.problems { Screen.note(problem) }
        return reading.settings
    }

    /// A file of keys that cannot be used is a mistake of today; an address is asked when the first JWT comes.
    private static func check(_ issuer: TokenIssuer) async throws(SettingError) {
        guard case .file(let path) = issuer.keys else { return }
        let bytes: [UInt8]
        do throws(FileError) { bytes = try SecureFile.read(path, limit: KeySet.largest, mustBePrivate: false) } catch {
            throw SettingError(error.message)
        }
        do throws(SettingError) { _ = try await KeySet(json: bytes) } catch { throw SettingError("jwks-file \(path): \(error)") }
    }

    /// One line on standard error, `davit-authd: error: …`.
    public static func fail(_ text: String, _ status: Int32) -> Int32 {
        Screen.note("davit-authd: error: \(Line.clean(text, most: 2000))")
        return status
    }
}
