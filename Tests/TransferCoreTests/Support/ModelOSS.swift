import OSSProtocol
import TransferCore

/// One object of OSS and the multipart uploads on their way to it, as far as an uploader can tell.
struct ModelOSS {
    struct Part { var bytes: ArraySlice<UInt8>, etag: String, crc64: UInt64 }
    struct Object { var bytes: [UInt8], etag: String, crc64: UInt64, from: String }

    var object: Object?
    var uploads: [String: [Int: Part]] = [:]
    var completed: Set<String> = []
    private var made = 0

    mutating func name(_ kind: String) -> String {
        made += 1
        return "\(kind)\(made)"
    }

    mutating func initiate() -> String {
        let id = name("id")
        uploads[id] = [:]
        return id
    }

    mutating func store(_ bytes: ArraySlice<UInt8>, part: Int, of id: String) -> Part? {
        guard uploads[id] != nil else { return nil }
        let stored = Part(bytes: bytes, etag: name("E"), crc64: TransferCoreTests.crc64(bytes))
        uploads[id]?[part] = stored
        return stored
    }

    enum Completion {
        case done(Object)
        case gone, partsDiffer, exists
    }

    /// - Parameters:
    ///   - looksAtObjectFirst: which of two refusals a service gives is its own matter.
    ///   - damaged: what it puts together is not what it was given.
    mutating func complete(
        _ id: String, _ parts: [StoredPart], forbidOverwrite: Bool, looksAtObjectFirst: Bool = false, damaged: Bool = false
    ) -> Completion {
        if looksAtObjectFirst, forbidOverwrite, object != nil { return .exists }
        guard let have = uploads[id] else { return .gone }
        guard parts.allSatisfy({ have[$0.number]?.etag == $0.etag }) else { return .partsDiffer }
        if forbidOverwrite, object != nil { return .exists }
        var bytes = parts.flatMap { have[$0.number]?.bytes ?? [] }
        if damaged { bytes = bytes.map { $0 ^ 1 } }
        let made = Object(bytes: bytes, etag: name("O"), crc64: TransferCoreTests.crc64(bytes), from: id)
        (object, uploads[id]) = (made, nil)
        completed.insert(id)
        return .done(made)
    }

    mutating func put(_ bytes: [UInt8], forbidOverwrite: Bool) -> Object? {
        if forbidOverwrite, object != nil { return nil }
        let made = Object(bytes: bytes, etag: name("O"), crc64: TransferCoreTests.crc64(bytes), from: "put")
        object = made
        return made
    }

    func list(_ id: String) -> [StoredPart]? {
        uploads[id]?.map { StoredPart(number: $0.key, size: Int64($0.value.bytes.count), etag: $0.value.etag, crc64: $0.value.crc64) }
            .sorted { $0.number < $1.number }
    }
}

func answer(_ status: Int, _ code: String, serverTime: Timestamp? = nil, retryAfter: Duration? = nil) -> RequestFailure {
    RequestFailure(.answer(status: status, code: code, ec: nil), retryAfter: retryAfter, serverTime: serverTime)
}
