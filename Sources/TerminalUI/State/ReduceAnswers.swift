import Contracts

/// Answers to what the operator asked for, as sentences in the message row.
extension AppState {
    mutating func onAnswer(_ event: AppEvent) -> [Effect] {
        switch event {
        case .actionDone(let result):
            actionsUnderWay = max(0, actionsUnderWay - 1)
            actedAt = now
            if let pending = dryRun, pending.request.action == result.action {
                dryRun = nil
                return ask(pending.request, found: result, openedBy: pending.openedBy)
            }
            say(sentence(result), result.changed == 0 && result.matched > 0 ? .warn : .ok, seconds: 30)
            let isOfSettings = result.action == "undo" && result.what != nil
            return refreshAll() + (isOfSettings ? [.fetchSettings, .fetchEdits] + (screen == .access ? [.fetchAuth] : []) : [])
        case .actionFailed(let problem):
            actionsUnderWay = max(0, actionsUnderWay - 1)
            dryRun = nil
            say(problem, .error, seconds: 30)
            return []
        case .jobAdded(let job):
            say(sentence(job), job.refused.isEmpty ? .ok : .warn, seconds: 30)
            return refresh(\.queue)
        case .addFailed(let problem):
            say(problem, .error, seconds: 60)
            return []
        case .limitsChanged(let limits):
            let rate = limits.rate.map { $0 == 0 ? "0, which pauses" : Formats.rate($0) } ?? "none"
            say("limit up \(rate), \(Formats.counted(limits.uploads, "upload")) and \(Formats.counted(limits.parts, "part")) at once   u undo", .ok)
            return screen == .settings ? [.fetchEdits] : []
        case .limitsFailed(let problem):
            say(problem, .error, seconds: 30)
            return []
        default: return []
        }
    }

    /// `cancelled 3 uploads, their parts are kept. 1 had already finished.   u undo`.
    private func sentence(_ result: ActionResult) -> String {
        let uploads = Formats.counted(result.changed, "upload")
        var text: String
        var isUndoable = true
        switch result.action {
        case "pause": text = "paused \(uploads)"
        case "resume": text = "resumed \(uploads)"
        case "retry":
            text = "trying \(uploads) again"
            isUndoable = false
        case "cancel": text = "cancelled \(uploads), stored parts are kept"
        case "abort":
            text = "aborted \(uploads), stored parts are deleted"
            isUndoable = false
        case "remove": text = "removed \(uploads) from the list"
        case "move": text = "moved \(uploads)"
        case "priority": text = "changed the priority of \(uploads)"
        case "undo":
            if let what = result.what { return "taken back: \(what)." }
            if result.changed == 0 { return "nothing to undo" }
            return "undone: \(uploads) as before"
        default: text = "\(result.action): \(uploads)"
        }
        if result.matched == 0, result.scans == nil { return "nothing matched: no upload was changed" }
        let refused = result.items.filter { !$0.changed }
        if result.changed == 0, let reason = refused.first?.reason {
            return "nothing changed: \(result.matched == 1 ? "the upload" : "\(refused.count) of \(result.matched)") \(reason)"
        }
        if result.matched > result.changed {
            let reason = refused.first?.reason ?? "could not be changed"
            text += "; \(Formats.count(result.matched - result.changed)) of \(Formats.count(result.matched)) \(reason)"
        }
        return text + "." + (isUndoable ? "   u undo" : "")
    }

    private func sentence(_ job: JobView) -> String {
        let some = job.state == "scanning"
        var text = some ? "adding to the queue, the directories are still being listed" : "added \(Formats.counted(job.total, "upload"))"
        if job.bytes > 0 { text += " (\(Formats.size(job.bytes)))" }
        if let refused = job.refused.first {
            text += "; \(Formats.count(job.refused.count)) refused: \(refused.path): \(refused.reason)"
        }
        return text + "."
    }

    // MARK: sending

    /// Sends an action, unless the engine does not answer or too many are under way.
    mutating func send(_ request: ActionRequest) -> [Effect] {
        if let refusal = refusal() {
            say(refusal, .warn)
            return []
        }
        guard actionsUnderWay < Self.mostActions else {
            say("the engine is slow to answer: this key was dropped", .warn)
            return [.beep]
        }
        actionsUnderWay += 1
        actedAt = now
        var request = request
        request.by = options.userName
        return [.act(request)]
    }

    /// Why nothing may be changed now.
    func refusal() -> String? {
        if options.isReadOnly { return "this front end is read-only" }
        switch mirror.link {
        case .up: return nil
        case .connecting: return "refused: the engine has not answered yet. Nothing you press is queued up"
        case .lost: return "refused: the engine does not answer. Nothing you press is queued up; r tries to reach it"
        }
    }

    /// The question of a cancel or abort whose count a dry run has found.
    private mutating func ask(_ request: ActionRequest, found: ActionResult, openedBy key: Key) -> [Effect] {
        guard found.matched > 0 else {
            say("nothing matched: no upload was changed")
            return []
        }
        return openQuestion(request, Chosen(request: request, found: found), openedBy: key)
    }
}
