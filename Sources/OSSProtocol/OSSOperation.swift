/// An operation of OSS as a value: it builds its request, unsigned and without Content-Length, and knows its permission.
///
/// Answers are read by `OSSReply`. Source: the API documents of the operations named.
public enum OSSOperation: Sendable, Hashable {
    case putObject(ObjectHeaders)
    case headObject
    /// Size, ETag and times only: cheaper than HEAD, and the only one that tells the last access.
    case objectMeta
    /// `nil` for the whole object.
    case getObject(ByteRange?)
    case deleteObject
    /// One version for good, by its id; a delete without an id only hides the object where versions are kept.
    case deleteVersion(String)
    case initiate(ObjectHeaders)
    case uploadPart(number: Int, uploadID: String)
    /// Parts in ascending order. `headers` are those of `initiate`: the ACL, the callback and the ban on overwriting belong here too.
    case complete(uploadID: String, parts: [CompletedPart], headers: ObjectHeaders)
    case abort(uploadID: String)
    /// Parts with numbers greater than `after`.
    case listParts(uploadID: String, after: Int)
    case listObjects(ListOptions)
    case listMultipartUploads(MultipartListOptions)
    case bucketInfo
    /// Asks the endpoint itself, whatever the bucket of the address.
    case listBuckets(BucketListOptions = BucketListOptions())

    /// Bytes from and to, both included; `nil` for the whole object.
    public static func getObject(range: ClosedRange<Int64>?) -> OSSOperation { .getObject(range.map { ByteRange.closed($0) }) }

    /// Complete with nothing but the ban on overwriting.
    public static func complete(uploadID: String, parts: [CompletedPart], forbidOverwrite: Bool) -> OSSOperation {
        var headers = ObjectHeaders()
        headers.forbidOverwrite = forbidOverwrite
        return .complete(uploadID: uploadID, parts: parts, headers: headers)
    }

    public var method: String {
        switch self {
        case .putObject, .uploadPart: "PUT"
        case .headObject, .objectMeta: "HEAD"
        case .getObject, .listParts, .listObjects, .listMultipartUploads, .bucketInfo, .listBuckets: "GET"
        case .deleteObject, .deleteVersion, .abort: "DELETE"
        case .initiate, .complete: "POST"
        }
    }

    /// The RAM action it needs. There is none for Initiate, UploadPart or Complete: all are `oss:PutObject`.
    public var permission: String {
        switch self {
        case .putObject, .initiate, .uploadPart, .complete: "oss:PutObject"
        case .headObject, .objectMeta, .getObject: "oss:GetObject"
        case .deleteObject: "oss:DeleteObject"
        case .deleteVersion: "oss:DeleteObjectVersion"
        case .abort: "oss:AbortMultipartUpload"
        case .listParts: "oss:ListParts"
        case .listObjects: "oss:ListObjects"
        case .listMultipartUploads: "oss:ListMultipartUploads"
        case .bucketInfo: "oss:GetBucketInfo"
        case .listBuckets: "oss:ListBuckets"
        }
    }

    /// Whether it is about an object (and so needs a key) or about a bucket or the service (and then ignores the key).
    public var needsKey: Bool {
        switch self {
        case .listObjects, .listMultipartUploads, .bucketInfo, .listBuckets: false
        default: true
        }
    }

    /// The query as it is sent, decoded.
    public var query: [QueryItem] {
        switch self {
        case .putObject, .headObject, .getObject, .deleteObject: []
        case .objectMeta: [QueryItem("objectMeta")]
        case .deleteVersion(let id): [QueryItem("versionId", id)]
        case .initiate: [QueryItem("uploads"), OSSOperation.urlEncoded]
        case .uploadPart(let number, let uploadID): [QueryItem("partNumber", String(number)), QueryItem("uploadId", uploadID)]
        case .complete(let uploadID, _, _): [QueryItem("uploadId", uploadID), OSSOperation.urlEncoded]
        case .abort(let uploadID): [QueryItem("uploadId", uploadID)]
        case .listParts(let uploadID, let after):
            [QueryItem("uploadId", uploadID), OSSOperation.urlEncoded, QueryItem("max-parts", "1000")]
                + (after > 0 ? [QueryItem("part-number-marker", String(after))] : [])
        case .listObjects(let options): options.query
        case .listMultipartUploads(let options): options.query
        case .bucketInfo: [QueryItem("bucketInfo")]
        case .listBuckets(let options): options.query
        }
    }

    private static let urlEncoded = QueryItem("encoding-type", "url")

