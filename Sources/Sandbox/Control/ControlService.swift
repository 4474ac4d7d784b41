import OSSProtocol
import Platform

/// The calls under `/_sandbox/`: what the sandbox holds, what it saw, and how it shall behave. JSON in and out, no authentication:
/// it is served on loopback only, and to loopback names only, so that no web page can reach it under a name of its own.
///
///     POST   /_sandbox/tokens/expire    all tokens made so far, or {"access_key_id": "STS.…"}
///     GET    /_sandbox/tokens/life      {"seconds": 5} or {"seconds": null}
///     POST   /_sandbox/tokens/life      {"seconds": 5}: tokens made from now on live so long; null: as asked for
///     POST   /_sandbox/oidc/tokens      {"subject"?, "seconds"?}: a token that AssumeRoleWithOIDC takes until it expires
///     POST   /_sandbox/keys             {"access_key_id", "access_key_secret", "security_token"?, "seconds"?}: one more key, until it ends
///     GET    /_sandbox/settings         {"strict_addressing", "v4_only", "metadata_token_required"}
///     POST   /_sandbox/settings         any of them
///     GET    /_sandbox/faults           the rules, with how often each fitted and hit
///     POST   /_sandbox/faults           a rule as text, as an object, or a list of them
///     DELETE /_sandbox/faults[/ID]
///     GET    /_sandbox/clock            {"now": …, "offset": seconds}
///     POST   /_sandbox/clock            {"offset": seconds}
///     GET    /_sandbox/objects          key, size, sha256, crc64, etag … of every object; ?prefix=, ?sha256=false
///     GET    /_sandbox/uploads          open multipart uploads with their parts
///     GET    /_sandbox/requests         the last requests; ?since=SEQUENCE
///     DELETE /_sandbox/requests
struct ControlService: Sendable {
    let store: ObjectStore
    let keys: AccessKeys
    let switches: Lock<SandboxSwitches>
    let faults: FaultScript
    let clock: SandboxClock
    let log: RequestLog

    static let prefix = "/_sandbox"
    private static let mostBodyBytes = 1 << 20

    struct Failure: Error {
        var status: Int
        var message: String
    }

    func respond(to request: IncomingRequest, body: consuming IncomingBody) async -> Delivery {
        var body = body
        guard let bytes = try? await body.collect(upTo: ControlService.mostBodyBytes) else { return .closed }
        do throws(Failure) {
            return .whole(try perform(request, bytes))
        } catch {
            return .whole(.json(["error": error.message], status: error.status))
        }
    }

    private func perform(_ request: IncomingRequest, _ body: [UInt8]) throws(Failure) -> Answer {
        let host = ServiceAddress.withoutPort(request.host).asciiLower
        guard host == "localhost" || host == "127.0.0.1" || host == "[::1]" else {
            throw Failure(status: 403, message: "the control calls answer to 127.0.0.1 and localhost only, not to \(host)")
        }
        let path = String(request.path.dropFirst(ControlService.prefix.count))
        switch (request.method, path) {
        case ("POST", "/tokens/expire"): return try expireTokens(body)
        case ("GET", "/tokens/life"): return .json(Life(seconds: keys.tokens.life))
        case ("POST", "/tokens/life"): return try setLife(body)
        case ("POST", "/oidc/tokens"): return try makeIdentityToken(body)
        case ("POST", "/keys"): return try addKey(body)
        case ("GET", "/settings"): return .json(switches.withLock { $0 })
        case ("POST", "/settings"): return try turnSwitches(body)
        case ("GET", "/faults"): return .json(["faults": faults.entries.map(FaultView.init)])
        case ("POST", "/faults"): return try addFaults(body)
        case ("DELETE", "/faults"): return .json(["removed": faults.remove(id: nil)])
        case ("GET", "/clock"): return .json(ClockView(clock))
        case ("POST", "/clock"): return try setClock(body)
        case ("GET", "/objects"): return try objects(request)
        case ("GET", "/uploads"): return .json(["uploads": store.allUploads().map { UploadView($0.bucket, $0.upload) }])
        case ("GET", "/requests"): return .json(log.page(since: request.parameter("since").flatMap { Int(digits: $0) } ?? 0))
        case ("DELETE", "/requests"):
            log.clear()
            return .json(["cleared": true])
        case ("DELETE", let path) where path.hasPrefix("/faults/"):
            guard let id = Int(digits: String(path.dropFirst(8))), faults.remove(id: id) == 1 else {
                throw Failure(status: 404, message: "there is no such rule; GET \(ControlService.prefix)/faults lists them")
            }
            return .json(["removed": 1])
        default:
            throw Failure(
                status: 404,
                message:
                    "\(request.method) \(request.path) is not known: tokens/expire, tokens/life, oidc/tokens, keys, settings, faults, "
                    + "clock, objects, uploads, requests are"
            )
        }
    }

