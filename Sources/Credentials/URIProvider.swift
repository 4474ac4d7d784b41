import OSSProtocol
import Platform

/// Any server that answers what `ALIBABA_CLOUD_CREDENTIALS_URI` clients read.
///
/// Source: credential SDKs, credentials URI: a GET, 200, and JSON with AccessKeyId, AccessKeySecret, SecurityToken, Expiration.
struct URIProvider: CredentialProvider {
    let url: String
    let transport: any Transport

    var kind: String { "uri" }
    var fingerprint: String { Fingerprint.of("uri", [url]) }

    /// As the official clients.
    private static let patience = CredentialServer.Patience(connect: .seconds(5), total: .seconds(15))
    /// A word of the address as long as this may be a token.
    private static let shortestToken = 8

    func fetch(refusing accessKeyID: String?) async throws(ProviderFailure) -> IssuedCredentials {
        guard let address = WebAddress(url) else {
            throw .refused("url is no address of a credentials server. Write http://HOST[:PORT]/PATH or https://…")
        }
        let server = CredentialServer(
            name: "the credentials server \(address.origin)", transport: transport, secrets: URIProvider.secrets(of: address))
        var request = HTTPRequest(
            method: "GET", scheme: address.scheme, host: address.host, path: address.path, query: address.query)
        request.headers["Accept"] = "application/json"
        let response: HTTPResponse
        do throws(CredentialServer.Silence) { response = try await server.ask(request, URIProvider.patience) } catch {
            switch error {
            case .nobodyThere(let text): throw .unavailable(retryAfter: nil, text)
            case .other(let failure): throw failure
            }
        }
        guard response.status == 200 else {
            throw server.failure(response) { status in
                switch status {
                case 401, 403: "It does not know us: check the token in url"
                case 404: "Nothing is at that path: check url (davit-authd also needs uri = true for the client)"
                default: nil
                }
            }
        }
        return try server.credentials(response, isThisMachine: address.isLoopback)
    }

    /// Servers without headers take their token in the path or the query, and like to repeat both in their errors.
    private static func secrets(of address: WebAddress) -> [String] {
        let text = address.path + "?" + (address.query ?? "")
        let words = text.utf8.split { !($0 > 0x7F || "-_.~%+".utf8.contains($0) || ResourceName.isAlphanumeric($0)) }
        return [address.path, address.query ?? ""].filter { $0.utf8.count >= shortestToken }
            + words.filter { $0.count >= shortestToken }.map { String(decoding: $0, as: UTF8.self) }
    }
}
