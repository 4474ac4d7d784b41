/// `GET /v1/status` and the `status` event of `GET /v1/events`.
public struct StatusView: Codable, Sendable, Equatable {
    public struct Engine: Codable, Sendable, Equatable {
        public var version: String
        public var pid: Int
        /// Seconds.
        public var uptime: Double
        public var frontEnds: Int
        public init(version: String, pid: Int, uptime: Double, frontEnds: Int) {
            (self.version, self.pid, self.uptime, self.frontEnds) = (version, pid, uptime, frontEnds)
        }
    }
    public struct Totals: Codable, Sendable, Equatable {
        /// Of all uploads in the queue whose size is known.
        public var bytes: Int64
        public var stored: Int64
        public var resent: Int64
        public var uploads: Int
        /// Uploads of unknown size or directories still being scanned.
        public var unknown: Int
        public init(bytes: Int64, stored: Int64, resent: Int64, uploads: Int, unknown: Int) {
            (self.bytes, self.stored, self.resent, self.uploads, self.unknown) = (bytes, stored, resent, uploads, unknown)
        }
    }
    /// OSS does not answer: since when, and when it is tried again.
    public struct Outage: Codable, Sendable, Equatable {
        public var endpoint: String
        public var since: String
        @Nullable public var nextTry: String?
        public var reason: String
        public init(endpoint: String, since: String, nextTry: String?, reason: String) {
            (self.endpoint, self.since, self.reason) = (endpoint, since, reason)
            _nextTry = Nullable(wrappedValue: nextTry)
        }
    }
    /// What somebody did to uploads.
    public struct DoneAction: Codable, Sendable, Equatable {
        /// Grows by one with each, from 1 when the engine starts.
        public var number: Int
        /// As in `POST /v1/actions`.
        public var action: String
        @Nullable public var by: String?
        /// That it changed.
        public var uploads: Int
        /// What was changed, where that is no upload: `limit up 150 MiB/s -> 200 MiB/s`.
        public var what: String?
        public init(number: Int, action: String, by: String?, uploads: Int, what: String? = nil) {
            (self.number, self.action, self.uploads, self.what) = (number, action, uploads, what)
            _by = Nullable(wrappedValue: by)
        }
    }
    public var schema = 1
    /// Grows with every change of the queue.
    public var revision: Int64
    public var now: String
    public var engine: Engine
    /// Every state, also those at 0.
    public var counts: [String: Int]
    public var totals: Totals
    /// Bytes a second, the last 3 s.
    public var rate: Int64
    /// Bytes a second, one value a second, the newest last, at most 300.
    public var rateHistory: [Int64]
    public var limits: LimitsView
    /// Slots in use.
    public var slotsUsed: Int
    public var partsSending: Int
    @Nullable public var etaLow: Int?
    @Nullable public var etaHigh: Int?
    public var leases: [LeaseView]
    /// Server clock minus ours, seconds.
    @Nullable public var clockOffset: Double?
    @Nullable public var outage: Outage?
    /// `disk cpu network limit throttle credentials server`; `null` while nothing runs or it cannot be told.
    @Nullable public var slowBecause: String?
    public var queuePaused: Bool
    @Nullable public var defaultRemote: String?
    /// What people should know though nothing waits for it, such as a queue that was rebuilt; left out when there is nothing.
    public var notice: String?
    /// The newest of all front ends, so that the others can say who did it; left out before there was any.
    public var lastAction: DoneAction?
    public init(
        revision: Int64, now: String, engine: Engine, counts: [String: Int], totals: Totals, rate: Int64, rateHistory: [Int64],
        limits: LimitsView, slotsUsed: Int, partsSending: Int, etaLow: Int?, etaHigh: Int?, leases: [LeaseView], clockOffset: Double?,
        outage: Outage?, queuePaused: Bool, defaultRemote: String?, slowBecause: String? = nil
    ) {
        _slowBecause = Nullable(wrappedValue: slowBecause)
        self.revision = revision
        self.now = now
        self.engine = engine
        self.counts = counts
        self.totals = totals
        self.rate = rate
        self.rateHistory = rateHistory
        self.limits = limits
        self.slotsUsed = slotsUsed
        self.partsSending = partsSending
        _etaLow = Nullable(wrappedValue: etaLow)
        _etaHigh = Nullable(wrappedValue: etaHigh)
        self.leases = leases
        _clockOffset = Nullable(wrappedValue: clockOffset)
        _outage = Nullable(wrappedValue: outage)
        self.queuePaused = queuePaused
        _defaultRemote = Nullable(wrappedValue: defaultRemote)
    }
}