    func read<Value: Decodable>(_ type: Value.Type, _ body: [UInt8], _ example: String) throws(Failure) -> Value {
        do { return try JSON.decode(type, body) } catch { throw Failure(status: 400, message: "the body is not such as \(example)") }
    }

    // MARK: Tokens and clock

    private struct ExpireOrder: Decodable {
        var accessKeyID: String?

        enum CodingKeys: String, CodingKey { case accessKeyID = "access_key_id" }
    }

    private struct Life: Codable {
        var seconds: Int?

        /// Written even when it is null.
        func encode(to encoder: any Encoder) throws {
            var object = encoder.container(keyedBy: CodingKeys.self)
            try object.encode(seconds, forKey: .seconds)
        }
        enum CodingKeys: String, CodingKey { case seconds }
    }

    private func expireTokens(_ body: [UInt8]) throws(Failure) -> Answer {
        let order = body.isEmpty ? ExpireOrder() : try read(ExpireOrder.self, body, #"{"access_key_id": "STS.…"}"#)
        do throws(FileError) { try keys.tokens.expire(accessKeyID: order.accessKeyID) } catch {
            throw Failure(status: 500, message: error.message)
        }
        return .json(["expired": order.accessKeyID ?? "all"])
    }

    private func setLife(_ body: [UInt8]) throws(Failure) -> Answer {
        let life = try read(Life.self, body, #"{"seconds": 5}"#)
        guard life.seconds.map({ TokenStore.lives.contains($0) }) ?? true else {
            throw Failure(status: 400, message: "seconds must be 1 to 43200 or null")
        }
        do throws(FileError) { try keys.tokens.setLife(life.seconds) } catch { throw Failure(status: 500, message: error.message) }
        return .json(life)
    }

    private struct ClockView: Encodable {
        var now: String
        var offset: Double

        init(_ clock: SandboxClock) {
            (now, offset) = (clock.now.iso8601Milliseconds, Double(clock.offset.inMilliseconds) / 1000)
        }
    }

    private struct ClockOrder: Decodable { var offset: Double }

    private func setClock(_ body: [UInt8]) throws(Failure) -> Answer {
        let order = try read(ClockOrder.self, body, #"{"offset": 61}, in seconds"#)
        guard abs(order.offset) <= SandboxClock.largestOffset else { throw Failure(status: 400, message: "offset is too large") }
        clock.offset = .milliseconds(Int64(order.offset * 1000))
        return .json(ClockView(clock))
    }

    // MARK: Faults

    private struct FaultView: Encodable {
        var id: Int
        var rule: String
        /// Requests that it fits.
        var seen: Int
        /// Requests that were hit.
        var hits: Int

        init(_ entry: FaultScript.Entry) { (id, rule, seen, hits) = (entry.id, entry.rule.text, entry.seen, entry.hits) }
    }

    private func addFaults(_ body: [UInt8]) throws(Failure) -> Answer {
        do throws(FaultRuleError) {
            let rules = try FaultRule.list(body)
            var ids: [Int] = []
            for rule in rules { ids.append(try faults.add(rule)) }
            return .json(["faults": faults.entries.filter { ids.contains($0.id) }.map(FaultView.init)], status: 201)
        } catch {
            throw Failure(status: 400, message: error.description)
        }
    }
}
