import OSSProtocol

/// Deleting one object or many.
extension OSSService {
    func deleteObject(_ context: OperationContext) throws -> Answer {
        _ = try store.remove(context.key, in: context.bucket)
        return Answer(status: 204)
    }

    private static let mostKeys = 1000
    /// Of the document.
    private static let mostBytes = 2 << 20

    /// Each key must be allowed by itself; keys that are not there count as deleted.
    func deleteMultipleObjects(_ context: inout OperationContext) async throws -> Answer {
        let body = try await context.body.collect(upTo: OSSService.mostBytes)
        guard let text = context.request.headers["Content-MD5"] else {
            throw OSSFailure(
                400, "MissingArgument", "Missing Some Required Arguments.", ec: "0017-00000906", ["ArgumentName": "Content-MD5"])
        }
        guard Base64.decode(text) == Digests.md5(body) else {
            throw OSSFailure(400, "InvalidDigest", "The Content-MD5 you specified was invalid.", ec: "0017-00000301", ["Content-MD5": text])
        }
        let malformed = OSSFailure(
            400, "MalformedXML", "The XML you provided was not well-formed or did not validate against our published schema.",
            ec: "0042-00000205")
        guard let root = try? XMLReader.parse(body), root.name == "Delete" else { throw malformed }
        let isQuiet = root["Quiet"]?.asciiLower == "true"
        let encoded = context.encodesNames
        var keys: [ObjectKey] = []
        for element in root.children where element.name == "Object" {
            guard let text = element.child("Key")?.text, !text.isEmpty else { throw malformed }
            keys.append(ObjectKey(text))
        }
        guard (1...OSSService.mostKeys).contains(keys.count) else { throw malformed }
        let now = clock.now
        for key in keys {
            try OSSService.check(key: key)
            try context.identity.authorize(
                [
                    RequiredPermission(
                        action: "oss:DeleteObject", resource: "acs:oss:*:\(SandboxSettings.account):\(context.bucket)/\(key)")
                ],
                context.request, now: now)
        }
        for key in keys { _ = try store.remove(key, in: context.bucket) }
        guard !isQuiet else { return Answer(status: 200) }
        let written = context
        var writer = XMLWriter()
        writer.element("DeleteResult") { root in
            if encoded { root.element("EncodingType", "url") }
            for key in keys { root.element("Deleted") { $0.element("Key", written.written(key.utf8)) } }
        }
        return .xml(writer)
    }
}
