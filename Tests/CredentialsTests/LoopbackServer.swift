import Glibc
import OSSProtocol
import Platform
import Wire

@testable import Credentials

/// A real HTTP server on loopback that keeps what it was asked and answers as the test says, one request a connection.
final class LoopbackServer: Sendable {
    struct Seen: Sendable {
        var method: String
        /// With the query.
        var path: String
        /// Lower-case names.
        var headers: [String: String]
        /// Of a form, decoded.
        var form: [String: String]
    }

    let port: Int
    private let listener: Int32
    private let asked = Lock<[Seen]>([])
    private let answer: @Sendable (Seen) -> String?

    var seen: [Seen] { asked.withLock { $0 } }
    var url: String { "http://127.0.0.1:\(port)" }

    /// - Parameter answer: everything of it, see `http`; `nil` for silence until the client gives up.
    init(_ answer: @escaping @Sendable (Seen) -> String?) {
        self.answer = answer
        listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let descriptor = listener
        withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                _ = bind(descriptor, $0, length)
                _ = getsockname(descriptor, $0, &length)
            }
        }
        port = Int(UInt16(bigEndian: address.sin_port))
        listen(listener, 16)
        startThread(name: "loopback") { [asked] in
            while true {
                let connection = accept(descriptor, nil, nil)
                // Closed by the one thread that uses it: its number may be another server's at once.
                guard connection >= 0 else {
                    close(descriptor)
                    return
                }
                startThread(name: "loopback") {
                    if let request = LoopbackServer.read(connection) {
                        asked.withLock { $0.append(request) }
                        if let text = answer(request) {
                            let bytes = Array(text.utf8)
                            _ = send(connection, bytes, bytes.count, Int32(MSG_NOSIGNAL))
                        } else {
                            var byte: UInt8 = 0
                            _ = recv(connection, &byte, 1, 0)
                        }
                    }
                    close(connection)
                }
            }
        }
    }

    deinit { shutdown(listener, Int32(SHUT_RDWR)) }

    private static func read(_ connection: Int32) -> Seen? {
        var bytes: [UInt8] = []
        while !bytes.suffix(4).elementsEqual([13, 10, 13, 10]) {
            var byte: UInt8 = 0
            guard recv(connection, &byte, 1, 0) == 1 else { return nil }
            bytes.append(byte)
        }
        let lines = String(decoding: bytes, as: UTF8.self).split(separator: "\r\n")
        let words = lines[0].split(separator: " ")
        var headers: [String: String] = [:]
        for line in lines.dropFirst() {
            let name = line.prefix { $0 != ":" }
            headers[name.lowercased()] = String(line.dropFirst(name.count + 1).drop { $0 == " " })
        }
        var body: [UInt8] = []
        let length = headers["content-length"].flatMap { Int($0) } ?? 0
        var buffer = [UInt8](repeating: 0, count: 4096)
        while body.count < length {
            let count = recv(connection, &buffer, min(buffer.count, length - body.count), 0)
            guard count > 0 else { return nil }
            body += buffer[0..<count]
        }
        let items = QueryItem.parse(String(decoding: body, as: UTF8.self))
        let form = Dictionary(items.map { ($0.name, $0.value ?? "") }, uniquingKeysWith: { first, _ in first })
        return Seen(method: String(words[0]), path: String(words[1]), headers: headers, form: form)
    }
}

func http(_ status: Int, _ body: String = "", _ headers: String...) -> String {
    let fields = headers.map { $0 + "\r\n" }.joined()
    return "HTTP/1.1 \(status) Said\r\nContent-Length: \(body.utf8.count)\r\nConnection: close\r\n\(fields)\r\n\(body)"
}

let credentialJSON =
    #"{"Code":"Success","AccessKeyId":"STS.NU1","AccessKeySecret":"the-secret-of-1","SecurityToken":"CAIS-token-1","Expiration":"2026-01-15T09:30:00Z"}"#
let credentialValue = Credentials(
    accessKeyID: "STS.NU1", accessKeySecret: Secret("the-secret-of-1"), securityToken: Secret("CAIS-token-1"),
    expiration: Timestamp(iso8601: "2026-01-15T09:30:00Z"))

/// What an STS says; the number tells answers apart.
func stsJSON(_ number: Int) -> String {
    #"{"RequestId":"R-\#(number)","Credentials":{"AccessKeyId":"STS.NU\#(number)","AccessKeySecret":"secret-\#(number)","#
        + #""SecurityToken":"CAIS-\#(number)","Expiration":"2026-01-15T09:30:00Z"}}"#
}

func stsError(_ code: String, _ message: String = "Because.") -> String {
    #"{"RequestId":"R-9","HostId":"sts","Code":"\#(code)","Message":"\#(message)"}"#
}

func transport() throws -> CurlTransport {
    var configuration = CurlTransport.Configuration()
    configuration.loops = 1
    return try CurlTransport(configuration)
}

/// What the source failed with; a success is an error of the test.
func failure(of provider: any CredentialProvider) async -> ProviderFailure? {
    do throws(ProviderFailure) {
        _ = try await provider.fetch()
        return nil
    } catch {
        return error
    }
}

extension ProviderFailure {
    /// What people read.
    var text: String {
        switch self {
        case .notConfigured(let text), .refused(let text), .unavailable(_, let text): text
        }
    }
    var isRefused: Bool { if case .refused = self { true } else { false } }
    var isUnavailable: Bool { if case .unavailable = self { true } else { false } }
    var isNotConfigured: Bool { if case .notConfigured = self { true } else { false } }
}

/// A folder that goes with its owner.
final class ScratchFolder {
    let path: String
    init() throws {
        var template = Array("/tmp/davit-credentials-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw FileError(path: "/tmp", errno: errno, what: "cannot be written") }
        path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
    deinit {
        for entry in files { unlink("\(path)/\(entry)") }
        rmdir(path)
    }
    private var files: [String] = []

    /// - Returns: its path.
    func write(_ name: String, _ text: String, mode: mode_t = 0o600) throws -> String {
        files.append(name)
        try SecureFile.write("\(path)/\(name)", Array(text.utf8), mode: mode)
        return "\(path)/\(name)"
    }
}

/// Counts and hands out: a source that keeps its credentials until they are refused.
final class KeepingProvider: CredentialProvider {
    let kind = "static"
    let fingerprint: String
    private let keys: Lock<[Credentials]>
    private let refusals = Lock<[String?]>([])
    init(_ keys: [Credentials], fingerprint: String = "keeping") { (self.keys, self.fingerprint) = (Lock(keys), fingerprint) }

    /// What each fetch was told.
    var asked: [String?] { refusals.withLock { $0 } }

    func fetch(refusing accessKeyID: String?) async throws(ProviderFailure) -> IssuedCredentials {
        refusals.withLock { $0.append(accessKeyID) }
        let next = keys.withLock { keys -> Credentials? in
            if keys.first?.accessKeyID == accessKeyID, keys.count > 1 { keys.removeFirst() }
            return keys.first
        }
        guard let next else { throw .notConfigured("there is nothing") }
        return IssuedCredentials(credentials: next)
    }
}
