import OSSProtocol

extension ObjectAttributes {
    /// Reads and checks the headers of PutObject and InitiateMultipartUpload.
    init(headers: HTTPHeaders) throws(OSSFailure) {
        contentType = headers["Content-Type"]
        cacheControl = headers["Cache-Control"]
        contentDisposition = headers["Content-Disposition"]
        contentEncoding = headers["Content-Encoding"]
        contentLanguage = headers["Content-Language"]
        expires = headers["Expires"]
        try refusePreconditions(headers)
        if let text = headers["x-oss-storage-class"] {
            guard ObjectHeaders.storageClasses.contains(text) else {
                throw .invalidArgument("The storage class is not known.", name: "x-oss-storage-class", value: text)
            }
            storageClass = text
        }
        if let text = headers["x-oss-object-acl"] { acl = try ObjectAttributes.checkACL(text) }
        try readEncryption(headers)
        if let text = headers["x-oss-tagging"] { tags = try ObjectAttributes.parseTags(text) }
        try readMeta(headers)
    }

    static func checkACL(_ text: String) throws(OSSFailure) -> String {
        guard ObjectHeaders.accessControls.contains(text) else {
            throw .invalidArgument("no such object access control exists", name: "x-oss-object-acl", value: text)
        }
        return text
    }

    private mutating func readEncryption(_ headers: HTTPHeaders) throws(OSSFailure) {
        guard let text = headers["x-oss-server-side-encryption"] else { return }
        guard ["AES256", "KMS", "SM4"].contains(text) else {
            throw OSSFailure(
                400, "InvalidEncryptionAlgorithmError",
                "The Encryption request you specified is not valid. Supported value: AES256, SM4 or KMS.",
                ec: "0017-00000910")
        }
        encryption = text
        dataEncryption = headers["x-oss-server-side-data-encryption"]
        encryptionKeyID = headers["x-oss-server-side-encryption-key-id"]
    }

    private func refusePreconditions(_ headers: HTTPHeaders) throws(OSSFailure) {
        for name in ["If-Match", "If-None-Match", "If-Modified-Since", "If-Unmodified-Since"] where headers[name] != nil {
            throw .notImplemented(header: name)
        }
    }

    private mutating func readMeta(_ headers: HTTPHeaders) throws(OSSFailure) {
        var bytes = 0
        for field in headers.fields {
            let name = field.name.asciiLower
            guard name.hasPrefix("x-oss-meta-") else { continue }
            let short = String(name.dropFirst("x-oss-meta-".count))
            let plain = short.utf8.allSatisfy { (97...122).contains($0) || (48...57).contains($0) || $0 == UInt8(ascii: "-") }
            guard plain, !short.isEmpty else { throw .invalidArgument("The metadata name is not valid.", name: name, value: field.value) }
            bytes += short.utf8.count + field.value.utf8.count
            meta[short] = field.value
        }
        guard bytes <= OSSLimits.metadataBytes else {
            throw OSSFailure(
                400, "MetadataTooLarge", "Your metadata headers exceed the maximum allowed metadata size.", ec: "0017-00000911",
                ["MaxSize": String(OSSLimits.metadataBytes)])
        }
    }

    /// `enc(k)=enc(v)&…`, at most 10.
    static func parseTags(_ text: String) throws(OSSFailure) -> [Tag] {
        let items = QueryItem.parse(text)
        guard items.count <= OSSLimits.tags else {
            throw OSSFailure(400, "TooManyTags", "Object tags cannot be greater than \(OSSLimits.tags).", ec: "0017-00000912")
        }
        var tags: [Tag] = []
        for item in items {
            let value = item.value ?? ""
            guard !item.name.isEmpty, item.name.unicodeScalars.count <= 128, value.unicodeScalars.count <= 256,
                !tags.contains(where: { $0.name == item.name })
            else { throw OSSFailure(400, "InvalidTag", "The tag key or value is invalid or given twice.", ec: "0017-00000913") }
            tags.append(Tag(name: item.name, value: value))
        }
        return tags
    }

    /// What GET and HEAD show.
    var headers: HTTPHeaders {
        var headers = HTTPHeaders()
        headers.add("Content-Type", contentType ?? "application/octet-stream")
        for (name, value) in [
            ("Cache-Control", cacheControl), ("Content-Disposition", contentDisposition), ("Content-Encoding", contentEncoding),
            ("Content-Language", contentLanguage), ("Expires", expires),
        ] {
            if let value { headers.add(name, value) }
        }
        headers.add("x-oss-storage-class", storageClass)
        for field in encryptionHeaders.fields { headers.add(field.name, field.value) }
        if !tags.isEmpty { headers.add("x-oss-tagging-count", String(tags.count)) }
        for name in meta.keys.sorted() { headers.add("x-oss-meta-\(name)", meta[name] ?? "") }
        return headers
    }

    /// Also on the answers of the writing operations.
    var encryptionHeaders: HTTPHeaders {
        var headers = HTTPHeaders()
        if let encryption { headers.add("x-oss-server-side-encryption", encryption) }
        if let dataEncryption { headers.add("x-oss-server-side-data-encryption", dataEncryption) }
        if let encryptionKeyID { headers.add("x-oss-server-side-encryption-key-id", encryptionKeyID) }
        return headers
    }
}
