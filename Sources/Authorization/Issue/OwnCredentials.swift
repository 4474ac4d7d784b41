import Credentials
import OSSProtocol
import Platform

/// The key with which the server itself asks STS, from whatever source the settings name.
///
/// Long-lived keys are read anew for every call, so that a rotated one is used at once; temporary ones are kept until they near
/// their end. One fetch at a time, whoever waits.
actor OwnCredentials {
    private struct Held {
        var credentials: Credentials
        var fetched: Timestamp
    }

    private let maker: ProviderMaker
    private let now: @Sendable () -> Timestamp
    private var sts: STSSettings?
    private var held: Held?
    private var flight: Task<Result<IssuedCredentials, ProviderFailure>, Never>?

    /// - Parameter now: on STS's clock.
    init(maker: ProviderMaker, now: @escaping @Sendable () -> Timestamp) { (self.maker, self.now) = (maker, now) }

    func credentials(for settings: STSSettings) async throws(ProviderFailure) -> Credentials {
        if sts != settings {
            // The configuration was read anew: what the old one gave is not for the new one.
            (sts, held, flight) = (settings, nil, nil)
        }
        if let held, isFresh(held) { return held.credentials }
        let mine = flight ?? takeOff(settings)
        let result = await mine.value
        if flight == mine {
            flight = nil
            if case .success(let issued) = result { held = Held(credentials: issued.credentials, fetched: now()) }
        }
        // Better a key near its end than none, while its source is away.
        if case .failure(.unavailable) = result, let held, let end = held.credentials.expiration, now() < end { return held.credentials }
        return try result.get().credentials
    }

    /// Unstructured on purpose: a caller that gives up must not take the others' fetch with it.
    private func takeOff(_ settings: STSSettings) -> Task<Result<IssuedCredentials, ProviderFailure>, Never> {
        let task = Task { [maker] in
            do throws(ProviderFailure) {
                let provider = try maker.provider(settings.credentials, at: ProviderMaker.Place(region: settings.region))
                return Result<IssuedCredentials, ProviderFailure>.success(try await provider.fetch())
            } catch {
                return .failure(error)
            }
        }
        flight = task
        return task
    }

    private func isFresh(_ held: Held) -> Bool {
        guard let end = held.credentials.expiration else { return false }
        let life = end - held.fetched
        return end - now() > min(life / 4, .seconds(300))
    }

    /// What can be seen to be wrong without asking anybody: a secret that is missing or that others can read.
    static func problem(_ source: CredentialSource, environment: [String: String]) -> SettingError? {
        switch source {
        case .fixed(_, let secretFile, let tokenFile):
            do throws(ProviderFailure) {
                _ = try FileSecrets.read(secretFile, what: "access-key-secret-file")
                if let tokenFile { _ = try FileSecrets.read(tokenFile, what: "security-token-file") }
                return nil
            } catch {
                return SettingError(error.text)
            }
        case .broker(_, let tokenFile):
            do throws(ProviderFailure) {
                _ = try FileSecrets.read(tokenFile, what: "token-file")
                return nil
            } catch {
                return SettingError(error.text)
            }
        case .environment:
            let isSet: (String) -> Bool = { environment[$0].map { !$0.isEmpty } ?? false }
            let hasOwn = isSet("OSS_ACCESS_KEY_ID") && isSet("OSS_ACCESS_KEY_SECRET")
            let hasCommon = isSet("ALIBABA_CLOUD_ACCESS_KEY_ID") && isSet("ALIBABA_CLOUD_ACCESS_KEY_SECRET")
            return hasOwn || hasCommon
                ? nil
                : SettingError(
                    "OSS_ACCESS_KEY_ID and OSS_ACCESS_KEY_SECRET are not both set, but kind = \"env\" reads them. Set them, or use another kind"
                )
        case .assumeRole(_, let inner): return problem(inner, environment: environment)
        default: return nil
        }
    }
}
