import OSSProtocol

/// What CompleteMultipartUpload names, and the rules it is held against.
struct CompleteRequest: Sendable, Equatable {
    /// `nil` for all parts that are there.
    var parts: [CompletedPart]?

    init(body: [UInt8], takesAll: String?) throws(OSSFailure) {
        if takesAll?.asciiLower == "yes" {
            guard body.isEmpty else {
                throw .invalidArgument("With x-oss-complete-all there must be no body.", name: "x-oss-complete-all", value: takesAll)
            }
            return
        }
        let malformed = OSSFailure(
            400, "MalformedXML", "The XML you provided was not well-formed or did not validate against our published schema.",
            ec: "0042-00000205")
        guard let root = try? XMLReader.parse(body), root.name == "CompleteMultipartUpload", !root.children.isEmpty else { throw malformed }
        var parts: [CompletedPart] = []
        for element in root.children {
            guard element.name == "Part", let number = element["PartNumber"].flatMap({ Int(digits: $0) }), let etag = element["ETag"],
                !etag.isEmpty
            else { throw malformed }
            parts.append(CompletedPart(number: number, etag: etag))
        }
        self.parts = parts
    }

    /// The stored parts in the order of the object.
    func choose(from upload: OpenUpload) throws(OSSFailure) -> [StoredPart] {
        let chosen: [StoredPart]
        if let parts {
            for (before, after) in zip(parts, parts.dropFirst()) where before.number >= after.number {
                throw OSSFailure(
                    400, "InvalidPartOrder",
                    "The list of parts was not in ascending order. Parts list must be specified in order by part number.",
                    ec: "0042-00000208", ["UploadId": upload.id])
            }
            var found: [StoredPart] = []
            for part in parts {
                guard let stored = upload.parts[part.number], CompleteRequest.bare(part.etag) == stored.etag else {
                    throw OSSFailure(
                        400, "InvalidPart",
                        "One or more of the specified parts could not be found, or their entity tags did not match those of the parts.",
                        ec: "0042-00000209", ["ETag": part.etag, "PartNumber": String(part.number), "UploadId": upload.id])
                }
                found.append(stored)
            }
            chosen = found
        } else {
            chosen = upload.parts.values.sorted { $0.number < $1.number }
            guard !chosen.isEmpty else {
                throw OSSFailure(400, "FilePartNotExist", "The upload has no parts.", ec: "0042-00000210", ["UploadId": upload.id])
            }
        }
        for part in chosen.dropLast() where part.size < OSSLimits.smallestPart {
            throw OSSFailure(
                400, "EntityTooSmall", "Your proposed upload smaller than the minimum allowed size.", ec: "0042-00000213",
                [
                    "ETag": part.etag, "MinSizeAllowed": String(OSSLimits.smallestPart), "ProposedSize": String(part.size),
                    "PartNumber": String(part.number),
                ])
        }
        return chosen
    }

    /// Opaque to clients: a digest over the parts' ETags and their number.
    static func etag(of parts: [StoredPart]) -> String {
        let all = parts.flatMap { Hex.decode($0.etag) ?? [] }
        return "\(Hex.encode(Digests.md5(all)).uppercased())-\(parts.count)"
    }

    /// With or without quotes (also written as an entity within one), in either case.
    static func bare(_ etag: String) -> String {
        var text = etag.filter { $0 != " " }
        for quote in ["&quot;", "\""] {
            if text.hasPrefix(quote) { text = String(text.dropFirst(quote.count)) }
            if text.hasSuffix(quote) { text = String(text.dropLast(quote.count)) }
        }
        return text.uppercased()
    }
}

/// One page of ListMultipartUploads: by key, then by upload id.
struct UploadPage: Sendable {
    var uploads: [OpenUpload] = []
    var prefixes: [ObjectKey] = []
    /// Where it goes on; `id` is `nil` after a folded prefix.
    var next: (key: ObjectKey, id: String?)?

    init(
        of all: [OpenUpload], prefix: [UInt8], delimiter: [UInt8], keyMarker: ObjectKey?, idMarker: String?, limit: Int
    ) {
        let byKey = Dictionary(grouping: all) { $0.key }.mapValues { $0.sorted { $0.id < $1.id } }
        let keys = byKey.keys.sorted()
        var count = 0
        // The rest of the key where the last page ended; a folded prefix is never a key with an upload id behind it.
        if let keyMarker, let idMarker, keyMarker.utf8.starts(with: prefix) {
            for upload in byKey[keyMarker] ?? [] where idMarker < upload.id {
                guard count < limit else {
                    next = (keyMarker, uploads.last?.id)
                    return
                }
                uploads.append(upload)
                count += 1
            }
        }
        // More names than the page can hold are never needed: each has at least one upload.
        let names = KeyPage(of: keys, prefix: prefix, delimiter: delimiter, after: keyMarker, limit: limit + 1)
        var last: (key: ObjectKey, id: String?)? = uploads.last.map { ($0.key, $0.id) }
        for entry in names.entries {
            switch entry {
            case .prefix(let folded):
                guard count < limit else {
                    next = last
                    return
                }
                prefixes.append(folded)
                last = (folded, nil)
                count += 1
            case .key(let key):
                for upload in byKey[key] ?? [] {
                    guard count < limit else {
                        next = last
                        return
                    }
                    uploads.append(upload)
                    last = (key, upload.id)
                    count += 1
                }
            }
        }
    }
}
