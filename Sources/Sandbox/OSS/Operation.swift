import OSSProtocol

/// What a request asks for, from its method, address and query alone. The raw value is the API's name, as fault rules and the record
/// of requests use it.
enum Operation: String, Sendable {
    case listBuckets = "ListBuckets"
    case putBucket = "PutBucket"
    case deleteBucket = "DeleteBucket"
    case getBucketInfo = "GetBucketInfo"
    case getBucketLocation = "GetBucketLocation"
    case getBucketACL = "GetBucketAcl"
    case getBucketStat = "GetBucketStat"
    case putBucketACL = "PutBucketAcl"
    /// Not among the API's operations; the service answers it as GetBucketInfo without a body.
    case headBucket = "HeadBucket"
    case listObjects = "ListObjects"
    case listObjectsV2 = "ListObjectsV2"
    case listMultipartUploads = "ListMultipartUploads"
    case putObject = "PutObject"
    case getObject = "GetObject"
    case headObject = "HeadObject"
    case getObjectMeta = "GetObjectMeta"
    case deleteObject = "DeleteObject"
    case deleteMultipleObjects = "DeleteMultipleObjects"
    case getObjectACL = "GetObjectAcl"
    case putObjectACL = "PutObjectAcl"
    case getObjectTagging = "GetObjectTagging"
    case initiateMultipartUpload = "InitiateMultipartUpload"
    case uploadPart = "UploadPart"
    case completeMultipartUpload = "CompleteMultipartUpload"
    case abortMultipartUpload = "AbortMultipartUpload"
    case listParts = "ListParts"
    case copyObject = "CopyObject"
    case uploadPartCopy = "UploadPartCopy"
    case appendObject = "AppendObject"
    case postObject = "PostObject"
    /// Known to OSS, perhaps, not to the sandbox.
    case other = "Other"

    init(_ request: IncomingRequest, _ address: ServiceAddress) {
        guard address.bucket != nil else {
            self = request.method == "GET" ? .listBuckets : .other
            return
        }
        self = address.key == nil ? Operation.onBucket(request) : Operation.onObject(request)
    }

    private static func onBucket(_ request: IncomingRequest) -> Operation {
        switch request.method {
        case "GET" where request.has("uploads"): .listMultipartUploads
        case "GET" where request.has("bucketInfo"): .getBucketInfo
        case "GET" where request.has("location"): .getBucketLocation
        case "GET" where request.has("acl"): .getBucketACL
        case "GET" where request.has("stat"): .getBucketStat
        case "GET" where request.parameter("list-type") == "2": .listObjectsV2
        case "GET" where hasSubresource(request): .other
        case "GET": .listObjects
        case "HEAD" where !hasSubresource(request): .headBucket
        case "PUT" where request.has("acl"): .putBucketACL
        case "PUT" where hasSubresource(request): .other
        case "PUT": .putBucket
        case "DELETE" where hasSubresource(request): .other
        case "DELETE": .deleteBucket
        case "POST" where request.has("delete"): .deleteMultipleObjects
        case "POST" where !hasSubresource(request): .postObject
        default: .other
        }
    }

    private static func onObject(_ request: IncomingRequest) -> Operation {
        let copies = request.headers["x-oss-copy-source"] != nil
        switch request.method {
        case "PUT" where request.has("uploadId") || request.has("partNumber"): return copies ? .uploadPartCopy : .uploadPart
        case "PUT" where request.has("acl"): return .putObjectACL
        case "PUT" where hasSubresource(request): return .other
        case "PUT": return copies ? .copyObject : .putObject
        case "POST" where request.has("uploads"): return .initiateMultipartUpload
        case "POST" where request.has("uploadId"): return .completeMultipartUpload
        case "POST" where request.has("append"): return .appendObject
        case "GET" where request.has("uploadId"): return .listParts
        case "GET" where request.has("acl"): return .getObjectACL
        case "GET" where request.has("tagging"): return .getObjectTagging
        case "GET" where hasSubresource(request): return .other
        case "GET": return .getObject
        case "HEAD" where request.has("objectMeta"): return .getObjectMeta
        case "HEAD": return .headObject
        case "DELETE" where request.has("uploadId"): return .abortMultipartUpload
        case "DELETE" where hasSubresource(request): return .other
        case "DELETE": return .deleteObject
        default: return .other
        }
    }

    /// Names of the API that mean another operation than the plain one.
    private static let subresources: Set<String> = [
        "acl", "append", "cors", "delete", "encryption", "inventory", "lifecycle", "live", "location", "logging", "metaQuery", "objectMeta",
        "policy", "qos", "qosInfo", "referer", "replication", "requestPayment", "resourceGroup", "restore", "stat", "style", "symlink",
        "tagging", "transferAcceleration", "versioning", "versions", "website", "worm", "x-oss-process", "x-oss-async-process",
    ]

    private static func hasSubresource(_ request: IncomingRequest) -> Bool { request.items.contains { subresources.contains($0.name) } }

    /// Whether a body with a length is owed.
    var needsLength: Bool { self == .putObject || self == .uploadPart || self == .appendObject || self == .postObject }
}
