/// What one profile says, whichever file it stands in.
struct ProfileValues: Sendable {
    private struct Value: Sendable {
        var text: String
        var line: Int?
    }

    let format: ProfileFormat
    let name: String
    private var values: [ProfileKey: Value] = [:]

    init(format: ProfileFormat, name: String) { (self.format, self.name) = (format, name) }

    /// What is empty is not there.
    subscript(_ key: ProfileKey) -> String? { values[key]?.text }

    /// Keys of other tools are ignored; the last one of a kind counts.
    mutating func take(_ key: String, _ text: String, line: Int?) {
        guard let known = ProfileKey.named(key, in: format) else { return }
        values[known] = text.isEmpty ? nil : Value(text: text, line: line)
    }

    /// What this profile leaves out comes from the other one. The parts of a key stay together.
    mutating func inherit(_ other: ProfileValues) {
        let pair: [ProfileKey] = [.accessKeyID, .accessKeySecret, .securityToken]
        let hasPair = values[.accessKeyID] != nil || values[.accessKeySecret] != nil
        for (key, value) in other.values where values[key] == nil && !(hasPair && pair.contains(key)) { values[key] = value }
    }

    /// Whether it says anything about where credentials come from.
    var saysCredentials: Bool {
        let keys: [ProfileKey] = [
            .mode, .accessKeyID, .accessKeySecret, .securityToken, .roleARN, .ecsRole, .providerARN, .command, .uri, .sourceProfile,
        ]
        return keys.contains { values[$0] != nil }
    }

    /// - Parameter text: goes on after the profile's name.
    func wrong(_ text: String, at key: ProfileKey? = nil) -> ProfileError {
        .wrong(line: key.flatMap { values[$0]?.line }, "profile \(ProfileValues.quoted(name)): \(text)")
    }

    /// - Parameter text: goes on after the key, “takes …”.
    func wrong(_ key: ProfileKey, _ text: String) -> ProfileError { wrong("“\(key.name(in: format))” \(text)", at: key) }

    func required(_ key: ProfileKey) throws(ProfileError) -> String {
        guard let text = self[key] else { throw wrong("“\(key.name(in: format))” is missing", at: .mode) }
        return text
    }

    static func quoted(_ name: String) -> String { "“\(PlainText.line(name, limit: 60))”" }
}
