import Contracts
import OSSProtocol
import Platform
import TransferCore

/// An upload that has its turn: its machine, its requests in flight, and what is left to perform. Touched by the engine loop only.
final class UploadRun {
    struct Flight {
        var task: Task<Void, Never>
        var kind: Kind
        var meter: FlightMeter
        var since: Timestamp
        var length: Int64
        /// Counts against the limit of parts.
        var holdsSlot: Bool
        /// For the rate of the last seconds.
        var rate = RateEstimator()
        var seen: Int64 = 0
    }

    enum Kind: Equatable {
        case look, put
        case part(Int)
        case initiate, find, listParts, complete, abort, head, hash

        /// Its answer matters even to somebody who stops: a new upload id, a finished object.
        var mustLand: Bool { self == .initiate || self == .complete }

        /// The part's number, 0 for a whole file.
        var bodyNumber: Int? {
            switch self {
            case .put: 0
            case .part(let number): number
            default: nil
            }
        }
    }

    var row: UploadRow
    var job: JobFacts
    /// `nil` until the source was looked at, where that comes first.
    var machine: UploadMachine
    var source: SourceFile?
    /// Why there is none, where it went on all the same: an object may be there already that only has to be asked for.
    var sourceError: FileError?
    /// What the machine asked for and was not performed yet, in order.
    var actions: [UploadAction] = []
    /// A checkpoint is on its way to the disk: nothing after it is performed until it is there.
    var isSaving = false
    /// The next action is a body, and every slot is taken.
    var awaitsSlot = false
    /// Slots of answers whose checkpoint is not written yet.
    var slotsAwaitingSave = 0
    var flights: [Int: Flight] = [:]
    /// The final state is on its way to the disk.
    var isLanding = false
    /// Goes up in one request.
    var isSmall: Bool { machine.plan.isSinglePut }
    /// The closed gate for which this one upload finds out whether it can be opened.
    var probed: String?
    var isProbe: Bool { probed != nil }
    /// Bytes of the source were sent in this run: it must not change any more.
    var hasSent = false
    /// Its source was looked at and the first event given.
    var isStarted = false
    var staleGeneration: UInt64?
    /// What the ledger has of it.
    var uploadIDOnDisk: String?
    /// It is to be held as soon as the answers that matter are there.
    var pendingHold: Gate?
    /// Its machine waits for the end of a request that was never made: only a new run can go on.
    var isOutOfStep = false
    var lookTries = 0
    /// Looks in a row that were refused for their credentials.
    var lookLeases = 0
    var lookAgain: Timestamp?
    /// How often the file was found to be another one in this run.
    var adoptions = 0
    static let mostAdoptions = 5
    /// Its own, where it has one or may get one while it runs.
    var limit: RateLimit?
    /// Answers of parts, for the detail screen; at most one a part that failed.
    var lastAnswers: [Int: String] = [:]
    /// How often a request was not answered, by part, 0 for a whole file, `noBody` for all others together; one entry a part that failed.
    var unanswered: [Int: Int] = [:]
    static let noBody = -1
    var rate = RateEstimator()
    /// For the estimate of its end, and since when there is data for it.
    var longRate = DecayedRate()
    var movingSince: Timestamp?
    /// Bytes of ended requests that no sample has seen.
    var unseen: Int64 = 0
    private let earlierTries: Int
    /// Requests of this run that failed.
    var failures = 0
    /// Events written in this run.
    var notes = 0
    static let mostNotes = 100
    /// Why it left without its machine's word.
    var heldError: StoredError?
    /// What readers were told last.
    var toldState = UploadState.uploading
    /// What its row says while it runs.
    var stateOnDisk = UploadState.queued
    /// Stored bytes as the row on disk has them.
    var storedOnDisk: Int64
    /// A person ordered its abort: whatever the run ends with, the row is cancelled, and what is left on the server goes in the background.
    var isAborting = false

    init(row: UploadRow, job: JobFacts, machine: UploadMachine) {
        (self.row, self.job, self.machine) = (row, job, machine)
        earlierTries = row.tries
        storedOnDisk = row.stored
        uploadIDOnDisk = row.uploadID
    }

    var id: Int64 { row.id }
    /// Over all runs: the first, and one for each failure.
    var tries: Int { max(earlierTries, 1) + failures }

    /// Bytes on the wire that nobody has acknowledged.
    var sendingBytes: Int64 {
        flights.values.reduce(0) { sum, flight in
            switch flight.kind {
            case .put, .part: sum + min(flight.meter.bytes, flight.length)
            default: sum
            }
        }
    }

    var slotsInUse: Int { flights.values.count(where: \.holdsSlot) + slotsAwaitingSave }

    /// As people see it.
    var state: UploadState {
        if !isStarted { return lookAgain == nil ? .uploading : .retrying }
        switch machine.phase {
        case .verifying: return .verifying
        case .retrying, .awaitingLease: return flights.isEmpty ? .retrying : .uploading
        case .idle, .starting, .uploading, .aborting, .ended: return .uploading
        }
    }

    /// The row with what the machine knows.
    func refreshRow() {
        guard isStarted else { return }
        row.stored = machine.phase == .ended && machine.checkpoint.phase == .done ? row.size : machine.storedBytes
        row.partsStored = machine.storedParts
        row.resent = machine.checkpoint.resentBytes
        row.phase = machine.checkpoint.phase
        row.partSize = machine.checkpoint.partSize
        row.uploadID = machine.checkpoint.uploadID
        row.completeSent = machine.checkpoint.completeSent
        if !machine.checkpoint.initiateSent { row.initiateSent = nil }
        if let last = machine.lastFailure, last.failure.cause != .cancelled {
            row.error = StoredError(last.failure, part: last.part, at: last.at)
        }
    }
}

extension StoredError {
    init(_ gate: Gate, at: Timestamp) {
        self.init(code: gate.code, http: nil, request: nil, at: at, part: nil, message: gate.text)
    }

    init(_ failure: RequestFailure, part: Int?, at: Timestamp) {
        self.init(code: "", http: nil, request: failure.requestID, at: at, part: part, message: failure.message)
        switch failure.cause {
        case .answer(let status, let code, _): (self.code, http) = (code, status)
        case .curl(let code): self.code = code == 28 ? "Timeout" : "Network"
        case .unusableAnswer: code = "UnusableAnswer"
        case .cancelled: code = "Cancelled"
        case .source(let number): code = number == 0 ? "SourceChanged" : "SourceUnreadable"
        case .unsigned: code = "NoCredentials"
        }
    }
}
