import Contracts
import Credentials
import GRDB
import Glibc
import OSSProtocol
import Platform

/// `davit-engine examine`: what of a home can be looked at without a running engine, and without changing anything. Half of `davit doctor`.
public enum Examination {
    /// A large queue on a slow disk; whoever looks wants an answer.
    private static let longestCheck: Duration = .seconds(20)
    private static let leastSpace: UInt64 = 64 << 20
    private static let enoughSpace: UInt64 = 1 << 30
    /// 256 connections, as many files, and what the engine itself needs.
    private static let enoughDescriptors = 1024
    private static let fewDescriptors = 128
    private static let enoughMemory: Int64 = 256 << 20

    /// - Parameter file: the configuration the user named, `nil` for the usual place.
    public static func checks(file: String?, environment: [String: String]) throws(EngineFailure) -> [DoctorCheck] {
        let places = try EngineProgram.places(environment)
        let reading = ConfigurationReader.load(file ?? places.configFile, mustExist: file != nil)
        return [configuration(reading, file ?? places.configFile)] + files(places, reading.configuration) + [
            space(places.stateFolder), database(places.database), log(places.logFile, reading.configuration.engine), descriptors(), memory(),
        ] + ledger(places.database)
    }

    /// As JSON, for the program that prints it.
    public static func json(_ checks: [DoctorCheck]) -> String {
        (try? ContractJSON.encode(ListEnvelope(items: checks, total: checks.count))).map { String(decoding: $0, as: UTF8.self) } ?? "{}"
    }

    // MARK: - Files

    static func configuration(_ reading: ConfigurationReading, _ path: String) -> DoctorCheck {
        if let first = reading.errors.first {
            let more = reading.errors.count > 1 ? " and \(reading.errors.count - 1) more" : ""
            return DoctorCheck(
                "configuration", .fail, "\(first.file):\(first.line): \(first.message)\(more)", advice: "See all of them: davit config check")
        }
        guard access(path, F_OK) == 0 else { return DoctorCheck("configuration", .ok, "there is no \(path): the defaults stand") }
        if let note = reading.problems.first {
            return DoctorCheck("configuration", .warn, "\(note.file):\(note.line): \(note.message)", advice: "See: davit config check")
        }
        let count = reading.configuration.remotes.count
        return DoctorCheck("configuration", .ok, "\(path) is right, \(count) remote\(count == 1 ? "" : "s")")
    }

    /// Folders 0700, files 0600, all of them ours.
    static func files(_ places: Places, _ configuration: EngineConfiguration) -> [DoctorCheck] {
        var checks: [DoctorCheck] = []
        for folder in [places.stateFolder, places.credentialsFolder, places.runFolder] {
            if let check = permissions(folder, isFolder: true, isSecret: true) { checks.append(check) }
        }
        for file in [places.database, places.database + "-wal", places.logFile] {
            if let check = permissions(file, isFolder: false, isSecret: true) { checks.append(check) }
        }
        if let check = permissions(configuration.file, isFolder: false, isSecret: false) { checks.append(check) }
        for remote in configuration.remotes {
            for file in secrets(of: remote.credentials) {
                if access(file, F_OK) != 0 {
                    checks.append(
                        DoctorCheck(
                            "files", .fail, "\(file), which [remote.\(remote.name)] names, cannot be reached (\(FileError.text(of: errno)))",
                            advice: "Put it there, or correct the name"))
                } else if let check = permissions(file, isFolder: false, isSecret: true) {
                    checks.append(check)
                }
            }
        }
        return checks.isEmpty ? [DoctorCheck("files", .ok, "only you can read \(places.stateFolder) and what lies in it")] : checks
    }

    /// Files whose content is a secret. Of a source inside another one, too.
    private static func secrets(of source: CredentialSource) -> [String] {
        switch source {
        case .broker(_, let file), .signedURL(_, let file): [file]
        case .fixed(_, let secret, let token): [secret] + (token.map { [$0] } ?? [])
        case .assumeRole(_, let inner): secrets(of: inner)
        default: []
        }
    }

