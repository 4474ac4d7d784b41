import FoundationEssentials
import Glibc
import OSSProtocol
import Testing

@testable import Platform

@Suite struct ChildProcessTests {
    private let home: TestFolder
    var folder: String { home.path }
    static let environment = ["PATH": "/usr/bin:/bin"]

    init() throws { home = try TestFolder() }

    func run(
        _ script: String, time: Duration = .seconds(30), output: Int = 64 << 10, grace: Duration = .seconds(2),
        environment: [String: String] = ChildProcessTests.environment
    ) async throws(ChildProcess.Failure) -> ChildProcess.Answer {
        var limits = ChildProcess.Limits(time: time, output: output)
        limits.grace = grace
        return try await ChildProcess.run(["/bin/sh", "-c", script], environment: environment, limits: limits)
    }

    func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }

    func script(_ name: String, _ content: String, mode: mode_t = 0o755) throws -> String {
        try SecureFile.write("\(folder)/\(name)", Array(content.utf8), mode: mode)
        return "\(folder)/\(name)"
    }

    /// Gone, or dead and waiting for whoever took it over.
    func isOver(_ process: String) -> Bool {
        guard let stat = try? SecureFile.read("/proc/\(process)/stat", limit: 4096, mustBePrivate: false) else { return true }
        return text(stat).split(separator: ")").last?.split(separator: " ").first == "Z"
    }

    /// The numbers that a script wrote into that file, once it has.
    func numbers(_ name: String, _ count: Int) async throws -> [String] {
        for _ in 0..<2000 {
            let found = (try? SecureFile.read("\(folder)/\(name)", limit: 4096, mustBePrivate: false)).map { text($0) } ?? ""
            let words = found.split(separator: "\n").map(String.init)
            if words.count >= count { return words }
            try await Task.sleep(for: .milliseconds(5))
        }
        Issue.record("the script did not start")
        return []
    }

    @Test func whatItPrintsComesBackWithItsStatus() async throws {
        let answer = try await run("echo out; echo err >&2; exit 3")

        #expect(answer == ChildProcess.Answer(end: .status(3), output: Array("out\n".utf8), errors: Array("err\n".utf8)))
    }

    @Test(arguments: [(SIGKILL, "SIGKILL"), (SIGSEGV, "SIGSEGV"), (40, "signal 40")]) func aSignalThatEndsItIsNamed(
        number: Int32, name: String
    ) async throws {
        let answer = try await run("kill -\(number) $$")

        #expect(answer.end == .signal(number))
        #expect("\(answer.end)" == "it was ended by \(name)")
    }

    @Test func noShellTouchesItsArguments() async throws {
        let words = ["$(id)", "a b", "*", "", "; exit 9", "ü"]

        let answer = try await ChildProcess.run(
            ["/usr/bin/printf", "<%s>"] + words, environment: [:], limits: .init(time: .seconds(30), output: 1000))

        #expect(text(answer.output) == words.map { "<\($0)>" }.joined())
    }

    @Test func itGetsTheEnvironmentItIsGivenAndNothingElse() async throws {
        let answer = try await ChildProcess.run(
            ["env"], environment: ["PATH": "/usr/bin:/bin", "GREETING": "two words"], limits: .init(time: .seconds(30), output: 1000))

        #expect(text(answer.output).split(separator: "\n").sorted() == ["GREETING=two words", "PATH=/usr/bin:/bin"])
    }

    @Test func nothingOfOursIsOpenInIt() async throws {
        let inherited = open("/dev/null", O_RDONLY)
        defer { close(inherited) }

        // The folder that the shell opens for `*` is closed again when it looks.
        let answer = try await run("for fd in /proc/$$/fd/*; do [ -e $fd ] && printf '%s ' ${fd##*/}; done; readlink /proc/$$/fd/0; cat")

        #expect(text(answer.output) == "0 1 2 /dev/null\n")
    }

    @Test func itLeadsAGroupOfItsOwnAndIgnoresNoSignal() async throws {
        Signals.ignorePipe()

        let answer = try await run(
            "read pid name state parent group rest < /proc/self/stat; echo $((pid - group)); grep SigIgn /proc/self/status")

        let lines = text(answer.output).split(separator: "\n")
        #expect(lines.first == "0")
        // From 32 on the C library has signals of its own.
        let ignored = lines.last?.split(separator: "\t").last.flatMap { UInt64($0, radix: 16) }
        #expect(ignored.map { $0 & 0x7FFF_FFFF } == 0)
    }

    @Test func aBareNameIsLookedUpInThePathItIsGiven() async throws {
        _ = try script("printer", "#!/bin/sh\necho found", mode: 0o755)
        _ = try script("hidden", "#!/bin/sh\necho hidden", mode: 0o644)
        let limits = ChildProcess.Limits(time: .seconds(30), output: 1000)

        let answer = try await ChildProcess.run(["printer"], environment: ["PATH": "/none:\(folder):/bin"], limits: limits)

        #expect(text(answer.output) == "found\n")
        for (name, path, reason) in [
            ("printer", "/none", ENOENT), ("printer", "", ENOENT), ("printer", ".", ENOENT), ("hidden", folder, EACCES),
        ] {
            let failure = await #expect(throws: ChildProcess.Failure.self) {
                _ = try await ChildProcess.run([name], environment: ["PATH": path], limits: limits)
            }
            guard case .notStarted(let error) = failure else {
                Issue.record("it was started")
                continue
            }
            #expect(error.errno == reason)
        }
    }

    @Test func whyItCannotBeStartedIsSaidWithWhatToDo() async throws {
        let cases = [
            (folder + "/none", "", ENOENT, nil), ("no-such-program", "", ENOENT, "PATH"),
            (try script("plain", "echo no first line"), "", ENOEXEC, "#!/bin/sh"),
            (try script("lost", "#!/no/such/interpreter\n"), "", ENOENT, "interpreter"),
            (try script("closed", "#!/bin/sh\n", mode: 0o644), "", EACCES, "chmod +x"), (folder, "", EACCES, "chmod +x"),
            ("", "", EINVAL, nil),
            ("/bin/echo", "a\0b", EINVAL, nil),
        ]
        for (program, argument, reason, advice) in cases {
            let failure = await #expect(throws: ChildProcess.Failure.self) {
                _ = try await ChildProcess.run(
                    [program, argument], environment: Self.environment, limits: .init(time: .seconds(30), output: 1000))
            }
            guard case .notStarted(let error) = failure else {
                Issue.record("\(program) was started")
                continue
            }
            #expect(error.errno == reason && error.path == program)
            #expect(advice.map { error.advice?.contains($0) == true } ?? true, "\(error)")
        }
    }

    @Test func outputUpToTheLimitArrivesWholeAndOneByteMoreEndsIt() async throws {
        #expect(try await run("head -c 300000 /dev/zero", output: 300_000).output.count == 300_000)
        await #expect(throws: ChildProcess.Failure.tooLong) { _ = try await run("head -c 300001 /dev/zero; sleep 60", output: 300_000) }
    }

    @Test func ofItsErrorsTheLastAreKept() async throws {
        let answer = try await run("head -c 200000 /dev/zero >&2; echo the end >&2")

        #expect(answer.errors.count == 4096 && text(answer.errors).hasSuffix("the end\n"))
    }

    /// The whole group: what it started too, and what does not want to.
    @Test func atItsTimeLimitItAndWhatItStartedAreEnded() async throws {
        let failure = await #expect(throws: ChildProcess.Failure.self) {
            _ = try await run(
                "echo waiting >&2; sh -c 'trap \"\" TERM; echo $$ >> \(folder)/pids; while :; do sleep 1; done' & echo $$ >> \(folder)/pids; wait",
                time: .milliseconds(700), grace: .milliseconds(200))
        }

        #expect(failure == .tooSlow(errors: Array("waiting\n".utf8)))
        let processes = try await numbers("pids", 2)
        // The kernel ends them in its own time.
        for _ in 0..<1000 where !processes.allSatisfy(isOver) { try await Task.sleep(for: .milliseconds(5)) }
        #expect(processes.allSatisfy(isOver))
    }

    @Test func whoDoesNotHearSIGTERMIsEndedAllTheSame() async throws {
        // By itself it would never end.
        await #expect(throws: ChildProcess.Failure.tooSlow(errors: [])) {
            _ = try await run("trap '' TERM; while :; do :; done", time: .milliseconds(300), grace: .milliseconds(100))
        }
    }

    @Test func nobodyStaysInTheProcessTable() async throws {
        let number = text(try await run("echo $$").output).split(separator: "\n").first.map(String.init) ?? ""

        #expect(!number.isEmpty && access("/proc/\(number)", F_OK) != 0)
    }

    @Test func aCancelledTaskEndsIt() async throws {
        let task = Task { try await run("echo $$ > \(folder)/pids; exec sleep 60") }
        let processes = try await numbers("pids", 1)

        task.cancel()

        await #expect(throws: ChildProcess.Failure.cancelled) { _ = try await task.value }
        #expect(processes.allSatisfy { access("/proc/\($0)", F_OK) != 0 })
    }

    @Test func aTaskCancelledBeforeStartsNothing() async throws {
        let task = Task {
            while !Task.isCancelled { await Task.yield() }
            return try await run("touch \(folder)/started")
        }
        task.cancel()

        await #expect(throws: ChildProcess.Failure.cancelled) { _ = try await task.value }
        #expect(access("\(folder)/started", F_OK) != 0)
    }

    @Test func whatItLeavesRunningIsNotWaitedFor() async throws {
        let answer = try await run("sleep 600 & echo $!")

        let left = try #require(Int32(text(answer.output).split(separator: "\n").first ?? ""))
        #expect(kill(left, SIGKILL) == 0)
    }

    @Test func aHundredRunsLeaveNoPipeOpen() async throws {
        let pipes = {
            let entries = (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd")) ?? []
            return entries.count {
                (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/fd/\($0)"))?.hasPrefix("pipe:") == true
            }
        }
        let before = pipes()

        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<4 {
                group.addTask {
                    for number in 0..<25 {
                        _ = try? await run(
                            number % 5 == 0 ? "head -c 20 /dev/zero; sleep 9" : "exit 1", output: 10, grace: .milliseconds(50))
                        _ = try? await ChildProcess.run([folder + "/none"], environment: [:], limits: .init(time: .seconds(9), output: 1))
                    }
                }
            }
            try await group.waitForAll()
        }

        // Other tests have theirs; a leak would leave 100 at least.
        #expect(pipes() - before < 50)
    }
}
