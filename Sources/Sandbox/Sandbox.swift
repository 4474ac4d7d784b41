import Glibc
import Logging
import OSSProtocol
import Platform
import ServiceLifecycle

/// A running sandbox: OSS on one port, STS and the control calls on another.
public final class Sandbox: Sendable {
    public static let version = davitVersion

    public let addresses: SandboxAddresses
    private let group: ServiceGroup
    private let running: Task<Void, Never>
    private let ended: AsyncStream<Void>
    /// Held for as long as the sandbox lives: one process a data folder.
    private let folderLock: FileLock

    private init(addresses: SandboxAddresses, group: ServiceGroup, running: Task<Void, Never>, ended: AsyncStream<Void>, lock: FileLock) {
        (self.addresses, self.group, self.running, self.ended, folderLock) = (addresses, group, running, ended, lock)
    }

    /// Opens the data folder, binds both ports and returns once they answer.
    public static func start(_ settings: SandboxSettings) async throws(SandboxError) -> Sandbox {
        let parts = try SandboxParts(settings)
        let ports = PortWaiter()
        let oss = HTTPServer(port: settings.ossPort) { request, body in await parts.oss.respond(to: request, body: body) }
        let sts = HTTPServer(port: settings.stsPort) { request, body in
            if request.path.hasPrefix(ControlService.prefix) { return await parts.control.respond(to: request, body: body) }
            if request.path.hasPrefix(MetadataService.prefix) { return await parts.metadata.respond(to: request, body: body) }
            return await parts.sts.respond(to: request, body: body)
        }
        let services: [any Service]
        do {
            services = [try oss.service { ports.found(.oss, $0) }, try sts.service { ports.found(.sts, $0) }]
        } catch {
            throw SandboxError("cannot serve", why: "\(error)", remedy: "This is a fault of the sandbox; please report it")
        }
        var logger = Logger(label: "davit-sandbox")
        logger.logLevel = .critical
        let group = ServiceGroup(configuration: .init(services: services, logger: logger))
        let (ended, end) = AsyncStream<Void>.makeStream()
        // Unstructured: the servers live until `stop()`, not as long as the caller of `start`.
        let running = Task {
            do { try await group.run() } catch { ports.failed(error) }
            end.finish()
        }
        guard let (ossPort, stsPort) = await ports.both() else {
            running.cancel()
            await group.triggerGracefulShutdown()
            throw await ports.error(settings)
        }
        return Sandbox(
            addresses: SandboxAddresses(
                ossEndpoint: "http://127.0.0.1:\(ossPort)", stsEndpoint: "http://127.0.0.1:\(stsPort)", region: settings.region,
                bucket: settings.bucket, accessKeyID: settings.accessKeyID, accessKeySecret: settings.accessKeySecret.reveal(),
                roleARN: settings.roleARN, data: parts.data), group: group, running: running, ended: ended, lock: parts.lock)
    }

    /// Ends both servers: open requests get up to a second. What was stored stays.
    public func stop() async {
        await group.triggerGracefulShutdown()
        await withTaskGroup(of: Void.self) { race in
            race.addTask { [ended] in for await _ in ended {} }
            race.addTask { try? await Task.sleep(for: .seconds(1)) }
            await race.next()
            race.cancelAll()
        }
        running.cancel()
    }
}

/// Everything a sandbox consists of but its sockets.
struct SandboxParts: Sendable {
    let data: String
    let lock: FileLock
    let store: ObjectStore
    let oss: OSSService
    let sts: STSService
    let metadata: MetadataService
    let control: ControlService

