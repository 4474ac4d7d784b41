import OSSProtocol
import TransferCore

/// What a history may meet, and what it is made of.
extension History {
    /// Each must happen somewhere, else the simulation shows nothing about it.
    enum Happening: Int, CaseIterable {
        case none
        // The way to the server and back.
        case requestLost, answerLost, delayed, duplicated, reordered, corrupted, truncated, serverError, throttled, throttledWithTime
        case outage, blackHole, badRequest, denied
        // Credentials.
        case tokenExpired, tokenRevoked, leaseFailed, leaseRefused, leaseFetched, clockSkew, waitedForLease
        // The server's memory.
        case uploadExpired, uploadGone, partVanished, invalidPart, callbackFailed, wrongObject, abortSurvived, conflict
        // Sources and clocks.
        case sourceRewritten, sourceReplaced, sourceResized, sourceUnreadable, sourceChangedSeen, adopted, torn
        case clockJumped, serverClockJumped, suspended
        // The engine's machine.
        case killed, killedBetweenActions, stopped, diskFull, commitRefused, restartedWithUpload
        case gateClosed, gateOpened, probed, budgetEmpty, waitedOutside
        // People.
        case paused, resumed, cancelled, aborted, retried, undone, removed, queuePaused, queueResumed, prioritised, limitsChanged
        // Ends.
        case done, doneUnverified, endedFailed, endedHeld, endedPaused, endedCancelled, endedAborted, begunAnew
        // Upload ids.
        case idLostWithAnswer, idLostWithKill, idFound, owedPaid
    }

    /// What a transaction is for; the engine is killed before and after each kind.
    enum SavePoint: Int, CaseIterable {
        case uploadID, part, completing, aborting, anew
        case done, failed, held, paused, cancelled, aborted, queued
        case adopted, person, gate, ledger, recovery, sweep
    }

    /// Drawn from the seed. Chances are of 1000.
    struct World {
        var files: Int
        var endpoints: Int
        /// Whether the second endpoint needs credentials of its own.
        var scopes: Int
        var uploads: Int
        var parts: Int
        var policy: RetryPolicy
        var chaos: Int64
        var faults: Int
        var throttles: Int
        var corruptions: Int
        var denials: Int
        var vanishings: Int
        var crashes: Int
        var leaseFailures: Int
        var leaseRefusals: Int
        /// Milliseconds.
        var tokenLife: Int64
        var acts: Int
        var kills: Int
        var stops: Int
        var jumps: Int
        var sourceChanges: Int
        var lifecycles: Int
        var revocations: Int
        var outages: Int
        var fullDisks: Int
        /// Failures of others at each endpoint when an engine begins, of a hundred that close it.
        var strain: Int
        var mayRead: Bool
        var listDenied: Bool
        var forbidOverwrite: Bool
        /// Each copy of a part gets an ETag of its own.
        var hasUniqueTags: Bool
        var saysChecksums: Bool

        init(_ random: inout SeededRandom) {
            func one(_ values: [Int], _ random: inout SeededRandom) -> Int { values[random.below(values.count)] }
            files = one([1, 2, 2, 3, 4, 5, 6, 8], &random)
            endpoints = 1 + random.below(2)
            scopes = endpoints == 1 ? 1 : 1 + random.below(2)
            uploads = 1 + random.below(4)
            parts = 1 + random.below(6)
            policy =
                random.below(4) == 0
                ? RetryPolicy() : RetryPolicy(cap: .seconds(3), tries: 5, hold: .seconds(5))
            chaos = Int64(one([5_000, 15_000, 60_000, 200_000], &random))
            faults = one([0, 50, 150, 300, 600], &random)
            throttles = one([0, 0, 50, 300], &random)
            corruptions = one([0, 0, 30, 100], &random)
            denials = one([0, 0, 0, 10], &random)
            vanishings = one([0, 0, 30], &random)
            crashes = one([0, 0, 5, 20], &random)
            leaseFailures = one([0, 0, 100, 400], &random)
            leaseRefusals = one([0, 0, 150], &random)
            tokenLife = Int64(one([6_000, 40_000, 900_000], &random))
            acts = one([0, 0, 4, 12], &random)
            kills = one([0, 0, 1, 3], &random)
            stops = one([0, 0, 1], &random)
            jumps = one([0, 0, 1, 2], &random)
            sourceChanges = one([0, 0, 0, 1, 2], &random)
            lifecycles = one([0, 0, 1, 3], &random)
            revocations = one([0, 0, 1, 3], &random)
            outages = one([0, 0, 1], &random)
            fullDisks = one([0, 0, 1], &random)
            strain = one([0, 0, 80, 95], &random)
            mayRead = random.below(4) > 0
            listDenied = random.below(16) == 0
            forbidOverwrite = random.below(4) == 0
            hasUniqueTags = random.below(4) == 0
            saysChecksums = random.below(16) > 0
        }

