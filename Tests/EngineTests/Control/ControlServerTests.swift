import Contracts
import Glibc
import OSSProtocol
import Platform
import Testing

@testable import Engine

@Suite(.serialized) struct ControlServerTests {
    let queue = FakeQueueService()
    private let folder = TemporaryFolder()

    /// A server on a socket of its own, for as long as `body` runs.
    func serving(
        drain: @escaping @Sendable (Bool) async -> Void = { _ in }, idleLimit: Duration? = nil,
        _ body: @escaping @Sendable (LocalHTTP, String, EventHub) async throws -> Void
    ) async throws {
        let access = makeAccess("", in: folder)
        let hub = EventHub(queue: queue, complete: { await access.complete($0) })
        let path = folder.path + "/engine.sock"
        let (stops, stop) = AsyncStream.makeStream(of: StopReason.self)
        let (signals, _) = AsyncStream.makeStream(of: Int32.self)
        let api = ControlAPI(
            queue: queue, access: access, remote: RemoteOperations(access: access, queue: queue), log: quietLog,
            stop: { stop.yield(.asked(finish: $0)) }, reload: { [] })
        let run = EngineRun(
            server: ControlServer(api: api, hub: hub, path: path, log: quietLog), hub: hub, queue: queue, log: quietLog,
            idleLimit: idleLimit, idleStep: .milliseconds(5), reload: {}, drain: { finish in await drain(finish) })
        let (readiness, ready) = AsyncStream.makeStream(of: Void.self)
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask {
                defer { ready.finish() }
                try await run.run(signals: signals, stops: stops, ready: { ready.finish() })
            }
            for await _ in readiness {}
            let client = try LocalHTTP(socketPath: path)
            do { try await body(client, path, hub) } catch {
                stop.yield(.asked(finish: false))
                throw error
            }
            stop.yield(.asked(finish: false))
            try await tasks.waitForAll()
        }
    }

    @Test func aRoundTripOverTheSocket() async throws {
        try await serving { client, path, _ in
            let status = try await client.request("GET", "/v1/status", timeout: .seconds(5))
            let wrong = try await client.request("GET", "/v1/none", timeout: .seconds(5))

            let view = try ContractJSON.decode(StatusView.self, from: status.body)
            #expect(status.status == 200 && status.headers["Davit-API"] == "1" && view.revision == 3)
            #expect(wrong.status == 404 && wrong.headers["Davit-API"] == "1")
            #expect(self.folder.mode(path) == 0o600)
        }
    }

    @Test func bodiesAreBounded() async throws {
        try await serving { client, _, _ in
            let large = [UInt8](repeating: 0x20, count: (4 << 20) + 1)

            let list = try await client.request("POST", "/v1/list", body: large, timeout: .seconds(20))
            let jobs = try await client.request("POST", "/v1/jobs", body: large, timeout: .seconds(20))

            #expect(list.status == 413)
            #expect(jobs.status == 400)
        }
    }

    @Test func eventsArriveAndTheReaderIsCounted() async throws {
        let queue = queue
        try await serving { client, _, hub in
            var kinds: [String] = []
            for try await event in client.events("/v1/events") {
                kinds.append(event.event)
                if kinds.count == 1 {
                    #expect(queue.state.withLock { $0.frontEnds } == 1)
                    queue.say(.upload(queue.upload("u-1")))
                }
                if event.event == "upload" {
                    #expect(String(decoding: event.data, as: UTF8.self).contains(#""id":"u-1""#) && event.id != nil)
                    break
                }
            }
            #expect(kinds == ["status", "upload"])
            await settle { await hub.readerCount == 0 }
        }
        #expect(queue.state.withLock { $0.frontEnds } == 0)
    }

    @Test func aSocketFileLeftBehindIsReplacedAndTakenAwayAtTheEnd() async throws {
        leaveSocket(folder.path + "/engine.sock")

        try await serving { client, _, _ in
            let answer = try await client.request("GET", "/v1/limits", timeout: .seconds(5))
            #expect(answer.status == 200)
        }

        #expect(folder.mode(folder.path + "/engine.sock") == nil)
    }

    @Test func aFileThatIsNoSocketIsLeftAlone() async {
        folder.write("engine.sock", "mine")

        await #expect(throws: (any Error).self) { try await self.serving { _, _, _ in } }

        #expect(folder.read("engine.sock") == "mine")
    }

    @Test(.timeLimit(.minutes(1))) func anEngineThatNobodyNeedsEndsByItselfButNotWhileSomebodyIsAttached() async throws {
        let isAttached = Lock(false)
        let endedWhileAttached = Lock(false)
        let (ends, ended) = AsyncStream.makeStream(of: Void.self)
        let drain: @Sendable (Bool) async -> Void = { _ in
            endedWhileAttached.withLock { $0 = isAttached.withLock { $0 } }
            ended.finish()
        }

        let queue = queue
        try await serving(drain: drain, idleLimit: .milliseconds(20)) { client, _, _ in
            for try await _ in client.events("/v1/events") {
                isAttached.withLock { $0 = true }
                // Looked at every 5 ms: the limit passes many times over.
                while queue.state.withLock({ $0.looks < 50 }), !endedWhileAttached.withLock({ $0 }) { await Task.yield() }
                isAttached.withLock { $0 = false }
                break
            }
            for await _ in ends {}
        }

        #expect(!endedWhileAttached.withLock { $0 })
    }

    @Test(.timeLimit(.minutes(1))) func anEngineThatOwesAnAbortDoesNotEndBeforeItIsPaid() async throws {
        let isOwing = Lock(true)
        let endedOwing = Lock(false)
        let (ends, ended) = AsyncStream.makeStream(of: Void.self)
        let drain: @Sendable (Bool) async -> Void = { _ in
            endedOwing.withLock { $0 = isOwing.withLock { $0 } }
            ended.finish()
        }
        let target = Target(
            scope: "s", remote: nil, bucket: "b", region: "r", endpoint: "http://127.0.0.1:9", addressing: "path", prefix: "", isKey: false)
        queue.state.withLock { $0.ledger = [LedgerEntry(bucket: "b", key: ObjectKey("k"), uploadID: "U", upload: nil, target: target)] }

        let queue = queue
        try await serving(drain: drain, idleLimit: .milliseconds(20)) { _, _, _ in
            // Looked at every 5 ms: the limit passes many times over.
            while queue.state.withLock({ $0.looks < 50 }), !endedOwing.withLock({ $0 }) { await Task.yield() }
            isOwing.withLock { $0 = false }
            queue.state.withLock { $0.ledger = [] }
            for await _ in ends {}
        }

        #expect(!endedOwing.withLock { $0 })
    }

    @Test func finishingGoesOnAnsweringAndStoppingCutsItShort() async throws {
        let drains = Lock<[Bool]>([])
        let (gate, open) = AsyncStream.makeStream(of: Void.self)

        let drain: @Sendable (Bool) async -> Void = { finish in
            drains.withLock { $0.append(finish) }
            if finish { for await _ in gate {} } else { open.finish() }
        }
        try await serving(drain: drain) { client, _, _ in
            _ = try await client.request("POST", "/v1/engine/stop", body: Array(#"{"finish":true}"#.utf8), timeout: .seconds(5))
            await settle { drains.withLock { !$0.isEmpty } }
            let during = try await client.request("GET", "/v1/status", timeout: .seconds(5))
            #expect(during.status == 200)
        }

        #expect(drains.withLock { $0 } == [true, false])
    }

    @Test func stoppingOverTheSocketEndsTheRunWithEventsOpen() async throws {
        try await serving { client, _, _ in
            for try await _ in client.events("/v1/events") {
                let answer = try await client.request("POST", "/v1/engine/stop", body: Array("{}".utf8), timeout: .seconds(5))
                #expect(answer.status == 202)
                break
            }
        }
    }
}

/// A socket file as an engine leaves it that was killed.
private func leaveSocket(_ path: String) {
    let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
    _ = withUnsafePointer(to: &address) { pointer in
        pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size)) }
    }
    close(descriptor)
}

