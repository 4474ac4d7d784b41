import Contracts
import OSSProtocol
import TransferCore

/// What the queue half needs of the configuration, with numbers already decided.
///
/// `uploads`, `parts` and `rate` are what stands until somebody changes the limits of the running engine: a change is written
/// down and wins over the configuration after a restart.
public struct QueueSettings: Sendable, Equatable {
    /// Files at once. Files that go up in one request may use all part slots instead.
    public var uploads: Int
    /// Parts and single puts in flight over all files.
    public var parts: Int
    /// The loop tunes them: `uploads` is then the fewest at once, `parts` what it begins with.
    public var uploadsAuto: Bool
    public var partsAuto: Bool
    /// What tuning never goes beyond.
    public var mostParts: Int
    /// Bytes a second; `nil` is no limit, 0 pauses.
    public var rate: Int64?
    /// Rates by the clock on the wall; they stand before `rate`.
    public var rateSchedule: RateSchedule
    /// What a schedule means that names no zone.
    public var localZone = ZoneRules.utc
    /// By the remote's name.
    public var remotes: [String: RemoteLimits]
    /// How long the server keeps the stored parts of a cancelled upload.
    public var keepCancelled: Duration
    /// How long ended uploads stay in the history.
    public var keepHistory: Duration
    /// `crc64` or `none`.
    public var verify: String
    /// Of the program, for `status`.
    public var version: String
    /// Bytes a part, unless the order says otherwise; a file up to this size goes up in one request.
    public var partSize: Int64
    /// For `status`; the control server puts it in where it is `nil`.
    public var defaultRemote: String?
    /// How long the answer to an order of folders waits for the scan, so that a small one's uploads are known at once.
    public var scanPatience = Duration.milliseconds(100)
    /// Parts in flight that this machine has files and connections for, whatever the limits say.
    public var affordableParts = DescriptorPlan.most
    /// Where standard input is kept until it is stored; files in it are the engine's to delete.
    public var spoolFolder: String?

    public init(
        uploads: Int = 5, parts: Int = 16, rate: Int64? = nil, keepCancelled: Duration = .seconds(86_400),
        keepHistory: Duration = .seconds(90 * 86_400), verify: String = "crc64", version: String = "0", partSize: Int64 = 8 << 20,
        defaultRemote: String? = nil, spoolFolder: String? = nil, uploadsAuto: Bool = false, partsAuto: Bool = false,
        mostParts: Int = ConcurrencyController.usualMost, rateSchedule: RateSchedule = RateSchedule([], zone: .utc),
        remotes: [String: RemoteLimits] = [:]
    ) {
        self.remotes = remotes
        self.spoolFolder = spoolFolder
        self.uploadsAuto = uploadsAuto
        self.partsAuto = partsAuto
        self.mostParts = mostParts
        self.rateSchedule = rateSchedule
        self.uploads = uploads
        self.parts = parts
        self.rate = rate
        self.keepCancelled = keepCancelled
        self.keepHistory = keepHistory
        self.verify = verify
        self.version = version
        self.partSize = partSize
        self.defaultRemote = defaultRemote
    }
}
