import OSSProtocol

/// What the upload driver tells an upload machine, and what the machine asks of it. See docs/architecture.md, "The machines".

/// One part's place in the file. Part numbers start at 1; bytes.
public struct PartRange: Sendable, Hashable, Codable {
    public let number: Int
    public let offset: Int64
    public let length: Int64
    public init(number: Int, offset: Int64, length: Int64) { (self.number, self.offset, self.length) = (number, offset, length) }
}

/// A part the server has acknowledged. In a checkpoint `crc64` is the CRC-64 of the bytes of our file, and it agreed with the server's
/// wherever the server gave one; in a listing it is the server's, `nil` where the server did not say (parts made by a copy).
public struct StoredPart: Sendable, Hashable, Codable {
    public var number: Int
    public var size: Int64
    public var etag: String
    public var crc64: UInt64?
    public init(number: Int, size: Int64, etag: String, crc64: UInt64?) {
        (self.number, self.size, self.etag, self.crc64) = (number, size, etag, crc64)
    }
}

/// What survives a crash of one upload. Written by the driver whenever the machine says `.save`.
public struct UploadCheckpoint: Sendable, Equatable, Codable {
    public enum Phase: String, Sendable, Codable {
        /// Nothing was asked of the server yet (or a single put was under way: it leaves nothing behind).
        case fresh
        /// `uploadID` is ours; parts may be stored.
        case sending
        /// Complete was (or is about to be) sent: settle by HEAD or ListParts before anything is sent again. Without an upload id it
        /// was a put that may not overwrite, whose repetition could be refused because of itself.
        case completing
        /// An abort is owed.
        case aborting
        /// Stored and settled.
        case done
    }
    public var phase: Phase
    public var partSize: Int64
    public var uploadID: String?
    public var parts: [StoredPart]
    /// Bytes of attempts that failed or were thrown away.
    public var resentBytes: Int64
    /// A Complete went out for this upload id, so a vanished id may mean success. Outlives the phase when an abort is ordered after it.
    public var completeSent: Bool
    /// An Initiate went out whose upload id is not known: it may have begun an upload that nobody would ever abort.
    public var initiateSent: Bool

    /// - Parameter partSize: of a `PartPlan`; kept for the whole life of the upload, whatever the preference becomes.
    public init(
        phase: Phase = .fresh, partSize: Int64, uploadID: String? = nil, parts: [StoredPart] = [], resentBytes: Int64 = 0,
        completeSent: Bool = false, initiateSent: Bool = false
    ) {
        self.completeSent = completeSent
        self.initiateSent = initiateSent
        self.phase = phase
        self.partSize = partSize
        self.uploadID = uploadID
        self.parts = parts
        self.resentBytes = resentBytes
    }
}

/// What HEAD said about the object.
public enum HeadResult: Sendable, Equatable {
    case found(size: Int64, crc64: UInt64?, etag: String)
    case absent
    /// 403: the token may not read. Must never be read as "absent".
    case denied
}

/// An unfinished upload of this very key, begun since our first Initiate went out and known to nobody here.
public struct FoundUpload: Sendable, Equatable {
    public var uploadID: String
    public var hasParts: Bool
    public init(uploadID: String, hasParts: Bool) { (self.uploadID, self.hasParts) = (uploadID, hasParts) }
}

/// An answer to a body that was sent whole.
public struct BodyReply: Sendable, Equatable {
    public var etag: String
    /// CRC-64 of the bytes we read from the file while sending.
    public var localCRC64: UInt64
    /// `x-oss-hash-crc64ecma` of the answer, `nil` when the server gave none.
    public var serverCRC64: UInt64?
    public init(etag: String, localCRC64: UInt64, serverCRC64: UInt64?) {
        (self.etag, self.localCRC64, self.serverCRC64) = (etag, localCRC64, serverCRC64)
    }
}

