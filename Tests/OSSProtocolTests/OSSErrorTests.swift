import OSSProtocol
import Testing

@Suite struct OSSErrorTests {
    @Test(arguments: Vector.list("error-xml", "vectors")) func everyAnswerIsRead(vector: Vector) {
        let response = HTTPResponse(
            status: vector["status"].int, headers: HTTPHeaders(vector["headers"].texts.map { HTTPHeaders.Field($0.key, $0.value) }),
            body: Array(vector["body"].string.utf8))
        let expected = vector["expect"]

        let error = OSSError(response: response)

        #expect(error.code == expected["code"].string)
        #expect(error.requestID ?? "" == expected["request_id"].string)
        #expect(error.ec ?? "" == expected["ec"].string)
        #expect(error.fields == expected["fields"].texts)
        #expect(error.status == vector["status"].int)
        // What a parser says about broken XML is its own matter.
        if error.code != OSSError.badErrorResponse { #expect(error.message == expected["message"].string) }
        #expect(error.serverTime == Timestamp(iso8601: "2026-01-15T08:30:00Z"))
    }

    @Test func theServersTimeIsTheElementBeforeTheHeader() {
        let body = "<Error><Code>RequestTimeTooSkewed</Code><ServerTime>2027-03-04T05:06:07.008Z</ServerTime></Error>"

        let error = OSSError(
            response: HTTPResponse(status: 403, headers: ["Date": "Thu, 15 Jan 2026 08:30:00 GMT"], body: Array(body.utf8)))

        #expect(error.serverTime?.iso8601Milliseconds == "2027-03-04T05:06:07.008Z")
    }

    @Test(arguments: [
        (["Retry-After": "7"], Duration.seconds(7)),
        (["Retry-After": "7", "x-oss-qos-delay-time": "90"], .seconds(7)),
        (["x-oss-qos-delay-time": "1200"], .milliseconds(1200)),
        (["Date": "Thu, 15 Jan 2026 08:30:00 GMT", "Retry-After": "Thu, 15 Jan 2026 08:31:00 GMT"], .seconds(60)),
        (["Date": "Thu, 15 Jan 2026 08:30:00 GMT", "Retry-After": "Thu, 15 Jan 2026 08:29:00 GMT"], .zero),
        (["Retry-After": "999999999"], .seconds(86_400)),
        (["Retry-After": "soon"], nil),
        (["Retry-After": "-5"], nil),
        ([:], nil),
    ]) func theDelayIsReadAndBounded(headers: [String: String], delay: Duration?) {
        let response = HTTPResponse(status: 503, headers: HTTPHeaders(headers.map { HTTPHeaders.Field($0.key, $0.value) }))

        #expect(OSSError(response: response).retryAfter == delay)
    }

    @Test func aSecurityTokenInTheAnswerStaysOutOfTheText() {
        let body = "<Error><Code>SecurityTokenExpired</Code><Message>m</Message><SecurityToken>CAISvery-secret</SecurityToken></Error>"

        let error = OSSError(response: HTTPResponse(status: 403, body: Array(body.utf8)))

        #expect(error.fields["SecurityToken"] == "CAISvery-secret")
        #expect(!"\(error)".contains("CAISvery-secret"))
    }

    static func error(_ body: [UInt8], status: Int = 403, headers: HTTPHeaders = [:]) -> OSSError {
        OSSError(response: HTTPResponse(status: status, headers: headers, body: body))
    }

    static let notErrors: [(about: String, body: [UInt8])] = [
        ("nothing", []), ("white space", bytes(" \r\n")), ("a proxy's page", bytes("<!DOCTYPE html><html><body>502</body></html>")),
        ("a page without a type", bytes("<html><head><title>Bad Gateway</title></head></html>")), ("JSON", bytes(#"{"Code":"X"}"#)),
        ("text", bytes("upstream connect error")), ("cut short", bytes("<Error><Code>NoSuchKey</Code><Message>The spec")),
        ("another root", bytes("<Fault><Code>NoSuchKey</Code></Fault>")), ("too deep", bytes("<Error>", times: 100_000)),
        ("deep within", bytes("<Error><Code>A</Code>") + bytes("<a>", times: 8) + bytes("</a>", times: 8) + bytes("</Error>")),
        ("too many elements", bytes("<Error><Code>A</Code>") + bytes("<a/>", times: 300) + bytes("</Error>")),
        ("entities", bytes("<!DOCTYPE a [<!ENTITY b 'c'>]><Error><Code>&b;</Code></Error>")), ("UTF-16", [0xFF, 0xFE] + wide),
        ("zeros", [UInt8](repeating: 0, count: 4096)), ("compressed", [0x1F, 0x8B, 8, 0, 0, 0, 0, 0]),
    ]
    static let wide: [UInt8] = "<Error><Code>A</Code></Error>".utf16.flatMap { (unit: UInt16) -> [UInt8] in
        [UInt8(unit & 255), UInt8(unit >> 8)]
    }

    static func bytes(_ text: String, times: Int = 1) -> [UInt8] { Array(String(repeating: text, count: times).utf8) }

    @Test(arguments: notErrors) func whatIsNoErrorOfOSSIsABadErrorResponse(about: String, body: [UInt8]) {
        let error = Self.error(body, status: 502, headers: ["x-oss-request-id": "R1", "x-oss-ec": "0001-00000001"])

        #expect(error.code == OSSError.badErrorResponse && error.status == 502)
        #expect(error.requestID == "R1" && error.ec == "0001-00000001" && error.fields.isEmpty && error.endpoint == nil)
        #expect(error.message.utf8.count < 100)
    }

    @Test func tenMegabytesAreNotEvenParsed() {
        let long = Array(("<Error><Code>NoSuchKey</Code><Message>" + String(repeating: "x", count: 10 << 20) + "</Message></Error>").utf8)

        #expect(Self.error(long).code == OSSError.badErrorResponse)
    }

    @Test func whatIsKeptOfALongAnswerIsBounded() {
        let body = "<Error><Code>NoSuchKey</Code><Message>" + String(repeating: "长", count: 100_000) + "</Message></Error>"

        let error = Self.error(Array(body.utf8))

        #expect(error.code == "NoSuchKey")
        #expect(error.message.utf8.count <= 32 << 10 + 3)
    }

    @Test(arguments: [
        "<e:Error xmlns:e='http://doc.oss-cn-hangzhou.aliyuncs.com'><e:Code>NoSuchKey</e:Code><e:Message>m</e:Message></e:Error>",
        "<Error><Code><![CDATA[NoSuchKey]]></Code><Message><![CDATA[m]]></Message></Error>",
        "\u{FEFF}<?xml version='1.0' encoding='utf-8'?>\n<Error>\n<Message>m</Message><!-- c --><Code>\n NoSuchKey\t</Code></Error>\n",
        "<Error><Code>NoSuchKey</Code><Code>Other</Code><Message>m</Message><More><Deep>1</Deep></More></Error>",
    ]) func formThatDoesNotMatterDoesNot(body: String) {
        let error = Self.error(Array(body.utf8))

        #expect(error.code == "NoSuchKey" && error.message == "m")
    }

    @Test func aMessageInAnotherEncodingDoesNotHideTheCode() {
        let body =
            Array("<?xml version='1.0' encoding='GBK'?><Error><Code>NoSuchKey</Code><Message>".utf8) + [0xC4, 0xE3, 0xBA, 0xC3]
            + Array("</Message><EC>0026-00000001</EC></Error>".utf8)

        let error = Self.error(body)

        #expect(error.code == "NoSuchKey" && error.ec == "0026-00000001")
    }

    @Test(arguments: ["", "no code", "a\u{1B}[2J", "é", String(repeating: "c", count: 129)]) func aCodeThatIsNoWordIsNone(code: String) {
        let error = Self.error(Array("<Error><Code><![CDATA[\(code)]]></Code><RequestId>\(code)</RequestId></Error>".utf8))

        #expect(error.code == OSSError.badErrorResponse && error.requestID == nil)
    }

    @Test(arguments: ["!!!", "PEVycm9y", "PEVycm9yPjxDb2RlPk5vU3VjaEtleTwvQ29kZT48L0Vycm9y"]) func aDamagedHeaderOfHEADIsABadErrorResponse(
        header: String
    ) {
        let error = Self.error([], status: 404, headers: ["x-oss-err": header, "x-oss-request-id": "R1"])

        #expect(error.code == OSSError.badErrorResponse && error.requestID == "R1")
    }

    @Test func theHeaderOfHEADIsReadWhereThereIsNoBody() {
        let xml = "<Error><Code>NoSuchKey</Code><Message>m</Message><RequestId>R2</RequestId><EC>0026-00000001</EC></Error>"

        let error = Self.error([], status: 404, headers: ["X-Oss-Err": Base64.encode(Array(xml.utf8))])

        #expect(error.code == "NoSuchKey" && error.requestID == "R2" && error.ec == "0026-00000001")
    }

    @Test(arguments: [
        ("oss-cn-shanghai.aliyuncs.com", "oss-cn-shanghai.aliyuncs.com"),
        (" https://OSS-eu-west-1.aliyuncs.com ", "oss-eu-west-1.aliyuncs.com"),
        ("127.0.0.1:9000", "127.0.0.1:9000"), ("evil host", nil), ("a.example.com/x?y", nil), ("", nil), ("a\u{1B}[31m.com", nil),
        (String(repeating: "a", count: 254), nil), ("ftp://a.com", nil),
    ]) func theEndpointOfTheAnswerIsAHostOrNone(text: String, host: String?) {
        let body =
            "<Error><Code>AccessDenied</Code><Message>Use endpoint other.example.com</Message><Endpoint><![CDATA[\(text)]]></Endpoint></Error>"

        #expect(Self.error(Array(body.utf8)).endpoint == host)
    }

    @Test func theEndpointIsNeverTakenFromTheMessage() {
        let body = "<Error><Code>PermanentRedirect</Code><Message>Endpoint: oss-cn-shanghai.aliyuncs.com</Message></Error>"

        #expect(Self.error(Array(body.utf8)).endpoint == nil)
    }
}
