/// `POST /v1/jobs`: one order, one or many uploads.
public struct JobOrder: Codable, Sendable {
    /// The same id twice queues once and answers the same job.
    public var submissionId: String
    /// Absolute paths. A trailing `/` on a directory means its contents (rsync's rule).
    public var sources: [String]
    /// `oss://BUCKET/KEY-OR-PREFIX` or `REMOTE:KEY-OR-PREFIX`; `nil` only with `options.signedUrl`.
    public var dest: String?
    public var options: OrderOptions
    /// The caller's `OSS_*` variables, for `oss://` destinations.
    public var credentials: OrderCredentials?
    public init(submissionId: String, sources: [String], dest: String?, options: OrderOptions = OrderOptions(), credentials: OrderCredentials? = nil) {
        self.submissionId = submissionId
        self.sources = sources
        self.dest = dest
        self.options = options
        self.credentials = credentials
    }
}

public struct OrderOptions: Codable, Sendable, Equatable {
    /// In order, `+GLOB` or `-GLOB`, rclone's meaning.
    public var filters: [String]?
    public var minSize: Int64?
    public var maxSize: Int64?
    /// Seconds.
    public var minAge: Double?
    public var maxAge: Double?
    /// `skip newer overwrite fail rename`.
    public var existing: String?
    public var partSize: Int64?
    public var storageClass: String?
    public var acl: String?
    public var contentType: String?
    public var meta: [String: String]?
    public var tags: [String: String]?
    /// `aes256`, `kms`, `kms:KEY`.
    public var sse: String?
    /// The callback JSON text.
    public var callback: String?
    public var priority: Priority?
    /// Bytes a second, the order as a whole.
    public var limit: Int64?
    /// RFC 3339 UTC.
    public var at: String?
    public var paused: Bool?
    /// `skip` or `follow`.
    public var links: String?
    public var flat: Bool?
    /// An absolute folder: a source below it has its path from there in its key, not its own name alone (`--files-from`).
    public var base: String?
    /// Bytes of names that are not UTF-8 are written `%XX` in the key: `percent`.
    public var encodeNames: String?
    public var dryRun: Bool?
    public var signedUrl: String?
    public init() {}
}

/// Secrets on their way in. They may enter by the socket and never leave by it; printing one gives nothing away.
public struct OrderCredentials: Codable, Sendable, CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    public var accessKeyId: String
    public var accessKeySecret: String
    public var securityToken: String?
    public var region: String?
    public var endpoint: String?
    /// `virtual` or `path`.
    public var addressing: String?
    public init(accessKeyId: String, accessKeySecret: String, securityToken: String?, region: String?, endpoint: String?, addressing: String?) {
        self.accessKeyId = accessKeyId
        self.accessKeySecret = accessKeySecret
        self.securityToken = securityToken
        self.region = region
        self.endpoint = endpoint
        self.addressing = addressing
    }
    public var description: String { "<redacted credentials>" }
    public var debugDescription: String { description }
    public var customMirror: Mirror { Mirror(self, children: []) }
}

/// The answer to an order, and `add --json`.
public struct JobView: Codable, Sendable, Equatable {
    public struct Refused: Codable, Sendable, Equatable {
        public var path: String
        public var reason: String
        public init(path: String, reason: String) { (self.path, self.reason) = (path, reason) }
    }
    public var schema = 1
    public var job: String
    /// `scanning` until the sources are walked, then `ready`.
    public var state: String
    /// At most the first 1,000.
    public var uploads: [String]
    public var total: Int
    public var bytes: Int64
    /// Sources that were not queued (missing, unreadable, bad names), at most 1,000.
    public var refused: [Refused]
    /// Of all uploads of the job, ended ones too: how many are in each state, and the bytes stored.
    public var counts: [String: Int]
    public var stored: Int64
    /// What the scan came upon and did not queue, by kind: `links filtered pipes sockets devices unreadable names`.
    @Sparse public var skipped: [String: Int]
    public init(
        job: String, state: String, uploads: [String], total: Int, bytes: Int64, refused: [Refused], counts: [String: Int] = [:],
        stored: Int64 = 0, skipped: [String: Int] = [:]
    ) {
        _skipped = Sparse(wrappedValue: skipped)
        self.counts = counts
        self.stored = stored
        self.job = job
        self.state = state
        self.uploads = uploads
        self.total = total
        self.bytes = bytes
        self.refused = refused
    }

    /// An engine from before the counts by kind does not say them.
    public init(from decoder: any Decoder) throws {
        let values = try decoder.container(keyedBy: CodingKeys.self)
        self.init(
            job: try values.decode(String.self, forKey: .job), state: try values.decode(String.self, forKey: .state),
            uploads: try values.decode([String].self, forKey: .uploads), total: try values.decode(Int.self, forKey: .total),
            bytes: try values.decode(Int64.self, forKey: .bytes), refused: try values.decode([Refused].self, forKey: .refused),
            counts: try values.decode([String: Int].self, forKey: .counts), stored: try values.decode(Int64.self, forKey: .stored),
            skipped: try values.decodeIfPresent([String: Int].self, forKey: .skipped) ?? [:])
        schema = try values.decode(Int.self, forKey: .schema)
    }
}

