/// One page of ListObjectsV2. Keys are asked for URL-encoded, since XML cannot carry every byte.
public struct ListOptions: Sendable, Hashable {
    public var prefix: ObjectKey
    /// `/` to see folders; empty for all keys.
    public var delimiter: String
    /// Keys greater than this one; only with the first page.
    public var startAfter: ObjectKey?
    /// `ObjectPage.continuation` of the page before.
    public var continuation: String?
    /// 1 to 1000.
    public var limit: Int
    /// Ask for `ObjectEntry.owner` too.
    public var fetchOwner: Bool

    public init(
        prefix: ObjectKey = ObjectKey(""), delimiter: String = "", startAfter: ObjectKey? = nil, continuation: String? = nil,
        limit: Int = 1000, fetchOwner: Bool = false
    ) {
        self.prefix = prefix
        self.delimiter = delimiter
        self.startAfter = startAfter
        self.continuation = continuation
        self.limit = limit
        self.fetchOwner = fetchOwner
    }

    var query: [QueryItem] {
        var items = [QueryItem("list-type", "2"), QueryItem("encoding-type", "url"), QueryItem("max-keys", String(limit))]
        if !prefix.utf8.isEmpty { items.append(QueryItem("prefix", prefix.description)) }
        if !delimiter.isEmpty { items.append(QueryItem("delimiter", delimiter)) }
        if let startAfter { items.append(QueryItem("start-after", startAfter.description)) }
        if let continuation { items.append(QueryItem("continuation-token", continuation)) }
        if fetchOwner { items.append(QueryItem("fetch-owner", "true")) }
        return items
    }

    func validate() throws(OSSLimitError) { try checkPage(limit, prefix, startAfter) }
}

/// One page of ListMultipartUploads.
public struct MultipartListOptions: Sendable, Hashable {
    public var prefix: ObjectKey
    public var delimiter: String
    /// Uploads of greater keys, and of this key with an upload id greater than `uploadIDMarker`.
    public var keyMarker: ObjectKey?
    public var uploadIDMarker: String?
    /// 1 to 1000.
    public var limit: Int

    public init(
        prefix: ObjectKey = ObjectKey(""), delimiter: String = "", keyMarker: ObjectKey? = nil, uploadIDMarker: String? = nil,
        limit: Int = 1000
    ) {
        self.prefix = prefix
        self.delimiter = delimiter
        self.keyMarker = keyMarker
        self.uploadIDMarker = uploadIDMarker
        self.limit = limit
    }

    var query: [QueryItem] {
        var items = [QueryItem("uploads"), QueryItem("encoding-type", "url"), QueryItem("max-uploads", String(limit))]
        if !prefix.utf8.isEmpty { items.append(QueryItem("prefix", prefix.description)) }
        if !delimiter.isEmpty { items.append(QueryItem("delimiter", delimiter)) }
        if let keyMarker { items.append(QueryItem("key-marker", keyMarker.description)) }
        if let uploadIDMarker { items.append(QueryItem("upload-id-marker", uploadIDMarker)) }
        return items
    }

    func validate() throws(OSSLimitError) { try checkPage(limit, prefix, keyMarker) }
}

/// One page of ListBuckets.
public struct BucketListOptions: Sendable, Hashable {
    public var prefix: String
    /// `BucketPage.next` of the page before.
    public var marker: String?
    /// 1 to 1000.
    public var limit: Int

    public init(prefix: String = "", marker: String? = nil, limit: Int = 1000) {
        (self.prefix, self.marker, self.limit) = (prefix, marker, limit)
    }

    var query: [QueryItem] {
        var items = [QueryItem("max-keys", String(limit))]
        if !prefix.isEmpty { items.append(QueryItem("prefix", prefix)) }
        if let marker { items.append(QueryItem("marker", marker)) }
        return items
    }

    func validate() throws(OSSLimitError) { try checkPage(limit) }
}

/// Prefixes and markers travel as text, so they must be UTF-8, and are never longer than a key.
private func checkPage(_ limit: Int, _ keys: ObjectKey?...) throws(OSSLimitError) {
    guard (1...1000).contains(limit) else { throw .pageSize(limit) }
    for case let key? in keys {
        guard key.utf8.count <= OSSLimits.keyBytes else { throw .keyTooLong(bytes: key.utf8.count) }
        guard key.isUTF8 else { throw .keyNotUTF8(key) }
    }
}