        func scope(_ endpoint: Int) -> Int { scopes == 1 ? 0 : endpoint }
    }

    /// A file: each rewriting is a version, each place it had an inode.
    struct SourceFile {
        let endpoint: Int
        let partSize: Int64
        /// Bytes, by version.
        var sizes: [Int64]
        /// The version in each inode that this path had; the last is what it names now.
        var inodes: [Int] = [0]
        var isReadable = true

        init(_ world: World, place: Int, _ random: inout SeededRandom) {
            endpoint = place
            // Powers of two, whose checksums are the cheapest to combine.
            partSize = 1 << Int64(random.below(4))
            let parts = random.below(3) == 0 ? 1 : 1 + random.below(10)
            let size = parts == 1 && random.below(5) == 0 ? 0 : Int64(parts - 1) * partSize + 1 + Int64(random.below(Int(partSize)))
            sizes = [size]
        }

        var version: Int { inodes[inodes.count - 1] }
    }

    struct Token {
        /// On the server's clock, milliseconds.
        var end: Int64
        var isRevoked = false
    }

    // MARK: - The disk

    struct Row {
        var position: Int64
        var priority: Int
        /// The version that was queued: what the file must be.
        var version: Int
        var partSize: Int64
        var state = QueueState.queued
        var held: HeldReason?
        var nextTry: Int64?
        var phase = UploadCheckpoint.Phase.fresh
        var uploadID: String?
        /// Of the row on disk alone.
        var parts: [StoredPart] = []
        var stored: Int64 = 0
        var completeSent = false
        /// When the first Initiate went out whose upload id is not known, on the wall's clock.
        var initiateSent: Int64?
        var resent: Int64 = 0
        var finished: Int64?
        var cancelledFrom: QueueState?
        var isHidden = false
        var code: String?

        init(position: Int64, priority: Int, version: Int, partSize: Int64) {
            (self.position, self.priority, self.version, self.partSize) = (position, priority, version, partSize)
        }
    }

    struct Owed {
        var id: String
        /// -1: nothing in the queue needs it any more.
        var row: Int
    }

    struct Disk {
        var rows: [Row] = []
        var ledger: [Owed] = []
        var isPaused = false

        mutating func giveUp(_ row: Int, keeping id: String? = nil) {
            for index in ledger.indices where ledger[index].row == row && ledger[index].id != id { ledger[index].row = -1 }
        }

        mutating func owe(_ id: String, _ row: Int) {
            ledger.removeAll { $0.id == id }
            ledger.append(Owed(id: id, row: row))
        }

        mutating func settle(_ id: String) { ledger.removeAll { $0.id == id } }

        mutating func freshen(_ row: Int) {
            (rows[row].uploadID, rows[row].phase, rows[row].stored, rows[row].completeSent) = (nil, .fresh, 0, false)
            rows[row].parts = []
        }
    }

    // MARK: - The engine's memory

    enum Kind: Equatable {
        case look, initiate, find, put, part, list, complete, abort, head, hash
        /// Of an upload id in the ledger that nothing needs.
        case payBack

        var mustLand: Bool { self == .initiate || self == .complete }
    }

    struct Flight {
        var number: Int
        var row: Int
        /// -1 where no run waits for it.
        var run: Int
        var kind: Kind
        var uploadID = ""
        var part = 0
        var length: Int64 = 0
        var holdsSlot = false
        /// The open file, and its version when reading began.
        var inode = -1
        var version = 0
        var parts: [StoredPart] = []
        var engine: Int
        var generation: UInt64 = 0
        var token = -1
        var signedAt: Int64 = 0
        var isWaitingForLease = false
    }

    /// What becomes of a request that reaches the server.
    struct Fate {
        var isSpoiled = false
        /// The client is told nothing by this arrival.
        var isSilent = false
        var isTruncated = false
        /// A copy, or later than anybody waits.
        var isStray = false
        var answerIn = 1
    }

