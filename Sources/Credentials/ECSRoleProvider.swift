import OSSProtocol
import Platform

/// The RAM role of the ECS instance this runs on, from its metadata service.
///
/// Source: ECS instance metadata in security-hardened mode: a token by PUT, then with it the role's name and its credentials.
/// As the official clients do, `ALIBABA_CLOUD_ECS_METADATA` names the role, `ALIBABA_CLOUD_ECS_METADATA_DISABLED` says there is none,
/// and `ALIBABA_CLOUD_IMDSV1_DISABLED` forbids to ask without a token.
struct ECSRoleProvider: CredentialProvider {
    let role: String?
    /// Another metadata service than that of ECS.
    let metadataURL: String?
    let environment: [String: String]
    let transport: any Transport

    var kind: String { "ecs-role" }
    var fingerprint: String { Fingerprint.of("ecs-role", [metadataURL, wantedRole]) }

    static let usualURL = "http://100.100.100.200"
    private static let folder = "/latest/meta-data/ram/security-credentials/"
    /// Seconds a token lives, the longest there is.
    private static let tokenLife = "21600"
    /// The service is one hop away; elsewhere nobody answers and nobody says so.
    private static let patience = CredentialServer.Patience(connect: .seconds(1), total: .seconds(3))

    private var wantedRole: String? {
        (role ?? environment["ALIBABA_CLOUD_ECS_METADATA"]).flatMap { $0.isEmpty ? nil : $0 }
    }

    func fetch(refusing accessKeyID: String?) async throws(ProviderFailure) -> IssuedCredentials {
        guard !isTrue("ALIBABA_CLOUD_ECS_METADATA_DISABLED") else {
            throw .notConfigured("ALIBABA_CLOUD_ECS_METADATA_DISABLED is true, so the ECS instance is not asked for its role")
        }
        guard let address = WebAddress(metadataURL ?? ECSRoleProvider.usualURL), address.query == nil else {
            throw .refused("metadata-url is no address of a metadata service. Write http://HOST[:PORT]")
        }
        let token = try await token(address)
        let name: String
        if let wantedRole { name = wantedRole } else { name = try await roleName(address, token) }
        guard ResourceName.isRoleName(name) else {
            let shown = PlainText.line(name, limit: 80)
            throw .refused("“\(shown)” is no name of a RAM role. Check role, ALIBABA_CLOUD_ECS_METADATA and metadata-url")
        }
        let server = server(address, hiding: token)
        let response = try await get(ECSRoleProvider.folder + PercentEncoding.encode(name), address, token)
        guard response.status == 200 else {
            throw server.failure(response) { status in
                status == 404 ? "The instance has no role “\(name)”: attach it to the instance, or name the one it has" : nil
            }
        }
        return try server.credentials(response, isThisMachine: address.isLoopback)
    }

    /// `nil`: there is none to be had, and going without is allowed.
    private func token(_ address: WebAddress) async throws(ProviderFailure) -> Secret? {
        var request = request("PUT", "/latest/api/token", address)
        request.headers["X-aliyun-ecs-metadata-token-ttl-seconds"] = ECSRoleProvider.tokenLife
        let failure: ProviderFailure
        do throws(CredentialServer.Silence) {
            let response = try await server(address, hiding: nil).ask(request, ECSRoleProvider.patience)
            if response.status == 200, let token = ECSRoleProvider.firstLine(response.body), CredentialDocument.isPrintable(token) {
                return Secret(token)
            }
            failure =
                response.status == 200
                ? .refused("\(ECSRoleProvider.name(address)) gave a token that is none")
                : server(address, hiding: nil).failure(response)
        } catch {
            switch error {
            case .nobodyThere(let text): throw .unavailable(retryAfter: nil, "\(text). Is this an ECS instance?")
            case .other(let other): failure = other
            }
        }
        guard isTrue("ALIBABA_CLOUD_IMDSV1_DISABLED") else { return nil }
        let why = ", and ALIBABA_CLOUD_IMDSV1_DISABLED forbids to ask without a token"
        switch failure {
        case .refused(let text), .notConfigured(let text): throw .refused(text + why)
        case .unavailable(let wait, let text): throw .unavailable(retryAfter: wait, text + why)
        }
    }

    private func roleName(_ address: WebAddress, _ token: Secret?) async throws(ProviderFailure) -> String {
        let response = try await get(ECSRoleProvider.folder, address, token)
        guard response.status == 200 || response.status == 404 else { throw server(address, hiding: token).failure(response) }
        guard response.status == 200, let name = ECSRoleProvider.firstLine(response.body) else {
            throw .refused("the ECS instance has no RAM role. Attach one to it, or use another kind of credentials")
        }
        return name
    }

    private func get(_ path: String, _ address: WebAddress, _ token: Secret?) async throws(ProviderFailure) -> HTTPResponse {
        var request = request("GET", path, address)
        if let token { request.headers["X-aliyun-ecs-metadata-token"] = token.reveal() }
        do throws(CredentialServer.Silence) {
            return try await server(address, hiding: token).ask(request, ECSRoleProvider.patience)
        } catch {
            switch error {
            case .nobodyThere(let text): throw .unavailable(retryAfter: nil, text)
            case .other(let failure): throw failure
            }
        }
    }

    private func request(_ method: String, _ path: String, _ address: WebAddress) -> HTTPRequest {
        let base = address.base
        return HTTPRequest(method: method, scheme: address.scheme, host: address.host, path: base + path)
    }

    private func server(_ address: WebAddress, hiding token: Secret?) -> CredentialServer {
        CredentialServer(
            name: ECSRoleProvider.name(address), transport: transport, secrets: token.map { [$0.reveal()] } ?? [],
            avoidsProxy: true)
    }

    private static func name(_ address: WebAddress) -> String { "the ECS metadata service \(address.origin)" }

    private func isTrue(_ variable: String) -> Bool { environment[variable]?.lowercased() == "true" }

    /// Without the blanks around it; `nil` when there is nothing in it.
    private static func firstLine(_ body: [UInt8]) -> String? {
        let isBlank: (UInt8) -> Bool = { $0 == 0x20 || $0 == 0x09 || $0 == 0x0D }
        let line = body.prefix { $0 != 0x0A }.drop(while: isBlank).reversed().drop(while: isBlank).reversed()
        return line.isEmpty ? nil : String(decoding: line, as: UTF8.self)
    }
}