/// A lease as people may see it: no secret in it.
public struct LeaseView: Codable, Sendable, Equatable {
    /// The remote's name, `oss://BUCKET` for the environment's credentials.
    public var scope: String
    /// `broker signed-url static env …`.
    public var kind: String
    /// `empty fetching held refreshing backing-off refused`.
    public var state: String
    /// Access key id, shortened in the middle; with signed URLs, how many are ready.
    @Nullable public var identity: String?
    @Nullable public var expires: String?
    /// Seconds left.
    @Nullable public var left: Double?
    /// Seconds until the engine renews.
    @Nullable public var renewsIn: Double?
    @Nullable public var lastError: String?
    public var fetches: Int
    /// Uploads that use it.
    public var uploads: Int
    public init(
        scope: String, kind: String, state: String, identity: String?, expires: String?, left: Double?, renewsIn: Double?,
        lastError: String?, fetches: Int, uploads: Int
    ) {
        self.scope = scope
        self.kind = kind
        self.state = state
        _identity = Nullable(wrappedValue: identity)
        _expires = Nullable(wrappedValue: expires)
        _left = Nullable(wrappedValue: left)
        _renewsIn = Nullable(wrappedValue: renewsIn)
        _lastError = Nullable(wrappedValue: lastError)
        self.fetches = fetches
        self.uploads = uploads
    }
}

/// `GET /v1/events` sends, as server-sent events with increasing ids: `event: status` (StatusView) at most five times a
/// second and at least once a second while anything runs, and `event: upload` (UploadView) when a state changes.

/// `GET /v1/remotes`: what the bucket pane and `ls` without DEST show.
public struct RemoteView: Codable, Sendable, Equatable {
    public var name: String
    public var bucket: String
    @Nullable public var region: String?
    @Nullable public var endpoint: String?
    public var prefix: String
    public var kind: String
    public init(name: String, bucket: String, region: String?, endpoint: String?, prefix: String, kind: String) {
        (self.name, self.bucket, self.prefix, self.kind) = (name, bucket, prefix, kind)
        _region = Nullable(wrappedValue: region)
        _endpoint = Nullable(wrappedValue: endpoint)
    }
}

/// `GET /v1/settings`: what a front end needs of the configuration.
public struct SettingsView: Codable, Sendable, Equatable {
    public var theme: String
    @Nullable public var defaultRemote: String?
    public var remotes: [RemoteView]
    /// The configuration file.
    public var file: String?
    /// `[engine]` and `[remote.…]` as they are understood, defaults too; what could hold a secret is left out.
    public var values: [ConfigurationEntry]?
    /// `[terminal]`: absent where nothing is configured.
    public var terminal: TerminalSettingsView?
    public init(
        theme: String, defaultRemote: String?, remotes: [RemoteView], file: String? = nil, values: [ConfigurationEntry]? = nil,
        terminal: TerminalSettingsView? = nil
    ) {
        (self.theme, self.remotes, self.file, self.values, self.terminal) = (theme, remotes, file, values, terminal)
        _defaultRemote = Nullable(wrappedValue: defaultRemote)
    }
}

/// `[terminal]` of the configuration: how text becomes cells where the terminal itself does not tell. Absent is `auto`.
public struct TerminalSettingsView: Codable, Sendable, Equatable {
    /// Cells of a character whose width Unicode leaves open: 1 or 2.
    public var ambiguousWidth: Int?
    /// `unicode` or `ascii`.
    public var symbols: String?
    /// `mark` or `off`: a name in a right-to-left script is followed by a mark for terminals that reorder.
    public var rightToLeft: String?
    public init(ambiguousWidth: Int? = nil, symbols: String? = nil, rightToLeft: String? = nil) {
        (self.ambiguousWidth, self.symbols, self.rightToLeft) = (ambiguousWidth, symbols, rightToLeft)
    }
}
