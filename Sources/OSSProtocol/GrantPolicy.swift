/// What a grant lets a client do under its prefix.
public enum GrantVerb: String, Sendable, Codable, CaseIterable {
    /// PutObject with tags, multipart, abort and list of own parts; not HEAD, which needs `get`.
    case upload
    /// The objects and the unfinished multipart uploads below the prefix.
    case list
    case get
    case delete
}

extension SessionPolicy {
    /// The smallest session policy for a grant: one bucket, one prefix, some verbs.
    ///
    /// The prefix always ends in `/*`, so that `users/al` never lets `users/alice/` in; an empty prefix means the whole bucket.
    /// - Parameter sourceAddresses: addresses and CIDR ranges from which OSS takes the requests; empty: from anywhere.
    /// - Throws: `.notExpressible` for characters that a policy reads as patterns, and for what is no address; `.tooLong` past 2,048
    ///   characters.
    public static func text(
        bucket: String, prefix: String, verbs: some Sequence<GrantVerb>, sourceAddresses: [String] = []
    ) throws(PolicyError) -> String {
        do {
            try OSSLimits.check(bucket: bucket)
            if !prefix.isEmpty { try OSSLimits.check(key: ObjectKey(prefix)) }
        } catch {
            throw .notExpressible("\(error)")
        }
        // RAM has no way to write these literally; a grant must never become wider than it says.
        guard !prefix.utf8.contains(where: { $0 == UInt8(ascii: "*") || $0 == UInt8(ascii: "?") || $0 == UInt8(ascii: "$") }) else {
            throw .notExpressible("the prefix \"\(prefix)\" has *, ? or $, which a policy reads as a pattern; choose another prefix")
        }
        let wanted = Set(verbs)
        guard !wanted.isEmpty else {
            throw .notExpressible("a grant without verbs allows nothing; name at least one of upload, list, get, delete")
        }
        let folder = prefix.isEmpty || prefix.utf8.last == UInt8(ascii: "/") ? prefix : "\(prefix)/"

        if let wrong = sourceAddresses.first(where: { AddressRange($0) == nil }) {
            throw .notExpressible("\(wrong) is no address and no range of them")
        }
        let from = sourceAddresses.isEmpty
            ? nil : "\"IpAddress\":{\"acs:SourceIp\":[\(sourceAddresses.map(\.quotedAsJSON).joined(separator: ","))]}"

        var actions: [String] = []
        if wanted.contains(.upload) { actions += ["oss:PutObject", "oss:PutObjectTagging", "oss:ListParts", "oss:AbortMultipartUpload"] }
        if wanted.contains(.get) { actions.append("oss:GetObject") }
        if wanted.contains(.delete) { actions.append("oss:DeleteObject") }
        var statements: [String] = []
        if !actions.isEmpty { statements.append(statement(actions, "acs:oss:*:*:\(bucket)/\(folder)*", conditions: [from])) }
        if wanted.contains(.list) {
            let below = folder.isEmpty ? nil : "\"StringLike\":{\"oss:Prefix\":[\("\(folder)*".quotedAsJSON)]}"
            statements.append(
                statement(["oss:ListObjects", "oss:ListMultipartUploads"], "acs:oss:*:*:\(bucket)", conditions: [below, from]))
        }
        let text = "{\"Version\":\"1\",\"Statement\":[\(statements.joined(separator: ","))]}"
        let length = text.unicodeScalars.count
        guard length <= longest else { throw .tooLong(characters: length, longest: longest) }
        return text
    }

    private static func statement(_ actions: [String], _ resource: String, conditions: [String?]) -> String {
        let list = actions.map(\.quotedAsJSON).joined(separator: ",")
        let held = conditions.compactMap { $0 }.joined(separator: ",")
        let condition = held.isEmpty ? "" : ",\"Condition\":{\(held)}"
        return "{\"Effect\":\"Allow\",\"Action\":[\(list)],\"Resource\":[\(resource.quotedAsJSON)]\(condition)}"
    }
}
