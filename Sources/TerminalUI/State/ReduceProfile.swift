import Contracts

/// Remotes and their credentials added, changed and taken out: the engine writes the configuration.
extension AppState {
    mutating func addProfile() -> [Effect] {
        overlays.append(.profile(ProfileForm(new: true, shownAt: now)))
        return []
    }

    /// The remote under the cursor; credentials that came with an order have nothing to change.
    mutating func editProfile() -> [Effect] {
        guard let name = profileUnderCursor(to: "change"), let settings = mirror.settings else { return [] }
        overlays.append(.profile(ProfileForm.of(name, settings, shownAt: now)))
        return []
    }

    mutating func removeProfile(openedBy key: Key) -> [Effect] {
        guard let name = profileUnderCursor(to: "remove") else { return [] }
        let change = ConfigurationChange(remove: [["remote", name]], by: options.userName)
        let uses = leases.first { $0.scope == name }?.uploads ?? 0
        // Without uploads an undo is enough of a net.
        guard uses > 0 else { return [.changeConfiguration(change)] }
        let users = (queue.window?.rows ?? []).filter { $0.remote == name && !$0.state.isEnded }
        let shown = users.prefix(4).map { "  " + displayText(Paths.name($0.path), rules: options.rules).plain }
        let more = uses > shown.count && !shown.isEmpty ? ["  and \(Formats.count(uses - shown.count)) more"] : []
        overlays.append(
            .confirm(
                Question(
                    title: "Remove \(name)?",
                    lines: [Formats.counted(uses, "upload") + (uses == 1 ? " uses it and is held from then on:" : " use it and are held from then on:")]
                        + shown + more + ["", "Files with its secrets stay where they are. u brings it back."],
                    yes: "remove \(name)", no: "keep it", effects: [.changeConfiguration(change)], openedBy: key, shownAt: now)))
        return []
    }

    private mutating func profileUnderCursor(to verb: String) -> String? {
        if let refusal = refusal() {
            say(refusal, .warn)
            return nil
        }
        let leases = self.leases
        guard leases.indices.contains(access.cursor) else {
            say("there is no profile to \(verb): a adds one")
            return nil
        }
        let name = leases[access.cursor].scope
        guard mirror.settings?.remotes.contains(where: { $0.name == name }) == true else {
            say("\(name): these credentials came with an order, there is nothing to \(verb)")
            return nil
        }
        return name
    }

    mutating func onProfileKey(_ form: ProfileForm, _ key: Key) -> [Effect] {
        if now - form.shownAt < Self.typeAhead { return [] }
        var form = form
        let count = form.fields.count
        switch key {
        case .enter: return submit(form)
        case .tab, .down: form.focus = (form.focus + 1) % count
        case .backTab, .up: form.focus = (form.focus + count - 1) % count
        default: _ = form.type(key)
        }
        replaceTop(.profile(form))
        return []
    }

    private mutating func submit(_ form: ProfileForm) -> [Effect] {
        guard !form.isAsking else { return [] }
        var form = form
        form.problem = refusal() ?? (form.name.isEmpty ? "a profile needs a name" : nil)
        guard form.problem == nil else {
            replaceTop(.profile(form))
            return []
        }
        guard let change = form.change(by: options.userName) else {
            overlays.removeLast()
            say("nothing was changed")
            return []
        }
        form.isAsking = true
        replaceTop(.profile(form))
        return [.changeConfiguration(change)]
    }

    // MARK: answers

    mutating func onConfigurationChanged(_ result: ConfigurationResult) -> [Effect] {
        var effects: [Effect] = [.fetchSettings, .fetchEdits]
        actedAt = now
        switch overlays.last {
        case .profile(let form)? where form.isAsking:
            overlays.removeLast()
            // What was written is tried at once: a mistake shows while its maker is still there.
            access.isBusy = true
            effects += [.fetchAuth, .testAuth(scope: form.name)]
        case .prompt(let prompt)? where prompt.isSetting: overlays.removeLast()
        default: if screen == .access { effects.append(.fetchAuth) }
        }
        let left = result.left.isEmpty ? "" : "; its secret stays in \(String(decoding: Paths.name(result.left[0]), as: UTF8.self))"
        say(result.what + left + ".   u undo", .ok, seconds: 30)
        return effects
    }

    mutating func onConfigurationFailed(_ problem: String) -> [Effect] {
        switch overlays.last {
        case .profile(var form)? where form.isAsking:
            form.isAsking = false
            form.problem = place(problem)
            replaceTop(.profile(form))
        case .prompt(var prompt)? where prompt.isSetting:
            // The place in the file helps nobody who types into a field.
            prompt.problem = Search.rest(of: problem, behind: ": error: ") ?? place(problem)
            replaceTop(.prompt(prompt))
        default: say(place(problem), .error, seconds: 60)
        }
        return []
    }

    /// `config.toml:12:1: error: …`: whose folder it is, everybody knows.
    private func place(_ problem: String) -> String {
        guard let file = mirror.settings?.file, problem.utf8.starts(with: file.utf8) else { return problem }
        return String(decoding: Paths.name(file) + Array(problem.utf8.dropFirst(file.utf8.count)), as: UTF8.self)
    }
}
