import Contracts
import Glibc
import OSSProtocol
import Platform
import Testing

@testable import Engine

/// The configuration changed by the engine: the file, its secrets, what is noted and taken back.
@Suite struct ConfigurationEditorTests {
    private let folder = TemporaryFolder()
    private let queue = FakeQueueService()
    private let forgotten = Lock<[String]>([])
    private var file: String { folder.path + "/config.toml" }

    private func api(_ toml: String? = nil) throws -> ControlAPI {
        if let toml { try SecureFile.write(file, Array(toml.utf8), mode: 0o644) }
        let access = makeAccess("", in: folder, transport: RuleTransport { _ in HTTPResponse(status: 500) })
        let (file, queue, forgotten) = (file, queue, forgotten)
        return ControlAPI(
            queue: queue, access: access, remote: RemoteOperations(access: access, queue: queue), log: quietLog, stop: { _ in }, reload: { [] },
            configuration: ConfigurationEditor(
                file: file,
                readAnew: {
                    let reading = ConfigurationReader.load(file)
                    if reading.isUsable { queue.adopt(reading.configuration.engine) }
                    return reading.errors.map(\.description)
                }, forget: { name in forgotten.withLock { $0.append(name) } }))
    }

    private func text(_ name: String = "config.toml") throws -> String {
        String(decoding: try SecureFile.read(folder.path + "/" + name, limit: 1 << 20, mustBePrivate: true), as: UTF8.self)
    }

    private static let cold = ConfigurationChange(
        set: [
            ConfigurationEntry(["remote", "cold", "bucket"], .text("cold-bucket")), ConfigurationEntry(["remote", "cold", "region"], .text("cn-hangzhou")),
            ConfigurationEntry(["remote", "cold", "credentials", "kind"], .text("static")),
            ConfigurationEntry(["remote", "cold", "credentials", "access-key-id"], .text("LTAI5tExample")),
        ], secrets: [ConfigurationSecret(["remote", "cold", "credentials", "access-key-secret-file"], secret: "open-sesame")], isNew: true, by: "ops")

    @Test func aNewRemoteIsWrittenWithItsSecretInAFileOfItsOwn() async throws {
        let api = try api("# mine\n[engine]\nuploads = 3 # few\n")
        let result = try await api.change(Self.cold)

        #expect(result.what == "remote cold added" && result.file == file)
        let written = try text()
        #expect(written.hasPrefix("# mine\n[engine]\nuploads = 3 # few\n\n[remote.cold]\n") && !written.contains("open-sesame"))
        #expect(try text("cold.secret") == "open-sesame")
        #expect(written.contains("access-key-secret-file = \"cold.secret\""))
        #expect(ConfigurationReader.load(file).configuration.remote(named: "cold")?.bucket == "cold-bucket")
        #expect(forgotten.withLock { $0 } == ["cold"])
    }

