import Contracts
import GRDB
import Logging
import OSSProtocol
import Platform
import TransferCore

/// The owner of the queue: takes orders, gives uploads their turn, performs what their machines ask for, writes down what must survive.
///
/// Every mutable thing of the queue half lives in this actor. Requests run in tasks of their own and come back as one call each; the
/// store is written in batches by one flush at a time. Nothing here waits between reading and changing the state of a run.
public actor EngineLoop: QueueService {
    /// What time it is: `wall` for people and for what is stored, `steady` for waits.
    public struct Clocks: Sendable {
        public var wall: @Sendable () -> Timestamp
        public var steady: @Sendable () -> Timestamp
        public init(
            wall: @escaping @Sendable () -> Timestamp = { SystemClock.wall() },
            steady: @escaping @Sendable () -> Timestamp = { SystemClock.steady() }
        ) {
            (self.wall, self.steady) = (wall, steady)
        }
    }

    /// Uploads in memory at once, those that wait for their next try and those whose end is being written included.
    static let mostRuns = 512

    let store: QueueStore
    let transport: any Transport
    let authorizer: any RequestAuthorizer
    let resolver: any TargetResolver
    let setRateLimit: @Sendable (Int64?) -> Void
    let transportWaits: @Sendable () -> TransportWaits
    let clocks: Clocks
    let leases: @Sendable (_ uploads: [String: Int]) async -> (leases: [LeaseView], clockOffset: Double?)
    /// As the configuration was read last.
    var settings: QueueSettings
    let policy: RetryPolicy
    let log: Logger
    let requests: UploadRequests
    let begun: Timestamp

    // Runs.
    var runs: [Int64: UploadRun] = [:]
    /// Those with more than one request, in the order they started.
    var multipart: [Int64] = []
    var slotUse = SlotUse()
    var partSlotsUsed: Int { slotUse.total }
    /// Uploads whose whole body waits for a slot, first come first.
    var waitingPuts: [Int64] = []
    var nextFlight = 0
    /// Rows that may start next, read ahead.
    var ready = ReadyRows()
    var isRefilling = false
    /// Grows when what was read ahead may be wrong.
    var readyEpoch = 0
    /// The store had no row to start; new orders and changes reset it.
    var isDry = false
    /// Ended since the read ahead began: it may still have seen them queued.
    var endedSinceRefill: Set<Int64> = []
    /// An action is at work: nothing starts until it is written.
    var startsBlocked = 0
    var jobs: [Int64: JobFacts] = [:]
    var seeds: SeededRandom

    // What stands in the way.
    var queueMachine: QueueMachine
    var limitsNow: Limits
    var gates: [String: Gate] = [:]
    var budgets: [String: RetryBudget] = [:]
    /// Endpoints that were asked, whether anybody answers there.
    var reaches: [String: Reachability] = [:]
    /// Endpoints that do not answer, with the newest reason.
    var outageReasons: [String: String] = [:]
    /// Endpoints on which an upload used up its tries, until one answers.
    var silences: [String: (since: Timestamp, nextTry: Timestamp?)] = [:]
    /// Orders with a limit of their own.
    var ownLimits: [Int64: RateLimit] = [:]
    /// Bytes a second of uploads with a limit of their own; at most `mostLimited`.
    var uploadLimits: [Int64: Int64] = [:]
    var remoteLimits: [String: RateLimit]
    /// What the configuration says of remotes, as read last.
    var remotes: [String: RemoteLimits]
    var rateNow: StandingRate
    var tuning: Tuning
    var waitMeter = WaitMeter()
    var etaMeter = EtaMeter()

    // Writing.
    var pending: [PendingChange] = []
    var isFlushing = false
    var isFlushDelayed = false
    /// Something that is pending is waited for.
    var isWriteUrgent = false
    var diskTrouble: DiskTrouble?
    /// Too many files were open: until then nothing new starts.
    var descriptorTrouble: Timestamp?
    var isDead = false
    /// What became of the queue when its file was damaged, as long as people are told.
    var damage: QueueDamage?

    // The rest of its life.
    var isStarted = false
    var isStopping = false
    var isFinishing = false
    var ticker: Task<Void, Never>?
    var scans: [Int64: Task<Void, Never>] = [:]
    /// Those of them that read folders, and orders whose turn to be read is still to come.
    var foldersRead: Set<Int64> = []
    var waitingScans: [WaitingScan] = []
    /// Jobs that cannot be read, whose uploads are being written down as failed.
    var failingJobs: Set<Int64> = []
    /// What orders' destinations hold, by job.
    var destinations: [Int64: DestinationList] = [:]
    /// Upload ids that a person gave us, by the object that they are to become.
    var adoptions: [AdoptionKey: String] = [:]
    var abandoned = Abandoned()
    var lastTidy: Timestamp?
    var isTidying = false
    var lastSweep: Timestamp?

    // What people see.
    var revision: Int64 = 0
    var frontEndCount = 0
    var doneAction: StatusView.DoneAction?
    var readers: [Int: EventReader] = [:]
    var nextReader = 0
    var jobWaits: [Int: JobWait] = [:]
    let wire = WireMeter()
    var observed = QueueMetrics()
    var rates = RateHistory()
    var lastStatusAt: Timestamp?
    var isStatusDue = false
    var isTellingSoon = false
    var windowMemo: WindowMemo?
    var windowMaking: WindowMaking?
    var historyMemo: WindowMemo?

    /// - Parameters:
    ///   - setRateLimit: of the transport: bytes a second of all requests together, `nil` none, 0 pauses.
    ///   - transportWaits: what requests waited for so far.
    ///   - leases: what `status` shows of credentials; given the uploads that run or wait, by scope.
    ///   - seed: of the jitter of retries.
    public init(
        store: QueueStore, transport: any Transport, setRateLimit: @escaping @Sendable (Int64?) -> Void, authorizer: any RequestAuthorizer,
        resolver: any TargetResolver, clocks: Clocks = Clocks(), settings: QueueSettings = QueueSettings(),
        policy: RetryPolicy = RetryPolicy(),
        leases: (@Sendable (_ uploads: [String: Int]) async -> (leases: [LeaseView], clockOffset: Double?))? = nil,
        transportWaits: @escaping @Sendable () -> TransportWaits = { TransportWaits() }, log: Logger = Logger(label: "davit.queue"), seed: UInt64 = UInt64.random(in: .min ... .max)
    ) {
        self.store = store
        self.transport = transport
        self.setRateLimit = setRateLimit
        self.authorizer = authorizer
        self.resolver = resolver
        self.transportWaits = transportWaits
        self.clocks = clocks
        self.settings = settings
        self.policy = policy
        self.log = log
        self.leases = leases ?? { uploads in (uploads.map { LeaseView.counting(scope: $0.key, uploads: $0.value) }, nil) }
        requests = UploadRequests(transport: transport, authorizer: authorizer)
        seeds = SeededRandom(seed)
        limitsNow = Limits(
            rate: settings.rate, uploads: settings.uploads, parts: settings.parts, uploadsAuto: settings.uploadsAuto,
            partsAuto: settings.partsAuto)
        rateNow = StandingRate(rate: settings.rate)
        tuning = Tuning(settings)
        remoteLimits = EngineLoop.remoteLimits(settings.remotes)
        remotes = settings.remotes
        queueMachine = QueueMachine(slots: settings.uploads, keepCancelled: settings.keepCancelled)
        begun = clocks.steady()
    }

    /// Takes up what the store holds and begins to work. Once.
    ///
    /// - Parameter ticking: without it nothing happens by time alone: tests call `tick()`.
    public func start(ticking: Bool = true) async throws {
        precondition(!isStarted, "an engine loop is started once")
        isStarted = true
        try await recover()
        standRate(clocks.wall())
        setRateLimit(limitsNow.rate)
        schedule()
        if ticking {
            // Unstructured on purpose: it lives as long as the engine and is ended by stop().
            ticker = Task {
                while !Task.isCancelled {
                    try? await Task.sleep(for: self.tickInterval)
                    self.tick()
                }
            }
        }
    }

    /// Ends the work and writes what is known. Uploads go on at the next start.
    ///
    /// - Parameter finishRunning: lets the uploads that have their turn come to their end first; nothing new starts.
    public func stop(finishRunning: Bool) async {
        isFinishing = true
        for scan in scans.values { scan.cancel() }
        if finishRunning {
            while runs.values.contains(where: { !$0.isLanding && $0.lookAgain == nil }) && !isDead {
                try? await Task.sleep(for: .milliseconds(50))
            }
        }
        // An upload id or a finished object that is being answered for must not get lost.
        for _ in 0..<150 where runs.values.contains(where: { $0.flights.values.contains { $0.kind.mustLand } }) && !isDead {
            try? await Task.sleep(for: .milliseconds(20))
        }
        isStopping = true
        ticker?.cancel()
        abandoned.cancel()
        for run in Array(runs.values) where !run.isLanding { drop(run) }
        // A disk that was full gets one more try: an upload id may be among what waits.
        diskTrouble?.nextTry = clocks.steady()
        flushSoon(urgent: true)
        // Bounded: a full disk must not keep a process from ending.
        for _ in 0..<100 where (isFlushing || !pending.isEmpty && diskTrouble == nil) && !isDead {
            try? await Task.sleep(for: .milliseconds(20))
            flushSoon(urgent: true)
        }
        for reader in readers.values { reader.finish() }
        readers = [:]
        endJobWaits()
    }

    /// Nothing runs, waits for its turn, is read from a folder, or is owed to a server.
    public var isIdle: Bool {
        get async {
            guard runs.isEmpty, scans.isEmpty, pending.isEmpty, !isFlushing, abandoned.entries.isEmpty, abandoned.lost.isEmpty else { return false }
            let waiting = try? await store.read { db in
                try Int.fetchOne(db, sql: "SELECT COALESCE(SUM(n), 0) FROM counts WHERE job = 0 AND state IN (0, 1)")
            }
            return waiting == 0
        }
    }

    /// While something moves, the clock of waits and rates; else just enough to notice a due time.
    private var tickInterval: Duration { runs.isEmpty && gates.isEmpty ? .milliseconds(500) : .milliseconds(100) }

    /// What time alone brings about.
    func tick() {
        guard !isDead, !isStopping else { return }
        let now = clocks.steady()
        for run in Array(runs.values) where !run.isLanding && !run.isSaving {
            if let again = run.lookAgain, now >= again {
                run.lookAgain = nil
                look(run)
            } else if run.isStarted, run.actions.isEmpty, let deadline = run.machine.nextDeadline {
                if now >= deadline { feed(run, .deadline) } else { waitOutside(run, until: deadline, now) }
            }
        }
        sampleRates(now)
        followSchedule()
        tune(now)
        openGatesThatAreDue(now)
        if let trouble = diskTrouble, now >= trouble.nextTry {
            // Where only a person's order was refused nothing waits to be written, and nothing else would find out.
            if pending.isEmpty { write(urgent: true) { db in try QueueStore.set(db, "probe", "x") } } else { flushSoon(urgent: true) }
        }
        if lastTidy.map({ now - $0 >= .seconds(1) }) ?? true {
            lastTidy = now
            let isThorough = lastSweep.map { now - $0 >= .seconds(30) } ?? true
            if isThorough { lastSweep = now }
            Task { await self.tidy(isThorough) }
        }
        workOnAbandoned(now)
        schedule()
        tellReaders(now)
    }
}

/// The limits that stand.
struct Limits: Sendable, Equatable {
    var rate: Int64?
    /// The fewest at once where the loop tunes them.
    var uploads: Int
    var parts: Int
    var uploadsAuto = false
    var partsAuto = false
}

extension LeaseView {
    /// Only how many uploads use the scope; whoever knows the lease fills in the rest.
    static func counting(scope: String, uploads: Int) -> LeaseView {
        LeaseView(
            scope: scope, kind: "", state: "empty", identity: nil, expires: nil, left: nil, renewsIn: nil, lastError: nil, fetches: 0,
            uploads: uploads)
    }
}