    enum Access: Equatable {
        case refused
        case unavailable(until: Int64)
    }

    struct FlightEnd {
        var event: UploadEvent?
        var failure: RequestFailure?
        var access: Access?
        var isSigned = false
        /// The file is another one, and nothing was sent.
        var isChanged = false
        var isUnreadable = false
    }

    struct Gate {
        var nextTry: Int64
        var isShown = true
        var failures = 0
        var isProbing = false
        var isHolding = false
        var needsAnswer = false
    }

    struct Run {
        let number: Int
        var row: Row
        var machine: UploadMachine
        var actions: [UploadAction] = []
        /// The open file.
        var inode = -1
        var isStarted = false
        var isSaving = false
        var isLanding = false
        var awaitsSlot = false
        var slotsAwaitingSave = 0
        var uploadIDOnDisk: String?
        var pendingHold: Int?
        var isOutOfStep = false
        var hasSent = false
        var isAborting = false
        var adoptions = 0
        var probed: Int?
        var staleGeneration: UInt64 = 0
        var awaitsLease = false
        /// A person said stop: nothing new is sent any more.
        var wasStopped = false
        var flights = 0

        var isSmall: Bool { machine.plan.isSinglePut }

        mutating func refreshRow() {
            guard isStarted else { return }
            row.stored = machine.phase == .ended && machine.checkpoint.phase == .done ? machine.plan.fileSize : machine.storedBytes
            row.resent = machine.checkpoint.resentBytes
            row.phase = machine.checkpoint.phase
            row.uploadID = machine.checkpoint.uploadID
            row.completeSent = machine.checkpoint.completeSent
            if !machine.checkpoint.initiateSent { row.initiateSent = nil }
            if let last = machine.lastFailure, last.failure.cause != .cancelled { row.code = last.failure.code }
        }
    }

    /// What is done once a transaction is on the disk.
    enum Then {
        case nothing
        case saved(row: Int, run: Int, gaveUp: Bool)
        case left(row: Int, run: Int, isForgotten: Bool)
        case adopted(row: Int, run: Int)
        case recovered
        case acted(opensGates: Bool, isAbort: Bool)
        case released
        case held(gate: Int)
        case isDue
        case settled(id: String)
        case swept
    }

    struct Pending {
        var point: SavePoint
        /// `false` where a person waits, who hears that it could not be written.
        var isPatient = true
        /// Why stored bytes may become fewer.
        var mayFall: Bool
        var apply: (inout Disk) -> Void
        var then: Then
    }

    struct Abandoned {
        var isStale = true
        var isWorking = false
        var ids: [Owed] = []
        var tries = 0
        var accepted = 0
        var isOwed = false
        var silent: [Bool] = [false, false]
        var noCredentials: [Bool] = [false, false]
        var failures = 0
        var nextTry: Int64?
    }

    /// Gone with the process.
    struct EngineState {
        let number: Int
        var runs: [Run?]
        var flights: [Flight] = []
        /// Rows with more than one request, in the order they started.
        var multipart: [Int] = []
        var slotsUsed = 0
        var waitingPuts: [Int] = []
        var queueMachine: QueueMachine
        var parts: Int
        /// By scope (0, 1), then by endpoint (2, 3).
        var gates: [Gate?] = [nil, nil, nil, nil]
        var budgets = [RetryBudget(), RetryBudget()]
        var desks: [LeaseDesk]
        /// Tokens by generation.
        var kept: [[Int]] = [[-1], [-1]]
        /// The token that a source has just given, by scope.
        var landing = [-1, -1]
        var clock = LeaseClock()
        var pending: [Pending] = []
        var isFlushing = false
        var diskTrouble: Int64?
        var startsBlocked = 0
        var isStopping = false
        var isFinishing = false
        var abandoned = Abandoned()
        var lastTidy: Int64 = .min / 2
        var lastSweep: Int64 = .min / 2
        /// Steady minus the history's own time.
        var steadyOffset: Int64 = 0
        var seeds: SeededRandom
        var tickAt: Int64 = .max

        init(_ world: World, number: Int, seed: UInt64) {
            self.number = number
            runs = Array(repeating: nil, count: world.files)
            queueMachine = QueueMachine(slots: world.uploads, keepCancelled: .seconds(40))
            parts = world.parts
            desks = [LeaseDesk(seed: seed), LeaseDesk(seed: seed &+ 1)]
            seeds = SeededRandom(seed)
        }
    }
}
