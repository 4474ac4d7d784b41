import Contracts
import FoundationEssentials
import Platform

/// The engine as a command sees it: one call, one answer. Starts the engine when a command needs it and none runs.
struct ControlClient: Sendable {
    let http: LocalHTTP
    /// A command's answer may take as long as the engine needs for one look at OSS.
    var timeout: Duration = .seconds(60)

    /// Connects to the engine of this `DAVIT_HOME`.
    /// - Parameter start: start one when none answers.
    static func connect(_ options: GlobalOptions, start: Bool = true) async throws -> ControlClient {
        let places = try options.places()
        let client = ControlClient(http: try LocalHTTP(socketPath: options.socket ?? places.socket))
        if try await client.answers() { return client }
        guard start else {
            throw Failure("the engine is not running (nothing answers at \(places.socket)). Start it with: davit engine start", exit: Exit.noEngine)
        }
        try EngineStarter.start(options, places: places)
        // The starter returns when the engine said "ready", so the first try answers; a second one covers a hand-over.
        for _ in 0..<2 where try await client.answers() { return client }
        throw Failure("the engine was started but does not answer at \(places.socket). See its log: \(places.logFile)", exit: Exit.noEngine)
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

    /// All uploads that match, by pages of 1,000.
    func allUploads(query: String?, sort: String? = nil, limit: Int = .max) async throws -> ListEnvelope<UploadView> {
        var items: [UploadView] = []
        var total = 0
        while items.count < limit {
            let page = try await get(
                ListEnvelope<UploadView>.self,
                "/v1/uploads?" + Self.query([
                    ("query", query), ("sort", sort), ("offset", String(items.count)), ("limit", String(min(1000, limit - items.count))),
                ]))
            total = page.total
            items += page.items
            if page.items.isEmpty || items.count >= total { break }
        }
        return ListEnvelope(items: items, total: total, truncated: items.count < total)
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
