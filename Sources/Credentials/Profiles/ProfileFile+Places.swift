import Glibc
import Platform

/// Where the official tools keep their profiles.
extension ProfileFile {
    /// In the order they are looked at.
    ///
    /// Source: ossutil 2 (OSSUTIL_CONFIG_FILE, OSSUTIL_PROFILE), the aliyun command line and the credential SDKs (ALIBABA_CLOUD_…).
    static func places(of choice: ProfileChoice, environment: [String: String]) throws(ProviderFailure) -> [Place] {
        // What the configuration names is meant as it stands there, whatever the environment says.
        if let file = choice.file { return [Place(path: file, format: nil, name: choice.name, variable: nil)] }
        let given: (String) -> String? = { environment[$0].flatMap { $0.isEmpty ? nil : $0 } }
        let home = home(environment)
        func place(_ variable: String, _ usual: [String], _ format: ProfileFormat, _ name: String?) throws(ProviderFailure) -> [Place] {
            guard var path = given(variable) else {
                guard let home else { return [] }
                return usual.map { Place(path: "\(home)/\($0)", format: format, name: name, variable: nil) }
            }
            if path.utf8.starts(with: "~/".utf8), let home { path = home + path.dropFirst() }
            guard path.utf8.first == UInt8(ascii: "/") else { throw .refused("\(variable) takes a path from / on. Write it whole") }
            return [Place(path: path, format: format, name: name, variable: variable)]
        }
        let sharedName = choice.name ?? given("ALIBABA_CLOUD_PROFILE")
        var places = try place("OSSUTIL_CONFIG_FILE", [".ossutilconfig"], .ossutil, choice.name ?? given("OSSUTIL_PROFILE"))
        if !isTrue(environment["ALIBABA_CLOUD_CLI_PROFILE_DISABLED"]) {
            places += try place("ALIBABA_CLOUD_CONFIG_FILE", [".aliyun/config.json"], .aliyun, sharedName)
        }
        let usual = [".alibabacloud/credentials", ".alibabacloud/credentials.ini"]
        return try places + place("ALIBABA_CLOUD_CREDENTIALS_FILE", usual, .credentialsFile, sharedName)
    }

    private static func home(_ environment: [String: String]) -> String? {
        if let home = environment["HOME"], home.utf8.first == UInt8(ascii: "/") { return home }
        return getpwuid(getuid()).flatMap { $0.pointee.pw_dir.map { String(cString: $0) } }
    }

    /// Why no file gave a profile.
    static func nothing(in places: [Place], _ looked: [Look], _ choice: ProfileChoice) -> ProviderFailure {
        guard !looked.isEmpty else {
            if let file = choice.file { return .notConfigured("there is no file of profiles \(file). Check “file”, or write it") }
            let paths = places.map(\.path).joined(separator: ", ")
            return .notConfigured("neither ossutil nor the aliyun command line has a profile here (\(paths) are not there)")
        }
        let found = looked.map { look in
            if look.isEmpty {
                let name = look.place.name.map { "the profile \(ProfileValues.quoted($0))" } ?? "the profile"
                return "\(name) of \(look.place.path) says nothing about credentials"
            }
            let name = ProfileValues.quoted(look.place.name ?? "default")
            return "\(look.place.path) has no profile \(name); there \(ProfileChain.list(look.names))"
        }
        let text = found.joined(separator: ", and ")
        let isAsked = choice.file != nil || looked.contains { $0.place.name != nil }
        return isAsked ? .refused("\(text). Name one that is there") : .notConfigured(text)
    }
}
