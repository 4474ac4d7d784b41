/// The RPC signature, version 1.0 (HMAC-SHA1), of STS: what a signer and a checking server share.
///
/// Query and form parameters are signed together. Source: Alibaba Cloud OpenAPI, "Request syntax and signature method V2 for RPC APIs".
public enum RPCSignature {
    /// Base64. `parameters` may hold `Signature` itself; it is left out.
    public static func signature(method: String, parameters: [QueryItem], secret: Secret) -> String {
        let key = Array("\(secret.reveal())&".utf8)
        return Base64.encode(Digests.hmacSHA1(key: key, message: Array(stringToSign(method: method, parameters: parameters).utf8)))
    }

    /// `METHOD&%2F&` and the canonical query encoded once more: values end up encoded twice.
    public static func stringToSign(method: String, parameters: [QueryItem]) -> String {
        "\(method)&%2F&\(PercentEncoding.encode(canonicalQuery(parameters)))"
    }

    /// Sorted by name in byte order; an empty value keeps its `=`.
    public static func canonicalQuery(_ parameters: [QueryItem]) -> String {
        let pairs = parameters.filter { $0.name != "Signature" }.sorted { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }
        return pairs.map { "\(PercentEncoding.encode($0.name))=\(PercentEncoding.encode($0.value ?? ""))" }.joined(separator: "&")
    }
}
