import Credentials
import OSSProtocol
import Platform

/// Gets an issuer's set of keys from its file or its address: bounded in time and size, nothing followed.
struct KeyFetcher: Sendable {
    let transport: any Transport

    func fetch(_ keys: TokenIssuer.Keys) async throws(SettingError) -> [UInt8] {
        switch keys {
        case .file(let path):
            do throws(FileError) { return try SecureFile.read(path, limit: KeySet.largest, mustBePrivate: false) } catch {
                throw SettingError(error.message)
            }
        case .url(let text): return try await fetch(text)
        }
    }

    private func fetch(_ text: String) async throws(SettingError) -> [UInt8] {
        guard let address = WebAddress(text) else { throw SettingError("jwks-url is no address") }
        var request = HTTPRequest(method: "GET", scheme: address.scheme, host: address.host, path: address.path, query: address.query)
        request.headers["Accept"] = "application/json"
        var options = SendOptions()
        options.connectTimeout = .seconds(5)
        options.total = .seconds(10)
        options.maxAnswerBytes = KeySet.largest
        let response: HTTPResponse
        do throws(TransportError) {
            response = try await transport.send(request, body: nil, options: options, progress: nil).response
        } catch {
            throw SettingError("\(address.origin) does not answer with the keys (\(Line.clean(error.message)))")
        }
        guard response.status == 200 else { throw SettingError("\(address.origin) answered \(response.status) instead of the keys") }
        return Array(response.body)
    }
}
