/// Names of RAM: roles, identity providers, sessions. Source: STS, AssumeRole and AssumeRoleWithOIDC.
enum ResourceName {
    static func isRole(_ text: String) -> Bool { name(text, after: "role/").map { !$0.isEmpty } ?? false }
    static func isIdentityProvider(_ text: String) -> Bool { name(text, after: "oidc-provider/").map { !$0.isEmpty } ?? false }

    /// It becomes a part of a path, where `..` would lead elsewhere.
    static func isRoleName(_ text: String) -> Bool {
        (1...64).contains(text.utf8.count) && text.utf8.allSatisfy { isAlphanumeric($0) || "-._".utf8.contains($0) }
            && text.utf8.contains(where: isAlphanumeric)
    }

    static func isSessionName(_ text: String) -> Bool {
        (2...64).contains(text.utf8.count) && text.utf8.allSatisfy { isAlphanumeric($0) || ".@-_".utf8.contains($0) }
    }

    static func isExternalID(_ text: String) -> Bool {
        (2...1224).contains(text.utf8.count) && text.utf8.allSatisfy { isAlphanumeric($0) || "_+=,.@:/-".utf8.contains($0) }
    }

    /// What follows `acs:ram::ACCOUNT:` and `kind`.
    private static func name(_ text: String, after kind: String) -> Substring.UTF8View? {
        let bytes = Substring(text).utf8
        let fields = bytes.split(separator: UInt8(ascii: ":"), maxSplits: 4, omittingEmptySubsequences: false)
        guard bytes.count <= 512, bytes.allSatisfy({ $0 > 0x20 && $0 < 0x7F }), fields.count == 5, fields[0].elementsEqual("acs".utf8),
            fields[1].elementsEqual("ram".utf8), fields[2].isEmpty, !fields[3].isEmpty, fields[4].starts(with: kind.utf8)
        else { return nil }
        return fields[4].dropFirst(kind.utf8.count)
    }

    static func isAlphanumeric(_ byte: UInt8) -> Bool {
        (48...57).contains(byte) || (65...90).contains(byte) || (97...122).contains(byte)
    }
}
