import Glibc
import OSSProtocol
import Testing

@testable import Sandbox

/// Through real sockets: what a handler alone cannot show.
@Suite(.serialized) struct ServerTests {
    /// A raw connection to one of the ports.
    private final class Connection {
        private let descriptor: Int32

        init(port: Int) throws {
            descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
            var address = sockaddr_in()
            address.sin_family = sa_family_t(AF_INET)
            address.sin_port = in_port_t(UInt16(port).bigEndian)
            address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
            let done = withUnsafePointer(to: &address) { pointer in
                pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
                }
            }
            try #require(done == 0)
            var patience = timeval(tv_sec: 20, tv_usec: 0)
            setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
        }

        deinit { close(descriptor) }

        func send(_ bytes: [UInt8]) { _ = Glibc.send(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL)) }
        func send(_ text: String) { send(Array(text.utf8)) }
        func endSending() { shutdown(descriptor, Int32(SHUT_WR)) }

        /// Up to `count` bytes more, or what came until the end; `nil` after a reset.
        func receive(_ count: Int = 1 << 20) -> String? {
            var all: [UInt8] = []
            var buffer = [UInt8](repeating: 0, count: 65_536)
            while all.count < count {
                let got = recv(descriptor, &buffer, min(buffer.count, count - all.count), 0)
                if got < 0 { return nil }
                if got == 0 { break }
                all += buffer[..<got]
            }
            return String(decoding: all, as: UTF8.self)
        }

        /// Until that text has come.
        func receive(until end: String) -> String? {
            var text = ""
            while !text.hasSuffix(end) {
                guard let next = receive(1), !next.isEmpty else { return nil }
                text += next
            }
            return text
        }
    }

    private final class Running {
        let sandbox: Sandbox
        let folder: String

        init(_ change: (inout SandboxSettings) -> Void = { _ in }) async throws {
            folder = "/tmp/davit-sandbox-test-\(randomHex(8))"
            var settings = SandboxSettings()
            (settings.data, settings.ossPort, settings.stsPort) = (folder, 0, 0)
            change(&settings)
            sandbox = try await Sandbox.start(settings)
        }

        deinit { Caller.remove(folder) }

        func connection() throws -> Connection {
            let port = sandbox.addresses.ossEndpoint.split(separator: ":").last.flatMap { Int($0) }
            return try Connection(port: try #require(port))
        }

        /// The head of a signed request, up to the empty line.
        func head(_ method: String, _ key: String, _ more: [String], query: [QueryItem] = [], virtual: Bool = false) throws -> String {
            let settings = SandboxSettings()
            let endpoint = try Endpoint(sandbox.addresses.ossEndpoint)
            let address = BucketAddress(endpoint: endpoint, addressing: .path, region: settings.region, bucket: settings.bucket)
            let key = ObjectKey(key)
            let signed = V4Signer(region: settings.region).sign(
                address.request(method: method, key: key, query: query), resource: address.resource(key),
                credentials: Credentials(accessKeyID: settings.accessKeyID, accessKeySecret: settings.accessKeySecret),
                now: SandboxClock().now)
            let path = virtual ? String(signed.path.dropFirst(settings.bucket.utf8.count + 1)) : signed.path
            let host = virtual ? "\(settings.bucket).localhost" : signed.host
            let fields = signed.headers.fields.map { "\($0.name): \($0.value)" } + more
            return (["\(method) \(path)\(signed.query.map { "?" + $0 } ?? "") HTTP/1.1", "Host: \(host)"] + fields).joined(
                separator: "\r\n")
                + "\r\n\r\n"
        }

        /// Stops, and reads what is on the disk.
        func stored() async throws -> [String] {
            await sandbox.stop()
            let names = try ObjectStore(root: folder, syncs: false, usesMD5: true).allObjects().map { $0.object.key.description }
            for bucket in try StoreFiles.list("\(folder)/buckets") {
                #expect(try StoreFiles.list("\(folder)/buckets/\(bucket)/content").isEmpty)
            }
            return names
        }
    }

    @Test(arguments: [false, true]) func aKeyWithDotSegmentsGoesThroughUnchanged(virtual: Bool) async throws {
        let running = try await Running()
        let connection = try running.connection()

        connection.send(try running.head("PUT", "a/../b//./c", ["Content-Length: 3"], virtual: virtual) + "abc")

        #expect(connection.receive(12) == "HTTP/1.1 200")
        #expect(try await running.stored() == ["a/../b//./c"])
    }

    @Test func aChunkedBodyIsTaken() async throws {
        let running = try await Running()
        let connection = try running.connection()

        connection.send(try running.head("PUT", "k", ["Transfer-Encoding: chunked"]) + "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n")

        #expect(connection.receive(12) == "HTTP/1.1 200")
        #expect(try await running.stored() == ["k"])
    }

    @Test(arguments: ["Content-Length: 50", "Transfer-Encoding: chunked"], [false, true])
    func aTornBodyStoresNothing(length: String, isHalfClosed: Bool) async throws {
        let running = try await Running()
        var connection: Connection? = try running.connection()
        let body = length.hasPrefix("T") ? "5\r\nabcde\r\n" : "abcde"

        connection?.send(try running.head("PUT", "k", [length]) + body)
        if isHalfClosed {
            connection?.endSending()
            #expect(connection?.receive()?.contains(" 200 ") != true)
        }
        connection = nil

        #expect(try await running.stored() == [])
    }

    @Test func aPutWithoutALengthGets411() async throws {
        let running = try await Running()
        let connection = try running.connection()

        connection.send(try running.head("PUT", "k", []))

        #expect(connection.receive(12) == "HTTP/1.1 411")
        await running.sandbox.stop()
    }

    @Test func aClientThatWaitsIsAskedForTheBody() async throws {
        let running = try await Running()
        let connection = try running.connection()

        connection.send(try running.head("PUT", "k", ["Content-Length: 3", "Expect: 100-continue"]))
        #expect(connection.receive(until: "\r\n\r\n")?.hasPrefix("HTTP/1.1 100") == true)
        connection.send("abc")

        #expect(connection.receive(12) == "HTTP/1.1 200")
        #expect(try await running.stored() == ["k"])
    }

    @Test func aClientThatWaitsIsRefusedWithoutTheBody() async throws {
        let running = try await Running()
        let connection = try running.connection()

        connection.send("PUT /sandbox-bucket/k HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n")

        #expect(connection.receive()?.hasPrefix("HTTP/1.1 403") == true)
        await running.sandbox.stop()
    }

    @Test(arguments: [("reset", nil), ("reset bytes=2", nil), ("lost-answer", "")] as [(String, String?)])
    func aBrokenConnectionIsSeenAsSuch(rule: String, received: String?) async throws {
        let running = try await Running { $0.faults = [rule] }
        let connection = try running.connection()

        connection.send(try running.head("PUT", "k", ["Content-Length: 3"]) + "abc")

        #expect(connection.receive() == received)
        #expect(try await running.stored() == (rule == "lost-answer" ? ["k"] : []))
    }

    @Test func aTruncatedAnswerEndsBeforeItsLength() async throws {
        let running = try await Running { $0.faults = ["truncate operation=GetObject"] }
        var connection = try running.connection()
        connection.send(try running.head("PUT", "k", ["Content-Length: 4"]) + "abcd")
        #expect(connection.receive(12) == "HTTP/1.1 200")
        connection = try running.connection()

        connection.send(try running.head("GET", "k", []))

        let text = try #require(connection.receive())
        #expect(text.contains("Content-Length: 4\r\n") && text.hasSuffix("\r\n\r\nab"))
        await running.sandbox.stop()
    }

    @Test func aConnectionGoesOnAfterARefusal() async throws {
        let running = try await Running { $0.faults = ["503 count=1"] }
        let connection = try running.connection()

        connection.send(try running.head("PUT", "k", ["Content-Length: 3"]) + "abc")
        let first = try #require(connection.receive(until: "</Error>"))
        connection.send(try running.head("PUT", "k", ["Content-Length: 3"]) + "abc")

        #expect(first.hasPrefix("HTTP/1.1 503"))
        #expect(connection.receive(12) == "HTTP/1.1 200")
        #expect(try await running.stored() == ["k"])
    }

    @Test func aPortInUseIsNamed() async throws {
        let running = try await Running()
        let port = try #require(running.sandbox.addresses.ossEndpoint.split(separator: ":").last.flatMap { Int($0) })

        let error = await #expect(throws: SandboxError.self) { _ = try await Running { $0.ossPort = port } }

        #expect(error?.what.contains(String(port)) == true && error?.why == "the port is in use")
        await running.sandbox.stop()
    }

    @Test func theSettingsArePrintedForAShellAndForPrograms() async throws {
        let running = try await Running()
        let addresses = running.sandbox.addresses

        let json = try JSON.decode(VectorValue.self, Array(addresses.json.utf8)).texts
        #expect(
            Set(json.keys) == [
                "oss_endpoint", "sts_endpoint", "region", "bucket", "access_key_id", "access_key_secret", "role_arn", "data",
            ])
        #expect(addresses.exports.split(separator: "\n").contains("export OSS_ENDPOINT=\(addresses.ossEndpoint)"))
        #expect(SandboxAddresses.quoted("it's $HOME") == #"'it'\''s $HOME'"#)
        await running.sandbox.stop()
    }
}