@Suite struct EngineHomeTests {
    private let folder = TemporaryFolder()

    @Test func oneHomeHasOneEngine() throws {
        let places = try Places(environment: ["DAVIT_HOME": folder.path])
        let first = try EngineHome.enter(places, socket: nil)

        var pid: Int?
        do throws(EngineHome.Failure) {
            _ = try EngineHome.enter(places, socket: nil)
        } catch {
            if case .running(let holder) = error { pid = holder }
        }

        #expect(pid == Int(getpid()))
        #expect(folder.mode(places.credentialsFolder) == 0o700 && folder.mode(places.runFolder) == 0o700)
        withExtendedLifetime(first) {}
    }

    @Test func twoRunFoldersNeverShareAQueue() throws {
        let run = ["a", "b"].map { folder.path + "/" + $0 }
        let places = try run.map { try Places(environment: ["HOME": folder.path, "XDG_RUNTIME_DIR": $0]) }
        let first = try EngineHome.enter(places[0], socket: nil)

        var text = ""
        do throws(EngineHome.Failure) {
            _ = try EngineHome.enter(places[1], socket: nil)
        } catch {
            if case .unusable(let reason) = error { text = reason }
        }

        #expect(text.contains("XDG_RUNTIME_DIR"))
        withExtendedLifetime(first) {}
    }

