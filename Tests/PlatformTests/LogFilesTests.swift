import Glibc
import Testing

@testable import Platform
@testable import Wire

@Suite struct LogFilesTests {
    private let folder: TestFolder
    private var path: String { folder.path + "/engine.log" }

    init() throws { folder = try TestFolder() }

    private func everything() throws -> [String] {
        var cursor = try LogCursor(path: path)
        defer { cursor.close() }
        var lines: [String] = []
        while let line = try cursor.next() { lines.append(String(decoding: line, as: UTF8.self)) }
        if let rest = cursor.rest() { lines.append(String(decoding: rest, as: UTF8.self)) }
        return lines
    }

    private func append(_ text: String) {
        let file = fopen(path, "a")
        fputs(text, file)
        fclose(file)
    }

    private func mode(_ path: String) -> mode_t {
        var information = stat()
        return stat(path, &information) == 0 ? information.st_mode & 0o777 : 0
    }

    // MARK: - Writing

    @Test func rotationKeepsEveryLineOfTheFilesThatAreKept() throws {
        let sink = try LogSink(path: path, limit: 1000, kept: 3)

        let lines = (0..<300).map { "line \($0) " + String(repeating: "x", count: 20) }
        for line in lines { sink.write(line) }

        let kept = try everything()
        #expect(kept == Array(lines.suffix(kept.count)))
        #expect(kept.count > 80)
        #expect(LogSink.files(of: path).count == 4)
        #expect(LogSink.files(of: path).allSatisfy { mode($0) == 0o600 })
    }

    @Test func aFileThatOthersCouldReadIsClosed() throws {
        append("old\n")
        chmod(path, 0o644)

        _ = try LogSink(path: path)

        #expect(mode(path) == 0o600)
    }

    @Test func aRotationThatWasCutOffLosesNothing() throws {
        // Killed after NAME.1 had become NAME.2, before NAME became NAME.1.
        let sink = try LogSink(path: path, limit: 20, kept: 3)
        sink.write("the newest so far")
        for (number, text) in [(2, "older\n"), (3, "oldest\n")] {
            let file = fopen("\(path).\(number)", "w")
            fputs(text, file)
            fclose(file)
        }

        sink.write("one more")

        #expect(try everything() == ["oldest", "older", "the newest so far", "one more"])
    }

    @Test func halfALineOfAKilledWriterIsEnded() throws {
        append("whole\nhal")

        try LogSink(path: path).write("next")

        #expect(try everything() == ["whole", "hal", "next"])
    }

    @Test func aFileThatWasMovedAwayIsBegunAnewOnRequest() throws {
        let sink = try LogSink(path: path)
        sink.write("before")
        rename(path, folder.path + "/moved")
        sink.write("still there")

        sink.reopen()
        sink.write("after")

        #expect(try everything() == ["after"])
    }

    @Test func whenFewerFilesAreKeptTheOthersGo() throws {
        let many = try LogSink(path: path, limit: 30, kept: 5)
        for number in 0..<10 { many.write("line number \(number) of many") }

        let few = try LogSink(path: path, limit: 30, kept: 2)
        for number in 0..<2 { few.write("line number \(number) of few") }

        #expect(LogSink.files(of: path).count == 3)
    }

    @Test func controlCharactersDoNotGetIn() throws {
        try LogSink(path: path).write("a\nb\u{1B}[31m")

        #expect(try everything() == ["a\\x0ab\\x1b[31m"])
    }

    // MARK: - Reading

    @Test func aReaderFollowsOverRotations() throws {
        let sink = try LogSink(path: path, limit: 60, kept: 4)
        sink.write("first")
        var cursor = try LogCursor(path: path)
        defer { cursor.close() }
        var lines: [String] = []
        func readOn() throws { while let line = try cursor.next() { lines.append(String(decoding: line, as: UTF8.self)) } }
        try readOn()

        var expected = ["first"]
        for number in 0..<40 {
            sink.write("line \(number)")
            expected.append("line \(number)")
            // Sometimes it is several files behind.
            if number % 13 == 0 { try readOn() }
        }
        try readOn()

        #expect(lines == expected)
    }

    @Test func aReaderThatIsFartherBehindThanFilesAreKeptGoesOnWithTheOldest() throws {
        let sink = try LogSink(path: path, limit: 40, kept: 2)
        sink.write("first")
        var cursor = try LogCursor(path: path)
        defer { cursor.close() }
        while try cursor.next() != nil {}

        for number in 0..<100 { sink.write("line \(number)") }
        var lines: [String] = []
        while let line = try cursor.next() { lines.append(String(decoding: line, as: UTF8.self)) }

        // The rest of the file that it had open, then what is left.
        let numbers = lines.compactMap { Int($0.dropFirst(5)) }
        #expect(numbers.last == 99 && numbers.count == lines.count && numbers.count < 30)
        #expect(numbers == numbers.sorted() && Set(numbers).count == numbers.count)
    }

