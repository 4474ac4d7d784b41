import OSSProtocol

/// What is stored with an object besides its bytes.
struct ObjectAttributes: Sendable, Equatable, Codable {
    var contentType: String?
    var cacheControl: String?
    var contentDisposition: String?
    var contentEncoding: String?
    var contentLanguage: String?
    var expires: String?
    var storageClass = "Standard"
    var acl = "default"
    var encryption: String?
    var dataEncryption: String?
    var encryptionKeyID: String?
    var tags: [Tag] = []
    /// Names without `x-oss-meta-`, lower case.
    var meta: [String: String] = [:]

    struct Tag: Sendable, Equatable, Codable {
        var name: String
        var value: String
    }
}

/// One object as the index knows it.
struct StoredObject: Sendable {
    enum Kind: String, Sendable, Codable {
        case normal = "Normal"
        case multipart = "Multipart"
        case appendable = "Appendable"
    }

    var key: ObjectKey
    var kind: Kind
    /// Without quotes.
    var etag: String
    var crc64: UInt64
    /// Base64; `nil` where it is not known (multipart, quick ETags).
    var contentMD5: String?
    var modified: Timestamp
    var attributes: ObjectAttributes
    var content: StoredContent
    /// The bytes lie in the object's own file.
    var isInline: Bool
    /// Of the upload whose parts are the bytes.
    var uploadID: String?

    var size: Int64 { content.length }
}

/// One line of JSON at the head of an object's file; the bytes of a small object follow it.
struct ObjectRecord: Codable {
    var schema = 1
    /// Percent-encoded, so that any bytes can be written.
    var key: String
    var kind: StoredObject.Kind
    var etag: String
    var crc64: UInt64
    var contentMD5: String?
    var modified: Timestamp
    var attributes: ObjectAttributes
    var size: Int64
    /// A file in `content/`.
    var content: String?
    /// A folder in `uploads/`, with the files in order.
    var uploadID: String?
    /// Of an appendable object: files in `content/`, in order.
    var parts: [PartName]?

    struct PartName: Codable {
        var file: String
        var size: Int64
    }
}

/// One part of an open multipart upload.
struct StoredPart: Sendable, Equatable {
    var number: Int
    var size: Int64
    /// Without quotes.
    var etag: String
    var crc64: UInt64
    var modified: Timestamp
    /// In the upload's folder. `NUMBER.ETAG.CRC64.MILLISECONDS.SERIAL`: the name says all but the size, so that one rename stores a part.
    var file: String

    init(number: Int, digest: BodyDigest, modified: Timestamp, serial: String) {
        (self.number, size, etag, crc64, self.modified) = (number, digest.length, digest.etag, digest.crc64, modified)
        file = "\(number).\(etag).\(crc64).\(modified.milliseconds).\(serial)"
    }

    /// `nil` for another kind of file.
    init?(file: String, size: Int64) {
        let fields = file.split(separator: ".", omittingEmptySubsequences: false)
        guard fields.count == 5, let number = Int(fields[0]), OSSLimits.partNumbers.contains(number), fields[1].utf8.count == 32,
            let crc64 = UInt64(fields[2]), let milliseconds = Int64(fields[3])
        else { return nil }
        (self.number, self.size, etag, self.crc64, self.file) = (number, size, String(fields[1]), crc64, file)
        modified = Timestamp(milliseconds: milliseconds)
    }
}

/// A multipart upload that is neither completed nor aborted.
struct OpenUpload: Sendable {
    var id: String
    var key: ObjectKey
    var initiated: Timestamp
    var attributes: ObjectAttributes
    var parts: [Int: StoredPart] = [:]
}

/// `upload.json` in an upload's folder: there as long as the upload is open.
struct UploadRecord: Codable {
    var schema = 1
    var key: String
    var initiated: Timestamp
    var attributes: ObjectAttributes
}

struct BucketRecord: Codable, Sendable {
    var schema = 1
    var created: Timestamp
    var acl = "private"
    var storageClass = "Standard"
    /// `nil`: that of the sandbox, whatever it is told to be.
    var region: String?
}