    @Test func aHomeThatCannotBeMadeIsOneSentence() throws {
        folder.write("file", "x")
        let places = try Places(environment: ["DAVIT_HOME": folder.path + "/file/home"])

        var text = ""
        do throws(EngineHome.Failure) {
            _ = try EngineHome.enter(places, socket: nil)
        } catch {
            if case .unusable(let reason) = error { text = reason }
        }

        #expect(text.contains(folder.path + "/file"))
    }

    // MARK: - Idle

    @Test(
        arguments: [
            (["queued": 1], 0, true), (["held": 1], 0, true), (["retrying": 2], 0, true), (["done": 5, "failed": 1], 0, false),
            (["paused": 1], 0, false),
            ([:], 1, true), ([:], 0, false),
        ] as [([String: Int], Int, Bool)]) func anEngineIsNeededWhileSomethingIsToDoOrSomebodyLooks(
            _ counts: [String: Int], _ frontEnds: Int, _ isBusy: Bool
        ) async
    {
        let queue = FakeQueueService()
        queue.state.withLock { ($0.counts, $0.frontEnds) = (counts, frontEnds) }

        #expect(EngineRun.isBusy(await queue.status()) == isBusy)
    }

    // MARK: - config check, path, show

    @Test func checkingPrintsEveryProblemAndExitsTwo() throws {
        let file = folder.write("config.toml", "thema = 1\n[engine]\nuploads = 0\n")
        let places = try Places(environment: ["DAVIT_HOME": folder.path])

        let result = ConfigurationCommand.check(file: nil, places: places, json: false)

        #expect(result.exit == 2 && result.output.isEmpty)
        #expect(result.complaints.split(separator: "\n").allSatisfy { $0.hasPrefix(file + ":") && $0.contains(": error: ") })
    }

    @Test func whatIsShownIsReadBackAsTheSame() throws {
        let text = """
            default-remote = "a"
            [engine]
            uploads = 3
            rate-limit = "50MiB"
            rate-schedule = ["Mon-Fri 08:00-18:00 20MiB", "else none"]
            [remote.a]
            bucket = "abc"
            region = "cn-x"
            prefix = "é \\"in\\"/"
            [remote.a.credentials]
            kind = "static"
            access-key-id = "LTAI"
            access-key-secret-file = "secret"
            [remote.b.credentials]
            kind = "broker"
            url = "https://auth.example.com"
            token-file = "/t"
            """
        folder.write("config.toml", text)
        let places = try Places(environment: ["DAVIT_HOME": folder.path])

        let shown = ConfigurationCommand.show(file: nil, places: places, json: false)

        let original = ConfigurationReader.read(Array(text.utf8), file: places.configFile)
        let again = ConfigurationReader.read(Array(shown.output.utf8), file: places.configFile)
        #expect(shown.exit == 0 && original.isUsable)
        #expect(again.configuration == original.configuration, "\(shown.output)\(again.problems)")
    }
}
