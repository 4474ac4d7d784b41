@testable import OSSProtocol
@testable import Platform

/// Heads of HTTP: an answer of the engine as it comes off the socket, its events, and the values of single headers, one a line.
@Sendable func fuzzHeaders(_ input: [UInt8]) {
    checkAnswer(input)
    checkEvents(input, largest: 16 << 20)
    checkEvents(input, largest: 24)
    let response = Exchange.response(input)
    _ = OSSError(response: response)
    if let head = try? OSSReply.head(response) { require(head.size >= 0, "a size is not negative") }
    checkFields(response.headers)
    for line in pieces(input, at: 10, most: 16) { checkValue(text(line)) }
}

// MARK: - What comes off a socket in pieces

private struct Outcome: Equatable {
    var body: [UInt8] = []
    var status = 0
    var headers = HTTPHeaders()
    var isComplete = false
    var failure: AnswerParser.Failure?
}

private func outcome(_ feeds: [[UInt8]]) -> Outcome {
    var (parser, outcome) = (AnswerParser(), Outcome())
    do throws(AnswerParser.Failure) {
        for feed in feeds {
            // The connection ends where the answer does.
            if parser.isComplete { break }
            outcome.body += try parser.feed(feed)
        }
        try parser.end()
    } catch {
        // What came before a failure is thrown away with it, and how much that was depends on the cuts.
        return Outcome(failure: error)
    }
    (outcome.status, outcome.headers, outcome.isComplete) = (parser.status, parser.headers, parser.isComplete)
    return outcome
}

private func checkAnswer(_ input: [UInt8]) {
    let whole = outcome([input])
    require(whole == outcome(cut(input)), "an answer is the same wherever it is cut")
    require(whole.body.count <= input.count, "no body comes from nowhere")
    if whole.failure == nil { require((200...599).contains(whole.status), "a complete answer has a final status") }
}

private func checkEvents(_ input: [UInt8], largest: Int) {
    func events(_ feeds: [[UInt8]]) -> [ServerEvent] {
        var parser = EventStreamParser(largest: largest)
        return feeds.flatMap { parser.feed($0) }
    }
    let whole = events([input])
    require(whole == events(cut(input)), "events are the same wherever the stream is cut")
    require(whole.allSatisfy { $0.data.count <= largest && !$0.event.isEmpty }, "an event is no larger than allowed")
}

// MARK: - Values

private func checkFields(_ headers: HTTPHeaders) {
    for field in headers.fields.prefix(32) {
        require(headers[field.name] != nil, "a field is found by its name")
        require(HTTPHeaders.sameName(field.name, V4.lower(field.name)), "names compare without case")
        var fewer = headers
        fewer[field.name] = nil
        require(fewer[field.name] == nil, "a field that was removed is gone")
        fewer = headers
        fewer[field.name] = "x"
        let isOnce = fewer.fields.count { HTTPHeaders.sameName($0.name, field.name) } == 1 && fewer[field.name] == "x"
        require(isOnce, "a field that was set is there once")
    }
}

private func checkValue(_ text: String) {
    if let date = Timestamp(httpDate: text) { require(Timestamp(httpDate: date.httpDate) == date, "a date of HTTP reads the same") }
    if let time = Timestamp(basic: text) {
        require(Timestamp(basic: time.basic) == time && time.basic.hasPrefix(time.day8), "a basic time reads the same")
    }
    if let time = Timestamp(iso8601: text) {
        let again = Timestamp(iso8601: time.iso8601Milliseconds)
        // An offset may carry the first and the last day out of the years that four digits can write.
        let isWritable = (-62_135_596_800_000...253_402_300_799_999).contains(time.milliseconds)
        require(again == time || !isWritable, "a time reads the same")
        require(Timestamp(iso8601: time.iso8601)?.seconds == time.seconds || !isWritable, "a time reads the same to the second")
    }
    if let (id, signature) = V1.parseAuthorization(text) {
        require(same("OSS \(id):\(signature)", text), "an authorization of version 1 reads the same")
    }
    if let authorization = try? V4.parseAuthorization(text) { checkAuthorization(authorization) }
    if let authorization = ACS3Signature.parseAuthorization(text) {
        require(!authorization.accessKeyID.isEmpty && !authorization.signature.isEmpty, "an authorization says who signed")
        _ = ACS3Signature.signsEnough(authorization, headers: ["Host": "sts.aliyuncs.com", "x-acs-date": "1"])
    }
    if let crc = CRC64.parse(text) { require(CRC64.parse(String(crc)) == crc, "a CRC reads the same") }
    let delayed = OSSError(
        response: HTTPResponse(status: 503, headers: ["Retry-After": text, "x-oss-qos-delay-time": text, "Date": text, "x-oss-err": text]))
    if let delay = delayed.retryAfter { require((.zero...(.seconds(86_400))).contains(delay), "a delay is at most a day") }
}

private func checkAuthorization(_ authorization: V4.Authorization) {
    var value = "\(V4.algorithm) Credential=\(authorization.credential.accessKeyID)/\(authorization.credential.scope)"
    if !authorization.additionalHeaders.isEmpty { value += ",AdditionalHeaders=" + authorization.additionalHeaders.joined(separator: ";") }
    value += ",Signature=" + authorization.signature
    require((try? V4.parseAuthorization(value)) == authorization, "an authorization of version 4 reads the same")
    let headers: HTTPHeaders = ["Host": "h", "Content-Type": "t", "x-oss-date": "d", "Range": "r"]
    let names = V4.additionalNames(authorization.additionalHeaders, in: headers, host: "h")
    require(
        names.allSatisfy { $0 == "host" || $0 == "range" } && Set(names).count == names.count,
        "only headers that are there are signed in addition")
}
