import Contracts
import Glibc
import Logging
import OSSProtocol
import Platform
import TransferCore
import Wire

/// `davit-engine run`: enters its home, builds the object graph by hand, runs it, puts it down.
public struct EngineProgram: Sendable {
    public static let version = davitVersion

    /// Without work and without anybody attached a started engine ends after so long.
    private static let idleLimit: Duration = .seconds(600)
    /// Another engine that is starting or stopping gets so long to be the one or to be gone.
    private static let patience: Duration = .seconds(15)
    private static let startPause: Duration = .seconds(10)
    /// Open before the first upload, where nobody counts them.
    private static let usualDescriptors = 40
    /// More transport threads give nothing: two carry what a 10 Gbit/s link does.
    private static let mostLoops = 4
    /// A queue that is damaged again and again lies on a disk that nothing should be written to.
    private static let mostRebuilds = 3

    /// From the wish to stop to the end, with all that waits for a network or a disk. Whoever stops a service waits 10 s.
    private static let longestEnd: Duration = .milliseconds(9500)

    let environment: [String: String]
    let places: Places
    /// What the user named; `nil` for the usual place.
    let configFile: String?
    let socket: String?
    /// Started by davit: says when it is ready and ends by itself.
    let isDaemon: Bool
    private let manager: ServiceManager
    private let hasSpoken = Lock(false)

    /// - Throws: when `environment` does not say where davit's files are.
    public init(environment: [String: String], configFile: String?, socket: String?, isDaemon: Bool) throws(EngineFailure) {
        // What a service manager says is for this process alone; credential programs get the rest.
        self.environment = environment.filter { !ServiceManager.variables.contains($0.key) }
        manager = isDaemon ? ServiceManager() : ServiceManager(environment: environment)
        places = try EngineProgram.places(environment)
        self.configFile = configFile
        self.socket = socket
        self.isDaemon = isDaemon
    }

    static func places(_ environment: [String: String]) throws(EngineFailure) -> Places {
        do throws(FileError) { return try Places(environment: environment) } catch { throw EngineFailure(error.message) }
    }

    /// Returns when the engine has stopped, or at once when one runs already. Whoever started it detached is told what went wrong.
    public func run() async throws(EngineFailure) {
        do throws(EngineFailure) {
            try await live()
        } catch {
            // Detached, standard error is the log: the reason goes through the pipe.
            tell(.failed("davit-engine: error: \(error.message)"))
            throw error
        }
    }

    private func live() async throws(EngineFailure) {
        // Whatever file is made from now on is its owner's alone.
        umask(0o077)
        Signals.ignorePipe()
        var signals = Signals.arrivals(of: [SIGTERM, SIGINT, SIGHUP])
        // Each of hundreds of connections and files needs one.
        let descriptors = Descriptors.raiseLimit()
        guard let home = try await enter() else { return }
        let configuration = try readConfiguration()
        let book = try openLog(configuration)
        let log = book.logger
        log.notice(
            "the engine starts",
            metadata: [
                "version": "\(EngineProgram.version)", "pid": "\(getpid())", "socket": "\(home.socket)", "descriptors": "\(descriptors)",
            ])
        if let wanted = environment["DAVIT_LOG"], !wanted.isEmpty, Logger.Level(rawValue: wanted.lowercased()) == nil {
            log.warning("DAVIT_LOG is no level", metadata: ["value": "\(wanted)", "accepted": "debug, info, notice, warning, error"])
        }
        do throws(EngineFailure) {
            let standing = Lock(configuration)
            var (damage, rebuilds): (String?, Int) = (nil, 0)
            while true {
                // Taken before the others end: between the two a signal would end the program as it is.
                let nextSignals = Signals.arrivals(of: [SIGTERM, SIGINT, SIGHUP])
                damage = try await serve(home, standing, book, signals, damage: damage)
                guard let damage else { break }
                rebuilds += 1
                guard rebuilds <= EngineProgram.mostRebuilds else {
                    throw EngineFailure(
                        "the queue \(places.database) was damaged \(rebuilds) times (\(damage)). Check the disk it lies on", exit: 1)
                }
                signals = nextSignals
            }
        } catch {
            log.error("the engine cannot go on", metadata: ["reason": "\(error.message)"])
            throw error
        }
    }

    /// Asks the engine of this home, if one runs, to read its configuration anew. Whether it has.
    public static func askToReload(environment: [String: String]) async -> Bool {
        guard let places = try? places(environment), let client = try? LocalHTTP(socketPath: places.socket) else { return false }
        let answer = try? await client.request("POST", "/v1/engine/reload", timeout: .seconds(5))
        return answer?.status == 200
    }

