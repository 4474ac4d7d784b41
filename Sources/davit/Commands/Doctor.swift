import ArgumentParser
import Contracts
import FoundationEssentials
import Glibc
import Platform
import TerminalUI

struct Doctor: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "doctor",
        abstract: "Looks at everything uploads need and says what to do about what is not well.",
        discussion: """
            One line a check: ok, warn or FAIL. Exit status 1 when something fails. No line holds a secret; what asks the network gives up
            after 15 s, or after --timeout.
            Example: davit doctor
            """)
    @OptionGroup var global: GlobalOptions

    /// For each remote; the remotes are asked at the same time.
    private static let networkTime = Duration.seconds(15)
    /// The checks of the queue give up before.
    private static let examinationTime = Duration.seconds(40)

    func run() async throws {
        let limit = min(try global.timeoutDuration() ?? Self.networkTime, .seconds(120))
        var checks = await examine()
        // An engine cannot start with a broken configuration: that is said once.
        let mayStart = !checks.contains { $0.check == "configuration" && $0.state == .fail }
        checks += await askEngine(limit, mayStart: mayStart)
        checks.append(terminal())
        show(checks)
        if checks.contains(where: { $0.state == .fail }) { throw Finished(exit: Exit.failed) }
    }

    private func show(_ checks: [DoctorCheck]) {
        if global.json {
            try? Output.json(ListEnvelope(items: checks, total: checks.count))
            return
        }
        let rows = checks.map { check in
            let sentence = Output.clean(check.text) + (check.advice.map { ". \(Output.clean($0))" } ?? "")
            return [check.state == .fail && !global.plain ? "FAIL" : check.state.rawValue, Output.clean(check.check), sentence]
        }
        if global.plain { Output.plain(rows) } else { Output.table(rows.filter { !global.quiet || $0[0] != "ok" }) }
    }

    // MARK: - Without the engine

    /// The engine's own program looks at its home: it alone knows the configuration and the queue.
    private func examine() async -> [DoctorCheck] {
        let program: String
        do { program = try EngineStarter.engineProgram() } catch {
            return [DoctorCheck("programs", .fail, (error as? Failure)?.message ?? "davit-engine is not found")]
        }
        var command = [program, "examine"]
        if let config = global.config { command += ["--config", EngineStarter.absolute(config)] }
        do throws(ChildProcess.Failure) {
            let answer = try await ChildProcess.run(
                command, environment: ProcessInfo.processInfo.environment, limits: ChildProcess.Limits(time: Self.examinationTime, output: 1 << 20))
            if answer.end == .status(0), let list = try? ContractJSON.decode(ListEnvelope<DoctorCheck>.self, from: answer.output) {
                return list.items
            }
            let said = String(decoding: answer.errors.prefix(500), as: UTF8.self).split(separator: "\n").first.map(String.init) ?? "\(answer.end)"
            return [DoctorCheck("configuration", .fail, said, advice: "See: davit config path")]
        } catch {
            return [DoctorCheck("programs", .fail, "\(program) could not look at its home (\(error))", advice: "Install both programs in one folder")]
        }
    }

    private func terminal() -> DoctorCheck {
        let environment = ProcessInfo.processInfo.environment
        let name = environment["TERM"] ?? ""
        let locale = ["LC_ALL", "LC_CTYPE", "LANG"].compactMap { environment[$0] }.first { !$0.isEmpty } ?? "C"
        let isUnicode = locale.lowercased().contains("utf-8") || locale.lowercased().contains("utf8")
        let colours =
            environment["NO_COLOR"].map { !$0.isEmpty } == true
            ? "no colours (NO_COLOR)"
            : ["truecolor", "24bit"].contains(environment["COLORTERM"] ?? "") ? "24-bit colours" : name.contains("256color") ? "256 colours" : "16 colours"
        guard Output.isTerminal else { return DoctorCheck("terminal", .ok, "standard output is none: davit shows its status there") }
        if name.isEmpty || name == "dumb" {
            return DoctorCheck("terminal", .warn, "TERM is \(name.isEmpty ? "not set" : name): the screens cannot be drawn", advice: "Set TERM, for example to xterm-256color")
        }
        if !isUnicode {
            return DoctorCheck("terminal", .warn, "\(name), \(colours), locale \(locale) without UTF-8", advice: "Set LANG=C.UTF-8, or use --symbols ascii")
        }
        return DoctorCheck("terminal", .ok, "\(name), \(colours), UTF-8")
    }

    // MARK: - Through the engine

    private func askEngine(_ limit: Duration, mayStart: Bool) async -> [DoctorCheck] {
        var client: ControlClient
        do {
            client = try await ControlClient.connect(global, start: mayStart)
        } catch {
            let reason = (error as? Failure)?.message ?? "the engine does not answer"
            return [DoctorCheck("engine", mayStart ? .fail : .warn, reason, advice: "See its log: davit log -n 20")]
        }
        client.timeout = limit
        guard let status = try? await client.get(StatusView.self, "/v1/status"), let settings = try? await client.get(SettingsView.self, "/v1/settings")
        else {
            return [DoctorCheck("engine", .fail, "the engine does not say how it is within \(limit.components.seconds) s", advice: "Restart it: davit engine stop")]
        }
        var checks = [engine(status)]
        if let outage = status.outage {
            checks.append(DoctorCheck("engine", .warn, "\(outage.endpoint) since \(outage.since): \(outage.reason)", advice: "The engine tries again by itself"))
        }
        checks += await remotes(settings.remotes.map(\.name), client, limit)
        // The tests above have asked a server for its time.
        let offset = (try? await client.get(StatusView.self, "/v1/status"))?.clockOffset ?? status.clockOffset
        checks.append(clock(offset))
        return checks
    }

    private func engine(_ status: StatusView) -> DoctorCheck {
        guard status.engine.version == davitVersion else {
            return DoctorCheck(
                "engine", .warn, "process \(status.engine.pid) is version \(status.engine.version), this davit is \(davitVersion)",
                advice: "Restart it: davit engine stop; uploads go on at the next start")
        }
        return DoctorCheck("engine", .ok, "process \(status.engine.pid) answers, version \(status.engine.version)")
    }

    private func clock(_ offset: Double?) -> DoctorCheck {
        guard let offset else { return DoctorCheck("clock", .ok, "no server has told its time yet") }
        let seconds = Int(offset.rounded())
        guard abs(seconds) >= 5 else { return DoctorCheck("clock", .ok, "agrees with the server's") }
        return DoctorCheck(
            "clock", .warn, "this machine is \(abs(seconds)) s \(seconds > 0 ? "behind" : "ahead of") the server; signatures are corrected",
            advice: "Set it right: timedatectl set-ntp true")
    }

    private func remotes(_ names: [String], _ client: ControlClient, _ limit: Duration) async -> [DoctorCheck] {
        guard !names.isEmpty else {
            return [DoctorCheck("remotes", .ok, "none is configured; oss:// destinations take the credentials of each order")]
        }
        return await withTaskGroup(of: (Int, [DoctorCheck]).self) { tasks in
            for (index, name) in names.enumerated() {
                tasks.addTask { (index, await remote(name, client, limit)) }
            }
            var all: [(Int, [DoctorCheck])] = []
            for await found in tasks { all.append(found) }
            return all.sorted { $0.0 < $1.0 }.flatMap(\.1)
        }
    }

    private func remote(_ name: String, _ client: ControlClient, _ limit: Duration) async -> [DoctorCheck] {
        do {
            let request = AuthTestRequest(remote: name, dest: nil, credentials: nil)
            let found = try await client.post("/v1/auth/test", request, as: ListEnvelope<AuthCheck>.self)
            // The clock has a line of its own, for all of them.
            return found.items.filter { $0.check != "clock" }.map { item in
                DoctorCheck("\(name) \(item.check)", item.ok ? .ok : .fail, item.text, advice: item.ok ? nil : "Again, alone: davit auth test \(name)")
            }
        } catch {
            let reason = (error as? Failure)?.message ?? "no answer"
            return [DoctorCheck("\(name) test", .fail, "no answer within \(limit.components.seconds) s, or none at all (\(reason))", advice: "Again, alone: davit auth test \(name)")]
        }
    }
}