    init(_ settings: SandboxSettings, wall: @escaping @Sendable () -> Timestamp = { SystemClock.wall() }) throws(SandboxError) {
        let buckets = [(name: settings.bucket, region: nil)] + settings.otherBuckets
        for bucket in buckets {
            do throws(OSSLimitError) { try OSSLimits.check(bucket: bucket.name) } catch {
                throw SandboxError("the bucket cannot be made", why: error.description, remedy: "Choose another name with --bucket")
            }
        }
        let clock = SandboxClock(offset: settings.clockOffset, wall: wall)
        let (log, faults) = (RequestLog(), FaultScript(seed: settings.seed))
        for text in settings.faults {
            do throws(FaultRuleError) { _ = try faults.add(try FaultRule(text)) } catch {
                throw SandboxError("the fault rule \"\(text)\" cannot be used", why: error.description, remedy: "See: davit-sandbox --help")
            }
        }
        data = settings.data ?? SandboxParts.temporaryFolder()
        let path = data
        let tokens: TokenStore
        do {
            try SecureFile.makeFolders(data)
            guard let lock = try FileLock.take("\(data)/lock") else {
                throw SandboxError(
                    "the data folder \(data) cannot be used", why: "another davit-sandbox runs on it",
                    remedy: "End that one or choose another --data DIR")
            }
            self.lock = lock
            tokens = try TokenStore(folder: data, life: settings.tokenLife)
            store = try ObjectStore(root: data, syncs: settings.syncs, usesMD5: !settings.quickETags)
            for bucket in buckets {
                let region = bucket.region == settings.region ? nil : bucket.region
                var record = store.bucket(bucket.name) ?? BucketRecord(created: clock.now, region: region)
                if record.region == region, store.hasBucket(bucket.name) { continue }
                record.region = region
                try store.makeBucket(bucket.name, record)
            }
        } catch let error as SandboxError {
            throw error
        } catch {
            let why = (error as? FileError)?.message ?? "\(error)"
            throw SandboxError(
                "the data folder \(path) cannot be used", why: why, remedy: "Choose a folder that you may write, with --data DIR")
        }
        let keys = AccessKeys(
            accessKeyID: settings.accessKeyID, secret: settings.accessKeySecret, tokens: tokens, roles: Roles(settings))
        let switches = Lock(SandboxSwitches(isStrict: settings.isStrict, onlyVersion4: settings.onlyVersion4))
        oss = OSSService(
            settings: settings, store: store, authentication: Authentication(lookup: keys.lookup), clock: clock, faults: faults, log: log,
            callbacks: CallbackCaller(), switches: switches, regions: Set(settings.otherBuckets.compactMap(\.region) + [settings.region]))
        let server = CallServer(latency: settings.latency, clock: clock, faults: faults, log: log)
        sts = STSService(settings: settings, keys: keys, server: server)
        metadata = MetadataService(settings: settings, keys: keys, server: server, switches: switches)
        control = ControlService(store: store, keys: keys, switches: switches, faults: faults, clock: clock, log: log)
    }

    private static func temporaryFolder() -> String {
        let base = getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp"
        return "\(base)/davit-sandbox-\(randomHex(6))"
    }
}

/// Waits for both ports, or for the first failure.
private final class PortWaiter: Sendable {
    enum Which: Sendable { case oss, sts }

    private struct State {
        var oss, sts: Int?
        var failure: String?
        var portIsTaken = false
        var waiter: CheckedContinuation<Void, Never>?
    }

    private let state = Lock(State())

    func found(_ which: Which, _ port: Int) {
        change { state in
            switch which {
            case .oss: state.oss = port
            case .sts: state.sts = port
            }
        }
    }

    func failed(_ error: any Error) {
        change { state in
            state.failure = "\(error)"
            state.portIsTaken = "\(error)".contains("errno: \(EADDRINUSE)") || "\(error)".contains("Address already in use")
        }
    }

    private func change(_ body: (inout State) -> Void) {
        let waiter: CheckedContinuation<Void, Never>? = state.withLock { state in
            body(&state)
            guard state.failure != nil || (state.oss != nil && state.sts != nil) else { return nil }
            defer { state.waiter = nil }
            return state.waiter
        }
        waiter?.resume()
    }

    /// `nil` after a failure.
    func both() async -> (oss: Int, sts: Int)? {
        await withCheckedContinuation { continuation in
            let isSettled = state.withLock { state in
                if state.failure != nil || (state.oss != nil && state.sts != nil) { return true }
                state.waiter = continuation
                return false
            }
            if isSettled { continuation.resume() }
        }
        return state.withLock { state in
            guard state.failure == nil, let oss = state.oss, let sts = state.sts else { return nil }
            return (oss, sts)
        }
    }

    func error(_ settings: SandboxSettings) async -> SandboxError {
        let (failure, isTaken, oss) = state.withLock { ($0.failure ?? "no reason is known", $0.portIsTaken, $0.oss) }
        let (port, option) = oss == nil ? (settings.ossPort, "--oss-port") : (settings.stsPort, "--sts-port")
        return SandboxError(
            "cannot listen on 127.0.0.1:\(port)", why: isTaken ? "the port is in use" : failure,
            remedy: "Give another one with \(option), or 0 for a free one")
    }
}
