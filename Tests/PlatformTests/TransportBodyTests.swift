import Glibc
import OSSProtocol
import Testing

@testable import Platform
@testable import Wire

/// Bodies on the wire: both ways of reading, all sizes, the rate limit, progress.
@Suite struct TransportBodyTests {
    static func request(_ method: String, _ server: ScriptedServer, path: String = "/b/k", body: [UInt8] = []) -> HTTPRequest {
        HTTPRequest(method: method, scheme: "http", host: "127.0.0.1:\(server.port)", path: path, body: body)
    }

    @Test(arguments: [0, 1, 4096, 61_440, 61_441, 524_288, 524_289, 2_000_003], [Duration.zero, .milliseconds(1)])
    func everySizeArrivesWholeReadEitherWay(size: Int, slowRead: Duration) async throws {
        let transport = try CurlTransport(.init(), slowRead: slowRead)
        let server = ScriptedServer { _ in .answer(answer("200 OK")) }
        let file = try TestFile(size + 3)

        let reply = try await transport.send(Self.request("PUT", server), body: file.body(2..<(size + 2)), options: .init(), progress: nil)

        let sent = Array(file.bytes[2..<(size + 2)])
        #expect(server.seen[0].body == sent)
        #expect(server.seen[0].header("Content-Length") == "\(size)")
        #expect(reply.bodyCRC64 == crc64(sent))
        #expect(reply.bodyBytesSent == Int64(size))
    }

    @Test(arguments: [Duration.zero, .milliseconds(1)]) func manyAtOnceDoNotMixTheirBytes(slowRead: Duration) async throws {
        var configuration = CurlTransport.Configuration()
        configuration.loops = 3
        let transport = try CurlTransport(configuration, slowRead: slowRead)
        let server = ScriptedServer { _ in .answer(answer("200 OK")) }
        let file = try TestFile(1_000_000)

        let sums = try await withThrowingTaskGroup(of: (Int, UInt64).self) { group in
            for number in 0..<24 {
                let body = try file.body((number * 1000)..<(number * 1000 + 100_000 + number))
                group.addTask {
                    let request = Self.request("PUT", server, path: "/b/\(number)")
                    return (number, try await transport.send(request, body: body, options: .init(), progress: nil).bodyCRC64)
                }
            }
            return try await group.reduce(into: [Int: UInt64]()) { $0[$1.0] = $1.1 }
        }

        #expect(server.seen.count == 24)
        for seen in server.seen {
            let number = Int(seen.path.dropFirst(3)) ?? -1
            #expect(seen.body == Array(file.bytes[(number * 1000)..<(number * 1000 + 100_000 + number)]), "\(number)")
            #expect(sums[number] == crc64(seen.body), "\(number)")
        }
    }

    @Test func aBodyInMemoryHasAChecksumToo() async throws {
        let transport = try CurlTransport()
        let server = ScriptedServer { _ in .answer(answer("200 OK")) }
        let body = Array("<CompleteMultipartUpload/>".utf8)

        let reply = try await transport.send(Self.request("POST", server, body: body))

        #expect(server.seen[0].body == body)
        #expect(reply.bodyCRC64 == crc64(body))
        #expect(reply.bodyBytesSent == Int64(body.count))
    }

    @Test func aLengthTheCallerSaidIsNotSaidTwice() async throws {
        let transport = try CurlTransport()
        let server = ScriptedServer { _ in .answer(answer("200 OK")) }
        var request = Self.request("PUT", server, body: [1, 2, 3])
        request.headers["content-LENGTH"] = "3"

        _ = try await transport.send(request)

        #expect(server.seen[0].head.lowercased().components(of: "content-length:") == 1)
    }

    @Test(arguments: [Duration.zero, .milliseconds(1)]) func aFileThatEndsBeforeItsPartIsASourceFailure(slowRead: Duration) async throws {
        let transport = try CurlTransport(.init(), slowRead: slowRead)
        let server = ScriptedServer { _ in .silence }
        let file = try TestFile(1000)
        let short = FileBody(source: try SourceFile.open(file.path), offset: 0, length: 2_000_000)

        let error = await failure { try await transport.send(Self.request("PUT", server), body: short, options: .init(), progress: nil) }

        #expect(error?.kind == .source(errno: 0))
        #expect(error?.message.contains(file.path) == true)
    }

    @Test(arguments: [1000, 200_000, 3_000_000]) func theLastBytesOfAGuardedBodyNeverLeaveAfterAWrite(size: Int) async throws {
        let transport = try CurlTransport()
        let server = ScriptedServer { _ in .silence }
        let file = try TestFile(size)
        var body = try file.body()
        body.isGuarded = true
        // Its bytes stay, so does its time of writing: only the time of its last change tells.
        chmod(file.path, 0o640)

        let error = await failure { try await transport.send(Self.request("PUT", server), body: body, options: .init(), progress: nil) }

        #expect(error?.kind == .source(errno: 0))
        #expect((error?.bodyBytesSent ?? 0) < Int64(size))
    }

    @Test func aGuardedBodyOfAFileThatStandsStillArrivesWhole() async throws {
        let transport = try CurlTransport()
        let server = ScriptedServer { _ in .answer(answer("200 OK")) }
        let file = try TestFile(200_000)
        var body = try file.body()
        body.isGuarded = true

        let reply = try await transport.send(Self.request("PUT", server), body: body, options: .init(), progress: nil)

        #expect(server.seen[0].body == file.bytes && reply.bodyCRC64 == crc64(file.bytes))
    }

