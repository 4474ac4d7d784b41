@testable import OSSProtocol

/// Answers of OSS and STS: an XML body alone, or with `HTTP/1.1 STATUS` and headers before it.
@Sendable func fuzzXML(_ input: [UInt8]) {
    let response = Exchange.response(input)
    let root = try? XMLReader.parse(response.body)
    if let root { checkWriting(root) }
    checkError(OSSError(response: response))
    checkReply(response, root?.name ?? "")
    checkParts(response.body)
    if root != nil || STS.isXML(response.body) { checkSTS(response) }
}

/// What XML can carry of an element is the same after it was written and read: only elements with children have no text of their own.
private func checkWriting(_ root: XMLElement) {
    let plain = withoutMixedText(root)
    guard hasNames(plain) else { return }
    var writer = XMLWriter()
    write(plain, to: &writer)
    do throws(XMLError) {
        // An element written with its end tag may be longer than `<a/>`.
        var limits = XMLReader.Limits()
        limits.bytes = 64 << 20
        let again = try XMLReader.parse(writer.bytes, limits: limits)
        require(equal(again, plain), "XML that was written reads the same")
    } catch {
        require(false, "XML that was written can be read: \(error)")
    }
}

private func withoutMixedText(_ element: XMLElement) -> XMLElement {
    XMLElement(element.name, text: element.children.isEmpty ? element.text : "", children: element.children.map(withoutMixedText))
}

/// `<a:>` has no local name; nothing of OSS is called so, and it cannot be written.
private func hasNames(_ element: XMLElement) -> Bool { !element.name.isEmpty && element.children.allSatisfy(hasNames) }

private func write(_ element: XMLElement, to writer: inout XMLWriter) {
    if element.children.isEmpty { return writer.element(element.name, element.text) }
    writer.element(element.name) { writer in
        for child in element.children { write(child, to: &writer) }
    }
}

private func equal(_ a: XMLElement, _ b: XMLElement) -> Bool {
    same(a.name, b.name) && same(a.text, b.text) && a.children.count == b.children.count && zip(a.children, b.children).allSatisfy(equal)
}

private func checkError(_ error: OSSError) {
    require(!error.code.isEmpty, "an error has a code")
    if let delay = error.retryAfter { require((.zero...(.seconds(86_400))).contains(delay), "a delay is at most a day") }
}

private func checkReply(_ response: HTTPResponse, _ root: String) {
    do throws(OSSError) {
        switch root {
        case "InitiateMultipartUploadResult": require(!(try OSSReply.initiate(response)).isEmpty, "an upload id is not empty")
        case "CompleteMultipartUploadResult": require(!(try OSSReply.complete(response)).etag.isEmpty, "an ETag is not empty")
        case "ListPartsResult":
            let page = try OSSReply.listParts(response)
            require(page.parts.allSatisfy { (1...10_000).contains($0.number) && $0.size >= 0 }, "parts have numbers and sizes")
            require(page.next.map { $0 > 0 } ?? true, "a list of parts leads on")
        case "ListBucketResult":
            let page = try OSSReply.listObjects(response)
            require(page.entries.allSatisfy { $0.size >= 0 } && page.continuation != "", "a page of objects leads on")
        case "ListMultipartUploadsResult":
            let page = try OSSReply.listMultipartUploads(response)
            require(page.uploads.allSatisfy { !$0.uploadID.isEmpty } && page.next.map { !$0.key.utf8.isEmpty } ?? true, "uploads have ids")
        case "BucketInfo": require(!(try OSSReply.bucketInfo(response)).name.isEmpty, "a bucket has a name")
        case "ListAllMyBucketsResult":
            require(try OSSReply.listBuckets(response).buckets.allSatisfy { !$0.name.isEmpty }, "buckets have names")
        case "Error": try OSSReply.empty(response)
        default:
            _ = try OSSReply.complete(response)
            require(!(try OSSReply.put(response)).etag.isEmpty, "an ETag is not empty")
            require(try OSSReply.head(response).size >= 0, "a size is not negative")
        }
        require((200...299).contains(response.status) && response.status != 203, "only success is read as success")
    } catch {
        checkError(error)
    }
}

/// The body of CompleteMultipartUpload, which servers read.
private func checkParts(_ body: [UInt8]) {
    guard let parts = try? CompletedPart.parse(body) else { return }
    let again = try? CompletedPart.parse(CompletedPart.document(parts))
    let quoted = parts.map { part in part.etag.utf8.first == UInt8(ascii: "\"") ? part.etag : "\"\(part.etag)\"" }
    require(
        again.map { zip($0.map(\.etag), quoted).allSatisfy(same) && $0.map(\.number) == parts.map(\.number) } ?? false,
        "parts that were written read the same")
}

func checkSTS(_ response: HTTPResponse) {
    do throws(STSError) {
        let credentials = try STS.parseAssumeRole(response)
        require(!credentials.accessKeyID.isEmpty && !credentials.accessKeySecret.isEmpty, "a key is whole")
        require(credentials.securityToken?.isEmpty == false && credentials.expiration != nil, "a temporary key has token and end")
        requireHidden(
            credentials.accessKeySecret.reveal(), beside: credentials.accessKeyID, in: "\(credentials)", "a credential's description")
    } catch {
        require(!error.code.isEmpty, "an STS error has a code")
        if let delay = error.retryAfter { require((.zero...(.seconds(86_400))).contains(delay), "a delay is at most a day") }
    }
}