    @Test func aWrongValueIsSaidWithItsPlaceAndNothingIsWritten() async throws {
        let before = "[engine]\nuploads = 3\n"
        let api = try api(before)
        await #expect {
            _ = try await api.change(ConfigurationChange(set: [ConfigurationEntry(["engine", "rate-schedule"], .list(["Mon-Fry 20MiB"]))]))
        } throws: {
            guard let error = $0 as? OrderError else { return false }
            return error.message.hasPrefix(file + ":3:18: error: \"rate-schedule\"") && error.exit == 2
        }
        #expect(String(decoding: try SecureFile.read(file, limit: 1000, mustBePrivate: false), as: UTF8.self) == before)
        #expect(queue.state.withLock { $0.rules.isEmpty && $0.book.views.isEmpty })
    }

    @Test func aFileThatIsWrongAlreadyIsLeftAsItIs() async throws {
        let api = try api("[engine\n")
        await #expect {
            _ = try await api.change(Self.cold)
        } throws: {
            ($0 as? OrderError)?.message.contains("config.toml:1:8: error:") == true
        }
        #expect(access(folder.path + "/cold.secret", F_OK) != 0, "a secret was written for nothing")
    }

    @Test func aRemoteIsNotAddedOverAnotherOne() async throws {
        let api = try api("[remote.cold]\nbucket = \"x\"\nregion = \"cn-beijing\"\n")
        await #expect { _ = try await api.change(Self.cold) } throws: { ($0 as? OrderError)?.message.contains("already") == true }
    }

    @Test func aFileOfThatNameThatIsSomebodyElsesIsNotReplaced() async throws {
        try SecureFile.write(folder.path + "/cold.secret", Array("another".utf8))
        let api = try api("")
        _ = try await api.change(Self.cold)

        #expect(try text("cold.secret") == "another")
        #expect(try text("cold-2.secret") == "open-sesame")
        // The same key again: its own file is written anew.
        _ = try await api.change(
            ConfigurationChange(secrets: [ConfigurationSecret(["remote", "cold", "credentials", "access-key-secret-file"], secret: "newer")]))
        #expect(try text("cold-2.secret") == "newer")
    }

    @Test func whatWasChangedIsTakenBackByteForByte() async throws {
        let before = "# mine\n[engine]\nuploads = 3 # few\n"
        let api = try api(before)
        _ = try await api.change(
            ConfigurationChange(set: [ConfigurationEntry(["engine", "keep-history"], .text("30d")), ConfigurationEntry(["engine", "uploads"], .number(9))], by: "ops"))
        #expect(queue.state.withLock { $0.book.views.first?.what } == "keep-history default -> \"30d\", uploads 3 -> 9")
        let result = try await api.act(ActionRequest(action: "undo", by: "ops2"))

        #expect(result.changed == 1 && result.what?.contains("keep-history") == true)
        #expect(try text() == before)
        #expect(queue.state.withLock { $0.rules.map(\.uploads) } == [.fixed(9), .fixed(3)])
    }

    @Test func anOlderChangeIsTakenBackAloneUnlessItsValueWasChangedSince() async throws {
        let api = try api("[engine]\n")
        _ = try await api.change(ConfigurationChange(set: [ConfigurationEntry(["engine", "keep-history"], .text("30d"))]))
        _ = try await api.change(ConfigurationChange(set: [ConfigurationEntry(["engine", "uploads"], .number(9))]))
        _ = try await api.change(ConfigurationChange(set: [ConfigurationEntry(["engine", "uploads"], .number(8))]))

        _ = try await api.act(ActionRequest(action: "undo", value: "1"))
        #expect(try text() == "[engine]\nuploads = 8\n")
        await #expect { _ = try await api.act(ActionRequest(action: "undo", value: "2")) } throws: {
            ($0 as? OrderError)?.message == "nothing was taken back: engine.uploads has been changed since"
        }
    }

    @Test func aRemoteThatGoesTakesTheDefaultAlongAndLeavesItsSecret() async throws {
        let api = try api("default-remote = \"cold\"\n")
        await #expect(throws: OrderError.self, "the default names nothing yet: the file is wrong") {
            _ = try await api.change(ConfigurationChange(set: [ConfigurationEntry(["engine", "uploads"], .number(9))]))
        }
        _ = try await api.change(Self.cold)
        let result = try await api.change(ConfigurationChange(remove: [["remote", "cold"]]))

        #expect(result.what == "remote cold removed" && result.left == [folder.path + "/cold.secret"])
        #expect(try !text().contains("cold"))
        #expect(try text("cold.secret") == "open-sesame")
        _ = try await api.act(ActionRequest(action: "undo"))
        #expect(ConfigurationReader.load(file).configuration.defaultRemote == "cold")
    }

    @Test func aLinkStaysALink() async throws {
        try SecureFile.write(folder.path + "/real.toml", Array("[engine]\n".utf8))
        #expect(symlink("real.toml", file) == 0)
        let api = try api()
        _ = try await api.change(ConfigurationChange(set: [ConfigurationEntry(["engine", "uploads"], .number(9))]))

        #expect(try text("real.toml") == "[engine]\nuploads = 9\n")
        var information = stat()
        #expect(lstat(file, &information) == 0 && information.st_mode & S_IFMT == S_IFLNK)
    }

    @Test func limitsAreNotedOnceForManyStepsAndTakenBack() async throws {
        let api = try api("")
        for uploads in [6, 7, 8] { _ = try await api.setLimits(LimitsChange(uploads: uploads)) }
        let edits = queue.state.withLock { $0.book.views }
        #expect(edits.map(\.what) == ["uploads at once 5 -> 8"] && edits.map(\.action) == ["limits"])

        _ = try await api.act(ActionRequest(action: "undo"))
        #expect(await queue.limits().uploads == 5)
    }

    @Test func limitsThatSomebodyElseHasChangedSinceStay() async throws {
        let api = try api("")
        _ = try await api.setLimits(LimitsChange(uploads: 6))
        _ = try await queue.setLimits(LimitsChange(uploads: 7))

        await #expect { _ = try await api.act(ActionRequest(action: "undo")) } throws: { ($0 as? OrderError)?.code == "CannotUndo" }
        #expect(await queue.limits().uploads == 7)
    }

    @Test func noSecretIsInWhatAChangePrints() {
        #expect(!"\(Self.cold)".contains("sesame") && !String(reflecting: Self.cold).contains("sesame"))
        var dumped = ""
        dump(Self.cold, to: &dumped)
        #expect(!dumped.contains("sesame"))
    }
}
