import Contracts

/// Rows of the Settings screen that the configuration decides and a key changes: the engine writes the file and works by it at once.
extension SettingsPage {
    static func value(_ key: String, _ state: AppState) -> String? {
        for entry in state.mirror.settings?.values ?? [] where entry.path == ["engine", key] {
            switch entry.value {
            case .text(let text)?: return text
            case .number(let number)?: return String(number)
            case .list(let texts)?: return texts.joined(separator: "; ")
            case nil: return nil
            }
        }
        return nil
    }

    private static func row(
        _ section: String, _ label: String, _ key: String, _ state: AppState, shown: (String) -> String = { $0 }, choices: [String] = [], help: String
    ) -> SettingRow? {
        guard let value = value(key, state) else { return nil }
        return SettingRow(
            section: section, label: label, value: shown(value), help: "\(label): \(help)", kind: .configured(key: key, choices: choices))
    }

    /// Bytes a second as the configuration has them.
    private static func rate(_ text: String) -> String { Int64(text).map { $0 == 0 ? "0 (paused)" : Formats.rate($0) } ?? text }

    static func schedule(_ state: AppState) -> [SettingRow] {
        let rules = row(
            "BANDWIDTH", "schedule", "rate-schedule", state,
            shown: { text in text.isEmpty ? "none" : text.split(separator: ";").map { shortRule(String($0)) }.joined(separator: "; ") },
            help: "rates by the clock: Mon-Fri 08:00-18:00 20MiB; else none. The first line that holds counts. A limit set by hand stands until the next edge."
        )
        let zone =
            value("rate-schedule-zone", state) == nil
            ? state.mirror.settings?.values.map { _ in
                SettingRow(
                    section: "BANDWIDTH", label: "schedule's clock", value: "this machine's",
                    help: "schedule's clock: whose time the schedule means, such as Europe/Berlin or UTC.",
                    kind: .configured(key: "rate-schedule-zone", choices: []))
            }
            : row("BANDWIDTH", "schedule's clock", "rate-schedule-zone", state, help: "whose time the schedule means, such as Europe/Berlin or UTC.")
        let otherwise = row(
            "BANDWIDTH", "without schedule", "rate-limit", state, shown: rate,
            help: "the limit where no line of the schedule holds and nobody has set one. 50MiB, 400Mbit, none.")
        return [rules, zone, otherwise].compactMap { $0 }
    }

    /// The rates of a rule are kept as bytes.
    private static func shortRule(_ rule: String) -> String {
        var words = rule.split(separator: " ").map(String.init)
        if let last = words.last { words[words.count - 1] = rate(last) }
        return words.joined(separator: " ")
    }

    static func mostParts(_ state: AppState) -> [SettingRow] {
        [row("CONCURRENCY", "parts at most", "most-parts", state, help: "what parts = auto never goes beyond: 1 to 256.")].compactMap { $0 }
    }

    static func keeping(_ state: AppState) -> [SettingRow] {
        [
            row(
                "KEEPING", "parts of cancelled", "keep-cancelled", state,
                help: "how long the stored parts of a cancelled upload stay on the server, so that u brings it back. 24h, 7d."),
            row("KEEPING", "history", "keep-history", state, help: "how long uploads that have ended are in 3 History. 90d."),
            row(
                "KEEPING", "log level", "log-level", state, choices: ["error", "warning", "info", "debug"],
                help: "what the log says: error, warning, info, debug. Enter takes the next one."),
        ].compactMap { $0 }
    }
}

extension AppState {
    /// Enter on such a row: a choice takes the next one, all else a prompt.
    mutating func editConfigured(_ key: String, _ choices: [String], label: String) -> [Effect] {
        if let refusal = refusal() {
            say(refusal, .warn)
            return []
        }
        let value = SettingsPage.value(key, self) ?? ""
        if !choices.isEmpty {
            let next = choices[((choices.firstIndex(of: value) ?? 0) + 1) % choices.count]
            return [.changeConfiguration(ConfigurationChange(set: [ConfigurationEntry(["engine", key], .text(next))], by: options.userName))]
        }
        var hint = "Enter apply  empty = default  Esc keep"
        if key == "rate-schedule" { hint = "Enter apply  Mon-Fri 08:00-18:00 20MiB; else none  empty = none  Esc keep" }
        overlays.append(.prompt(Prompt(kind: .setting(key), label: label + ":", hint: hint, field: TextField(value))))
        return []
    }

    /// The prompt stays until the engine has taken the value: what is wrong with it is said beside it.
    mutating func submitSetting(_ key: String, _ text: String) -> [Effect] {
        var words = Substring(text)
        while words.first == " " { words.removeFirst() }
        while words.last == " " { words.removeLast() }
        let text = String(words)
        let value: ConfigurationValue?
        switch key {
        case _ where text.isEmpty: value = nil
        case "rate-schedule":
            value = .list(text.split(separator: ";").map { $0.split(separator: " ").joined(separator: " ") }.filter { !$0.isEmpty })
        case "most-parts": value = Int64(text).map { .number($0) } ?? .text(text)
        default: value = .text(text)
        }
        return [.changeConfiguration(ConfigurationChange(set: [ConfigurationEntry(["engine", key], value)], by: options.userName))]
    }

    mutating func stepConfigured(_ key: String, label: String, up: Bool) -> [Effect] {
        guard key == "most-parts", let number = SettingsPage.value(key, self).flatMap({ Int64($0) }) else {
            say("\(label) has no steps: Enter edits it")
            return []
        }
        if let refusal = refusal() {
            say(refusal, .warn)
            return []
        }
        let next = max(1, min(256, number + (up ? 1 : -1)))
        return [.changeConfiguration(ConfigurationChange(set: [ConfigurationEntry(["engine", key], .number(next))], by: options.userName))]
    }

    mutating func standardConfigured(_ key: String) -> [Effect] {
        if let refusal = refusal() {
            say(refusal, .warn)
            return []
        }
        return [.changeConfiguration(ConfigurationChange(set: [ConfigurationEntry(["engine", key], nil)], by: options.userName))]
    }
}