    @Test func progressGrowsAndEndsAtTheLength() async throws {
        let transport = try CurlTransport()
        let server = ScriptedServer { _ in .answer(answer("200 OK")) }
        let file = try TestFile(1_200_000)
        let reports = Lock<[Int64]>([])
        transport.setRateLimit(3_000_000)

        _ = try await transport.send(Self.request("PUT", server), body: file.body(), options: .init()) { bytes in
            reports.withLock { $0.append(bytes) }
        }

        let seen = reports.withLock { $0 }
        #expect(seen.count >= 3 && seen.count <= 12, "\(seen)")
        #expect(seen == seen.sorted())
        #expect(seen.last == 1_200_000)
    }

    @Test func bodiesOfOneOrderKeepToItsLimitAndOthersDoNot() async throws {
        let transport = try CurlTransport()
        let server = ScriptedServer { _ in .answer(answer("200 OK")) }
        let file = try TestFile(300_000)
        let own = RateLimit(600_000, now: SystemClock.monotonicNanoseconds())
        let begun = SystemClock.monotonicNanoseconds()
        let free = Lock<UInt64>(0)
        let whole = crc64(file.bytes)

        try await withThrowingTaskGroup(of: Void.self) { group in
            for number in 0..<3 {
                let body = try file.body()
                var options = SendOptions()
                if number < 2 { options.pace = BodyPace(limits: [own]) }
                group.addTask { [options] in
                    let reply = try await transport.send(Self.request("PUT", server), body: body, options: options, progress: nil)
                    #expect(reply.bodyCRC64 == whole)
                    if number == 2 { free.withLock { $0 = SystemClock.monotonicNanoseconds() - begun } }
                }
            }
            try await group.waitForAll()
        }

        // 600,000 bytes at 600,000 a second, less what the bucket holds; the free one waits for none of it.
        let all = SystemClock.monotonicNanoseconds() - begun
        #expect(all >= 750_000_000)
        #expect(free.withLock { $0 } < all)
    }

    @Test func theRateIsThatOfAllBodiesTogether() async throws {
        var configuration = CurlTransport.Configuration()
        configuration.loops = 2
        let transport = try CurlTransport(configuration)
        let server = ScriptedServer { _ in .answer(answer("200 OK")) }
        let file = try TestFile(300_000)
        transport.setRateLimit(1_500_000)
        let begun = SystemClock.monotonicNanoseconds()

        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<5 {
                let body = try file.body()
                group.addTask { _ = try await transport.send(Self.request("PUT", server), body: body, options: .init(), progress: nil) }
            }
            try await group.waitForAll()
        }

        let seconds = Double(SystemClock.monotonicNanoseconds() - begun) / 1e9
        #expect(seconds > 0.85, "1.5 MB at 1.5 MB/s took \(seconds) s")
    }

    @Test func aRateOfZeroHoldsABodyWithoutEndingItAndSmallRequestsPass() async throws {
        let transport = try CurlTransport()
        let server = ScriptedServer { $0.path == "/silent" ? .silence : .answer(answer("200 OK")) }
        let file = try TestFile(300_000)
        let body = try file.body()
        var impatient = SendOptions()
        impatient.stallTimeout = .milliseconds(40)
        impatient.total = .milliseconds(5000)
        transport.setRateLimit(0)
        let held = Task { [impatient] in
            try await transport.send(Self.request("PUT", server), body: body, options: impatient, progress: nil)
        }

        // Its stall time-out is the clock of this test: five times that of the held one.
        var patient = SendOptions()
        patient.stallTimeout = .milliseconds(200)
        let silent = Self.request("GET", server, path: "/silent")
        #expect(await failure { try await transport.send(silent, options: patient) } != nil)
        let small = try await transport.send(Self.request("PUT", server, path: "/small", body: [1]))
        let arrivedMeanwhile = server.seen.filter { $0.path == "/b/k" }.count
        transport.setRateLimit(nil)
        let reply = try await held.value

        #expect(small.response.status == 200)
        #expect(arrivedMeanwhile == 0)
        #expect(reply.bodyCRC64 == crc64(file.bytes))
    }

    @Test func stoppingAlsoStopsABodyThatIsUnderWay() async throws {
        let transport = try CurlTransport()
        let server = ScriptedServer { $0.path == "/silent" ? .silence : .answer(answer("200 OK")) }
        let file = try TestFile(2_000_000)
        let body = try file.body()
        let sent = Lock<Int64>(0)
        // A hundred seconds of bytes: however late the stop comes on a busy machine, it comes under way.
        transport.setRateLimit(20_000)
        let held = Task {
            try await transport.send(Self.request("PUT", server), body: body, options: .init()) { bytes in sent.withLock { $0 = bytes } }
        }
        while sent.withLock({ $0 }) == 0 { await Task.yield() }

        transport.setRateLimit(0)
        var clock = SendOptions()
        clock.stallTimeout = .milliseconds(150)
        let silent = Self.request("GET", server, path: "/silent")
        #expect(await failure { try await transport.send(silent, options: clock) } != nil)
        let before = sent.withLock { $0 }
        #expect(await failure { try await transport.send(silent, options: clock) } != nil)
        let after = sent.withLock { $0 }
        transport.setRateLimit(nil)
        _ = try await held.value

        #expect(before == after)
        #expect(after < 2_000_000)
        #expect(server.seen.last { $0.path == "/b/k" }?.body == file.bytes)
    }
}

extension String {
    /// How often `part` occurs.
    func components(of part: String) -> Int {
        let text = Array(utf8)
        let wanted = Array(part.utf8)
        guard text.count >= wanted.count else { return 0 }
        return (0...(text.count - wanted.count)).count { text[$0..<($0 + wanted.count)].elementsEqual(wanted) }
    }
}