    @Test func aLineIsGivenWhenItIsWhole() throws {
        append("one\ntw")
        var cursor = try LogCursor(path: path)
        defer { cursor.close() }

        let first = try cursor.next()
        let second = try cursor.next()
        append("o\n")
        let third = try cursor.next()

        #expect(first == Array("one".utf8) && second == nil && third == Array("two".utf8))
    }

    @Test func aLineWithoutEndIsReadInPieces() throws {
        append(String(repeating: "x", count: 300_000) + "\nshort\n")

        let lines = try everything()

        #expect(lines.last == "short")
        #expect(lines.dropLast().allSatisfy { $0.utf8.count < 200_000 } && lines.dropLast().map(\.utf8.count).reduce(0, +) == 300_000)
    }

    @Test func aLogThatIsNotThereYetIsFoundWhenItComes() throws {
        var cursor = try LogCursor(path: path)
        defer { cursor.close() }
        let before = try cursor.next()
        #expect(!cursor.isOpen && before == nil)

        append("here\n")

        let after = try cursor.next()
        #expect(after == Array("here".utf8))
    }

    @Test func filesFromBeforeTheTimeAreNotOpened() throws {
        append("new\n")
        let old = fopen(path + ".1", "w")
        fputs("old\n", old)
        fclose(old)
        var times = [timespec(tv_sec: 1000, tv_nsec: 0), timespec(tv_sec: 1000, tv_nsec: 0)]
        utimensat(AT_FDCWD, path + ".1", &times, 0)

        var cursor = try LogCursor(path: path, since: 2000)
        defer { cursor.close() }

        let line = try cursor.next()
        #expect(line == Array("new".utf8))
    }
}

@Suite struct ServiceManagerTests {
    private let folder: TestFolder

    init() throws { folder = try TestFolder() }

    /// A datagram socket as a service manager has it.
    private func listen(_ name: String) throws -> Int32 {
        let descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue), 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        var bytes = Array(name.utf8)
        if name.hasPrefix("@") { bytes[0] = 0 }
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
        let size = socklen_t(MemoryLayout<sa_family_t>.size + bytes.count)
        let result = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(descriptor, $0, size) }
        }
        try #require(result == 0)
        return descriptor
    }

    private func receive(_ descriptor: Int32) -> String {
        var buffer = [UInt8](repeating: 0, count: 4096)
        let count = recv(descriptor, &buffer, buffer.count, Int32(MSG_DONTWAIT))
        return count > 0 ? String(decoding: buffer[..<count], as: UTF8.self) : ""
    }

    @Test(arguments: ["/notify", "@davit-test-"]) func aSocketWithAPathAndOneWithoutAreSpokenTo(_ kind: String) throws {
        let name = kind.hasPrefix("@") ? kind + Randomness.token(8) : folder.path + kind
        let descriptor = try listen(name)
        defer { close(descriptor) }

        ServiceManager(environment: ["NOTIFY_SOCKET": name]).ready("takes\norders")

        #expect(receive(descriptor) == "READY=1\nSTATUS=takes orders\nMAINPID=\(getpid())\n")
    }

    @Test func theWatchdogIsOnlyOursWhenItSaysSo() {
        let socket = ["NOTIFY_SOCKET": "/run/none"]
        let watchdogs = [["WATCHDOG_USEC": "60000000"], ["WATCHDOG_USEC": "60000000", "WATCHDOG_PID": "1"], ["WATCHDOG_USEC": "0"], [:]].map {
            ServiceManager(environment: socket.merging($0) { $1 }, process: 77).watchdog
        }

        #expect(watchdogs == [.seconds(60), nil, nil, nil])
    }

    @Test func withoutASocketNothingHappens() {
        let manager = ServiceManager(environment: ["NOTIFY_SOCKET": "relative"])

        manager.ready("x")

        #expect(!manager.isThere)
    }

    @Test func aSocketThatIsGoneIsNoMatter() {
        ServiceManager(environment: ["NOTIFY_SOCKET": folder.path + "/gone"]).isAlive()
    }

    @Test func aJournalIsOnlyOneWhenItIsOurStandardError() {
        var information = stat()
        fstat(STDERR_FILENO, &information)

        #expect(Journal(environment: ["JOURNAL_STREAM": "\(information.st_dev):\(information.st_ino)"]) != nil)
        #expect(Journal(environment: ["JOURNAL_STREAM": "1:1"]) == nil)
        #expect(Journal(environment: [:]) == nil)
    }
}
