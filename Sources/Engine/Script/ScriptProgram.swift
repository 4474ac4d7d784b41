import Contracts
import Glibc
import Logging
import Platform

/// `davit-engine run --script FILE`: the real socket, server and events of an engine, and a script where the queue, the network and the
/// disk would be. For tests of front ends; it has a home of its own and touches no queue.
public struct ScriptProgram: Sendable {
    private static let mostBytes = 4 << 20

    let environment: [String: String]
    let file: String
    let socket: String?
    let isDaemon: Bool

    public init(environment: [String: String], file: String, socket: String?, isDaemon: Bool) {
        (self.environment, self.file, self.socket, self.isDaemon) = (environment, file, socket, isDaemon)
    }

    public func run() async throws(EngineFailure) {
        do throws(EngineFailure) {
            try await play()
        } catch {
            if isDaemon { Daemon.notify(.failed("davit-engine: error: \(error.message)")) }
            throw error
        }
    }

    private func play() async throws(EngineFailure) {
        umask(0o077)
        Signals.ignorePipe()
        let signals = Signals.arrivals(of: [SIGTERM, SIGINT, SIGHUP])
        let places = try EngineProgram.places(environment)
        // Nobody's uploads may seem to be gone because a script answers in their place.
        guard environment["DAVIT_HOME"].map({ !$0.isEmpty }) == true, Glibc.access(places.database, F_OK) != 0 else {
            throw EngineFailure("a script is played only in a DAVIT_HOME of its own, in which there is no queue")
        }
        let bytes: [UInt8]
        do throws(FileError) {
            bytes = try SecureFile.read(file, limit: ScriptProgram.mostBytes, mustBePrivate: false)
        } catch {
            throw EngineFailure(error.message)
        }
        let script = try Script.read(bytes, file: file)
        let home: EngineHome
        do throws(EngineHome.Failure) {
            home = try EngineHome.enter(places, socket: socket)
        } catch {
            guard case .unusable(let text) = error else { throw EngineFailure("an engine runs in \(places.stateFolder) already", exit: 1) }
            throw EngineFailure(text)
        }
        let log = Logger(label: "davit") { _ in SwiftLogNoOpLogHandler() }
        let queue = ScriptedQueue(script, record: ActionRecord(folder: places.stateFolder))
        let reading = ConfigurationReader.load(places.configFile)
        let access = Access(
            configuration: reading.configuration, environment: environment, folder: places.credentialsFolder,
            clock: ServerClock(steady: { SystemClock.steady() }, wall: { SystemClock.wall() }), log: log,
            makeTransport: { _ in throw EngineFailure("a played engine has no network") })
        let (stops, stop) = AsyncStream.makeStream(of: StopReason.self)
        let api = ControlAPI(
            queue: queue, access: access, remote: RemoteOperations(access: access, queue: queue), log: log,
            stop: { stop.yield(.asked(finish: $0)) }, reload: { [] },
            configuration: ConfigurationEditor(
                file: places.configFile,
                readAnew: {
                    let reading = ConfigurationReader.load(places.configFile)
                    if reading.isUsable { await access.adopt(reading.configuration) }
                    return reading.errors.map(\.description)
                }, forget: { await access.forget(remote: $0) }))
        let hub = EventHub(queue: queue, firstID: EventHub.firstID(at: SystemClock.wall()), complete: { await access.complete($0) })
        let run = EngineRun(
            server: ControlServer(api: api, hub: hub, path: home.socket, log: log), hub: hub, queue: queue, log: log, idleLimit: nil, reload: {},
            drain: { _ in })
        let playing = Task { await queue.play() }
        defer { playing.cancel() }
        do {
            try await run.run(signals: signals, stops: stops, ready: { if isDaemon { Daemon.notify(.ready) } })
        } catch {
            throw EngineFailure("the engine cannot work (\(error))", exit: 1)
        }
    }
}
