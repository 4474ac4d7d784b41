/// What answers say, read by `OSSReply`. ETags stand as sent, with their quotes; sizes in bytes.

public struct PutResult: Sendable, Equatable {
    public var etag: String
    /// `nil` where the server cannot tell (copies, very old objects): then nothing can be compared.
    public var crc64: UInt64?
    public var versionID: String?
    public var requestID: String?
}

public struct CompleteResult: Sendable, Equatable {
    /// Opaque: not an MD5.
    public var etag: String
    /// Of the whole object.
    public var crc64: UInt64?
    public var versionID: String?
    public var requestID: String?
}

public struct ObjectHead: Sendable, Equatable {
    public var size: Int64
    public var etag: String
    public var crc64: UInt64?
    public var lastModified: Timestamp?
    public var contentType: String?
    public var storageClass: String?
    /// `Normal`, `Multipart`, `Appendable`, `Symlink`.
    public var objectType: String?
    public var versionID: String?
    /// `AES256`, `KMS` or `SM4`; `nil` when it is stored in the clear.
    public var encryption: String?
    /// GetObjectMeta only, and only with access tracking on.
    public var lastAccess: Timestamp?
    /// Names without `x-oss-meta-`, lower case.
    public var meta: [String: String]
}

/// The head of a GET; the bytes themselves are the transport's matter.
public struct ObjectRead: Sendable, Equatable {
    /// `head.size` is that of the whole object, `head.crc64` its CRC.
    public var head: ObjectHead
    /// What this answer holds of it: all of it, unless a range was asked for.
    public var bytes: Range<Int64>
}

public struct ListPartsPage: Sendable, Equatable {
    public var uploadID: String
    public var parts: [ListedPart]
    /// `after` of the next page; `nil` when this was the last.
    public var next: Int?
}

public struct ListedPart: Sendable, Equatable {
    public var number: Int
    public var size: Int64
    public var etag: String
    /// `nil` for parts made by a copy.
    public var crc64: UInt64?
    public var lastModified: Timestamp?
}

public struct ObjectPage: Sendable, Equatable {
    public var entries: [ObjectEntry]
    /// What the delimiter folded.
    public var prefixes: [ObjectKey]
    /// For the next page; `nil` when this was the last.
    public var continuation: String?
}

public struct ObjectEntry: Sendable, Equatable {
    public var key: ObjectKey
    public var size: Int64
    public var etag: String
    public var lastModified: Timestamp?
    public var storageClass: String
    public var type: String
    /// The owner's id, where it was asked for.
    public var owner: String?
}

public struct MultipartPage: Sendable, Equatable {
    public struct Marker: Sendable, Equatable {
        public var key: ObjectKey
        public var uploadID: String?
    }
    public var uploads: [MultipartEntry]
    public var prefixes: [ObjectKey]
    /// For the next page; `nil` when this was the last.
    public var next: Marker?
}

/// An upload that was begun and neither completed nor aborted.
public struct MultipartEntry: Sendable, Equatable {
    public var key: ObjectKey
    public var uploadID: String
    public var initiated: Timestamp?
    public var storageClass: String
}

public struct BucketInfo: Sendable, Equatable {
    public var name: String
    /// `oss-cn-hangzhou`.
    public var location: String
    public var extranetEndpoint: String
    public var intranetEndpoint: String
    public var storageClass: String
    /// `LRS` or `ZRS`.
    public var redundancy: String
    public var acl: String
    /// `Enabled`, `Suspended`; `nil` when it never was on.
    public var versioning: String?
    public var created: Timestamp?

    /// The signing region: the location without `oss-`.
    public var region: String { location.hasPrefix("oss-") ? String(location.dropFirst(4)) : location }
}

public struct BucketPage: Sendable, Equatable {
    public var buckets: [BucketEntry]
    /// `marker` of the next page; `nil` when this was the last.
    public var next: String?
}

public struct BucketEntry: Sendable, Equatable {
    public var name: String
    public var location: String
    public var region: String
    public var storageClass: String
    public var extranetEndpoint: String
    public var created: Timestamp?
}
