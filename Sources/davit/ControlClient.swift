import Contracts
import FoundationEssentials
import Platform

/// The engine as a command sees it: one call, one answer. Starts the engine when a command needs it and none runs.
struct ControlClient: Sendable {
    let http: LocalHTTP
    /// A command's answer may take as long as the engine needs for one look at OSS.
    var timeout: Duration = .seconds(60)
    /// The caller said how long: `--timeout`.
    private var isTimed = false

    private init(http: LocalHTTP) { self.http = http }

    /// Connects to the engine of this `DAVIT_HOME`.
    /// - Parameter start: start one when none answers.
    static func connect(_ options: GlobalOptions, start: Bool = true) async throws -> ControlClient {
        let places = try options.places()
        var client = ControlClient(http: try LocalHTTP(socketPath: options.socket ?? places.socket))
        if let timeout = try options.timeoutDuration() { (client.timeout, client.isTimed) = (timeout, true) }
        if try await client.answers() { return client }
        guard start else {
            throw Failure("the engine is not running (nothing answers at \(places.socket)). Start it with: davit engine start", exit: Exit.noEngine)
        }
        try EngineStarter.start(options, places: places)
        // The starter returns when the engine said "ready", so the first try answers; a second one covers a hand-over.
        for _ in 0..<2 where try await client.answers() { return client }
        throw Failure("the engine was started but does not answer at \(places.socket). See its log: \(places.logFile)", exit: Exit.noEngine)
    }

    /// For calls in which the engine asks OSS or the queue many times: minutes, unless `--timeout` says how long.
    var patient: ControlClient {
        var client = self
        if !isTimed { client.timeout = .seconds(600) }
        return client
    }

    /// - Throws: when an engine answers that speaks another API, which a front end of another version left running.
    func answers() async throws -> Bool {
        guard let answer = try? await http.request("GET", "/v1/settings", body: [], timeout: .seconds(5)) else { return false }
        try Self.compareVersions(api: answer.headers["Davit-API"], version: answer.headers["Davit-Version"])
        return answer.status == 200
    }

    private static let apiVersion = "1"

    /// The same API from another version works, and is said: what is new is not there until the engine has been restarted.
    private static func compareVersions(api: String?, version: String?) throws {
        let version = version.map { Output.clean(String($0.prefix(40))) }
        if let api, api != apiVersion {
            throw Failure(
                "the engine is of another davit (\(version ?? "unknown version"), this is \(davitVersion)) and speaks control API \(Output.clean(String(api.prefix(10)))), not \(apiVersion). End it (SIGTERM), then repeat: uploads go on in the new one",
                exit: Exit.noEngine)
        }
        if let version, version != davitVersion {
            Output.note(
                "davit: note: the engine is version \(version), this is \(davitVersion). Restart it: davit engine stop; uploads go on when it starts again")
        }
    }

    func get<T: Decodable>(_ type: T.Type, _ path: String) async throws -> T { try await call("GET", path, body: [], as: type) }

    func post<B: Encodable, T: Decodable>(_ path: String, _ body: B, as type: T.Type) async throws -> T {
        try await call("POST", path, body: try ContractJSON.encode(body), as: type)
    }

    func put<B: Encodable, T: Decodable>(_ path: String, _ body: B, as type: T.Type) async throws -> T {
        try await call("PUT", path, body: try ContractJSON.encode(body), as: type)
    }

    private struct HTTPReply {
        var status: Int
        var body: [UInt8]
    }

    private func call<T: Decodable>(_ method: String, _ path: String, body: [UInt8], as type: T.Type) async throws -> T {
        let answer: HTTPReply
        do {
            let reply = try await http.request(method, path, body: body, timeout: timeout)
            answer = HTTPReply(status: reply.status, body: reply.body)
        } catch where isTimed && error.isTimeout {
            throw Failure("time is over (--timeout): the engine has not answered. What it was asked to do may still be done", exit: Exit.timeout)
        } catch {
            throw Failure("the engine does not answer (\(Output.clean(error.message))). See: davit engine status", exit: Exit.noEngine)
        }
        guard (200..<300).contains(answer.status) else {
            if let refusal = try? ContractJSON.decode(ErrorBody.self, from: answer.body) { throw Failure(refusal) }
            throw Failure("the engine answered with status \(answer.status). See: davit log")
        }
        do {
            return try ContractJSON.decode(type, from: answer.body)
        } catch {
            throw Failure("the engine's answer cannot be read: engine and front end differ in version. Restart it: davit engine stop")
        }
    }

    /// `nil` where there is no such thing.
    func find<T: Decodable>(_ type: T.Type, _ path: String) async throws -> T? {
        do { return try await get(type, path) } catch let failure as Failure where failure.exit == Exit.nothingMatched { return nil }
    }

    /// The first uploads that match.
    func firstUploads(query: String, limit: Int) async throws -> ListEnvelope<UploadView> {
        try await get(ListEnvelope<UploadView>.self, "/v1/uploads?" + Self.query([("query", query), ("limit", String(limit))]))
    }

    /// Uploads that match, at most 1,000 at a time: each once, though the queue moves between two pages.
    /// - Returns: how many match.
    @discardableResult
    func eachPage(
        of query: String?, sort: String? = nil, limit: Int = .max, _ body: ([UploadView]) throws -> Void
    ) async throws -> Int {
        var seen: Set<String> = []
        var after: String?
        var (offset, total) = (0, 0)
        while seen.count < limit {
            let count = min(1_000, limit - seen.count)
            let page = try await get(
                ListEnvelope<UploadView>.self,
                "/v1/uploads?" + Self.query([
                    ("query", query), ("sort", sort), after.map { ("after", $0) } ?? ("offset", String(offset)), ("limit", String(count)),
                ]))
            total = page.total
            offset += page.items.count
            try body(page.items.filter { seen.insert($0.id).inserted })
            // A list that is sorted by what changes has no place to go on from: it is counted off.
            after = page.next
            if page.items.isEmpty || after == nil && (page.items.count < count || offset >= total) { break }
        }
        return max(total, seen.count)
    }

    /// `name=value&…` of what is not nil, percent-encoded.
    static func query(_ pairs: [(String, String?)]) -> String {
        pairs.compactMap { name, value in value.map { "\(name)=\(encode($0))" } }.joined(separator: "&")
    }

    static func encode(_ text: String) -> String {
        let digits = Array("0123456789ABCDEF".utf8)
        var out: [UInt8] = []
        for byte in text.utf8 {
            switch byte {
            case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2D, 0x2E, 0x5F, 0x7E: out.append(byte)
            default: out += [0x25, digits[Int(byte >> 4)], digits[Int(byte & 15)]]
            }
        }
        return String(decoding: out, as: UTF8.self)
    }
}