    // MARK: - Before

    /// `nil` when another engine serves this home and answers.
    private func enter() async throws(EngineFailure) -> EngineHome? {
        let start = SystemClock.steady()
        while true {
            do throws(EngineHome.Failure) {
                return try EngineHome.enter(places, socket: socket)
            } catch {
                switch error {
                case .unusable(let text): throw EngineFailure(text)
                case .running(let pid):
                    let who = pid.map { " (process \($0))" } ?? ""
                    if await answers() {
                        guard !isDaemon else {
                            tell(.alreadyRunning)
                            return nil
                        }
                        throw EngineFailure("an engine is already running\(who). Stop it with: davit engine stop", exit: 1)
                    }
                    guard SystemClock.steady() - start < EngineProgram.patience else {
                        throw EngineFailure(
                            "an engine\(who) holds \(places.lockFile) and does not answer. End it, or see \(places.logFile)")
                    }
                    // It is starting or stopping: soon one of the two will be so.
                    try? await Task.sleep(for: .milliseconds(30))
                }
            }
        }
    }

    private func answers() async -> Bool {
        guard let client = try? LocalHTTP(socketPath: socket ?? places.socket) else { return false }
        return (try? await client.request("GET", "/v1/settings", timeout: .seconds(2)))?.status == 200
    }

    private func readConfiguration() throws(EngineFailure) -> EngineConfiguration {
        let reading = ConfigurationReader.load(configFile ?? places.configFile, mustExist: configFile != nil)
        guard reading.isUsable else {
            let errors = reading.errors
            let more = errors.count > 1 ? " (and \(errors.count - 1) more: davit config check)" : ""
            throw EngineFailure(
                errors.first.map { "\($0.file):\($0.line):\($0.column): \($0.message)\(more)" } ?? "the configuration is wrong")
        }
        return reading.configuration
    }

    /// The log and what of it a reload may change.
    private struct LogBook {
        var logger: Logger
        var sink: LogSink
        var choice: EngineLog.Choice
    }

    private func openLog(_ configuration: EngineConfiguration) throws(EngineFailure) -> LogBook {
        let (engine, sink) = (configuration.engine, try logSink(configuration.engine))
        let choice = EngineLog.Choice(level: logLevel(engine), format: LogLine.Format(rawValue: engine.logFormat) ?? .text)
        // Detached, standard error is the log itself.
        let journal = isDaemon ? nil : Journal(environment: environment)
        let logger = Logger(label: "davit") { _ in
            EngineLog(sink: sink, choice: choice, journal: journal, now: { SystemClock.wall() })
        }
        return LogBook(logger: logger, sink: sink, choice: choice)
    }

    private func logSink(_ engine: EngineSettings) throws(EngineFailure) -> LogSink {
        do throws(FileError) {
            return try LogSink(path: places.logFile, limit: Int(engine.logSize), kept: engine.logKeep)
        } catch {
            throw EngineFailure(error.message)
        }
    }

    /// DAVIT_LOG wins over the file, also after a reload.
    private func logLevel(_ engine: EngineSettings) -> Logger.Level {
        let named = environment["DAVIT_LOG"].flatMap { Logger.Level(rawValue: $0.lowercased()) }
        return named ?? Logger.Level(rawValue: engine.logLevel.rawValue) ?? .info
    }

    // MARK: - The object graph

