/// Reads the answers of `OSSOperation`s. Each throws what OSS said when it is no success, and `UnusableAnswer` for a success that
/// lacks what it must have. 203 is thrown too: the object is stored, its callback failed.
public enum OSSReply {
    public static func put(_ response: HTTPResponse) throws(OSSError) -> PutResult {
        try check(response)
        guard let etag = response.headers["ETag"]?.nonEmpty else { throw OSSError(unusable: response, "the answer has no ETag") }
        return PutResult(
            etag: etag, crc64: try crc64(response), versionID: response.headers["x-oss-version-id"]?.nonEmpty,
            requestID: requestID(response))
    }

    /// HeadObject and GetObjectMeta, which says less.
    public static func head(_ response: HTTPResponse) throws(OSSError) -> ObjectHead {
        try check(response)
        guard let size = response.headers["Content-Length"].flatMap({ Int.digits($0.utf8) }) else {
            throw OSSError(unusable: response, "the answer has no Content-Length")
        }
        // Every object has one; an answer without it came from something in between.
        guard let etag = response.headers["ETag"]?.nonEmpty else { throw OSSError(unusable: response, "the answer has no ETag") }
        var meta: [String: String] = [:]
        for field in response.headers.fields {
            let name = V4.lower(field.name)
            if name.utf8.starts(with: "x-oss-meta-".utf8) { meta[String(name.dropFirst(11))] = field.value }
        }
        return ObjectHead(
            size: Int64(size), etag: etag, crc64: try crc64(response),
            lastModified: response.headers["Last-Modified"].flatMap { Timestamp(httpDate: $0) },
            contentType: response.headers["Content-Type"],
            storageClass: response.headers["x-oss-storage-class"], objectType: response.headers["x-oss-object-type"],
            versionID: response.headers["x-oss-version-id"]?.nonEmpty,
            encryption: response.headers["x-oss-server-side-encryption"]?.nonEmpty,
            lastAccess: response.headers["x-oss-last-access-time"].flatMap { Timestamp(httpDate: $0) }, meta: meta)
    }

    /// The head of a GET.
    ///
    /// - Parameter asked: the range of the request. A server that sends other bytes than these, or all of them, is refused: they
    ///   would land in the wrong place.
    public static func get(_ response: HTTPResponse, asked: ByteRange? = nil) throws(OSSError) -> ObjectRead {
        var head = try OSSReply.head(response)
        guard response.status == 206 || asked != nil else { return ObjectRead(head: head, bytes: 0..<head.size) }
        guard response.status == 206, let asked else {
            throw OSSError(
                unusable: response, asked == nil ? "a part was sent instead of the whole" : "the whole was sent instead of a part")
        }
        guard let (bytes, total) = contentRange(response), asked.of(size: total) == bytes, bytes.upperBound - bytes.lowerBound == head.size
        else {
            throw OSSError(unusable: response, "the answer holds other bytes than were asked for")
        }
        head.size = total
        return ObjectRead(head: head, bytes: bytes)
    }

    /// `bytes 5-9/44`
    private static func contentRange(_ response: HTTPResponse) -> (bytes: Range<Int64>, total: Int64)? {
        guard let text = response.headers["Content-Range"], let (unit, rest) = text.splitOnce(" "), unit == "bytes",
            let (range, size) = rest.splitOnce("/"), let (first, last) = range.splitOnce("-"), let start = Int.digits(first.utf8),
            let end = Int.digits(last.utf8), let total = Int.digits(size.utf8), start <= end, end < total
        else { return nil }
        return (Int64(start)..<Int64(end) + 1, Int64(total))
    }

    /// Success of DeleteObject and AbortMultipartUpload: nothing but the status. They are answered with 204; another success counts only
    /// with a request id, since a login page of the network also says 200.
    public static func empty(_ response: HTTPResponse) throws(OSSError) {
        try check(response)
        guard response.status == 204 || requestID(response) != nil else {
            throw OSSError(unusable: response, "the answer is not one of OSS")
        }
    }

    /// - Returns: the upload id.
    public static func initiate(_ response: HTTPResponse) throws(OSSError) -> String {
        let root = try document(response, "InitiateMultipartUploadResult")
        // It is kept in the database and sent again with every part.
        guard let uploadID = root["UploadId"], (1...longestUploadID).contains(uploadID.utf8.count),
            uploadID.utf8.allSatisfy({ $0 > 32 && $0 != 127 })
        else { throw OSSError(unusable: response, "the answer has no usable UploadId") }
        return uploadID
    }

