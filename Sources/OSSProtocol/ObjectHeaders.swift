/// What is stored with an object besides its bytes, as a caller asks for it. Empty means: leave it to OSS.
///
/// Source: PutObject and InitiateMultipartUpload request headers.
public struct ObjectHeaders: Sendable, Hashable, Codable {
    public var contentType: String?
    /// Base64 of the 16 bytes; goes with PutObject and UploadPart only.
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
    /// Of KMS; without one OSS uses its own.
    public var sseKeyID: String?
    /// `SM4`, with KMS only: the cipher of the data itself.
    public var sseDataEncryption: String?
    public var tagging: [String: String]
    /// Names without `x-oss-meta-`; OSS stores them in lower case.
    public var meta: [String: String]
    public var forbidOverwrite: Bool
    /// Bits a second, 819200 to 838860800; goes with PutObject and UploadPart only.
    public var trafficLimit: Int?
    /// The callback as JSON text; it is sent as base64.
    public var callback: String?
    /// The callback's variables as JSON text; sent as base64.
    public var callbackVar: String?

    public init() {
        (tagging, meta, forbidOverwrite) = ([:], [:], false)
    }

    /// The request of an upload that headers are for: not every one takes them all.
    public enum Step: Sendable { case put, initiate, part, complete }

    /// In a fixed order, so that the same wish always gives the same request.
    ///
    /// - Parameter presigned: without what `query(for:)` puts into a signed URL instead.
    public func headers(for step: Step, presigned: Bool = false) -> HTTPHeaders {
        var headers = HTTPHeaders()
        headers.add("Content-Type", step.isBirth ? contentType : nil)
        headers.add("Content-MD5", step.hasBody ? contentMD5 : nil)
        if step.isBirth {
            headers.add("Cache-Control", cacheControl)
            headers.add("Content-Disposition", contentDisposition)
            headers.add("Content-Encoding", contentEncoding)
            headers.add("Expires", expires)
            headers.add("x-oss-storage-class", storageClass)
            headers.add("x-oss-server-side-encryption", sse)
            headers.add("x-oss-server-side-data-encryption", sseDataEncryption)
            headers.add("x-oss-server-side-encryption-key-id", sseKeyID)
            let tags = ObjectHeaders.sorted(tagging).map { QueryItem($0.key, $0.value) }
            headers.add("x-oss-tagging", QueryItem.join(tags))
            for (name, value) in ObjectHeaders.sorted(meta) { headers.add("x-oss-meta-" + name.lowercased(), value) }
        }
        // The ACL goes with what makes the object visible: PutObject, or Complete (Initiate does not know it).
        headers.add("x-oss-object-acl", step.isEnd ? acl : nil)
        if !presigned {
            for item in query(for: step) { headers.add(item.name.hasPrefix("x-oss-") ? item.name : "x-oss-\(item.name)", item.value) }
        }
        headers.add("x-oss-forbid-overwrite", forbidOverwrite && step != .part ? "true" : nil)
        return headers
    }

    /// What a signed URL carries itself, so that whoever uses it need not know: traffic limit and callback. OSS takes each as a header or
    /// as a parameter, not as both.
    public func query(for step: Step) -> [QueryItem] {
        var items: [QueryItem] = []
        if step.isEnd {
            if let callback { items.append(QueryItem("callback", Base64.encode(Array(callback.utf8)))) }
            if let callbackVar { items.append(QueryItem("callback-var", Base64.encode(Array(callbackVar.utf8)))) }
        }
        if step.hasBody, let trafficLimit { items.append(QueryItem("x-oss-traffic-limit", String(trafficLimit))) }
        return items
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
        if let sseDataEncryption, sseDataEncryption != "SM4" { throw .encryption(sseDataEncryption) }
        if sseKeyID != nil || sseDataEncryption != nil, sse != "KMS" { throw .encryptionKeyWithoutKMS }
        if let contentMD5, Base64.decode(contentMD5)?.count != 16 { throw .contentMD5(contentMD5) }
        try Callback.check(callback, variables: callbackVar)
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

extension ObjectHeaders.Step {
    /// The object's own description goes with it.
    fileprivate var isBirth: Bool { self == .put || self == .initiate }
    fileprivate var hasBody: Bool { self == .put || self == .part }
    /// The object is there when it is answered.
    fileprivate var isEnd: Bool { self == .put || self == .complete }
}

extension HTTPHeaders {
    fileprivate mutating func add(_ name: String, _ value: String?) {
        if let value { add(name, value) }
    }
}
