import OSSProtocol

/// What requests without a signature may do: read and write objects, where the object or its bucket is public. Lists and settings
/// always need a signature.
///
/// Source: OSS documents "Bucket ACL" and "Object ACL": an object's own ACL decides, `default` means that of the bucket.
enum AnonymousAccess {
    private enum Need { case read, write }

    static func check(_ operation: Operation, _ request: IncomingRequest, bucketACL: String?, objectACL: String?) throws(OSSFailure) {
        let own = objectACL.flatMap { $0 == "default" ? nil : $0 }
        let acl = own ?? bucketACL ?? "private"
        guard let need = need(operation) else { throw denied("You have no right to access this bucket.") }
        guard acl == "public-read-write" || (need == .read && acl == "public-read") else {
            throw denied("You have no right to access this object because of \(own == nil ? "bucket" : "object") acl.")
        }
        // Whoever may choose how the bytes are shown could make a page of them under the bucket's name.
        if need == .read, let item = request.items.first(where: { $0.name.hasPrefix("response-") }) {
            throw OSSFailure(
                400, "InvalidRequest", "Response headers cannot be overridden in an anonymous request.", ec: "0017-00000905",
                ["ArgumentName": item.name])
        }
    }

    private static func need(_ operation: Operation) -> Need? {
        switch operation {
        case .getObject, .headObject, .getObjectMeta: .read
        case .putObject, .postObject, .appendObject, .deleteObject, .initiateMultipartUpload, .uploadPart, .completeMultipartUpload,
            .abortMultipartUpload, .listParts:
            .write
        default: nil
        }
    }

    private static func denied(_ message: String) -> OSSFailure { OSSFailure(403, "AccessDenied", message, ec: "0003-00001201") }
}