    private static let longestUploadID = 1024

    /// With a callback the body is the callback's answer, not XML; the headers then say all there is.
    public static func complete(_ response: HTTPResponse) throws(OSSError) -> CompleteResult {
        try check(response)
        let root = try? XMLReader.parse(response.body)
        guard let etag = root?["ETag"]?.nonEmpty ?? response.headers["ETag"]?.nonEmpty else {
            throw OSSError(unusable: response, "the answer has no ETag")
        }
        return CompleteResult(
            etag: etag, crc64: try crc64(response), versionID: response.headers["x-oss-version-id"]?.nonEmpty,
            requestID: requestID(response))
    }

    public static func listParts(_ response: HTTPResponse) throws(OSSError) -> ListPartsPage {
        let root = try document(response, "ListPartsResult")
        var parts: [ListedPart] = []
        for element in root.all("Part") {
            guard let number = element["PartNumber"].flatMap({ Int.digits($0.utf8) }), OSSLimits.partNumbers.contains(number),
                let size = element["Size"].flatMap({ Int.digits($0.utf8) }), size <= OSSLimits.largestPart, let etag = element["ETag"]?.nonEmpty
            else { throw OSSError(unusable: response, "a part has no number, no size that a part can have, or no ETag") }
            parts.append(
                ListedPart(
                    number: number, size: Int64(size), etag: etag, crc64: element["HashCrc64ecma"].flatMap { CRC64.parse($0) },
                    lastModified: element["LastModified"].flatMap { Timestamp(iso8601: $0) }))
        }
        var next: Int?
        if isTruncated(root) {
            next = root["NextPartNumberMarker"].flatMap { Int.digits($0.utf8) }
            // A page that does not lead on would be asked for ever.
            guard let next, next > (root["PartNumberMarker"].flatMap { Int.digits($0.utf8) } ?? 0) else { throw doesNotLeadOn(response) }
        }
        return ListPartsPage(uploadID: root["UploadId"] ?? "", parts: parts, next: next)
    }

    public static func listObjects(_ response: HTTPResponse) throws(OSSError) -> ObjectPage {
        let root = try document(response, "ListBucketResult")
        let encoded = root["EncodingType"] == "url"
        var entries: [ObjectEntry] = []
        for element in root.all("Contents") {
            guard let key = key(element.child("Key"), encoded), let size = element["Size"].flatMap({ Int.digits($0.utf8) }) else {
                throw OSSError(unusable: response, "an object has no key or size")
            }
            entries.append(
                ObjectEntry(
                    key: key, size: Int64(size), etag: element["ETag"] ?? "",
                    lastModified: element["LastModified"].flatMap { Timestamp(iso8601: $0) },
                    storageClass: element["StorageClass"] ?? "", type: element["Type"] ?? "", owner: element.child("Owner")?["ID"]?.nonEmpty
                ))
        }
        let continuation = isTruncated(root) ? root["NextContinuationToken"]?.nonEmpty : nil
        // A page that leads back to itself would be asked for ever.
        if isTruncated(root), continuation == nil || continuation == root["ContinuationToken"] { throw doesNotLeadOn(response) }
        return ObjectPage(entries: entries, prefixes: prefixes(root, encoded), continuation: continuation)
    }

    public static func listMultipartUploads(_ response: HTTPResponse) throws(OSSError) -> MultipartPage {
        let root = try document(response, "ListMultipartUploadsResult")
        let encoded = root["EncodingType"] == "url"
        var uploads: [MultipartEntry] = []
        for element in root.all("Upload") {
            guard let key = key(element.child("Key"), encoded), let uploadID = element["UploadId"]?.nonEmpty else {
                throw OSSError(unusable: response, "an upload has no key or id")
            }
            uploads.append(
                MultipartEntry(
                    key: key, uploadID: uploadID, initiated: element["Initiated"].flatMap { Timestamp(iso8601: $0) },
                    storageClass: element["StorageClass"] ?? ""))
        }
        var next: MultipartPage.Marker?
        if isTruncated(root) {
            guard let marker = key(root.child("NextKeyMarker"), encoded), !marker.utf8.isEmpty else { throw doesNotLeadOn(response) }
            let found = MultipartPage.Marker(key: marker, uploadID: root["NextUploadIdMarker"]?.nonEmpty)
            let before = key(root.child("KeyMarker"), encoded).map {
                MultipartPage.Marker(key: $0, uploadID: root["UploadIdMarker"]?.nonEmpty)
            }
            guard found != before else { throw doesNotLeadOn(response) }
            next = found
        }
        return MultipartPage(uploads: uploads, prefixes: prefixes(root, encoded), next: next)
    }

