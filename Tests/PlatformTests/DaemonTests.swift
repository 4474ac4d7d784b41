import Glibc
import Testing

@testable import Platform
@testable import Wire

@Suite struct DaemonTests {
    private let home: TestFolder
    var folder: String { home.path }

    init() throws { home = try TestFolder() }

    func spawn(_ script: String) throws(FileError) -> Daemon.Readiness {
        try Daemon.spawn(
            executable: "/bin/sh", arguments: ["-c", script], environment: ["PATH": "/usr/bin:/bin", "GREETING": "hello"],
            logPath: folder + "/state/engine.log")
    }

    func log() throws -> String {
        String(decoding: try SecureFile.read(folder + "/state/engine.log", limit: 10_000, mustBePrivate: true), as: UTF8.self)
    }

    @Test(arguments: [
        ("printf R >&3", Daemon.Readiness.ready), ("printf A >&3", .alreadyRunning),
        ("printf 'Fthe port is taken' >&3", .failed("the port is taken")),
        ("exit 7", .failed("it ended with status 7")), ("kill -9 $$", .failed("it was ended by signal 9")),
    ])
    func theFirstWordIsTheAnswer(script: String, readiness: Daemon.Readiness) throws {
        #expect(try spawn(script) == readiness)
    }

    @Test func itLeadsASessionOfItsOwnInTheRootFolderWithNothingOpen() throws {
        let inherited = open("/dev/null", O_RDONLY)
        defer { close(inherited) }

        // The folder that the shell opens for `*` is closed again when it looks.
        _ = try spawn(
            """
            for fd in /proc/$$/fd/*; do [ -e $fd ] && printf '%s ' ${fd##*/}; done; pwd
            read pid name state parent group session rest < /proc/self/stat; echo $((pid - session)) $GREETING
            printf R >&3
            """)

        #expect(try log() == "0 1 2 3 /\n0 hello\n")
    }

    @Test func aProgramThatIsNotThereIsNamed() throws {
        let failure = #expect(throws: FileError.self) {
            _ = try Daemon.spawn(executable: folder + "/none", arguments: [], environment: [:], logPath: folder + "/log")
        }

        #expect(failure?.isAbsent == true)
        #expect(failure?.path == folder + "/none")
    }

    @Test func withoutAReadinessPipeNothingIsNotified() {
        // Descriptor 3 of the test process is anything but that pipe; it must survive.
        let before = fcntl(3, F_GETFD)
        var information = stat()
        guard fstat(3, &information) != 0 || information.st_mode & S_IFMT != S_IFIFO else { return }

        Daemon.notify(.ready)

        #expect(fcntl(3, F_GETFD) == before)
    }
}

@Suite struct SignalsTests {
    @Test func aSignalArrivesAtEveryListener() async {
        let one = Signals.arrivals(of: [SIGWINCH, SIGURG])
        let two = Signals.arrivals(of: [SIGWINCH])

        kill(getpid(), SIGWINCH)

        var (first, second) = (one.makeAsyncIterator(), two.makeAsyncIterator())
        let heard = [await first.next(), await second.next()]
        #expect(heard == [SIGWINCH, SIGWINCH])
    }
}
