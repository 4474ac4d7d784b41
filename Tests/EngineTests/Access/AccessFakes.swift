import Contracts
import FoundationEssentials
import Glibc
import Logging
import OSSProtocol
import Platform

@testable import Engine

/// A clock that stands still until a test moves it.
final class SteppedClock: Sendable {
    private let time: Lock<Timestamp>

    init(_ text: String = "2026-01-15T08:30:00Z") { time = Lock(Timestamp(iso8601: text) ?? Timestamp(seconds: 0)) }

    var now: Timestamp { time.withLock { $0 } }
    func advance(_ duration: Duration) { time.withLock { $0 = $0 + duration } }

    func server() -> ServerClock { ServerClock(steady: { self.now }, wall: { self.now }) }
}

/// Answers requests by a rule and remembers them.
final class RuleTransport: Transport {
    typealias Rule = @Sendable (HTTPRequest) async throws(TransportError) -> HTTPResponse

    private let rule: Rule
    private let seen = Lock<[HTTPRequest]>([])

    init(_ rule: @escaping Rule) { self.rule = rule }

    var requests: [HTTPRequest] { seen.withLock { $0 } }

    func send(
        _ request: HTTPRequest, body: FileBody?, options: SendOptions, progress: (@Sendable (Int64) -> Void)?
    ) async throws(TransportError) -> TransportReply {
        seen.withLock { $0.append(request) }
        return TransportReply(response: try await rule(request), bodyCRC64: 0, bodyBytesSent: 0)
    }
}

/// A folder that is gone with the value.
final class TemporaryFolder: Sendable {
    let path: String

    init() {
        var template = Array("/tmp/davit-engine-tests.XXXXXX".utf8CString)
        path = template.withUnsafeMutableBufferPointer { buffer in
            guard let start = buffer.baseAddress, let made = mkdtemp(start) else { return "/nonexistent" }
            return String(cString: made)
        }
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    @discardableResult
    func write(_ name: String, _ text: String, mode: mode_t = 0o600) -> String {
        let file = path + "/" + name
        _ = FileManager.default.createFile(atPath: file, contents: Data(text.utf8))
        chmod(file, mode)
        return file
    }

    func mode(_ file: String) -> mode_t? {
        var information = stat()
        return stat(file, &information) == 0 ? information.st_mode & 0o777 : nil
    }

    func read(_ name: String) -> String {
        String(decoding: FileManager.default.contents(atPath: path + "/" + name) ?? Data(), as: UTF8.self)
    }
}

/// Keeps what is logged, to look for secrets in it.
final class LogCatcher: Sendable {
    private let lines = Lock<[String]>([])
    var text: String { lines.withLock { $0.joined(separator: "\n") } }
    func add(_ line: String) { lines.withLock { $0.append(line) } }

    func logger() -> Logger {
        var logger = Logger(label: "test", factory: { _ in Handler(catcher: self) })
        logger.logLevel = .trace
        return logger
    }

    private struct Handler: LogHandler {
        let catcher: LogCatcher
        var metadata: Logger.Metadata = [:]
        var logLevel: Logger.Level = .trace
        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { metadata[key] }
            set { metadata[key] = newValue }
        }
        func log(event: LogEvent) { catcher.add("\(event.level) \(event.message) \(event.metadata ?? [:]) \(metadata)") }
    }
}

let quietLog = Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })

func makeAccess(
    _ toml: String, in folder: TemporaryFolder, clock: SteppedClock = SteppedClock(), environment: [String: String] = [:],
    transport: any Transport = RuleTransport { _ in HTTPResponse(status: 500) }, log: Logger = quietLog
) -> Access {
    let reading = ConfigurationReader.read(Array(toml.utf8), file: folder.path + "/config.toml")
    for problem in reading.errors { print(problem) }
    return Access(
        configuration: reading.configuration, environment: environment, folder: folder.path, clock: clock.server(), log: log,
        makeTransport: { _ in transport })
}

/// What an authorization server answers to `POST /v1/credentials`.
func credentialsAnswer(
    id: String = "STS.one", secret: String = "s3cret-one", token: String = "t0ken-one", expires: Timestamp?, now: Timestamp,
    bucket: String? = "media-ingest", prefix: String? = "uploads/camera-7/", policy: String? = nil
) -> HTTPResponse {
    let answer = CredentialsAnswer(
        accessKeyId: id, accessKeySecret: secret, securityToken: token, expiration: expires?.iso8601, serverTime: now.iso8601,
        bucket: bucket,
        region: "cn-hangzhou", endpoint: "http://127.0.0.1:9000", prefix: prefix, policy: policy)
    return HTTPResponse(status: 200, body: (try? AuthorizationJSON.encode(answer)) ?? [])
}

/// Opens a file to everybody.
func chmodAll(_ path: String) { chmod(path, 0o644) }
