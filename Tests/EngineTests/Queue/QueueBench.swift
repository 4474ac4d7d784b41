import Contracts
import FoundationEssentials
import Glibc
import Logging
import OSSProtocol
import Platform
import Testing
import TransferCore

@testable import Engine

/// Time that moves when it is told to.
final class ManualClock: Sendable {
    private let now = Lock(Timestamp(milliseconds: 1_795_000_000_000))
    var value: Timestamp { now.withLock { $0 } }
    func advance(_ by: Duration) { now.withLock { $0 = $0 + by } }
    var clocks: EngineLoop.Clocks { EngineLoop.Clocks(wall: { self.value }, steady: { self.value }) }
}

/// A folder, a store in it, a model OSS, and engine loops over them, one after the other.
final class QueueBench: Sendable {
    let folder: String
    let oss = ModelOSS()
    let authorizer = FakeAuthorizer()
    let clock = ManualClock()
    let rate = Lock<[Int64?]>([])

    init() {
        // In memory where there is such a place: what is flushed here a thousand times need not wear out a disk.
        let place = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp"
        var template = Array("\(place)/davit-queue-XXXXXX".utf8CString)
        folder = String(
            decoding: template.withUnsafeMutableBufferPointer { buffer -> [UInt8] in
                guard let base = buffer.baseAddress, let made = mkdtemp(base) else { return [] }
                return Array(UnsafeBufferPointer(start: made, count: strlen(made))).map { UInt8(bitPattern: $0) }
            }, as: UTF8.self)
        setClock()
    }

    deinit { Files.removeTree(folder) }

    private func setClock() {
        let clock = clock
        oss.setClock { clock.value }
    }

    var database: String { folder + "/davit.sqlite" }

    func store(hook: (@Sendable (Int, Bool) throws -> Void)? = nil) throws -> QueueStore { try QueueStore(path: database, hook: hook) }

    func loop(
        _ store: QueueStore? = nil, settings: QueueSettings = QueueSettings(uploads: 3, parts: 4, partSize: 1 << 20),
        resolver: FakeResolver = FakeResolver(), policy: RetryPolicy = RetryPolicy(), wall: ManualClock? = nil, hook: (@Sendable (Int, Bool) throws -> Void)? = nil,
        waits: @escaping @Sendable () -> TransportWaits = { TransportWaits() }
    ) async throws -> EngineLoop {
        var log = Logger(label: "test")
        log.logLevel = .critical
        var clocks = clock.clocks
        if let wall { clocks.wall = { wall.value } }
        var settings = settings
        // However slow the machine: what a small order's answer says is not a matter of time here.
        settings.scanPatience = .seconds(5)
        let loop = EngineLoop(
            store: try store ?? self.store(hook: hook), transport: oss, setRateLimit: { rate in self.rate.withLock { $0.append(rate) } },
            authorizer: authorizer, resolver: resolver, clocks: clocks, settings: settings, policy: policy, transportWaits: waits, log: log, seed: 7)
        try await loop.start(ticking: false)
        return loop
    }

    /// A file with bytes that no two places share.
    @discardableResult
    func file(_ name: String, _ size: Int, seed: UInt64 = 1) -> String {
        let path = folder + "/" + name
        Files.write(path, Files.bytes(size, seed: seed))
        return path
    }

    func order(_ sources: [String], _ dest: String = "oss://b/", id: String = "s1", _ change: (inout OrderOptions) -> Void = { _ in })
        -> JobOrder
    {
        var options = OrderOptions()
        change(&options)
        return JobOrder(submissionId: id, sources: sources, dest: dest, options: options)
    }

    /// Lets the engine work, its clock running fast, until the condition holds; fails when it does not within 40 real seconds.
    func until(
        _ loop: EngineLoop, _ what: String, step: Duration = .milliseconds(100), location: SourceLocation = #_sourceLocation,
        _ condition: () async throws -> Bool
    ) async throws {
        let deadline = ContinuousClock.now + .seconds(40)
        while ContinuousClock.now < deadline {
            if try await condition() { return }
            clock.advance(step)
            await loop.tick()
            try await Task.sleep(for: .milliseconds(2))
        }
        let counts = await loop.status().counts.filter { $0.value > 0 }
        Issue.record("never: \(what); \(counts), \(await loop.diagnosis)", sourceLocation: location)
        throw Never.happened
    }

    enum Never: Error { case happened }

    func states(_ loop: EngineLoop, _ query: String? = nil) async throws -> [String: UploadState] {
        let list = try await loop.uploads(UploadsRequest(query: query, limit: 1000))
        return Dictionary(list.items.map { ($0.key, $0.state) }, uniquingKeysWith: { $1 })
    }

    func untilAllEnded(_ loop: EngineLoop, location: SourceLocation = #_sourceLocation) async throws {
        try await until(loop, "every upload has ended", location: location) {
            let status = await loop.status()
            return status.counts["scanning"] == 0
                && UploadState.allCases.filter { !$0.isEnded }.allSatisfy { status.counts[$0.rawValue] == 0 }
        }
        // Whatever happened, every slot came back.
        #expect(await loop.partSlotsUsed == 0, sourceLocation: location)
    }
}

extension EngineLoop {
    /// No request is under way or being made ready.
    var asksNothing: Bool { runs.values.allSatisfy { $0.flights.isEmpty } }

    /// For the message of a test that waited in vain.
    var diagnosis: String {
        let some = runs.values.prefix(3).map { run in
            "\(run.state) landing \(run.isLanding) saving \(run.isSaving) flights \(run.flights.values.map(\.kind)) actions \(run.actions.count)"
        }
        return """
            runs \(runs.count) \(some), ready \(ready.count), dry \(isDry), refilling \(isRefilling), blocked \(startsBlocked), \
            slots \(partSlotsUsed), waiting puts \(waitingPuts.count), gates \(gates.values.map { ($0.name, $0.isProbing) }), \
            pending \(pending.count), flushing \(isFlushing) delayed \(isFlushDelayed), trouble \(diskTrouble != nil)
            """
    }
}

enum Files {
    static func bytes(_ count: Int, seed: UInt64) -> [UInt8] {
        var random = SeededRandom(seed)
        var bytes = [UInt8]()
        bytes.reserveCapacity(count + 8)
        while bytes.count < count { withUnsafeBytes(of: random.next()) { bytes.append(contentsOf: $0) } }
        return Array(bytes.prefix(count))
    }

    static func write(_ path: String, _ bytes: [UInt8]) {
        let descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
        defer { close(descriptor) }
        var done = 0
        while done < bytes.count {
            let count = bytes.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress! + done, bytes.count - done) }
            guard count > 0 else { return }
            done += count
        }
    }

    static func folder(_ path: String) { mkdir(path, 0o700) }

    static func removeTree(_ path: String) { try? FileManager.default.removeItem(atPath: path) }
}