    /// - Parameters:
    ///   - standing: the configuration as it was read last.
    ///   - damage: what was found wrong with the queue when it was last in use.
    /// - Returns: what was found wrong with it now; `nil` when it was told to stop.
    private func serve(
        _ home: EngineHome, _ standing: Lock<EngineConfiguration>, _ book: LogBook, _ signals: AsyncStream<Int32>, damage: String?
    ) async throws(EngineFailure) -> String? {
        let (log, configuration) = (book.logger, standing.withLock { $0 })
        let clock = ServerClock(steady: { SystemClock.steady() }, wall: { SystemClock.wall() })
        let access = Access(
            configuration: configuration, environment: environment, folder: places.credentialsFolder, clock: clock, log: log,
            makeTransport: { [self] caFile in try smallTransport(caFile) })
        let plan = DescriptorPlan(limit: Descriptors.limits().soft, open: Descriptors.count() ?? EngineProgram.usualDescriptors)
        if plan.isScarce {
            log.warning(
                "few files and connections may be open: fewer parts are in flight than could be",
                metadata: ["limit": "\(Descriptors.limits().soft)", "parts": "\(plan.parts)", "advice": "ulimit -Hn 1024, or LimitNOFILE="])
        }
        let transport = try uploadTransport(configuration, connections: plan.parts)
        // A large queue may have to be brought up to date or rebuilt first.
        let starting = tellOfStart(damage == nil ? "opens the queue" : "rebuilds the damaged queue")
        defer { starting.cancel() }
        let mayBeDamaged = EngineProgram.wasCutOff(places.database)
        let store = try openStore(damage, log)
        let queue = EngineLoop(
            store: store, transport: transport, setRateLimit: { transport.setRateLimit($0) }, authorizer: access, resolver: access,
            settings: settings(configuration, plan),
            leases: { uploads in (await access.leases(uploads: uploads), clock.offsetSeconds) },
            transportWaits: { transport.waits }, log: log)

        let readAnew: @Sendable () async -> [String] = { [self] in
            let errors = await reload(access, book, trusting: EngineProgram.caFiles(configuration))
            guard errors.isEmpty else { return errors }
            let new = await access.configuration
            standing.withLock { $0 = new }
            await queue.setRemotes(EngineProgram.limits(new))
            await queue.adopt(new.engine)
            return []
        }
        let (stops, stop) = AsyncStream.makeStream(of: StopReason.self)
        let api = ControlAPI(
            queue: queue, access: access, remote: RemoteOperations(access: access, queue: queue), log: log,
            stop: { stop.yield(.asked(finish: $0)) }, reload: readAnew,
            configuration: ConfigurationEditor(
                file: configFile ?? places.configFile, readAnew: readAnew, forget: { await access.forget(remote: $0) }))
        let hub = EventHub(queue: queue, firstID: EventHub.firstID(at: SystemClock.wall()), complete: { await access.complete($0) })
        let run = EngineRun(
            server: ControlServer(api: api, hub: hub, path: home.socket, log: log, mostConnections: plan.frontEnds), hub: hub, queue: queue, log: log,
            idleLimit: isDaemon ? EngineProgram.idleLimit : nil, manager: manager,
            endHasBegun: {
                LastResort.end(after: EngineProgram.longestEnd, status: 1) {
                    log.error("the engine did not come to its end in time: it is ended as it is; what is written stands")
                }
            },
            reload: { if await readAnew().isEmpty { await queue.accessChanged() } },
            drain: { finish in await queue.stop(finishRunning: finish) })
        store.whenDamaged { stop.yield(.damaged($0)) }
        let reason: StopReason?
        do {
            try await queue.start()
            starting.cancel()
            // Unstructured on purpose: a large queue is looked through while the engine works, and nobody waits for it.
            if mayBeDamaged { Task { await store.findDamage() } }
            reason = try await run.run(signals: signals, stops: stops, ready: { [self] in tell(.ready) })
        } catch let error as EngineFailure {
            await queue.stop(finishRunning: false)
            throw error
        } catch {
            await queue.stop(finishRunning: false)
            throw EngineFailure("the engine cannot work (\(error)). See \(places.logFile)", exit: 1)
        }
        transport.close()
        // What is still being read is of no use to anybody; a store that is closed leaves no -wal behind.
        try? store.close()
        if case .damaged(let text)? = reason { return text }
        return nil
    }

    /// Until it is cancelled, whoever waits for the start hears that it goes on.
    private func tellOfStart(_ what: String) -> Task<Void, Never> {
        Task { [manager] in
            while manager.isThere, !Task.isCancelled {
                manager.isStarting(what, within: EngineProgram.startPause * 6)
                try? await Task.sleep(for: EngineProgram.startPause)
            }
        }
    }

    private func openStore(_ damage: String?, _ log: Logger) throws(EngineFailure) -> QueueStore {
        do throws(QueueStoreError) {
            let (store, rebuilt) = try QueueStore.openOrRebuild(path: places.database, known: damage, at: SystemClock.wall())
            if let rebuilt { log.error("the queue was damaged and is rebuilt", metadata: ["what": "\(rebuilt.text)"]) }
            return store
        } catch {
            throw EngineFailure(error.message)
        }
    }

    /// Whoever closes the queue removes its -wal: one that is there was left by a kill or a power cut.
    private static func wasCutOff(_ database: String) -> Bool { ((try? FileCopy.size(database + "-wal")) ?? 0) > 0 }