    /// The request, unsigned, without Content-Length; the bytes of a file are added by whoever sends it.
    ///
    /// - Parameters:
    ///   - part: Content-MD5 and traffic limit of an UploadPart; the other operations bring theirs.
    ///   - presigned: traffic limit and callback go into the query, so that a signed URL says them itself.
    public func request(
        at address: BucketAddress, key: ObjectKey?, part: ObjectHeaders? = nil, presigned: Bool = false
    ) -> HTTPRequest {
        var headers = HTTPHeaders()
        var query = query
        var body: [UInt8] = []
        let wishes: (ObjectHeaders, ObjectHeaders.Step)? =
            switch self {
            case .putObject(let wishes): (wishes, .put)
            case .initiate(let wishes): (wishes, .initiate)
            case .uploadPart: part.map { ($0, .part) }
            case .complete(_, _, let wishes): (wishes, .complete)
            default: nil
            }
        if let (wishes, step) = wishes {
            headers = wishes.headers(for: step, presigned: presigned)
            if presigned { query += wishes.query(for: step) }
        }
        if case .complete(_, let parts, _) = self { body = CompletedPart.document(parts) }
        // Without the second one a range that is out of bounds is answered with the whole object.
        if case .getObject(let range?) = self { headers = ["Range": range.header, "x-oss-range-behavior": "standard"] }
        var place = address
        if case .listBuckets = self { place.bucket = "" }
        return place.request(method: method, key: needsKey ? key : nil, query: query, headers: headers, body: body)
    }

    /// What a signature over `request(at:key:)` is about.
    public func resource(at address: BucketAddress, key: ObjectKey?) -> SignedResource {
        if case .listBuckets = self { return SignedResource(bucket: nil, key: nil) }
        return address.resource(needsKey ? key : nil)
    }

    /// As `validate(bucket:key:)`, and what the address makes impossible.
    public func validate(at address: BucketAddress, key: ObjectKey?) throws(OSSLimitError) {
        if case .listBuckets = self, address.effectiveAddressing == .cname { throw .bucketsAtCustomDomain }
        try validate(bucket: address.bucket, key: key)
    }

    /// - Throws: what OSS would refuse whatever its state, so that it need not be asked.
    public func validate(bucket: String, key: ObjectKey?) throws(OSSLimitError) {
        if case .listBuckets(let options) = self { return try options.validate() }
        try OSSLimits.check(bucket: bucket)
        if needsKey {
            guard let key else { throw .keyMissing }
            try OSSLimits.check(key: key)
        }
        switch self {
        case .putObject(let wishes), .initiate(let wishes): try wishes.validate()
        case .getObject(let range?): try range.validate()
        case .deleteVersion(let id): guard !id.isEmpty else { throw .versionIDMissing }
        case .uploadPart(let number, let uploadID):
            try OSSLimits.check(partNumber: number)
            guard !uploadID.isEmpty else { throw .uploadIDMissing }
        case .complete(let uploadID, let parts, let wishes):
            guard !uploadID.isEmpty else { throw .uploadIDMissing }
            try CompletedPart.validate(parts)
            try wishes.validate()
        case .abort(let uploadID), .listParts(let uploadID, _):
            guard !uploadID.isEmpty else { throw .uploadIDMissing }
        case .listObjects(let options): try options.validate()
        case .listMultipartUploads(let options): try options.validate()
        default: break
        }
    }
}

/// A part as Complete names it.
public struct CompletedPart: Sendable, Hashable, Codable {
    public var number: Int
    /// As the server gave it; quotes are added if missing.
    public var etag: String

    public init(number: Int, etag: String) { (self.number, self.etag) = (number, etag) }

    /// The body of CompleteMultipartUpload, in the order given.
    public static func document(_ parts: [CompletedPart]) -> [UInt8] {
        var writer = XMLWriter(declaration: false)
        writer.element("CompleteMultipartUpload") { writer in
            for part in parts {
                writer.element("Part") { writer in
                    writer.element("PartNumber", String(part.number))
                    writer.element("ETag", part.etag.utf8.first == UInt8(ascii: "\"") ? part.etag : "\"\(part.etag)\"")
                }
            }
        }
        return writer.bytes
    }

    /// Reads that body: for servers. Element order inside a part and white space are free.
    public static func parse(_ body: [UInt8]) throws(XMLError) -> [CompletedPart] {
        let root = try XMLReader.parse(body)
        guard root.name == "CompleteMultipartUpload" else { throw .unexpected("root \(root.name)") }
        var parts: [CompletedPart] = []
        for element in root.all("Part") {
            guard let number = element["PartNumber"].flatMap({ Int.digits($0.utf8) }), let etag = element["ETag"] else {
                throw .unexpected("a Part without PartNumber or ETag")
            }
            parts.append(CompletedPart(number: number, etag: etag))
        }
        return parts
    }

    static func validate(_ parts: [CompletedPart]) throws(OSSLimitError) {
        guard !parts.isEmpty else { throw .noParts }
        var last = 0
        for part in parts {
            try OSSLimits.check(partNumber: part.number)
            guard part.number > last else { throw .partsNotAscending(number: part.number) }
            last = part.number
        }
    }
}
