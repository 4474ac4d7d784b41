/// `GET /v1/history?query=&sort=&limit=&after=`: uploads that have ended, the newest first.
public struct HistoryPage: Codable, Sendable, Equatable {
    public var schema = 1
    public var items: [HistoryItem]
    /// Of all that match, where that is known without looking at each of a million; else `null`.
    @Nullable public var total: Int?
    /// There may be more: ask again with `after` = `next`. A page may hold fewer than were asked for, even none.
    public var truncated: Bool
    @Nullable public var next: String?

    public init(items: [HistoryItem], total: Int?, next: String?) {
        (self.items, truncated) = (items, next != nil)
        _total = Nullable(wrappedValue: total)
        _next = Nullable(wrappedValue: next)
    }
}

/// An upload that has ended, as JSON: the fields of an upload, and those of its end.
public struct HistoryItem: Codable, Sendable, Equatable {
    public var upload: UploadView
    /// Of the object, where the bucket keeps versions.
    public var versionId: String?
    /// Of the request that stored the object.
    public var requestId: String?
    /// Why it ended so; `nil` for what is stored.
    public var reason: String?
    /// A person took it off the queue.
    public var removed: Bool

    public init(upload: UploadView, versionId: String?, requestId: String?, reason: String?, removed: Bool) {
        (self.upload, self.versionId, self.requestId, self.reason, self.removed) = (upload, versionId, requestId, reason, removed)
    }

    private enum Extra: String, CodingKey { case versionId, requestId, reason, removed }

    public init(from decoder: any Decoder) throws {
        upload = try UploadView(from: decoder)
        let container = try decoder.container(keyedBy: Extra.self)
        versionId = try container.decodeIfPresent(String.self, forKey: .versionId)
        requestId = try container.decodeIfPresent(String.self, forKey: .requestId)
        reason = try container.decodeIfPresent(String.self, forKey: .reason)
        removed = try container.decodeIfPresent(Bool.self, forKey: .removed) ?? false
    }

    public func encode(to encoder: any Encoder) throws {
        try upload.encode(to: encoder)
        var container = encoder.container(keyedBy: Extra.self)
        try container.encode(versionId, forKey: .versionId)
        try container.encode(requestId, forKey: .requestId)
        try container.encode(reason, forKey: .reason)
        try container.encode(removed, forKey: .removed)
    }
}

/// `GET /v1/edits`: what people did to the queue and can take back, the newest first.
public struct EditView: Codable, Sendable, Equatable {
    /// For `undo`.
    public var id: Int64
    public var at: String
    /// `pause resume retry cancel abort remove priority move`, `limits`, `configuration`.
    public var action: String
    /// Who did it, where that was said.
    @Nullable public var by: String?
    public var uploads: Int
    public var undone: Bool
    /// Aborts cannot be taken back.
    public var undoable: Bool
    /// What it changed, where that is no upload: `limit up 150 MiB/s -> 200 MiB/s`.
    public var what: String?
    public init(id: Int64, at: String, action: String, by: String?, uploads: Int, undone: Bool, undoable: Bool, what: String? = nil) {
        self.what = what
        (self.id, self.at, self.action, self.uploads, self.undone, self.undoable) = (id, at, action, uploads, undone, undoable)
        _by = Nullable(wrappedValue: by)
    }
}
