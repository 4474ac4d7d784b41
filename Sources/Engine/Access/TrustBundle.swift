import Glibc
import OSSProtocol
import Platform
import Wire

/// CA certificates trusted besides the system's. libcurl takes one file instead of the system's, so both are written into one.
public enum TrustBundle {
    /// Where distributions keep all certificates in one file; the environment's comes before them.
    private static let systemFiles = [
        "/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/ca-bundle.pem", "/etc/ssl/cert.pem",
    ]
    private static let limit = 8 << 20

    /// - Parameters:
    ///   - caFiles: PEM files.
    ///   - folder: where the file may be written.
    /// - Returns: the file to hand to libcurl; `nil` when the system's certificates are all that is trusted.
    public static func make(_ caFiles: [String], folder: String, environment: [String: String]) throws(FileError) -> String? {
        guard !caFiles.isEmpty else { return nil }
        var bundle: [UInt8] = []
        let candidates = CurlTransport.bundleVariables.compactMap { environment[$0] }.filter { !$0.isEmpty } + systemFiles
        if let system = candidates.first(where: { access($0, R_OK) == 0 }) {
            bundle = try SecureFile.read(system, limit: limit, mustBePrivate: false)
        }
        for file in caFiles {
            let certificates = try SecureFile.read(file, limit: limit, mustBePrivate: false)
            let mark = Array("-----BEGIN CERTIFICATE-----".utf8)
            guard certificates.indices.contains(where: { certificates[$0...].starts(with: mark) }) else {
                throw FileError(
                    path: file, errno: 0, what: "cannot be used as ca-file", why: "there is no certificate in it", advice: "Give a PEM file"
                )
            }
            bundle += [0x0A] + certificates
        }
        let path = folder + "/trust-" + Hex.encode(Array(Digests.sha256(bundle).prefix(8))) + ".pem"
        if (try? SecureFile.read(path, limit: 2 * limit, mustBePrivate: true)) != bundle { try SecureFile.write(path, bundle, mode: 0o600) }
        return path
    }
}
