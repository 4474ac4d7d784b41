/// What OSS would refuse, found before a request leaves. Sizes in bytes.
public enum OSSLimitError: Error, Sendable, Equatable, CustomStringConvertible {
    case bucketName(String)
    case keyEmpty
    case keyTooLong(bytes: Int)
    case keyBeginsWithSlash(ObjectKey)
    case keyNotUTF8(ObjectKey)
    case keyMissing
    case partNumber(Int)
    case uploadIDMissing
    case versionIDMissing
    case noParts
    case partsNotAscending(number: Int)
    case tooManyTags(Int)
    case tag(String)
    case metadataName(String)
    case metadataTooLarge(bytes: Int)
    case trafficLimit(Int)
    case storageClass(String)
    case accessControl(String)
    case encryption(String)
    case headerValue(name: String)
    case callbackTooLarge(bytes: Int)
    /// What is wrong with it.
    case callback(String)
    case contentMD5(String)
    case encryptionKeyWithoutKMS
    case pageSize(Int)
    case range(String)
    case bucketsAtCustomDomain

    public var description: String {
        switch self {
        case .bucketName(let name): "\"\(name)\" is not a bucket name: 3 to 63 of a-z, 0-9 and -, not beginning or ending with -"
        case .keyEmpty: "the object key is empty; give it at least one byte"
        case .keyTooLong(let bytes): "the object key has \(bytes) bytes; OSS takes at most \(OSSLimits.keyBytes)"
        case .keyBeginsWithSlash(let key): "the object key \"\(key)\" begins with / or \\; leave that character out"
        case .keyNotUTF8(let key): "the object key \"\(key)\" is not UTF-8; rename it or have its name percent-encoded"
        case .keyMissing: "this operation needs an object key"
        case .partNumber(let number): "\(number) is not a part number; they go from 1 to \(OSSLimits.partNumbers.upperBound)"
        case .uploadIDMissing: "the upload id is empty"
        case .versionIDMissing: "the version id is empty; delete without one to hide the object only"
        case .noParts: "an upload cannot be completed without parts"
        case .partsNotAscending(let number): "part \(number) is listed twice or out of order; parts must ascend"
        case .tooManyTags(let count): "\(count) tags; OSS takes at most \(OSSLimits.tags) an object"
        case .tag(let name): "the tag \"\(name)\" is empty or too long: at most 128 characters, its value at most 256"
        case .metadataName(let name): "\"\(name)\" is not a metadata name; use letters, digits and -"
        case .metadataTooLarge(let bytes):
            "the metadata has \(bytes) bytes; OSS takes at most \(OSSLimits.metadataBytes) for names and values together"
        case .trafficLimit(let limit): "a traffic limit of \(limit) bit/s is out of range: 819200 to 838860800"
        case .storageClass(let name): "\"\(name)\" is not a storage class; use Standard, IA, Archive, ColdArchive or DeepColdArchive"
        case .accessControl(let name): "\"\(name)\" is not an object ACL; use default, private, public-read or public-read-write"
        case .encryption(let name): "\"\(name)\" is not an encryption; use AES256, KMS or SM4"
        case .headerValue(let name): "the value of \(name) has a line break or another control character"
        case .callbackTooLarge(let bytes): "the callback has \(bytes) bytes; OSS takes at most \(OSSLimits.callbackBytes)"
        case .callback(let what): "the callback is refused: \(what)"
        case .contentMD5(let text): "\"\(text)\" is not a Content-MD5; give the base64 of the 16 bytes"
        case .encryptionKeyWithoutKMS: "a key id and data encryption go with KMS only; set the encryption to KMS or leave them out"
        case .range(let text): "\"\(text)\" is not a range; offsets begin at 0, and the last bytes are at least 1"
        case .bucketsAtCustomDomain: "a custom domain stands for one bucket; list buckets at the endpoint of the region"
        case .pageSize(let count): "a page of \(count) is out of range: 1 to 1000"
        }
    }
}

/// The numbers behind `OSSLimitError`. Source: the API documents of PutObject, InitiateMultipartUpload and UploadPart.
public enum OSSLimits {
    public static let keyBytes = 1023
    public static let partNumbers = 1...10_000
    /// Each part but the last, checked by OSS at Complete only.
    public static let smallestPart: Int64 = 102_400
    /// One part, and one PutObject.
    public static let largestPart: Int64 = 5 << 30
    public static let tags = 10
    public static let metadataBytes = 8 << 10
    public static let callbackBytes = 5 << 10
    public static let trafficLimit = 819_200...838_860_800

    /// 3 to 63 of `a-z 0-9 -`, not beginning or ending with `-`.
    public static func check(bucket: String) throws(OSSLimitError) {
        let bytes = Array(bucket.utf8)
        let plain = bytes.allSatisfy { (97...122).contains($0) || (48...57).contains($0) || $0 == UInt8(ascii: "-") }
        guard (3...63).contains(bytes.count), plain, bytes.first != UInt8(ascii: "-"), bytes.last != UInt8(ascii: "-") else {
            throw .bucketName(bucket)
        }
    }

    /// 1 to 1023 bytes of UTF-8, not beginning with `/` or `\`. Nothing else is refused: `..`, `//` and control characters are keys.
    public static func check(key: ObjectKey) throws(OSSLimitError) {
        guard let first = key.utf8.first else { throw .keyEmpty }
        guard key.utf8.count <= keyBytes else { throw .keyTooLong(bytes: key.utf8.count) }
        guard first != UInt8(ascii: "/"), first != UInt8(ascii: "\\") else { throw .keyBeginsWithSlash(key) }
        guard key.isUTF8 else { throw .keyNotUTF8(key) }
    }

    static func check(partNumber: Int) throws(OSSLimitError) {
        guard partNumbers.contains(partNumber) else { throw .partNumber(partNumber) }
    }
}

extension ObjectKey {
    public var isUTF8: Bool { String(validating: utf8, as: UTF8.self) != nil }
}