    /// `nil` when it is well, or not there yet.
    private static func permissions(_ path: String, isFolder: Bool, isSecret: Bool) -> DoctorCheck? {
        var information = stat()
        guard stat(path, &information) == 0 else {
            return errno == ENOENT ? nil : DoctorCheck("files", .fail, "\(path) cannot be reached (\(FileError.text(of: errno)))", advice: "Check who owns it and its mode")
        }
        guard information.st_uid == geteuid() || (information.st_uid == 0 && !isFolder) else {
            return DoctorCheck(
                "files", isSecret ? .fail : .warn, "\(path) belongs to another user", advice: "Make it yours: chown $USER \(path)")
        }
        let open = information.st_mode & (isSecret ? 0o077 : 0o022)
        guard open != 0 else { return nil }
        let mode = isFolder ? "700" : isSecret ? "600" : "go-w"
        return DoctorCheck(
            "files", isSecret ? .fail : .warn, "\(path) can be \(isSecret ? "read" : "changed") by others", advice: "Protect it: chmod \(mode) \(path)")
    }

    static func space(_ folder: String) -> DoctorCheck {
        var path = folder
        var information = statvfs()
        // Not made yet: its disk is that of the folder above.
        while statvfs(path, &information) != 0 {
            guard errno == ENOENT, path != "/" else {
                return DoctorCheck("disk", .fail, "\(path) cannot be examined (\(FileError.text(of: errno)))", advice: "Check the disk")
            }
            let above = path.split(separator: "/").dropLast().map { "/" + $0 }.joined()
            path = above.isEmpty ? "/" : above
        }
        let free = UInt64(information.f_bavail) * UInt64(information.f_frsize)
        let text = "\(free >> 20) MiB are free for the queue in \(folder)"
        if information.f_flag & UInt(ST_RDONLY) != 0 {
            return DoctorCheck("disk", .fail, "the disk of \(folder) is read-only", advice: "Mount it writable, or set DAVIT_HOME")
        }
        if free < leastSpace { return DoctorCheck("disk", .fail, text, advice: "Free some space: without it nothing can be queued") }
        if information.f_files > 0, information.f_favail < 100 {
            return DoctorCheck("disk", .fail, "the disk of \(folder) has room for \(information.f_favail) more files only", advice: "Remove some")
        }
        return free < enoughSpace ? DoctorCheck("disk", .warn, text, advice: "Free some space: a million uploads take 500 MiB") : DoctorCheck("disk", .ok, text)
    }

    // MARK: - The queue

    static func database(_ path: String) -> DoctorCheck {
        guard access(path, F_OK) == 0 else { return DoctorCheck("database", .ok, "there is no queue yet") }
        do {
            let queue = try open(path)
            let isOver = Lock(false)
            startThread(name: "davit-check") {
                let end = SystemClock.steady() + longestCheck
                while SystemClock.steady() < end { if isOver.withLock({ $0 }) { return } else { usleep(50_000) } }
                queue.interrupt()
            }
            defer { isOver.withLock { $0 = true } }
            return try queue.read { db in
                if try QueueSchema.migrator.hasBeenSuperseded(db) {
                    return DoctorCheck("database", .fail, "\(path) was written by a newer davit", advice: "Update davit")
                }
                let found = try String.fetchOne(db, sql: "PRAGMA quick_check(1)") ?? ""
                guard found == "ok" else {
                    return DoctorCheck(
                        "database", .fail, "\(path) is damaged (\(PlainText.line(found, limit: 200)))",
                        advice: "Keep a copy; the engine sets it aside when it cannot read it")
                }
                let count = try Int.fetchOne(db, sql: "SELECT COALESCE(SUM(n), 0) FROM counts WHERE job = 0") ?? 0
                return DoctorCheck("database", .ok, "\(path) is whole, \(count) upload\(count == 1 ? "" : "s")")
            }
        } catch let error as DatabaseError where error.resultCode == .SQLITE_INTERRUPT {
            return DoctorCheck(
                "database", .warn, "\(path) could not be checked within \(longestCheck.components.seconds) s", advice: "Try again when the engine rests")
        } catch {
            return DoctorCheck(
                "database", .fail, "\(path) cannot be read (\((error as? DatabaseError)?.message ?? "\(error)"))",
                advice: "Keep a copy; the engine sets it aside when it cannot read it")
        }
    }

