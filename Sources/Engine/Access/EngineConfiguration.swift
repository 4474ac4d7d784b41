import Contracts
import Credentials
import OSSProtocol
import Platform
import TransferCore

/// `config.toml`, every value typed and checked. Where a key is absent its default stands here.
///
/// Source: docs/interface.md, "Configuration (TOML)".
public struct EngineConfiguration: Sendable, Equatable {
    /// The file it was read from; relative paths in it start at its folder.
    public var file: String
    public var defaultRemote: String?
    /// `auto`, or the name of a theme file.
    public var theme: String
    /// `[terminal]`; `nil`: the file has none.
    public var terminal: TerminalSettingsView?
    public var engine: EngineSettings
    /// In the order of the file.
    public var remotes: [RemoteSettings]

    /// What stands when there is no file.
    public init(file: String) {
        self.file = file
        theme = "auto"
        engine = EngineSettings()
        remotes = []
    }

    public func remote(named name: String) -> RemoteSettings? {
        remotes.first { Array($0.name.utf8) == Array(name.utf8) }
    }
}

/// A number, or left to the engine.
public enum SlotCount: Sendable, Equatable {
    case auto
    case fixed(Int)

    public var number: Int? { if case .fixed(let number) = self { number } else { nil } }
}

/// `[engine]`.
public struct EngineSettings: Sendable, Equatable {
    public enum LogLevel: String, Sendable, CaseIterable { case debug, info, warning, error }

    public static let usualUploads = 5

    /// Uploads at once.
    public var uploads: SlotCount = .fixed(usualUploads)
    /// Parts in flight over all uploads.
    public var parts: SlotCount = .auto
    /// Bytes a second; `nil` is no limit, 0 pauses.
    public var rateLimit: Int64?
    public var rateSchedule: [RateRule] = []
    /// Whose clock the schedule means: a name of the zone database; `nil` is the machine's.
    public var rateScheduleZone: String?
    /// What `parts = "auto"` never goes beyond.
    public var mostParts = ConcurrencyController.usualMost
    /// `crc64` or `none`.
    public var verify = "crc64"
    /// How long the server keeps the stored parts of a cancelled upload.
    public var keepCancelled: Duration = .seconds(24 * 3600)
    public var keepHistory: Duration = .seconds(90 * 24 * 3600)
    public var logLevel: LogLevel = .info
    /// `text` or `json`.
    public var logFormat = "text"
    /// Old log files besides the one that is written, and bytes of each.
    public var logKeep = LogSink.usualCount
    public var logSize = Int64(LogSink.usualSize)

    public init() {}
}

/// `[remote.NAME]`.
public struct RemoteSettings: Sendable, Equatable {
    public var name: String
    /// `nil` where the credentials' source says it.
    public var bucket: String?
    public var region: String?
    /// With scheme; `nil`: the region's own, by `network`.
    public var endpoint: String?
    public var network: Endpoint.Network
    public var addressing: Addressing
    public var signature: SignatureVersion
    /// Empty or ending in `/`.
    public var prefix: String
    /// `overwrite skip newer fail rename`.
    public var existing: String
    public var storageClass: String?
    /// Absolute path of a file of CA certificates trusted besides the system's.
    public var caFile: String?
    public var credentials: CredentialSource
    public var limits = RemoteLimits()

    public init(name: String, credentials: CredentialSource) {
        self.name = name
        network = .public
        addressing = .virtual
        signature = .v4
        prefix = ""
        existing = "overwrite"
        self.credentials = credentials
    }
}

/// What all uploads to one remote together may use, beside the limits of everything.
public struct RemoteLimits: Sendable, Equatable {
    /// In flight at once; `nil` bounds nothing.
    public var parts: Int?
    /// Bytes a second; `nil` is no limit, 0 pauses.
    public var rate: Int64?
    public init(parts: Int? = nil, rate: Int64? = nil) { (self.parts, self.rate) = (parts, rate) }
}

/// How requests are signed. Version 1 is for buckets and gateways that do not know version 4 yet.
public enum SignatureVersion: String, Sendable, Codable {
    case v1, v4
}
