import FoundationEssentials

/// The rules of a callback and its variables, which OSS checks only when all bytes are there. Source: the fact sheet of the protocol,
/// section 8.1.
enum Callback {
    private static let addresses = 1...5
    private static let bodyTypes = ["application/x-www-form-urlencoded", "application/json"]

    private struct Wish: Decodable {
        var callbackUrl: String?
        var callbackBody: String?
        var callbackBodyType: String?
    }

    /// - Parameters: JSON texts, not yet base64.
    static func check(_ text: String?, variables: String?) throws(OSSLimitError) {
        for text in [text, variables] {
            if let bytes = text?.utf8.count, bytes > OSSLimits.callbackBytes { throw .callbackTooLarge(bytes: bytes) }
        }
        if let text {
            guard let wish = try? JSONDecoder().decode(Wish.self, from: Data(text.utf8)) else {
                throw .callback("it is not a JSON object of texts")
            }
            let urls = (wish.callbackUrl ?? "").utf8.split(separator: UInt8(ascii: ";"), omittingEmptySubsequences: false)
            guard addresses.contains(urls.count), !urls.contains(where: \.isEmpty) else {
                throw .callback("callbackUrl must hold 1 to 5 addresses, with ; between them")
            }
            guard wish.callbackBody?.isEmpty == false else { throw .callback("callbackBody is missing") }
            if let type = wish.callbackBodyType, !bodyTypes.contains(type) {
                throw .callback("callbackBodyType must be \(bodyTypes[0]) or \(bodyTypes[1])")
            }
        }
        guard let variables else { return }
        guard let pairs = try? JSONDecoder().decode([String: String].self, from: Data(variables.utf8)) else {
            throw .callback("its variables are not a JSON object of texts")
        }
        for name in pairs.keys.sorted()
        where !name.hasPrefix("x:") || name.utf8.count < 3 || name.utf8.contains(where: { (65...90).contains($0) }) {
            throw .callback("the variable \"\(name)\" must begin with x: and be in lower case")
        }
    }
}