public enum UploadEvent: Sendable, Equatable {
    /// The queue gave this upload its turn. First event of every run (also after a restart or a resume).
    case started
    case initiated(uploadID: String)
    case initiateFailed(RequestFailure)
    /// Answers to `.findUploads`; the newest first.
    case uploadsFound([FoundUpload])
    case findUploadsFailed(RequestFailure)
    /// All pages of ListParts together.
    case partsListed([StoredPart])
    case listPartsFailed(RequestFailure)
    case partSent(number: Int, BodyReply)
    /// `bytesSent`: body bytes that had left before it failed (they count as resent).
    case partFailed(number: Int, RequestFailure, bytesSent: Int64)
    case putSent(BodyReply)
    case putFailed(RequestFailure, bytesSent: Int64)
    case completed(etag: String, serverCRC64: UInt64?)
    case completeFailed(RequestFailure)
    case objectHead(HeadResult)
    case objectHeadFailed(RequestFailure)
    case aborted
    case abortFailed(RequestFailure)
    /// A usable lease is there again after `.awaitLease`.
    case leaseArrived
    /// No lease can be had and asking again by itself is pointless (refused, not configured).
    case leaseRefused(reason: String)
    /// A person's orders. `abortRequested` may be the first event of a run whose only purpose is the abort.
    case paused, cancelled, abortRequested
    /// A person does not want to wait for the next try.
    case tryNow
    /// Answers to `.hash`.
    case hashed(number: Int, crc64: UInt64)
    case hashFailed(number: Int, RequestFailure)
    /// The file is not what it was when it was queued. Look before each run, each part, and again right before `.put` and `.complete`:
    /// there it is reported instead of performing the action.
    case sourceChanged(detail: String)
    /// The time of `nextDeadline` has come.
    case deadline
}

public enum UploadAction: Sendable, Equatable {
    /// Write the checkpoint down, durably, before performing the next action of the list.
    case save
    case initiate
    /// The answer to an Initiate was lost: list the unfinished uploads of the key, and report those that it may have begun.
    case findUploads
    /// The whole file in one PutObject.
    case put
    case listParts(uploadID: String)
    case complete(uploadID: String, parts: [StoredPart])
    case abort(uploadID: String)
    case headObject
    /// Retire the lease generation that was used, then report `.leaseArrived` (or `.leaseRefused`).
    case awaitLease
    /// Set the clock offset from the server's time before signing again.
    case correctClock(serverTime: Timestamp)
    /// Read that range of the file, without sending it, and report `.hashed` with its CRC-64: a part the server lists but whose answer we
    /// never saw is only kept when it holds the file's bytes. One at a time.
    case hash(PartRange)
    /// Cancel every request of this upload that is in flight, the wait for a lease and the hashing too, and report nothing of them any more:
    /// the same part may be sent anew. Never given while an initiate or a complete is in flight, since their answers matter.
    case cancelRequests
    /// Parts may be wanted: ask `takePart(at:)` as slots allow.
    case partsReady
    /// Terminal for this run: the driver gives the slot back.
    case finish(UploadOutcome)
}

public enum UploadOutcome: Sendable, Equatable {
    /// The object is stored. `verified` is false when the server gave nothing to compare with (said so to the user).
    case done(etag: String?, crc64: UInt64?, verified: Bool)
    /// Stopped by a person, parts kept.
    case paused
    /// Stopped by a person, parts kept until `keep-cancelled` is over.
    case cancelled
    /// The server holds nothing of it any more.
    case aborted
    /// Needs a person. The checkpoint is kept, `retry` goes on from it.
    case failed(UploadFailureReason)
    /// The engine waits for something outside; try again by itself (`until`, or when the scope's lease or endpoint is back).
    case held(HeldReason, until: Timestamp?)
}

public enum HeldReason: String, Sendable, Codable { case credentials, network, disk, schedule }

/// Why an upload needs a person; `message` is one sentence: what, why, what to do.
public struct UploadFailureReason: Sendable, Equatable, Codable {
    /// OSS error code, or one of ours: `SourceChanged`, `SourceUnreadable`, `ChecksumMismatch`, `LocalError`.
    public var code: String
    public var httpStatus: Int?
    public var requestID: String?
    public var part: Int?
    public var message: String
    public init(code: String, httpStatus: Int? = nil, requestID: String? = nil, part: Int? = nil, message: String) {
        (self.code, self.httpStatus, self.requestID, self.part, self.message) = (code, httpStatus, requestID, part, message)
    }
}
