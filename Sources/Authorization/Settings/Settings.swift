import Credentials
import OSSProtocol

/// `authd.toml`, every value typed and checked; paths are absolute. Holds no secret, only where one is kept.
///
/// Source: docs/interface.md, "davit-authd".
public struct Settings: Sendable, Equatable {
    /// Who may come in and for what; found by the bytes of the name.
    public var clients: [Client]
    /// Whose JWTs are believed.
    public var issuers: [TokenIssuer] = []
    public var sts: STSSettings
    /// `HOST:PORT`.
    public var listen: ListenAddress
    public var tls: TLSFiles?
    /// PEM of the authorities whose client certificates are believed; needs TLS.
    public var clientCA: String?
    public var auditLog: String
    /// Each line of the audit log is on the disk before its answer goes out.
    public var syncsAuditLog = false
}

public struct ListenAddress: Sendable, Equatable {
    /// A name or an address, without brackets.
    public var host: String
    /// 0 takes a free port.
    public var port: Int

    public init(host: String, port: Int) { (self.host, self.port) = (host, port) }

    /// `HOST:PORT`, `[IPv6]:PORT`.
    /// - Throws: a sentence about what is accepted.
    public init(_ text: String) throws(SettingError) {
        let bytes = Array(text.utf8)
        guard let colon = bytes.lastIndex(of: UInt8(ascii: ":")), let port = UInt16(String(decoding: bytes[(colon + 1)...], as: UTF8.self))
        else {
            throw SettingError("no address to listen on. Accepted: HOST:PORT, 127.0.0.1:9001 or [::1]:9001; port 0 takes a free one")
        }
        var host = bytes[..<colon]
        if host.first == UInt8(ascii: "["), host.last == UInt8(ascii: "]") {
            host = host.dropFirst().dropLast()
        } else if host.contains(UInt8(ascii: ":")) {
            throw SettingError("an IPv6 address without brackets. Accepted: [::1]:9001")
        }
        guard !host.isEmpty, host.allSatisfy({ $0 > 0x20 && $0 < 0x7F && $0 != UInt8(ascii: "/") }) else {
            throw SettingError("an address without a host. Accepted: HOST:PORT, 127.0.0.1:9001")
        }
        self.init(host: String(decoding: host, as: UTF8.self), port: Int(port))
    }

    /// As it stands in a URL.
    public var description: String { host.utf8.contains(UInt8(ascii: ":")) ? "[\(host)]:\(port)" : "\(host):\(port)" }
}

public struct TLSFiles: Sendable, Equatable {
    /// PEM, the server's own certificate first.
    public var certificate: String
    /// PEM; refused when others can read it.
    public var key: String
}

/// `[sts]`: where temporary credentials come from and with which key they are asked for.
public struct STSSettings: Sendable, Equatable {
    public var endpoint: Endpoint
    public var region: String
    public var roleARN: String
    /// Any kind but those of an authorization server itself.
    public var credentials: CredentialSource
}

/// Why a value is not accepted, as it stands after `“key” cannot be "…": `.
public struct SettingError: Error, Sendable, Equatable, CustomStringConvertible {
    public var description: String
    public init(_ text: String) { description = text }
}
