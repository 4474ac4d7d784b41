import OSSProtocol

/// An answer of STS that is not success.
struct STSFailure: Error, Sendable, Equatable {
    var status: Int
    var code: String
    var message: String

    init(_ status: Int, _ code: String, _ message: String) { (self.status, self.code, self.message) = (status, code, message) }

    static func parameter(_ name: String, _ message: String) -> STSFailure { STSFailure(400, "InvalidParameter.\(name)", message) }
    static func missing(_ name: String) -> STSFailure { STSFailure(400, "Missing\(name)", "\(name) is mandatory for this action.") }

    func document(requestID: String, host: String, isXML: Bool) -> [UInt8] {
        let fields = [
            ("RequestId", requestID), ("HostId", host), ("Code", code), ("Message", message),
            ("Recommend", "https://api.aliyun.com/troubleshoot?q=\(code)&product=Sts&requestId=\(requestID)"),
        ]
        guard !isXML else {
            var writer = XMLWriter()
            writer.element("Error") { error in for (name, text) in fields { error.element(name, text) } }
            return writer.bytes
        }
        return JSON.encode(Dictionary(uniqueKeysWithValues: fields))
    }
}
