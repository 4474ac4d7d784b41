import COpenSSL

/// Digests and message authentication by OpenSSL, over bytes in memory.
public enum Digests {
    public static func md5(_ bytes: [UInt8]) -> [UInt8] { digest(bytes, EVP_md5(), count: 16) }
    public static func sha256(_ bytes: [UInt8]) -> [UInt8] { digest(bytes, HMACKey.digest, count: 32) }

    public static func hmacSHA1(key: [UInt8], message: [UInt8]) -> [UInt8] { hmac(key, message, EVP_sha1(), count: 20) }
    public static func hmacSHA256(key: [UInt8], message: [UInt8]) -> [UInt8] { hmac(key, message, EVP_sha256(), count: 32) }

    /// Whether two secrets' digests are the same, in a time that does not tell where they differ.
    public static func equal(_ a: [UInt8], _ b: [UInt8]) -> Bool { a.count == b.count && CRYPTO_memcmp(a, b, a.count) == 0 }

    private static func digest(_ bytes: [UInt8], _ kind: OpaquePointer?, count: Int) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
            let done = EVP_Digest(bytes, bytes.count, buffer.baseAddress, nil, kind, nil)
            // It fails only where the system forbids the algorithm or memory is out: nothing can be signed or checked then.
            precondition(done == 1, "OpenSSL refuses a digest that OSS needs")
            filled = count
        }
    }

    private static func hmac(_ key: [UInt8], _ message: [UInt8], _ kind: OpaquePointer?, count: Int) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
            let done = HMAC(kind, key, Int32(key.count), message, message.count, buffer.baseAddress, nil)
            precondition(done != nil, "OpenSSL refuses a digest that OSS needs")
            filled = count
        }
    }
}

/// A key of HMAC-SHA256 with its part of the work done: for keys that authenticate many messages.
public final class HMACKey: @unchecked Sendable {
    // Safe to share: the two contexts are only copied once they are made.
    private let (inner, outer): (OpaquePointer, OpaquePointer)

    private static let blockSize = 64

    /// Looked up once: OpenSSL's own name for it is looked up by every use.
    nonisolated(unsafe) static let digest = EVP_MD_fetch(nil, "SHA256", nil)

    public init(_ key: [UInt8]) {
        var block = key.count > HMACKey.blockSize ? Digests.sha256(key) : key
        block += [UInt8](repeating: 0, count: HMACKey.blockSize - block.count)
        (inner, outer) = (HMACKey.begun(block.map { $0 ^ 0x36 }), HMACKey.begun(block.map { $0 ^ 0x5C }))
    }

    deinit {
        EVP_MD_CTX_free(inner)
        EVP_MD_CTX_free(outer)
    }

    public func authenticate(_ message: [UInt8]) -> [UInt8] {
        guard let context = EVP_MD_CTX_new() else { preconditionFailure("out of memory for a digest") }
        defer { EVP_MD_CTX_free(context) }
        return [UInt8](unsafeUninitializedCapacity: 32) { buffer, filled in
            let done =
                EVP_MD_CTX_copy_ex(context, inner) == 1 && EVP_DigestUpdate(context, message, message.count) == 1
                && EVP_DigestFinal_ex(context, buffer.baseAddress, nil) == 1 && EVP_MD_CTX_copy_ex(context, outer) == 1
                && EVP_DigestUpdate(context, buffer.baseAddress, 32) == 1 && EVP_DigestFinal_ex(context, buffer.baseAddress, nil) == 1
            precondition(done, "OpenSSL refuses a digest that OSS needs")
            filled = 32
        }
    }

    private static func begun(_ block: [UInt8]) -> OpaquePointer {
        guard let context = EVP_MD_CTX_new() else { preconditionFailure("out of memory for a digest") }
        let done = EVP_DigestInit_ex(context, digest, nil) == 1 && EVP_DigestUpdate(context, block, block.count) == 1
        precondition(done, "OpenSSL refuses a digest that OSS needs")
        return context
    }
}

/// MD5 over bytes that come piece by piece. A value: a copy goes on by itself.
public struct MD5Stream: Sendable {
    private var context = DigestContext(EVP_md5(), count: 16)
    public init() {}
    public mutating func update(_ bytes: [UInt8]) { bytes.withUnsafeBytes { update($0) } }
    public mutating func update(_ bytes: UnsafeRawBufferPointer) { DigestContext.update(&context, bytes) }
    /// The digest of all so far; more may follow.
    public func finish() -> [UInt8] { context.finish() }
}

/// SHA-256 over bytes that come piece by piece. A value: a copy goes on by itself.
public struct SHA256Stream: Sendable {
    private var context = DigestContext(EVP_sha256(), count: 32)
    public init() {}
    public mutating func update(_ bytes: [UInt8]) { bytes.withUnsafeBytes { update($0) } }
    public mutating func update(_ bytes: UnsafeRawBufferPointer) { DigestContext.update(&context, bytes) }
    /// The digest of all so far; more may follow.
    public func finish() -> [UInt8] { context.finish() }
}

/// Owns an OpenSSL context. Unchecked because it is changed only while one value owns it (`update` copies it otherwise); `finish`
/// works on a copy.
private final class DigestContext: @unchecked Sendable {
    private let handle: OpaquePointer
    private let count: Int

    convenience init(_ kind: OpaquePointer?, count: Int) {
        self.init(count: count)
        precondition(EVP_DigestInit_ex(handle, kind, nil) == 1, "OpenSSL refuses a digest that OSS needs")
    }

    private init(count: Int) {
        guard let handle = EVP_MD_CTX_new() else { preconditionFailure("out of memory for a digest") }
        (self.handle, self.count) = (handle, count)
    }

    deinit { EVP_MD_CTX_free(handle) }

    static func update(_ context: inout DigestContext, _ bytes: UnsafeRawBufferPointer) {
        if !isKnownUniquelyReferenced(&context) { context = context.copy() }
        precondition(EVP_DigestUpdate(context.handle, bytes.baseAddress, bytes.count) == 1, "OpenSSL cannot go on with a digest")
    }

    func finish() -> [UInt8] {
        let last = copy()
        return [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
            precondition(EVP_DigestFinal_ex(last.handle, buffer.baseAddress, nil) == 1, "OpenSSL cannot end a digest")
            filled = count
        }
    }

    private func copy() -> DigestContext {
        let other = DigestContext(count: count)
        precondition(EVP_MD_CTX_copy_ex(other.handle, handle) == 1, "OpenSSL cannot copy a digest")
        return other
    }
}
