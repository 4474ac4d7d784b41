import Contracts
import Credentials
import FoundationEssentials
import Logging
import Platform

/// The control API without its socket: a request in, an answer out. Secrets come in with orders; none goes out.
///
/// Source: docs/interface.md, "Control API".
struct ControlAPI: Sendable {
    /// Orders name many sources, everything else is small. Bytes.
    static func bodyLimit(_ path: String) -> Int { path == "/v1/jobs" || path == "/v1/plan" ? 16 << 20 : 4 << 20 }

    /// So long may a front end wait for a job's end with one request. Milliseconds.
    private static let mostPatience = 30_000

    let queue: any QueueService
    let access: Access
    let remote: RemoteOperations
    let log: Logger
    /// Ends the engine: after the running uploads when true.
    let stop: @Sendable (_ finish: Bool) -> Void
    /// Reads the configuration anew. The errors that made it keep the old one.
    let reload: @Sendable () async -> [String]
    /// `nil`: there is no file to change.
    var configuration: ConfigurationEditor?

    func handle(_ request: ControlRequest) async -> ControlResponse {
        guard let pieces = request.pieces, let parameters = request.parameters else {
            return .error(400, code: "BadRequest", message: "the address cannot be read (broken percent-encoding or no UTF-8)", exit: 2)
        }
        if pieces == ["metrics"] {
            guard request.method == "GET" else { return ControlAPI.wrongMethod(request, allowed: "GET", hasHead: true) }
            let status = await status()
            let text = Metrics.text(status, await queue.metrics(), process: ProcessFigures.now(age: status.engine.uptime))
            return ControlResponse(status: 200, contentType: "text/plain; version=0.0.4; charset=utf-8", body: Array(text.utf8))
        }
        guard pieces.first == "v1" else { return ControlAPI.unknown(request) }
        do throws(OrderError) {
            return try await route(request, Array(pieces.dropFirst()), parameters)
        } catch {
            return .error(error)
        }
    }

    private func route(
        _ request: ControlRequest, _ path: [String], _ parameters: [String: String]
    ) async throws(OrderError) -> ControlResponse {
        switch (request.method, path.count, path.first, path.count > 1 ? path[1] : "") {
        case ("GET", 1, "status", _): return .json(await status())
        case ("GET", 1, "uploads", _): return .json(try await queue.uploads(try ControlAPI.window(parameters)))
        case ("GET", 2, "uploads", let id):
            guard let detail = await queue.upload(id) else { return .notFound("there is no upload “\(PlainText.line(id, limit: 60))”") }
            return .json(detail)
        case ("POST", 1, "jobs", _):
            let order = try ControlAPI.decode(JobOrder.self, request.body)
            return .json(try await queue.add(try ControlAPI.checked(order)), status: 201)
        case ("GET", 2, "jobs", let id):
            let patience = Duration.milliseconds(try ControlAPI.number(parameters, "wait_ms", 0...ControlAPI.mostPatience, or: 0))
            guard let job = await queue.job(id, withUploads: parameters["uploads"] != "none", endingWithin: patience) else {
                return .notFound("there is no job “\(PlainText.line(id, limit: 60))”")
            }
            return .json(job)
        case ("POST", 1, "actions", _): return .json(try await act(try ControlAPI.decode(ActionRequest.self, request.body)))
        case ("GET", 1, "limits", _): return .json(await queue.limits())
        case ("PUT", 1, "limits", _): return .json(try await setLimits(try ControlAPI.decode(LimitsChange.self, request.body)))
        case ("GET", 1, "settings", _): return .json(await access.settings())
        case ("POST", 1, "configuration", _):
            return .json(try await change(try ControlAPI.decode(ConfigurationChange.self, request.body)))
        case ("GET", 1, "remotes", _):
            let remotes = await access.settings().remotes
            return .json(ListEnvelope(items: remotes, total: remotes.count))
        case ("POST", 1, "list", _): return .json(try await remote.list(try ControlAPI.decode(ListRequest.self, request.body)))
        case ("POST", 1, "presign", _): return .json(try await remote.presign(try ControlAPI.decode(PresignRequest.self, request.body)))
        case ("POST", 1, "orphans", _):
            let found = try await remote.orphans(try ControlAPI.decode(OrphansRequest.self, request.body))
            return .json(ListEnvelope(items: found.items, total: found.items.count, truncated: found.isCut))
        case ("GET", 1, "auth", _): return .json(await authStatus())
        case ("POST", 2, "auth", "test"):
            let checks = try await remote.test(try ControlAPI.decode(AuthTestRequest.self, request.body))
            return .json(ListEnvelope(items: checks, total: checks.count))
        case ("POST", 2, "auth", "renew"):
            let asked = try ControlAPI.decode(AuthTestRequest.self, request.body)
            do throws(OrderError) {
                try await access.renew(remote: asked.remote)
            } catch {
                // Of several remotes others may have been renewed.
                await queue.accessChanged()
                throw error
            }
            await queue.accessChanged()
            return .json(await authStatus())
        case ("POST", 2, "engine", "stop"):
            let asked = try ControlAPI.decode(StopRequest.self, request.body.isEmpty ? Array("{}".utf8) : request.body)
            log.notice("asked to stop", metadata: ["finish": "\(asked.finish ?? false)"])
            stop(asked.finish ?? false)
            return .json(StopAnswer(stopping: true, finish: asked.finish ?? false), status: 202)
        case ("POST", 2, "engine", "reload"):
            let errors = await reload()
            if errors.isEmpty { await queue.accessChanged() }
            return .json(ReloadAnswer(reloaded: errors.isEmpty, errors: errors))
        default:
            if let answer = try await historyRoute(request, path, parameters) { return answer }
            if let allowed = ControlAPI.methods(path) { return ControlAPI.wrongMethod(request, allowed: allowed, hasHead: path != ["events"]) }
            return ControlAPI.unknown(request)
        }
    }

