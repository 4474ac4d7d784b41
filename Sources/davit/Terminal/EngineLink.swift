import Contracts
import Platform
import TerminalUI

/// The terminal's line to the engine: follows its events, redials when it goes away, performs what the screens ask for.
/// Everything runs in tasks; results go to the inbox.
final class EngineLink: Sendable {
    private let options: GlobalOptions
    private let inbox: Inbox
    private let client = Lock<ControlClient?>(nil)
    private let followTask = Lock<Task<Void, Never>?>(nil)
    /// Requests of one kind overtake each other: only the newest window and detail are worth asking for.
    private let windowTask = Lock<Task<Void, Never>?>(nil)
    private let detailTask = Lock<Task<Void, Never>?>(nil)
    private let historyTask = Lock<Task<Void, Never>?>(nil)
    private let planTask = Lock<Task<Void, Never>?>(nil)
    private let queuedTask = Lock<Task<Void, Never>?>(nil)
    private let log: LogTail
    private let places: Places

    /// Trying costs next to nothing on this machine, and an engine that is back is wanted at once.
    private static let longestWait = 2
    /// Without any event for so long the engine is asked whether it is there, and gets a moment to answer. Milliseconds.
    private static let silence: Int64 = 1500
    private static let patience: Int64 = 2000
    /// Milliseconds.
    private let heardAt = Lock(UILoop.now())

    init(options: GlobalOptions, inbox: Inbox, client: ControlClient, places: Places) {
        self.options = options
        log = LogTail(path: places.logFile)
        self.places = places
        self.inbox = inbox
        self.client.withLock { $0 = client }
    }

    func start() {
        inbox.post(.views(ViewFile.all(places: places)))
        redial(attempt: 0)
    }

    func stop() {
        for task in [followTask, windowTask, detailTask, historyTask, planTask, queuedTask] { task.withLock { $0?.cancel() } }
    }

    func perform(_ effect: Effect) {
        switch effect {
        case .fetchWindow(let offset, let count, let query, let sort, let version):
            replace(windowTask) { link in await link.window(offset, count, query, sort, version) }
        case .fetchDetail(let id):
            replace(detailTask) { link in await link.detail(id) }
        case .fetchHistory(let query, let sort, let after, let count, let version):
            replace(historyTask) { link in await link.history(query, sort, after, count, version) }
        case .readLog(let isWhole):
            let (inbox, log) = (inbox, log)
            Task.detached { inbox.post(log.read(isWhole: isWhole)) }
        case .fetchAuth: run { client in .auth(try await client.get(AuthStatus.self, "/v1/auth")) } failed: { .authFailed(scope: "access", message: $0) }
        case .testAuth(let scope):
            let isURL = scope.hasPrefix("oss://")
            let request = AuthTestRequest(
                remote: isURL ? nil : scope, dest: isURL ? scope : nil, credentials: options.environmentCredentials(for: scope))
            run { client in
                .authChecked(scope: scope, try await client.post("/v1/auth/test", request, as: ListEnvelope<AuthCheck>.self).items)
            } failed: { .authFailed(scope: scope, message: $0) }
        case .renewAuth(let scope):
            let request = AuthTestRequest(remote: scope.hasPrefix("oss://") ? nil : scope, dest: nil, credentials: nil)
            run { client in
                _ = try await client.post("/v1/auth/renew", request, as: AuthStatus.self)
                return .authChecked(scope: scope, [])
            } failed: { .authFailed(scope: scope, message: $0) }
        case .saveView(let name, let view):
            try? ViewFile(places: places, name: name).save(view)
        case .act(let request):
            run { client in .actionDone(try await client.post("/v1/actions", request, as: ActionResult.self)) } failed: { .actionFailed($0) }
        case .add(let sources, let dest, let orderOptions):
            let order = JobOrder(
                submissionId: Randomness.token(), sources: sources, dest: dest, options: orderOptions,
                credentials: options.environmentCredentials(for: dest))
            run { client in .jobAdded(try await client.post("/v1/jobs", order, as: JobView.self)) } failed: { .addFailed($0) }
        case .plan(let sources, let dest, let orderOptions, let checks, let version):
            let order = JobOrder(
                submissionId: Randomness.token(), sources: sources, dest: dest, options: orderOptions,
                credentials: options.environmentCredentials(for: dest))
            replace(planTask) { link in await link.plan(order, checks, version) }
        case .stopPlan: planTask.withLock { $0?.cancel() }
        case .setLimits(let change):
            run { client in .limitsChanged(try await client.put("/v1/limits", change, as: LimitsView.self)) } failed: { .limitsFailed($0) }
        case .changeConfiguration(let change):
            run { client in .configurationChanged(try await client.post("/v1/configuration", change, as: ConfigurationResult.self)) } failed: {
                .configurationFailed($0)
            }
        case .fetchSettings: run { client in .settings(try await client.get(SettingsView.self, "/v1/settings")) } failed: { .notice($0) }
        case .fetchEdits: run { client in .edits(try await client.get(ListEnvelope<EditView>.self, "/v1/edits").items) } failed: { .notice($0) }
        case .listBucket(let dest, let continuation):
            let request = ListRequest(dest: dest, credentials: options.environmentCredentials(for: dest), continuation: continuation)
            run { client in .bucketListing(dest: dest, try await client.post("/v1/list", request, as: ListResult.self)) } failed: {
                .bucketListingFailed(dest: dest, message: $0)
            }
        case .listLocal(let path):
            let inbox = inbox
            // Detached: a directory on a dead network disk may block for minutes.
            Task.detached { inbox.post(LocalListing.read(path) { inbox.post($0) }) }
        case .fetchQueued(let folder): replace(queuedTask) { link in await link.queued(folder) }
        case .reconnect: redial(attempt: 0)
        default: break
        }
    }