    /// Uploads on the server that nobody will finish: they cost money until they are aborted.
    static func ledger(_ path: String) -> [DoctorCheck] {
        guard access(path, F_OK) == 0, let queue = try? open(path),
            let owed = try? queue.read({ try Int.fetchOne($0, sql: "SELECT COUNT(*) FROM ledger WHERE upload IS NULL") ?? 0 })
        else { return [] }
        guard owed > 0 else { return [DoctorCheck("ledger", .ok, "no unfinished upload is left on a server")] }
        return [
            DoctorCheck(
                "ledger", .warn, "\(owed) unfinished upload\(owed == 1 ? " is" : "s are") still to be aborted on the server",
                advice: "The engine does it as soon as it can; see davit orphans")
        ]
    }

    private static func open(_ path: String) throws -> DatabaseQueue {
        var configuration = Configuration()
        configuration.readonly = true
        configuration.busyMode = .timeout(2)
        return try DatabaseQueue(path: path, configuration: configuration)
    }

    // MARK: - The machine

    static func log(_ path: String, _ engine: EngineSettings) -> DoctorCheck {
        var (bytes, count): (Int64, Int) = (0, 0)
        for file in LogSink.files(of: path) {
            var information = stat()
            guard stat(file, &information) == 0 else { continue }
            (bytes, count) = (bytes + Int64(information.st_size), count + 1)
        }
        let most = engine.logSize * Int64(engine.logKeep + 2)
        let text = "\(bytes >> 10) KiB in \(count) file\(count == 1 ? "" : "s"), at most \((engine.logSize * Int64(engine.logKeep + 1)) >> 20) MiB"
        return bytes > most
            ? DoctorCheck("log", .warn, text, advice: "Something else writes into \(path); see davit log -n 100") : DoctorCheck("log", .ok, text)
    }

    /// The engine raises its limit to the hard one.
    static func descriptors() -> DoctorCheck {
        let limit = Descriptors.limits().hard
        let text = "\(limit) files and connections may be open at once"
        if limit < fewDescriptors {
            return DoctorCheck("limits", .warn, text, advice: "Raise it, or uploads wait for one another: ulimit -Hn \(enoughDescriptors), or LimitNOFILE= in the unit")
        }
        return limit < enoughDescriptors
            ? DoctorCheck("limits", .warn, text, advice: "Raise it for many uploads at once: ulimit -Hn \(enoughDescriptors), or LimitNOFILE= in the unit")
            : DoctorCheck("limits", .ok, text)
    }

    static func memory() -> DoctorCheck {
        guard let bytes = try? SecureFile.read("/proc/meminfo", limit: 64 << 10, mustBePrivate: false) else {
            return DoctorCheck("memory", .ok, "this system does not tell")
        }
        let line = String(decoding: bytes, as: UTF8.self).split(separator: "\n").first { $0.hasPrefix("MemAvailable:") }
        guard let kilobytes = line?.split(separator: " ").dropFirst().first.flatMap({ Int64($0) }) else {
            return DoctorCheck("memory", .ok, "this system does not tell")
        }
        // A container's bound may be below what the machine has.
        let bound = (try? SecureFile.read("/sys/fs/cgroup/memory.max", limit: 64, mustBePrivate: false)).flatMap {
            Int64(String(decoding: $0.prefix { (48...57).contains($0) }, as: UTF8.self))
        }
        let available = min(kilobytes << 10, bound ?? .max)
        let text = "\(available >> 20) MiB are available"
        return available < enoughMemory
            ? DoctorCheck("memory", .warn, text, advice: "The engine takes up to 150 MiB; end something else") : DoctorCheck("memory", .ok, text)
    }
}
