import OSSProtocol

/// How many requests a minute each grant has left: a bucket of tokens a (client, grant), full at the start, refilled evenly.
struct RequestRate: Sendable {
    private struct Bucket: Sendable {
        var tokens: Double
        var at: Timestamp
    }
    private struct Key: Hashable {
        var client: [UInt8]
        var grant: Int
    }
    private var buckets: [Key: Bucket] = [:]

    /// Takes one request.
    /// - Returns: `nil` when it may go on, else how long until the next may.
    mutating func take(client: String, grant: Int, perMinute: Int, now: Timestamp) -> Duration? {
        let key = Key(client: Array(client.utf8), grant: grant)
        let full = Double(perMinute)
        var bucket = buckets[key] ?? Bucket(tokens: full, at: now)
        // A clock that was set back adds nothing and takes nothing.
        let passed = Double(max(0, (now - bucket.at).inMilliseconds))
        bucket.tokens = min(full, bucket.tokens + passed * full / 60_000)
        bucket.at = now
        defer { buckets[key] = bucket }
        guard bucket.tokens >= 1 else { return .milliseconds(Int64(((1 - bucket.tokens) * 60_000 / full).rounded(.up))) }
        bucket.tokens -= 1
        return nil
    }
}