    public static func bucketInfo(_ response: HTTPResponse) throws(OSSError) -> BucketInfo {
        let root = try document(response, "BucketInfo")
        guard let bucket = root.child("Bucket"), let name = bucket["Name"]?.nonEmpty else {
            throw OSSError(unusable: response, "the answer names no bucket")
        }
        return BucketInfo(
            name: name, location: bucket["Location"] ?? "", extranetEndpoint: bucket["ExtranetEndpoint"] ?? "",
            intranetEndpoint: bucket["IntranetEndpoint"] ?? "", storageClass: bucket["StorageClass"] ?? "",
            redundancy: bucket["DataRedundancyType"] ?? "", acl: bucket.child("AccessControlList")?["Grant"] ?? "",
            versioning: bucket["Versioning"]?.nonEmpty, created: bucket["CreationDate"].flatMap { Timestamp(iso8601: $0) })
    }

    public static func listBuckets(_ response: HTTPResponse) throws(OSSError) -> BucketPage {
        let root = try document(response, "ListAllMyBucketsResult")
        var buckets: [BucketEntry] = []
        for element in root.child("Buckets")?.all("Bucket") ?? [] {
            guard let name = element["Name"]?.nonEmpty else { throw OSSError(unusable: response, "a bucket has no name") }
            buckets.append(
                BucketEntry(
                    name: name, location: element["Location"] ?? "", region: element["Region"] ?? "",
                    storageClass: element["StorageClass"] ?? "",
                    extranetEndpoint: element["ExtranetEndpoint"] ?? "", created: element["CreationDate"].flatMap { Timestamp(iso8601: $0) }
                ))
        }
        let next = isTruncated(root) ? root["NextMarker"]?.nonEmpty : nil
        if isTruncated(root), next == nil || next == root["Marker"] { throw doesNotLeadOn(response) }
        return BucketPage(buckets: buckets, next: next)
    }

    private static func check(_ response: HTTPResponse) throws(OSSError) {
        guard (200...299).contains(response.status), response.status != 203 else { throw OSSError(response: response) }
    }

    private static func document(_ response: HTTPResponse, _ name: String) throws(OSSError) -> XMLElement {
        try check(response)
        do {
            let root = try XMLReader.parse(response.body)
            if root.name == name { return root }
            throw XMLError.unexpected("root \(root.name) instead of \(name)")
        } catch {
            throw OSSError(unusable: response, "\(error)")
        }
    }

    /// Absent means "cannot verify"; present but unreadable is no answer to rely on.
    private static func crc64(_ response: HTTPResponse) throws(OSSError) -> UInt64? {
        guard let text = response.headers["x-oss-hash-crc64ecma"]?.nonEmpty else { return nil }
        guard let value = CRC64.parse(text) else { throw OSSError(unusable: response, "x-oss-hash-crc64ecma is not a number") }
        return value
    }

    private static func requestID(_ response: HTTPResponse) -> String? { OSSError.word(response.headers["x-oss-request-id"]) }

    private static func doesNotLeadOn(_ response: HTTPResponse) -> OSSError {
        OSSError(unusable: response, "the list is cut and does not say where it goes on")
    }

    private static func isTruncated(_ root: XMLElement) -> Bool { root["IsTruncated"] == "true" }

    /// Keys as bytes: decoded where the answer says so, else the text as it stands (never trimmed).
    private static func key(_ element: XMLElement?, _ encoded: Bool) -> ObjectKey? {
        guard let element else { return nil }
        guard encoded else { return ObjectKey(element.text) }
        return PercentEncoding.decode(element.trimmed, plusIsSpace: true).map { ObjectKey(utf8: $0) }
    }

    private static func prefixes(_ root: XMLElement, _ encoded: Bool) -> [ObjectKey] {
        root.all("CommonPrefixes").flatMap { $0.all("Prefix") }.compactMap { key($0, encoded) }
    }
}
