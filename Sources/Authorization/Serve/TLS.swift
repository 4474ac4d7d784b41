import HummingbirdTLS
import NIOCore
import NIOSSL
import Platform

/// The server's certificate, which may be renewed while it serves, and the authorities whose client certificates are believed.
final class TLS: Sendable {
    private struct Pair: Sendable {
        var chain: [NIOSSLCertificate]
        var key: NIOSSLPrivateKey
    }

    private let pair: Lock<Pair>
    let authorities: [NIOSSLCertificate]?

    /// A chain of certificates is some kilobytes, a bundle of authorities some hundred.
    private static let largest = 4 << 20

    /// - Throws: which file cannot be used, and why.
    init(_ files: TLSFiles, clientCA: String?) throws(SettingError) {
        pair = Lock(try TLS.read(files))
        authorities = try clientCA.map { path throws(SettingError) in
            do {
                let bytes = try SecureFile.read(path, limit: TLS.largest, mustBePrivate: false)
                let found = try NIOSSLCertificate.fromPEMBytes(bytes)
                guard !found.isEmpty else { throw SettingError("client-ca \(path) has no certificate. It must be PEM") }
                return found
            } catch let error as FileError {
                throw SettingError(error.message)
            } catch let error as SettingError {
                throw error
            } catch {
                throw SettingError("client-ca \(path) cannot be used (\(error)). It must be PEM")
            }
        }
    }

    /// Connections under way keep what they began with.
    func renew(_ files: TLSFiles) throws(SettingError) {
        let fresh = try TLS.read(files)
        pair.withLock { $0 = fresh }
    }

    private static func read(_ files: TLSFiles) throws(SettingError) -> Pair {
        do {
            let chain = try NIOSSLCertificate.fromPEMBytes(try SecureFile.read(files.certificate, limit: largest, mustBePrivate: false))
            let key = try NIOSSLPrivateKey(
                bytes: try SecureFile.read(files.key, limit: largest, mustBePrivate: true), format: .pem)
            guard let own = chain.first else { throw SettingError("tls-cert \(files.certificate) has no certificate. It must be PEM") }
            // A key that is not the certificate's would fail every handshake.
            _ = try NIOSSLContext(configuration: .makeServerConfiguration(certificateChain: [.certificate(own)], privateKey: .privateKey(key)))
            return Pair(chain: chain, key: key)
        } catch let error as FileError {
            throw SettingError(error.message)
        } catch let error as SettingError {
            throw error
        } catch {
            throw SettingError(
                "tls-cert \(files.certificate) and tls-key \(files.key) cannot be used (\(error)). Both must be PEM and belong together")
        }
    }

    var configuration: TLSConfiguration {
        let now = pair.withLock { $0 }
        var configuration = TLSConfiguration.makeServerConfiguration(
            certificateChain: now.chain.map { .certificate($0) }, privateKey: .privateKey(now.key))
        configuration.minimumTLSVersion = .tlsv12
        if let authorities {
            // Clients with a token need no certificate; what one shows must be right.
            configuration.certificateVerification = .optionalVerification
            configuration.trustRoots = .certificates(authorities)
            configuration.sendCANameList = true
        }
        configuration.sslContextCallback = { [weak self] _, promise in
            guard let now = self?.pair.withLock({ $0 }) else { return promise.succeed(.noChanges) }
            var change = NIOSSLContextConfigurationOverride()
            change.certificateChain = now.chain.map { .certificate($0) }
            change.privateKey = .privateKey(now.key)
            promise.succeed(change)
        }
        return configuration
    }
}