    /// The queue's status with what only the access half knows.
    func status() async -> StatusView { await access.complete(await queue.status()) }

    /// Every remote, and every order's credentials that are in use.
    private func authStatus() async -> AuthStatus {
        await access.openRemotes()
        let status = await status()
        return AuthStatus(leases: status.leases, clockOffset: status.clockOffset)
    }

    // MARK: - Reading requests

    private struct AnyJSON: Decodable { init(from decoder: any Decoder) {} }
    private struct StopRequest: Decodable { var finish: Bool? }
    private struct ReloadAnswer: Encodable {
        var schema = 1
        var reloaded: Bool
        var errors: [String]
    }
    private struct StopAnswer: Encodable {
        var schema = 1
        var stopping: Bool
        var finish: Bool
    }

    static func decode<T: Decodable>(_ type: T.Type, _ body: [UInt8]) throws(OrderError) -> T {
        do {
            return try ContractJSON.decode(type, from: body)
        } catch {
            throw OrderError(code: "BadRequest", message: "the body is not what this call takes (\(why(error, body)))", exit: 2)
        }
    }

    /// Names the place only: a value could be a secret.
    private static func why(_ error: any Error, _ body: [UInt8]) -> String {
        guard let error = error as? DecodingError else { return "no JSON" }
        let place: ([any CodingKey]) -> String = { $0.map(\.stringValue).joined(separator: ".") }
        switch error {
        case .keyNotFound(let key, let context): return "“\(place(context.codingPath + [key]))” is missing"
        case .typeMismatch(_, let context), .valueNotFound(_, let context):
            return "“\(place(context.codingPath))” has the wrong type"
        case .dataCorrupted(let context):
            guard context.codingPath.isEmpty else { return "“\(place(context.codingPath))” has a wrong value" }
            // The decoder says the same of what is no JSON and of a number that does not fit.
            return (try? ContractJSON.decode(AnyJSON.self, from: body)) == nil ? "no JSON" : "a number is too large or has a fraction"
        @unknown default: return "no JSON"
        }
    }

    static func checked(_ order: JobOrder) throws(OrderError) -> JobOrder {
        let wrong: (String) -> OrderError = { OrderError(code: "BadRequest", message: $0, exit: 2) }
        guard (1...200).contains(order.submissionId.utf8.count) else { throw wrong("“submission_id” takes 1 to 200 bytes") }
        guard !order.sources.isEmpty else { throw wrong("“sources” is empty. Name at least one path") }
        if let relative = order.sources.first(where: { $0.utf8.first != UInt8(ascii: "/") }) {
            throw wrong("“\(PlainText.line(relative, limit: 100))” is not an absolute path. The engine has its own working folder")
        }
        guard order.dest != nil || order.options.signedUrl != nil else { throw wrong("“dest” is missing") }
        return order
    }

    static func window(_ parameters: [String: String]) throws(OrderError) -> UploadsRequest {
        let given: (String) -> String? = { parameters[$0].flatMap { $0.isEmpty ? nil : $0 } }
        return UploadsRequest(
            query: given("query"), sort: given("sort"), offset: try number(parameters, "offset", 0...Int(Int32.max), or: 0),
            after: given("after"), limit: try number(parameters, "limit", 1...1000, or: 100))
    }

    private static func number(
        _ parameters: [String: String], _ name: String, _ range: ClosedRange<Int>, or standard: Int
    ) throws(OrderError) -> Int {
        guard let text = parameters[name] else { return standard }
        guard let value = Int(text), range.contains(value) else {
            throw OrderError(
                code: "BadRequest", message: "“\(name)” takes a number from \(range.lowerBound) to \(range.upperBound)", exit: 2)
        }
        return value
    }

    // MARK: - Wrong addresses

    private static func methods(_ path: [String]) -> String? {
        switch path {
        case ["status"], ["uploads"], ["settings"], ["remotes"], ["auth"], ["events"], ["history"], ["edits"]: "GET"
        case ["jobs"], ["actions"], ["configuration"], ["list"], ["presign"], ["orphans"], ["verify"], ["plan"], ["auth", "test"], ["auth", "renew"], ["engine", "stop"],
            ["engine", "reload"]:
            "POST"
        case ["limits"]: "GET or PUT"
        case _ where path.count == 3 && path[0] == "jobs" && path[2] == "receipt": "GET"
        default: path.count == 2 && (path[0] == "uploads" || path[0] == "jobs") ? "GET" : nil
        }
    }

    /// - Parameter hasHead: an endless answer has none.
    private static func wrongMethod(_ request: ControlRequest, allowed: String, hasHead: Bool) -> ControlResponse {
        var response = ControlResponse.error(
            405, code: "MethodNotAllowed", message: "\(PlainText.line(request.path, limit: 100)) takes \(allowed)", exit: 2)
        let methods = allowed.split(separator: " ").filter { $0 != "or" }
        response.allowed = (methods.contains("GET") && hasHead ? ["GET", "HEAD"] + methods.dropFirst() : methods).joined(separator: ", ")
        return response
    }

    private static func unknown(_ request: ControlRequest) -> ControlResponse {
        .error(
            404, code: "NoSuchCall",
            message:
                "this engine has no \(PlainText.line(request.method, limit: 20)) \(PlainText.line(request.path, limit: 100)). It may be older than the program that asks: restart it with davit engine stop",
            exit: 2)
    }
}
