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
}
