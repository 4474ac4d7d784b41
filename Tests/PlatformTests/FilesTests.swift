import Glibc
import Testing

@testable import Platform
@testable import Wire

@Suite struct FilesTests {
    private let home: TestFolder
    var folder: String { home.path }

    init() throws { home = try TestFolder() }

    @Test func aFileComesBackAsItWasWrittenAndIsPrivate() throws {
        try SecureFile.write(folder + "/a", [1, 2, 3])

        var information = stat()
        stat(folder + "/a", &information)
        #expect(try SecureFile.read(folder + "/a", limit: 3, mustBePrivate: true) == [1, 2, 3])
        #expect(information.st_mode & 0o777 == 0o600)
    }

    @Test(arguments: [0o640, 0o604, 0o644] as [mode_t]) func aSecretThatOthersCanReadIsRefused(mode: mode_t) throws {
        try SecureFile.write(folder + "/a", [1], mode: mode)

        #expect(throws: FileError.self) { try SecureFile.read(folder + "/a", limit: 10, mustBePrivate: true) }
        do { _ = try SecureFile.read(folder + "/a", limit: 10, mustBePrivate: true) } catch {
            #expect(error.message.contains("chmod 600 \(folder)/a"))
        }
    }

    @Test func aFilePastItsBoundIsRefused() throws {
        try SecureFile.write(folder + "/a", [UInt8](repeating: 7, count: 11))

        #expect(throws: FileError.self) { try SecureFile.read(folder + "/a", limit: 10, mustBePrivate: false) }
    }

    @Test func aFailedWriteLeavesTheOldFile() throws {
        try SecureFile.write(folder + "/a", [1])
        mkdir(folder + "/d", 0o700)

        #expect(throws: FileError.self) { try SecureFile.write(folder + "/missing/a", [2]) }
        #expect(throws: FileError.self) { try SecureFile.write(folder + "/d", [2]) }
        #expect(try SecureFile.read(folder + "/a", limit: 1, mustBePrivate: true) == [1])
    }

    @Test func aLockHasOneHolder() throws {
        let first = try FileLock.take(folder + "/lock")

        #expect(first != nil)
        #expect(try FileLock.take(folder + "/lock") == nil)
        withExtendedLifetime(first) {}
    }

    @Test func aPipeIsNoSource() {
        mkfifo(folder + "/pipe", 0o600)

        #expect(throws: FileError.self) { try SourceFile.open(folder + "/pipe") }
    }

    @Test func aChangedFileHasAnotherIdentity() throws {
        try SecureFile.write(folder + "/a", [1, 2, 3])
        let source = try SourceFile.open(folder + "/a")
        truncate(folder + "/a", 2)

        #expect(try source.currentIdentity() != source.identity)
    }

    @Test func aLogLineNeverBecomesTwo() throws {
        let log = try LogSink(path: folder + "/log")

        log.write("one\ntwo\u{1B}[31m")

        #expect(
            String(decoding: try SecureFile.read(folder + "/log", limit: 1000, mustBePrivate: true), as: UTF8.self)
                == "one\\x0atwo\\x1b[31m\n")
    }

    @Test func aFullLogBeginsAgainAndKeepsOneOld() throws {
        let log = try LogSink(path: folder + "/log", limit: 100)

        for number in 0..<20 { log.write("line \(number) of twenty") }

        #expect(try SecureFile.read(folder + "/log", limit: 200, mustBePrivate: false).count <= 100)
        #expect(try SecureFile.read(folder + "/log.1", limit: 200, mustBePrivate: false).count <= 100)
    }
}

@Suite struct PlacesTests {
    @Test func davitHomeMovesEverything() throws {
        let places = try Places(environment: ["DAVIT_HOME": "/x/", "HOME": "/home/a", "XDG_STATE_HOME": "/state"])

        #expect(places.configFile == "/x/config.toml")
        #expect(places.database == "/x/state/davit.sqlite")
        #expect(places.socket == "/x/run/engine.sock")
    }

    @Test func withoutItTheXDGFoldersCount() throws {
        let places = try Places(environment: ["HOME": "/home/a", "XDG_RUNTIME_DIR": "/run/user/7", "XDG_CONFIG_HOME": "relative"])

        #expect(places.configFile == "/home/a/.config/davit/config.toml")
        #expect(places.logFile == "/home/a/.local/state/davit/engine.log")
        #expect(places.socket == "/run/user/7/davit/engine.sock")
    }

    @Test func aSocketPathThatIsTooLongMovesAndStaysApart() throws {
        let long = String(repeating: "a", count: 120)
        let one = try Places(environment: ["DAVIT_HOME": "/\(long)1"])
        let two = try Places(environment: ["DAVIT_HOME": "/\(long)2"])

        #expect(one.socket.utf8.count <= 107)
        #expect(one.socket != two.socket)
    }

    @Test func aRelativeHomeIsRefused() {
        #expect(throws: FileError.self) { try Places(environment: ["DAVIT_HOME": "here"]) }
    }
}

@Suite struct EventStreamParserTests {
    static let text = ": hello\r\nid: 7\nevent: status\ndata: {\"a\":\ndata: 1}\n\ndata: x\n\n"
    static let expected = [
        ServerEvent(id: "7", event: "status", data: Array("{\"a\":\n1}".utf8)),
        ServerEvent(id: "7", event: "message", data: Array("x".utf8)),
    ]

    @Test func eventsAreTheSameWhereverTheStreamIsCut() {
        let bytes = Array(Self.text.utf8)
        for cut in 0...bytes.count {
            var parser = EventStreamParser()

            let events = parser.feed(Array(bytes[..<cut])) + parser.feed(Array(bytes[cut...]))

            #expect(events == Self.expected, "cut at \(cut)")
        }
    }
}

@Suite struct CRC64StreamTests {
    @Test func theCheckValueIsThatOfTheCatalogue() {
        var crc = CRC64Stream()
        crc.update(Array("12345".utf8))
        crc.update(Array("6789".utf8))

        #expect(crc.value == 0x995D_C9BB_DF19_39FA)
        #expect(CRC64Stream().value == 0)
    }
}