    /// Only a process that davit started has its pipe on descriptor 3, and only until the first word: later it is something else.
    private func tell(_ readiness: Daemon.Readiness) {
        let isFirst = hasSpoken.withLock { spoken in
            defer { spoken = true }
            return !spoken
        }
        if isDaemon, isFirst { Daemon.notify(readiness) }
    }

    private func settings(_ configuration: EngineConfiguration, _ plan: DescriptorPlan) -> QueueSettings {
        let engine = configuration.engine
        var settings = QueueSettings(
            uploads: engine.uploads.number ?? EngineSettings.usualUploads,
            parts: engine.parts.number ?? min(ConcurrencyController.usualStart, engine.mostParts),
            rate: engine.rateLimit, keepCancelled: engine.keepCancelled, keepHistory: engine.keepHistory, verify: engine.verify,
            version: EngineProgram.version, spoolFolder: places.spoolFolder, uploadsAuto: engine.uploads == .auto,
            partsAuto: engine.parts == .auto, mostParts: engine.mostParts,
            rateSchedule: RateSchedule(
                engine.rateSchedule, zone: engine.rateScheduleZone.flatMap(ZoneFile.named) ?? ZoneFile.local(environment["TZ"])),
            remotes: EngineProgram.limits(configuration))
        settings.affordableParts = plan.parts
        settings.localZone = ZoneFile.local(environment["TZ"])
        return settings
    }

    /// Of the remotes that have any.
    private static func limits(_ configuration: EngineConfiguration) -> [String: RemoteLimits] {
        Dictionary(configuration.remotes.filter { $0.limits != RemoteLimits() }.map { ($0.name, $0.limits) }, uniquingKeysWith: { $1 })
    }

    private static func caFiles(_ configuration: EngineConfiguration) -> [String] { Set(configuration.remotes.compactMap(\.caFile)).sorted() }

    private func uploadTransport(_ configuration: EngineConfiguration, connections: Int) throws(EngineFailure) -> CurlTransport {
        var settings = CurlTransport.Configuration()
        settings.loops = min(max(sysconf(Int32(_SC_NPROCESSORS_ONLN)), 1), EngineProgram.mostLoops)
        // Of each loop, which has only its share in flight.
        settings.maxConnections = connections
        settings.userAgent = "davit/\(EngineProgram.version)"
        do {
            settings.caFile = try TrustBundle.make(EngineProgram.caFiles(configuration), folder: places.stateFolder, environment: environment)
            return try CurlTransport(settings)
        } catch let error as FileError {
            throw EngineFailure(error.message)
        } catch {
            throw EngineFailure("no connections can be made (\(error))")
        }
    }

    /// For authorization servers, listings and probes: never held back by the rate limit.
    private func smallTransport(_ caFile: String?) throws -> any Transport {
        var settings = CurlTransport.Configuration()
        settings.maxConnections = 16
        settings.userAgent = "davit/\(EngineProgram.version)"
        settings.caFile = try TrustBundle.make(caFile.map { [$0] } ?? [], folder: places.stateFolder, environment: environment)
        return try CurlTransport(settings)
    }

    /// SIGHUP, `davit config check`. A file with an error changes nothing.
    ///
    /// - Parameter trusted: the CA files that uploads' connections were made with.
    private func reload(_ access: Access, _ book: LogBook, trusting trusted: [String]) async -> [String] {
        let log = book.logger
        // Whoever rotates logs for this machine moves the file away and says so with SIGHUP.
        book.sink.reopen()
        let reading = ConfigurationReader.load(configFile ?? places.configFile, mustExist: configFile != nil)
        guard reading.isUsable else {
            let errors = reading.errors.prefix(20).map { "\($0)" }
            for error in errors { log.error("the configuration has an error; the old one stands", metadata: ["error": "\(error)"]) }
            return errors
        }
        let old = await access.configuration
        await access.adopt(reading.configuration)
        let engine = reading.configuration.engine
        (book.choice.level, book.choice.format) = (logLevel(engine), LogLine.Format(rawValue: engine.logFormat) ?? .text)
        var before = old.engine
        (before.logLevel, before.logFormat) = (engine.logLevel, engine.logFormat)
        let engineChanged = before != engine
        log.notice(
            "the configuration was read anew",
            metadata: [
                "remotes": "\(reading.configuration.remotes.count)",
                "engine": engineChanged ? "[engine] counts from the next start on" : "as before",
                "ca-file": EngineProgram.caFiles(reading.configuration) == trusted ? "as before" : "counts for uploads from the next start on",
            ])
        return []
    }
}
