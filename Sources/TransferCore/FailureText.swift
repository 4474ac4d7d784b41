import OSSProtocol

/// Sentences about failures, made in this one place: what, why, what to do.
extension RequestFailure {
    /// One line for a wait: `SlowDown (503)`, `Curl7: could not connect`.
    public var sentence: String {
        let said = RequestFailure.line(message)
        return switch cause {
        case .answer(let status, let code, _): "\(code) (\(status))\(said.isEmpty ? "" : ": \(said)")"
        case .curl, .unusableAnswer, .cancelled, .source, .unsigned: said.isEmpty ? code : said
        }
    }

    /// What somebody else wrote, fit to stand in a sentence of ours: one line, bounded, without blanks or full stops at its end.
    static func line(_ text: String) -> String {
        var line = String.UnicodeScalarView()
        for scalar in text.unicodeScalars.prefix(longestLine) {
            // U+2028 and U+2029 break lines; direction controls turn the rest of the line round.
            let isControl = scalar.value < 0x20 || (0x7F...0x9F).contains(scalar.value) || (0x2028...0x2029).contains(scalar.value)
            line.append(isControl || scalar.properties.isBidiControl ? " " : scalar)
        }
        while let last = line.last, last == " " || last == "." || last == "。" { line.removeLast() }
        return String(line)
    }

    private static let longestLine = 300
}

extension UploadFailureReason {
    /// - Parameter part: the part it was of, if it was one.
    public init(_ failure: RequestFailure, part: Int? = nil) {
        let what = UploadFailureReason.what(failure, part)
        let stop = what.last == "!" || what.last == "?" ? "" : "."
        self.init(
            code: failure.code, httpStatus: failure.httpStatus, requestID: failure.requestID, part: part,
            message: "\(what)\(stop) \(failure.advice ?? failure.row.advice)")
    }

    private static func what(_ failure: RequestFailure, _ part: Int?) -> String {
        let subject = part.map { "Part \($0)" } ?? "The upload"
        switch failure.cause {
        case .answer(200, "ChecksumMismatch", _): return "\(subject) arrived damaged: \(RequestFailure.line(failure.message))"
        case .source:
            let said = RequestFailure.line(failure.message)
            return "\(subject) could not be read\(said.isEmpty ? "" : ": \(said)")"
        default: return "\(subject) was refused: \(failure.sentence)"
        }
    }
}

/// What the operator should do about an answer of OSS.
public enum FailureAdvice {
    /// One or two sentences in the imperative, with their full stop. Names the right endpoint or region where the answer or the address
    /// tells it; never built from the answer's message.
    ///
    /// - Parameter address: where the request went.
    public static func text(for error: OSSError, at address: BucketAddress? = nil) -> String {
        let row = FailureTable.row(status: error.status, code: error.code, ec: error.ec)
        let better: String? =
            switch row.fix {
            case .endpoint: endpoint(named: error, address)
            case .signingRegion: signingRegion(error, address)
            case .addressing: addressing(address)
            case .host: host(error, address)
            case .acceleration:
                address.flatMap { own($0.region) }.map {
                    "Switch on transfer acceleration for the bucket, or set the endpoint to \($0)."
                }
            case nil: nil
            }
        return better ?? row.advice
    }

    private static func endpoint(named error: OSSError, _ address: BucketAddress?) -> String? {
        // Sent back to where it came from, nobody is helped.
        guard let host = error.endpoint, host != address?.endpoint.host else { return nil }
        let region = (try? Endpoint(host))?.region
        guard let region, region != address?.region else { return "Set the endpoint to \(host)." }
        return "Set the endpoint to \(host) and the region to \(region)."
    }

    private static func signingRegion(_ error: OSSError, _ address: BucketAddress?) -> String? {
        let named = error.endpoint.flatMap { try? Endpoint($0) }?.region
        let now = address.map { ": requests are signed for \($0.region) now" } ?? ""
        guard let region = named ?? address?.endpoint.region, region != address?.region else {
            return now.isEmpty ? nil : "Set the region to that of the bucket\(now)."
        }
        return "Set the region to \(region)\(now)."
    }

    private static func addressing(_ address: BucketAddress?) -> String? {
        guard let address, address.endpoint.needsPathStyle else { return nil }
        let name = own(address.region) ?? "the region's name"
        return
            "Set the endpoint to \(name): \(address.endpoint.host) leaves only the path for the bucket, where the service does not take it."
    }

    private static func host(_ error: OSSError, _ address: BucketAddress?) -> String? {
        guard let address else { return nil }
        let right = error.endpoint ?? own(address.region)
        guard let right, right != address.endpoint.host else { return nil }
        guard address.effectiveAddressing == .cname else {
            return "Set the endpoint to \(right): the service does not know \(address.endpoint.host)."
        }
        return "Bind \(address.endpoint.host) to the bucket \(address.bucket), or set the endpoint to \(right) and addressing to virtual."
    }

    private static func own(_ region: String) -> String? {
        guard (try? Endpoint.check(region: region)) != nil else { return nil }
        return Endpoint.forRegion(region).host
    }
}