/// `POST /v1/actions`.
public struct ActionRequest: Codable, Sendable, Equatable {
    /// `pause resume retry cancel abort remove undo priority move limit`.
    public var action: String
    public var query: String?
    public var ids: [String]?
    public var all: Bool?
    public var dryRun: Bool?
    /// For `priority`: `high normal low`; for `move`: `front back`; for `limit`: a rate, of the orders whose uploads are named.
    public var value: String?
    /// Who asks, for messages: `ops2`.
    public var by: String?
    public init(action: String, query: String? = nil, ids: [String]? = nil, all: Bool? = nil, dryRun: Bool? = nil, value: String? = nil, by: String? = nil) {
        self.action = action
        self.query = query
        self.ids = ids
        self.all = all
        self.dryRun = dryRun
        self.value = value
        self.by = by
    }
}

public struct ActionResult: Codable, Sendable, Equatable {
    public struct Item: Codable, Sendable, Equatable {
        public var id: String
        public var state: UploadState
        public var changed: Bool
        /// Why not, when `changed` is false: `had already finished`.
        @Nullable public var reason: String?
        public init(id: String, state: UploadState, changed: Bool, reason: String?) {
            (self.id, self.state, self.changed) = (id, state, changed)
            _reason = Nullable(wrappedValue: reason)
        }
    }
    public var schema = 1
    public var action: String
    public var matched: Int
    public var changed: Int
    /// At most the first 1,000.
    public var items: [Item]
    /// Of a dry run: of all that would change, and how much of it is stored; left out when it is too much to add up.
    public var bytes: Int64?
    public var stored: Int64?
    /// Orders still being read that it means with all that is not found of them yet.
    @Nullable public var scans: Int?
    /// What an undo took back, where that was no upload: `limit up 150 MiB/s -> 200 MiB/s`.
    public var what: String?
    public init(action: String, matched: Int, changed: Int, items: [Item]) {
        (self.action, self.matched, self.changed, self.items) = (action, matched, changed, items)
        _scans = Nullable(wrappedValue: nil)
    }
}

/// `GET|PUT /v1/limits`: what stands now.
public struct LimitsView: Codable, Sendable, Equatable {
    public var schema = 1
    /// Bytes a second; `null` is no limit, 0 pauses.
    @Nullable public var rate: Int64?
    /// `configuration`, `schedule`, or `person`: who set it.
    public var rateBy: String
    /// When the schedule changes it.
    @Nullable public var rateUntil: String?
    public var uploads: Int
    public var parts: Int
    /// The engine tunes them; the numbers are those of this moment.
    public var uploadsAuto: Bool
    public var partsAuto: Bool
    /// Why `parts` is what it is, while the engine tunes it.
    @Nullable public var partsReason: String?
    public init(
        rate: Int64?, uploads: Int, parts: Int, rateBy: String = "configuration", rateUntil: String? = nil, uploadsAuto: Bool = false,
        partsAuto: Bool = false, partsReason: String? = nil
    ) {
        (self.uploads, self.parts, self.uploadsAuto, self.partsAuto, self.rateBy) = (uploads, parts, uploadsAuto, partsAuto, rateBy)
        _rate = Nullable(wrappedValue: rate)
        _rateUntil = Nullable(wrappedValue: rateUntil)
        _partsReason = Nullable(wrappedValue: partsReason)
    }

    /// An engine from before the tuning says only the three numbers.
    public init(from decoder: any Decoder) throws {
        let values = try decoder.container(keyedBy: CodingKeys.self)
        self.init(
            rate: try values.decodeIfPresent(Int64.self, forKey: .rate), uploads: try values.decode(Int.self, forKey: .uploads),
            parts: try values.decode(Int.self, forKey: .parts),
            rateBy: try values.decodeIfPresent(String.self, forKey: .rateBy) ?? "configuration",
            rateUntil: try values.decodeIfPresent(String.self, forKey: .rateUntil),
            uploadsAuto: try values.decodeIfPresent(Bool.self, forKey: .uploadsAuto) ?? false,
            partsAuto: try values.decodeIfPresent(Bool.self, forKey: .partsAuto) ?? false,
            partsReason: try values.decodeIfPresent(String.self, forKey: .partsReason))
        schema = try values.decode(Int.self, forKey: .schema)
    }
}

/// `PUT /v1/limits`: only what is named changes.
public struct LimitsChange: Codable, Sendable, Equatable {
    /// Bytes a second as text: `50MiB`, `16Mbit`, `none`, `0` (pauses), or `schedule` to give the rate back to the configuration.
    public var rate: String?
    public var uploads: SlotsChange?
    public var parts: SlotsChange?
    /// Who asks, for people.
    public var by: String?
    public init(rate: String? = nil, uploads: Int? = nil, parts: Int? = nil) {
        (self.rate, self.uploads, self.parts) = (rate, uploads.map(SlotsChange.number), parts.map(SlotsChange.number))
    }
    public init(rate: String? = nil, uploads: SlotsChange?, parts: SlotsChange?) {
        (self.rate, self.uploads, self.parts) = (rate, uploads, parts)
    }
}

/// A number, or `"auto"`: left to the engine.
public enum SlotsChange: Codable, Sendable, Equatable {
    case number(Int)
    case auto

    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if let text = try? container.decode(String.self) {
            guard text == "auto" else {
                throw DecodingError.dataCorruptedError(in: container, debugDescription: "a number or \"auto\", not \(text)")
            }
            self = .auto
        } else {
            self = .number(try container.decode(Int.self))
        }
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        switch self {
        case .number(let number): try container.encode(number)
        case .auto: try container.encode("auto")
        }
    }
}
