/// Profiles that stand on other profiles of their file.
enum ProfileChain {
    /// - Parameters:
    ///   - next: the profile that the last of `path` names.
    ///   - values: that one's, for the message.
    static func check(
        _ next: String, path: [String], deepest: Int, _ values: ProfileValues, isSame: (String, String) -> Bool
    ) throws(ProfileError) {
        if path.contains(where: { isSame($0, next) }) {
            let circle = (path + [next]).map { PlainText.line($0, limit: 60) }.joined(separator: " → ")
            throw values.wrong(.sourceProfile, "leads in a circle: \(circle). Let one of them name its own credentials")
        }
        guard path.count <= deepest else {
            throw values.wrong(.sourceProfile, "goes on over more than \(deepest) profiles. Make the chain shorter")
        }
    }

    static func absent(_ values: ProfileValues, among names: [String]) -> ProfileError {
        let name = ProfileValues.quoted(values[.sourceProfile] ?? "")
        return values.wrong(.sourceProfile, "names the profile \(name), which is not there; there \(list(names))")
    }

    /// “are “a”, “b” and “c”” or “is none”.
    static func list(_ names: [String]) -> String {
        let most = 20
        let shown = names.prefix(most).map(ProfileValues.quoted)
        guard let last = shown.last else { return "is none" }
        if shown.count == 1 { return "is \(last)" }
        if names.count > most { return "are \(shown.joined(separator: ", ")) …" }
        return "are \(shown.dropLast().joined(separator: ", ")) and \(last)"
    }
}
