import OSSProtocol

/// An answer that is not success, as OSS words it.
struct OSSFailure: Error, Sendable, Equatable {
    var status: Int
    var code: String
    var message: String
    /// OSS's finer code, `0002-00000201`; where the documents name none, one of its family is used.
    var ec: String
    /// Further elements of the XML, in order.
    var elements: [Element]
    var headers: HTTPHeaders

    struct Element: Sendable, Equatable {
        var name: String
        var text: String
    }

    init(
        _ status: Int, _ code: String, _ message: String, ec: String = "0001-00000000", _ elements: KeyValuePairs<String, String> = [:],
        headers: HTTPHeaders = [:]
    ) {
        (self.status, self.code, self.message, self.ec, self.headers) = (status, code, message, ec, headers)
        self.elements = elements.map { Element(name: $0.key, text: $0.value) }
    }

    /// The XML of the answer.
    func document(requestID: String, host: String) -> [UInt8] {
        var writer = XMLWriter()
        writer.element("Error") { error in
            error.element("Code", code)
            error.element("Message", message)
            error.element("RequestId", requestID)
            error.element("HostId", host)
            for element in elements { error.element(element.name, element.text) }
            error.element("EC", ec)
            error.element("RecommendDoc", "https://api.aliyun.com/troubleshoot?q=\(ec)")
        }
        return writer.bytes
    }

    static func invalidArgument(_ message: String, name: String, value: String?, ec: String = "0017-00000901") -> OSSFailure {
        OSSFailure(400, "InvalidArgument", message, ec: ec, ["ArgumentName": name, "ArgumentValue": value ?? ""])
    }

    static func noSuchKey(_ key: ObjectKey) -> OSSFailure {
        OSSFailure(404, "NoSuchKey", "The specified key does not exist.", ec: "0026-00000001", ["Key": key.description])
    }

    static func noSuchBucket(_ bucket: String) -> OSSFailure {
        OSSFailure(404, "NoSuchBucket", "The specified bucket does not exist.", ec: "0015-00000101", ["BucketName": bucket])
    }

    static func noSuchUpload(_ uploadID: String) -> OSSFailure {
        OSSFailure(
            404, "NoSuchUpload",
            "The specified upload does not exist. The upload ID may be invalid, or the upload may have been aborted or completed.",
            ec: "0017-00000244", ["UploadId": uploadID])
    }

    static func notImplemented(header: String) -> OSSFailure {
        OSSFailure(
            400, "NotImplemented", "A header you provided implies functionality that is not implemented.", ec: "0017-00000902",
            ["Header": header])
    }

    static func notImplemented(_ what: String) -> OSSFailure {
        OSSFailure(400, "NotImplemented", "\(what) is not implemented by the sandbox.", ec: "0017-00000903")
    }

    static func fileAlreadyExists(ec: String) -> OSSFailure {
        OSSFailure(409, "FileAlreadyExists", "The object you specified already exists and can not be overwritten.", ec: ec)
    }

    /// The disk below the sandbox failed: the message says how.
    static func disk(_ error: StoreError) -> OSSFailure {
        OSSFailure(500, "InternalError", "The sandbox's data folder failed: \(error).", ec: "0001-00000500")
    }
}
