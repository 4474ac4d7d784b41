/// One permission that a request needs: action, resource, and the condition keys that the request itself gives.
///
/// Source: OSS documents, "RAM policies", operations and their actions.
public struct RequiredPermission: Sendable, Hashable {
    public var action: String
    /// `acs:oss:*:ACCOUNT:BUCKET/KEY`, the key decoded.
    public var resource: String
    public var context: [String: String]

    public init(action: String, resource: String, context: [String: String] = [:]) {
        (self.action, self.resource, self.context) = (action, resource, context)
    }

    /// All that a request needs; each must be allowed. The server adds the address, the clock and so on to the contexts.
    public static func of(
        method: String, resource: SignedResource, query: [QueryItem], headers: HTTPHeaders, account: String = "*"
    ) -> [RequiredPermission] {
        let names = Set(query.map(\.name))
        guard let bucket = resource.bucket else {
            return [RequiredPermission(action: "oss:ListBuckets", resource: "acs:oss:*:\(account):*")]
        }
        guard let key = resource.key, !key.utf8.isEmpty else {
            return [bucketPermission(method, "acs:oss:*:\(account):\(bucket)", names, query)]
        }
        let name = "acs:oss:*:\(account):\(bucket)/\(key)"
        let action = objectAction(method, names)
        var needs: [RequiredPermission] = []
        if let source = headers["x-oss-copy-source"], action == "oss:PutObject" {
            needs.append(RequiredPermission(action: "oss:GetObject", resource: "acs:oss:*:\(account):\(copySource(source))"))
        }
        needs.append(RequiredPermission(action: action, resource: name))
        if headers["x-oss-tagging"] != nil, action == "oss:PutObject" {
            needs.append(RequiredPermission(action: "oss:PutObjectTagging", resource: name))
        }
        return needs
    }

    private static func objectAction(_ method: String, _ names: Set<String>) -> String {
        switch method {
        case "GET" where names.contains("uploadId"): "oss:ListParts"
        case "GET" where names.contains("acl"): "oss:GetObjectAcl"
        case "GET" where names.contains("tagging"): "oss:GetObjectTagging"
        case "GET", "HEAD": "oss:GetObject"
        case "DELETE" where names.contains("uploadId"): "oss:AbortMultipartUpload"
        case "DELETE" where names.contains("tagging"): "oss:DeleteObjectTagging"
        case "DELETE" where names.contains("versionId"): "oss:DeleteObjectVersion"
        case "DELETE": "oss:DeleteObject"
        case "PUT" where names.contains("acl"): "oss:PutObjectAcl"
        case "PUT" where names.contains("tagging"): "oss:PutObjectTagging"
        case "POST" where names.contains("restore"): "oss:RestoreObject"
        default: "oss:PutObject"
        }
    }

    private static func bucketPermission(_ method: String, _ resource: String, _ names: Set<String>, _ query: [QueryItem])
        -> RequiredPermission
    {
        let action =
            switch method {
            case "GET" where names.contains("uploads"): "oss:ListMultipartUploads"
            case "GET" where names.contains("bucketInfo"): "oss:GetBucketInfo"
            case "GET" where names.contains("acl"): "oss:GetBucketAcl"
            case "GET" where names.contains("location"): "oss:GetBucketLocation"
            case "GET" where names.contains("stat"): "oss:GetBucketStat"
            case "GET": "oss:ListObjects"
            case "HEAD": "oss:GetBucketInfo"
            case "DELETE": "oss:DeleteBucket"
            case "POST" where names.contains("delete"): "oss:DeleteObject"
            case "POST": "oss:PutObject"
            default: names.contains("acl") ? "oss:PutBucketAcl" : "oss:PutBucket"
            }
        guard action == "oss:ListObjects" || action == "oss:ListMultipartUploads" else {
            return RequiredPermission(action: action, resource: resource)
        }
        let context = ["oss:Prefix": "prefix", "oss:Delimiter": "delimiter"].mapValues { name in
            query.first { $0.name == name }?.value ?? ""
        }
        return RequiredPermission(action: action, resource: resource, context: context)
    }

    /// `/BUCKET/enc(KEY)[?versionId=…]` to `BUCKET/KEY`.
    private static func copySource(_ header: String) -> String {
        let path = header.splitOnce("?")?.before ?? header
        var damaged = false
        let bytes = PercentEncoding.decode(path.utf8.drop { $0 == UInt8(ascii: "/") }, plusIsSpace: false, damaged: &damaged)
        return String(decoding: bytes, as: UTF8.self)
    }
}
