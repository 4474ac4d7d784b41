import NIOCore
import NIOSSL
import OSSProtocol
import SwiftASN1
import X509

/// What a client certificate says of its holder, as `authd.toml` names it.
///
/// `DNS:camera-7.example.com`, `URI:spiffe://example/camera-7`, `EMAIL:ops@example.com` for the subject's alternative names,
/// `SUBJECT:CN=camera-7,O=Example` for the subject itself (RFC 4514). Compared by bytes.
public struct CertificateName: Sendable, Hashable {
    public let text: String

    private static let kinds = ["DNS:", "URI:", "EMAIL:", "SUBJECT:"]

    /// - Throws: what is accepted instead.
    public init(_ text: String) throws(SettingError) {
        guard let kind = CertificateName.kinds.first(where: { text.utf8.starts(with: $0.utf8) }), text.utf8.count > kind.utf8.count,
            text.utf8.count <= 1024
        else {
            throw SettingError(
                "no name of a certificate. Accepted: DNS:HOST, URI:TEXT, EMAIL:ADDRESS, SUBJECT:CN=NAME,… as the certificate has it")
        }
        self.text = text
    }

    private init(kind: String, _ text: String) { self.text = kind + text }

    public static func == (a: CertificateName, b: CertificateName) -> Bool { a.text.utf8.elementsEqual(b.text.utf8) }
    public func hash(into hasher: inout Hasher) { for byte in text.utf8 { hasher.combine(byte) } }

    /// All names of a certificate, at most a hundred. The TLS library has verified it; this only reads.
    static func names(of certificate: NIOSSLCertificate) -> [CertificateName] {
        guard let bytes = try? certificate.toDERBytes(), let certificate = try? Certificate(derEncoded: bytes) else { return [] }
        var names = [CertificateName(kind: "SUBJECT:", certificate.subject.description)]
        guard let alternatives = try? certificate.extensions.subjectAlternativeNames else { return names }
        for name in alternatives.prefix(100) {
            switch name {
            case .dnsName(let text): names.append(CertificateName(kind: "DNS:", text))
            case .uniformResourceIdentifier(let text): names.append(CertificateName(kind: "URI:", text))
            case .rfc822Name(let text): names.append(CertificateName(kind: "EMAIL:", text))
            default: continue
            }
        }
        return names
    }
}
