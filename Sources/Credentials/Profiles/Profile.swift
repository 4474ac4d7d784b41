import OSSProtocol
import Platform

/// A profile of the official tools as it was read: where credentials come from, and where the bucket is as far as it says so.
public struct Profile: Sendable, Equatable {
    /// The file it stands in, and its name there.
    public var file: String
    public var name: String
    public var source: CredentialSource
    public var region: String?
    /// With or without scheme, as written.
    public var endpoint: String?
    /// `virtual`, `path`, `cname`.
    public var addressing: String?
    /// `v1`, `v4`.
    public var signature: String?
    /// What ossutil's file says of single buckets.
    var buckets: [BucketPlace] = []

    struct BucketPlace: Sendable, Equatable {
        var bucket: String
        var region: String?
        var endpoint: String?
        var addressing: String?
    }

    public init(file: String, name: String, source: CredentialSource) { (self.file, self.name, self.source) = (file, name, source) }

    /// The profile as it holds for one bucket.
    ///
    /// Source: ossutil, sections `[buckets NAME]` of version 2, `[Bucket-Endpoint]` and `[Bucket-Cname]` of version 1.
    public func at(bucket: String) -> Profile {
        guard let place = buckets.first(where: { $0.bucket.utf8.elementsEqual(bucket.utf8) }) else { return self }
        var profile = self
        profile.region = place.region ?? region
        // An endpoint belongs to its region: another region does without the profile's.
        profile.endpoint = place.endpoint ?? (place.region == nil ? endpoint : nil)
        profile.addressing = place.addressing ?? addressing
        return profile
    }

    /// - Parameters:
    ///   - environment: `HOME`, and the variables with which the official tools choose file and profile.
    ///   - now: tells whether the temporary key that a browser login has left in a profile is still good.
    /// - Throws: `.notConfigured` when there is no such file, or no profile in the usual ones and none was asked for; `.refused` when
    ///   the one that was asked for is not there, is wrong, or can be read by others.
    public static func read(
        _ choice: ProfileChoice, environment: [String: String], now: Timestamp = SystemClock.wall()
    ) throws(ProviderFailure) -> Profile {
        var looked: [ProfileFile.Look] = []
        let places = try ProfileFile.places(of: choice, environment: environment)
        for place in places {
            guard let file = try ProfileFile.read(place) else { continue }
            do throws(ProfileError) {
                let profile = try file.profile(place.name, at: now)
                try ProfileFile.check(profile.source, of: file, environment: environment)
                return profile
            } catch {
                switch error {
                case .absent: looked.append(.init(place: place, names: file.names, isEmpty: false))
                case .empty: looked.append(.init(place: place, names: file.names, isEmpty: true))
                case .wrong: throw ProfileFile.refusal(place.path, error)
                }
            }
        }
        throw ProfileFile.nothing(in: places, looked, choice)
    }
}