    private func replace(_ slot: Lock<Task<Void, Never>?>, _ work: @escaping @Sendable (EngineLink) async -> Void) {
        slot.withLock { task in
            task?.cancel()
            task = Task { [weak self] in
                guard let self else { return }
                await work(self)
            }
        }
    }

    private func run(
        _ work: @escaping @Sendable (ControlClient) async throws -> AppEvent, failed: @escaping @Sendable (String) -> AppEvent
    ) {
        guard let client = client.withLock({ $0 }) else { return inbox.post(failed("the engine does not answer")) }
        let inbox = inbox
        Task {
            do {
                inbox.post(try await work(client))
            } catch let failure as Failure {
                inbox.post(failed(failure.message))
            } catch {
                inbox.post(failed("the engine's answer cannot be read"))
            }
        }
    }

    private func window(_ offset: Int, _ count: Int, _ query: String, _ sort: String, _ version: Int) async {
        guard let client = client.withLock({ $0 }) else { return }
        let path =
            "/v1/uploads?"
            + ControlClient.query([
                ("query", query.isEmpty ? nil : query), ("sort", sort.isEmpty ? nil : sort), ("offset", String(offset)), ("limit", String(min(1000, count))),
            ])
        do {
            let list = try await client.get(ListEnvelope<UploadView>.self, path)
            inbox.post(.window(WindowAnswer(version: version, offset: offset, total: list.total, rows: list.items)))
        } catch let failure as Failure {
            if !Task.isCancelled { inbox.post(.windowFailed(version: version, message: failure.message)) }
        } catch {
            if !Task.isCancelled { inbox.post(.windowFailed(version: version, message: "the engine's answer cannot be read")) }
        }
    }

    private func history(_ query: String, _ sort: String, _ after: String?, _ count: Int, _ version: Int) async {
        guard let client = client.withLock({ $0 }) else { return }
        do {
            let page = try await client.history(query.isEmpty ? nil : query, sort: sort, after: after, limit: min(1000, count))
            inbox.post(.historyPage(version: version, page))
        } catch let failure as Failure {
            if !Task.isCancelled { inbox.post(.windowFailed(version: version, message: failure.message)) }
        } catch {
            if !Task.isCancelled { inbox.post(.windowFailed(version: version, message: "the engine's answer cannot be read")) }
        }
    }

    /// What of a folder is in the queue: of very many the first thousand.
    private func queued(_ folder: String) async {
        let special = Array("*?[]\\\"".utf8)
        guard let client = client.withLock({ $0 }), !folder.utf8.contains(where: { special.contains($0) }) else { return }
        let below = folder.utf8.last == UInt8(ascii: "/") ? folder : folder + "/"
        let query = "path:\"\(below)*\" and not state:done,cancelled,skipped"
        guard let list = try? await client.firstUploads(query: query, limit: 1000), !Task.isCancelled else { return }
        var states: [String: UploadState] = [:]
        for upload in list.items where upload.path.utf8.starts(with: below.utf8) {
            states[String(decoding: upload.path.utf8.dropFirst(below.utf8.count), as: UTF8.self)] = upload.state
        }
        inbox.post(.queued(folder: folder, states))
    }

