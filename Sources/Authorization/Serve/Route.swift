import OSSProtocol

/// The paths of the interface.
enum Route: Equatable, Sendable {
    /// With the token in the path, for clients that can send no header.
    case credentials(pathToken: String?)
    case signedURLs
    case health, ready, metrics
    case unknown

    init(_ path: String) {
        switch path {
        case "/v1/credentials": self = .credentials(pathToken: nil)
        case "/v1/signed-urls": self = .signedURLs
        case "/healthz": self = .health
        case "/readyz": self = .ready
        case "/metrics": self = .metrics
        default:
            let start = Array("/v1/credentials/".utf8)
            let bytes = Array(path.utf8)
            let token = bytes.dropFirst(start.count)
            guard bytes.starts(with: start), !token.isEmpty, !token.contains(UInt8(ascii: "/")) else {
                self = .unknown
                return
            }
            // “@” may be in a client's name, and some HTTP libraries encode it.
            self = .credentials(
                pathToken: PercentEncoding.decode(String(decoding: token, as: UTF8.self)).map { String(decoding: $0, as: UTF8.self) } ?? "")
        }
    }

    var methods: [String] {
        switch self {
        case .credentials(nil): ["GET", "POST"]
        case .signedURLs: ["POST"]
        case .credentials: ["GET"]
        case .health, .ready, .metrics: ["GET", "HEAD"]
        case .unknown: []
        }
    }

    /// For metrics; never holds the token.
    var name: String {
        switch self {
        case .credentials: "credentials"
        case .signedURLs: "signed-urls"
        case .health: "healthz"
        case .ready: "readyz"
        case .metrics: "metrics"
        case .unknown: "unknown"
        }
    }
}

enum BearerToken {
    /// `Bearer TOKEN`; the scheme's case does not matter (RFC 9110, 11.1).
    static func read(_ header: String?) -> Secret? {
        guard let header, header.utf8.count <= JSONWebToken.longest + 16 else { return nil }
        let words = header.split(separator: " ", omittingEmptySubsequences: true)
        guard words.count == 2, words[0].lowercased() == "bearer" else { return nil }
        return Secret(String(words[1]))
    }
}
