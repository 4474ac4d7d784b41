/// What is stored with an object besides its bytes, as a caller asks for it. Empty means: leave it to OSS.
///
/// Source: PutObject and InitiateMultipartUpload request headers.
public struct ObjectHeaders: Sendable, Hashable, Codable {
    public var contentType: String?
    /// Base64 of the 16 bytes; goes with PutObject only.
    public var contentMD5: String?
    public var cacheControl: String?
    public var contentDisposition: String?
    public var contentEncoding: String?
    /// RFC 1123 text, stored as given.
    public var expires: String?
    public var storageClass: String?
    public var acl: String?
    /// `AES256`, `KMS` or `SM4`.
    public var sse: String?
    public var sseKeyID: String?
    public var tagging: [String: String]
    /// Names without `x-oss-meta-`; OSS stores them in lower case.
    public var meta: [String: String]
    public var forbidOverwrite: Bool
    /// Bits a second, 819200 to 838860800; goes with PutObject only.
    public var trafficLimit: Int?
    /// The callback as JSON text; it is sent as base64.
    public var callback: String?
    /// The callback's variables as JSON text; sent as base64.
    public var callbackVar: String?

    public init() {
        (tagging, meta, forbidOverwrite) = ([:], [:], false)
    }

    /// The request of an upload that headers are for: not every one takes them all.
    public enum Step: Sendable { case put, initiate, complete }

    /// In a fixed order, so that the same wish always gives the same request.
    public func headers(for step: Step) -> HTTPHeaders {
        var headers = HTTPHeaders()
        if step != .complete {
            headers.add("Content-Type", contentType)
            headers.add("Content-MD5", step == .put ? contentMD5 : nil)
            headers.add("Cache-Control", cacheControl)
            headers.add("Content-Disposition", contentDisposition)
            headers.add("Content-Encoding", contentEncoding)
            headers.add("Expires", expires)
            headers.add("x-oss-storage-class", storageClass)
            headers.add("x-oss-server-side-encryption", sse)
            headers.add("x-oss-server-side-encryption-key-id", sseKeyID)
            let tags = ObjectHeaders.sorted(tagging).map { QueryItem($0.key, $0.value) }
            headers.add("x-oss-tagging", QueryItem.join(tags))
            for (name, value) in ObjectHeaders.sorted(meta) { headers.add("x-oss-meta-" + name.lowercased(), value) }
        }
        // The ACL belongs to the object's birth: PutObject, or Complete (Initiate does not know it).
        if step != .initiate {
            headers.add("x-oss-object-acl", acl)
            headers.add("x-oss-callback", callback.map { Base64.encode(Array($0.utf8)) })
            headers.add("x-oss-callback-var", callbackVar.map { Base64.encode(Array($0.utf8)) })
        }
        headers.add("x-oss-traffic-limit", step == .put ? trafficLimit.map(String.init) : nil)
        headers.add("x-oss-forbid-overwrite", forbidOverwrite ? "true" : nil)
        return headers
    }

    /// - Throws: what OSS would answer with 400, before anything is sent.
    public func validate() throws(OSSLimitError) {
        guard tagging.count <= OSSLimits.tags else { throw .tooManyTags(tagging.count) }
        for (name, value) in tagging where name.isEmpty || name.unicodeScalars.count > 128 || value.unicodeScalars.count > 256 {
            throw .tag(name)
        }
        var metadata = 0
        for (name, value) in meta {
            let plain = name.utf8.allSatisfy {
                (97...122).contains($0) || (65...90).contains($0) || (48...57).contains($0) || $0 == UInt8(ascii: "-")
            }
            guard !name.isEmpty, plain else { throw .metadataName(name) }
            metadata += name.utf8.count + value.utf8.count
        }
        guard metadata <= OSSLimits.metadataBytes else { throw .metadataTooLarge(bytes: metadata) }
        if let trafficLimit, !OSSLimits.trafficLimit.contains(trafficLimit) { throw .trafficLimit(trafficLimit) }
        if let storageClass, !ObjectHeaders.storageClasses.contains(storageClass) { throw .storageClass(storageClass) }
        if let acl, !ObjectHeaders.accessControls.contains(acl) { throw .accessControl(acl) }
        if let sse, !["AES256", "KMS", "SM4"].contains(sse) { throw .encryption(sse) }
        for text in [callback, callbackVar] {
            if let bytes = text?.utf8.count, bytes > OSSLimits.callbackBytes { throw .callbackTooLarge(bytes: bytes) }
        }
        for field in headers(for: .put).fields where field.value.utf8.contains(where: { $0 < 32 && $0 != 9 || $0 == 127 }) {
            throw .headerValue(name: field.name)
        }
    }

    public static let storageClasses = ["Standard", "IA", "Archive", "ColdArchive", "DeepColdArchive"]
    public static let accessControls = ["default", "private", "public-read", "public-read-write"]

    private static func sorted(_ pairs: [String: String]) -> [(key: String, value: String)] {
        pairs.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }
    }
}

extension HTTPHeaders {
    fileprivate mutating func add(_ name: String, _ value: String?) {
        if let value { add(name, value) }
    }
}
