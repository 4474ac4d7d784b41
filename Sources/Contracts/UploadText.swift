extension ContractJSON {
    /// The very bytes of `encode`, for a thirtieth of its work: an event of a thousand uploads a second is one of these.
    public static func text(of upload: UploadView) -> [UInt8] {
        var text = FlatJSON()
        text.object { text in
            text.field("added", upload.added)
            text.field("bucket", upload.bucket)
            text.field("crc64", upload.crc64)
            text.field("dest", upload.dest)
            text.field("eta_high", upload.etaHigh)
            text.field("eta_low", upload.etaLow)
            text.field("etag", upload.etag)
            text.field("finished", upload.finished)
            text.field("held_reason", upload.heldReason)
            text.field("id", upload.id)
            text.field("job", upload.job)
            text.field("key", upload.key)
            text.name("last_error")
            if let error = upload.lastError {
                text.object { text in
                    text.field("at", error.at)
                    text.field("code", error.code)
                    text.field("http", error.http)
                    text.field("message", error.message)
                    text.field("part", error.part)
                    text.field("request_id", error.requestId)
                }
            } else {
                text.null()
            }
            text.field("next_try", upload.nextTry)
            text.name("parts")
            text.object { text in
                text.field("sending", upload.parts.sending)
                text.field("size", upload.parts.size)
                text.field("stored", upload.parts.stored)
                text.field("total", upload.parts.total)
            }
            text.field("path", upload.path)
            text.field("path_b64", upload.pathB64)
            text.field("priority", upload.priority.rawValue)
            text.field("rate", upload.rate)
            text.field("remote", upload.remote)
            text.field("resent", upload.resent)
            text.field("sending", upload.sending)
            text.field("size", upload.size)
            text.field("started", upload.started)
            text.field("state", upload.state.rawValue)
            text.field("stored", upload.stored)
            text.field("tries", upload.tries)
            text.field("upload_id", upload.uploadId)
            text.name("verify")
            text.object { text in
                text.field("method", upload.verify.method)
                text.field("state", upload.verify.state)
            }
        }
        return escaped(text.bytes)
    }
}

/// Objects of strings, numbers and nulls, written in the order of the calls.
private struct FlatJSON {
    private(set) var bytes: [UInt8] = []

    init() { bytes.reserveCapacity(1024) }

    mutating func object(_ fields: (inout FlatJSON) -> Void) {
        bytes.append(UInt8(ascii: "{"))
        fields(&self)
        bytes.append(UInt8(ascii: "}"))
    }

    /// A comma stands before each but the first of an object.
    mutating func name(_ name: StaticString) {
        if bytes.last != UInt8(ascii: "{") { bytes.append(UInt8(ascii: ",")) }
        bytes.append(UInt8(ascii: "\""))
        name.withUTF8Buffer { bytes += $0 }
        bytes += [UInt8(ascii: "\""), UInt8(ascii: ":")]
    }

    mutating func field(_ name: StaticString, _ value: String?) {
        self.name(name)
        guard var value else { return null() }
        bytes.append(UInt8(ascii: "\""))
        value.withUTF8 { utf8 in
            if utf8.allSatisfy(FlatJSON.isPlain) { bytes += utf8 } else { for byte in utf8 { escape(byte) } }
        }
        bytes.append(UInt8(ascii: "\""))
    }

    mutating func field(_ name: StaticString, _ value: (some BinaryInteger)?) {
        self.name(name)
        guard let value else { return null() }
        var text = String(value)
        text.withUTF8 { bytes += $0 }
    }

    mutating func null() { bytes += [UInt8(ascii: "n"), UInt8(ascii: "u"), UInt8(ascii: "l"), UInt8(ascii: "l")] }

    private static func isPlain(_ byte: UInt8) -> Bool { byte >= 0x20 && byte != UInt8(ascii: "\"") && byte != UInt8(ascii: "\\") }

    private mutating func escape(_ byte: UInt8) {
        guard !FlatJSON.isPlain(byte) else { return bytes.append(byte) }
        bytes.append(UInt8(ascii: "\\"))
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"): bytes.append(byte)
        case 0x08: bytes.append(UInt8(ascii: "b"))
        case 0x09: bytes.append(UInt8(ascii: "t"))
        case 0x0A: bytes.append(UInt8(ascii: "n"))
        case 0x0C: bytes.append(UInt8(ascii: "f"))
        case 0x0D: bytes.append(UInt8(ascii: "r"))
        default:
            let digits = Array("0123456789abcdef".utf8)
            bytes += [UInt8(ascii: "u"), UInt8(ascii: "0"), UInt8(ascii: "0"), digits[Int(byte >> 4)], digits[Int(byte & 15)]]
        }
    }
}
