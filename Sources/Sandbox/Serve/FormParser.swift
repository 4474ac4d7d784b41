import OSSProtocol

/// One part of a form, as its head describes it.
struct FormPart: Sendable, Equatable {
    var name: String
    var fileName: String?
    var contentType: String?
}

/// Why a body is no form.
enum FormError: Error, Sendable, Equatable {
    case malformed(String)
    /// The head of a part exceeds `FormParser.longestHead`.
    case headTooLong
}

/// Reads multipart/form-data piece by piece: whatever the cuts, never more than one piece and a boundary is held.
///
/// Source: RFC 7578 and RFC 2046.
struct FormParser: Sendable {
    enum Event: Sendable, Equatable {
        case part(FormPart)
        case data([UInt8])
        case partEnd
        /// Behind the last boundary; what follows counts for nothing.
        case end
    }

    private enum State { case preamble, delimiter, head, body, partEnd, end }

    /// Bytes of one part's head. A field's name may have 8 KB.
    static let longestHead = 16 << 10
    private static let longestPreamble = 64 << 10
    private static let boundaries = 1...70

    private let mark: [UInt8]
    private var state = State.preamble
    /// A line break is put before the body, so that the first boundary is like all others.
    private var buffer: [UInt8] = [13, 10]
    private var place = 0
    private var skipped = 0

    init(boundary: String) { mark = [13, 10, 45, 45] + Array(boundary.utf8) }

    /// Of a Content-Type; `nil` where it is not that of a form.
    static func boundary(_ contentType: String?) -> String? {
        guard let contentType, let (type, rest) = contentType.cut(at: ";"), type.filter({ $0 != " " }).asciiLower == "multipart/form-data"
        else { return nil }
        let value = parameters(rest)["boundary"]
        return value.flatMap { boundaries.contains($0.utf8.count) ? $0 : nil }
    }

    mutating func feed(_ bytes: some Sequence<UInt8>) {
        buffer.removeSubrange(..<place)
        place = 0
        buffer.append(contentsOf: bytes)
    }

    /// `nil` until more is fed.
    mutating func next() throws(FormError) -> Event? {
        while true {
            switch state {
            case .preamble:
                guard try skipPreamble() else { return nil }
            case .delimiter:
                guard let event = try readDelimiter() else { return nil }
                if event { return .end }
            case .head:
                guard let part = try readHead() else { return nil }
                state = .body
                return .part(part)
            case .body: return readBody()
            case .partEnd:
                state = .delimiter
                return .partEnd
            case .end: return .end
            }
        }
    }

    private mutating func skipPreamble() throws(FormError) -> Bool {
        let found = find(mark)
        skipped += (found ?? buffer.count) - place
        guard skipped <= FormParser.longestPreamble else { throw .malformed("there is no boundary") }
        guard let found else {
            let kept = min(mark.count - 1, buffer.count - place)
            skipped -= kept
            place = buffer.count - kept
            return false
        }
        place = found + mark.count
        state = .delimiter
        return true
    }

    /// What follows a boundary: `--` at the end of the form (then true), else the line's end. `nil`: not there yet.
    private mutating func readDelimiter() throws(FormError) -> Bool? {
        while place < buffer.count, buffer[place] == 32 || buffer[place] == 9 { place += 1 }
        guard buffer.count - place >= 2 else { return nil }
        let two = buffer[place..<(place + 2)]
        place += 2
        if two.elementsEqual([45, 45]) {
            state = .end
            return true
        }
        guard two.elementsEqual([13, 10]) else { throw .malformed("a boundary is not followed by a line's end") }
        state = .head
        return false
    }

    private mutating func readHead() throws(FormError) -> FormPart? {
        // A head without any line ends at once.
        let isEmpty = buffer.count - place >= 2 && buffer[place] == 13 && buffer[place + 1] == 10
        guard let end = isEmpty ? place : find([13, 10, 13, 10]) else {
            guard buffer.count - place <= FormParser.longestHead else { throw .headTooLong }
            return nil
        }
        guard end - place <= FormParser.longestHead else { throw .headTooLong }
        let text = String(decoding: buffer[place..<end], as: UTF8.self)
        place = end + (isEmpty ? 2 : 4)
        var (disposition, contentType): (String?, String?) = (nil, nil)
        for line in text.split(separator: "\r\n") {
            guard let (name, value) = line.cut(at: ":") else { throw .malformed("a part's head has a line without a colon") }
            let trimmed = String(value.drop { $0 == " " || $0 == "\t" })
            switch name.asciiLower {
            case "content-disposition": disposition = trimmed
            case "content-type": contentType = trimmed
            default: break
            }
        }
        guard let disposition, let (kind, rest) = disposition.cut(at: ";"), kind.asciiLower == "form-data" else {
            throw .malformed("a part has no Content-Disposition: form-data")
        }
        let values = FormParser.parameters(rest)
        guard let name = values["name"] else { throw .malformed("a part has no name") }
        let extended = values["filename*"].flatMap { text -> String? in
            let fields = text.split(separator: "'", maxSplits: 2, omittingEmptySubsequences: false)
            guard fields.count == 3, fields[0].asciiLower == "utf-8" else { return nil }
            return PercentEncoding.decode(String(fields[2])).map { String(decoding: $0, as: UTF8.self) }
        }
        return FormPart(name: name, fileName: extended ?? values["filename"], contentType: contentType)
    }

    private mutating func readBody() -> Event? {
        if let found = find(mark) {
            let data = Array(buffer[place..<found])
            place = found + mark.count
            guard !data.isEmpty else {
                state = .delimiter
                return .partEnd
            }
            state = .partEnd
            return .data(data)
        }
        // A boundary may have begun.
        let end = buffer.count - (mark.count - 1)
        guard end > place else { return nil }
        let data = Array(buffer[place..<end])
        place = end
        return .data(data)
    }

    /// The first place of that text from `place` on.
    private func find(_ text: [UInt8]) -> Int? {
        buffer.withUnsafeBufferPointer { bytes in
            var at = place
            while at + text.count <= bytes.count {
                if bytes[at] == text[0], text.indices.allSatisfy({ bytes[at + $0] == text[$0] }) { return at }
                at += 1
            }
            return nil
        }
    }

    /// `a=b; c="d"`: names in lower case. In quotes `\"` stands for `"`.
    private static func parameters(_ text: String) -> [String: String] {
        var values: [String: String] = [:]
        let bytes = Array(text.utf8)
        var at = 0
        while at < bytes.count {
            var (name, value): ([UInt8], [UInt8]) = ([], [])
            while at < bytes.count, bytes[at] != UInt8(ascii: "="), bytes[at] != UInt8(ascii: ";") {
                if bytes[at] != 32, bytes[at] != 9 { name.append(bytes[at]) }
                at += 1
            }
            if at < bytes.count, bytes[at] == UInt8(ascii: "=") {
                at += 1
                let isQuoted = at < bytes.count && bytes[at] == UInt8(ascii: "\"")
                if isQuoted { at += 1 }
                let end = UInt8(ascii: isQuoted ? "\"" : ";")
                while at < bytes.count, bytes[at] != end {
                    if isQuoted, bytes[at] == UInt8(ascii: "\\"), at + 1 < bytes.count, bytes[at + 1] == end { at += 1 }
                    value.append(bytes[at])
                    at += 1
                }
                while at < bytes.count, bytes[at] != UInt8(ascii: ";") { at += 1 }
            }
            at += 1
            let key = String(decoding: name, as: UTF8.self).asciiLower
            if !key.isEmpty, values[key] == nil { values[key] = String(decoding: value, as: UTF8.self) }
        }
        return values
    }
}