    /// Tells the counts while they grow. Cancelled, it closes the connection, which ends the counting in the engine.
    private func plan(_ order: JobOrder, _ checks: Bool, _ version: Int) async {
        guard let client = client.withLock({ $0 }) else { return }
        do {
            let body = try ContractJSON.encode(order)
            for try await event in client.http.events("/v1/plan?progress=1" + (checks ? "" : "&checks=0"), posting: body) {
                switch event.event {
                case "progress":
                    inbox.post(.planProgress(version: version, try ContractJSON.decode(PlanProgress.self, from: event.data)))
                case "plan": return inbox.post(.planned(version: version, try ContractJSON.decode(PlanView.self, from: event.data)))
                case "error":
                    let refusal = try ContractJSON.decode(ErrorBody.self, from: event.data)
                    return inbox.post(.planFailed(version: version, message: Failure(refusal).message))
                default: break
                }
            }
            if !Task.isCancelled { inbox.post(.planFailed(version: version, message: "the engine stopped counting")) }
        } catch {
            if !Task.isCancelled { inbox.post(.planFailed(version: version, message: "the engine did not answer")) }
        }
    }

    private func detail(_ id: String) async {
        guard let client = client.withLock({ $0 }) else { return }
        let detail = try? await client.get(UploadDetail.self, "/v1/uploads/\(ControlClient.encode(id))")
        if !Task.isCancelled { inbox.post(.detail(id: id, detail)) }
    }

    /// Follows the engine's events; when they end, says so and tries again after 1 s, then every 2 s.
    private func redial(attempt: Int) {
        followTask.withLock { task in
            task?.cancel()
            task = Task { [weak self] in
                let attempts = Lock(attempt)
                while !Task.isCancelled {
                    guard let self else { return }
                    let reason = await self.watched(isRedial: attempts.withLock { $0 } > 0) { attempts.withLock { $0 = 0 } }
                    if Task.isCancelled { return }
                    let attempt = attempts.withLock { count in
                        count += 1
                        return count
                    }
                    let wait = min(Self.longestWait, 1 << min(attempt - 1, 6))
                    self.inbox.post(.engineLost(reason: reason, attempt: attempt, nextIn: wait))
                    try? await Task.sleep(for: .seconds(wait))
                }
            }
        }
    }

    /// Follows until the events end, or until an engine that says nothing does not answer either: a stopped process keeps its connections.
    private func watched(isRedial: Bool, connected: @escaping @Sendable () -> Void) async -> String {
        heardAt.withLock { $0 = UILoop.now() }
        return await withTaskGroup(of: String.self) { group in
            group.addTask { await self.follow(isRedial: isRedial, connected: connected) }
            group.addTask { await self.silenceOfEngine() }
            let reason = await group.next() ?? ""
            group.cancelAll()
            return reason
        }
    }

    private func silenceOfEngine() async -> String {
        while !Task.isCancelled {
            try? await Task.sleep(for: .milliseconds(Self.silence / 3))
            let heard = heardAt.withLock { $0 }
            guard UILoop.now() - heard >= Self.silence, let client = client.withLock({ $0 }) else { continue }
            do {
                _ = try await client.http.request("GET", "/v1/limits", timeout: .milliseconds(Self.patience))
                heardAt.withLock { $0 = UILoop.now() }
            } catch {
                if Task.isCancelled { break }
                return "the engine does not answer"
            }
        }
        return ""
    }

    /// Until the events end. `connected` is called with the first one.
    private func follow(isRedial: Bool, connected: @escaping @Sendable () -> Void) async -> String {
        guard let client = client.withLock({ $0 }) else { return "there is no engine" }
        var isFirst = true
        do {
            for try await event in client.http.events("/v1/events") {
                heardAt.withLock { $0 = UILoop.now() }
                if isFirst {
                    isFirst = false
                    if isRedial { inbox.post(.engineBack) }
                    connected()
                    if let settings = try? await client.get(SettingsView.self, "/v1/settings") { inbox.post(.settings(settings)) }
                }
                switch event.event {
                case "status":
                    if let status = try? ContractJSON.decode(StatusView.self, from: event.data) { inbox.post(.status(status)) }
                case "upload":
                    if let upload = try? ContractJSON.decode(UploadView.self, from: event.data) { inbox.post(.upload(upload)) }
                default: break
                }
            }
            return "the engine closed the connection"
        } catch {
            return Output.clean((error as? TransportError)?.message ?? "the connection broke")
        }
    }
}
