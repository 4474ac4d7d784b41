import Contracts
import Credentials
import OSSProtocol
import Platform

/// Changes of limits and of the configuration, each noted with what takes it back.
extension ControlAPI {
    /// Steps of one number that come so soon after each other are one edit. Milliseconds.
    private static let oneEdit: Int64 = 5_000

    // MARK: - Limits

    /// What takes a change of limits back, and what it left: if somebody has changed that since, it stays.
    struct LimitsTakeBack: Codable, Equatable {
        var before: LimitsChange
        var after: LimitsChange

        /// - Returns: `nil` when nothing is different.
        init?(_ change: LimitsChange, from old: LimitsView, to new: LimitsView) {
            (before, after) = (Self.words(old, of: change), Self.words(new, of: change))
            if before == after { return nil }
        }

        /// Those of the limits that the change names, as a change would say them.
        static func words(_ limits: LimitsView, of change: LimitsChange) -> LimitsChange {
            LimitsChange(
                rate: change.rate.map { _ in limits.rateBy == "person" ? limits.rate.map { String($0) } ?? "none" : "schedule" },
                uploads: change.uploads.map { _ in limits.uploadsAuto ? .auto : .number(limits.uploads) },
                parts: change.parts.map { _ in limits.partsAuto ? .auto : .number(limits.parts) })
        }
    }

    func setLimits(_ change: LimitsChange) async throws(OrderError) -> LimitsView {
        let before = await queue.limits()
        let after = try await queue.setLimits(change)
        guard var takeBack = LimitsTakeBack(change, from: before, to: after) else { return after }
        var start = before
        var replaced: Int64?
        if let (id, at, last) = try await queue.noted(nil), last.kind == .limits, last.by == change.by,
            SystemClock.wall().milliseconds - at.milliseconds < Self.oneEdit,
            let old = try? ContractJSON.decode(LimitsTakeBack.self, from: Array(last.takeBack.utf8)), old.after == takeBack.before {
            takeBack.before = old.before
            start = Self.view(old.before, over: before)
            replaced = id
        }
        let text = String(decoding: (try? ContractJSON.encode(takeBack)) ?? [], as: UTF8.self)
        try await queue.note(
            NotedEdit(kind: .limits, by: change.by, what: Self.words(change, from: start, to: after), takeBack: text), replacing: replaced)
        return after
    }

    /// For the words: what an earlier change began from.
    private static func view(_ change: LimitsChange, over limits: LimitsView) -> LimitsView {
        var view = limits
        if let rate = change.rate { view.rate = Int64(rate) }
        if case .number(let number)? = change.uploads { (view.uploads, view.uploadsAuto) = (number, false) }
        if case .auto? = change.uploads { view.uploadsAuto = true }
        if case .number(let number)? = change.parts { (view.parts, view.partsAuto) = (number, false) }
        if case .auto? = change.parts { view.partsAuto = true }
        return view
    }

    /// `limit up 150 MiB/s -> 200 MiB/s`.
    static func words(_ change: LimitsChange, from old: LimitsView, to new: LimitsView) -> String {
        var words: [String] = []
        if change.rate != nil { words.append("limit up \(rate(old.rate)) -> \(rate(new.rate))" + (new.rateBy == "schedule" ? " by the schedule" : "")) }
        if change.uploads != nil { words.append("uploads at once \(count(old.uploads, old.uploadsAuto)) -> \(count(new.uploads, new.uploadsAuto))") }
        if change.parts != nil { words.append("parts at once \(count(old.parts, old.partsAuto)) -> \(count(new.parts, new.partsAuto))") }
        return words.joined(separator: ", ")
    }

    private static func count(_ number: Int, _ isAuto: Bool) -> String { isAuto ? "auto" : "\(number)" }

    private static func rate(_ rate: Int64?) -> String {
        guard let rate else { return "none" }
        guard rate > 0 else { return "0 (paused)" }
        for (unit, name) in [(Int64(1 << 30), "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")] where rate >= unit {
            let tenths = rate / unit * 10 + rate % unit * 10 / unit
            return (tenths % 10 == 0 ? "\(tenths / 10)" : "\(tenths / 10).\(tenths % 10)") + " \(name)/s"
        }
        return "\(rate) B/s"
    }

    // MARK: - Undo

    func act(_ request: ActionRequest) async throws(OrderError) -> ActionResult {
        guard request.action == "undo", request.dryRun != true else { return try await queue.act(request) }
        var id: Int64?
        if let value = request.value {
            guard let number = Int64(value) else { return try await queue.act(request) }
            id = number
        }
        guard let (number, _, edit) = try await queue.noted(id) else { return try await queue.act(request) }
        switch edit.kind {
        case .limits: try await takeBackLimits(edit)
        case .configuration:
            guard let configuration else { throw Self.cannotUndo("this engine has no configuration file") }
            try await configuration.takeBack(edit.takeBack)
            await queue.accessChanged()
        }
        try await queue.markUndone(number, by: request.by)
        var result = ActionResult(action: "undo", matched: 1, changed: 1, items: [])
        result.what = edit.what
        return result
    }

    private func takeBackLimits(_ edit: NotedEdit) async throws(OrderError) {
        guard let takeBack = try? ContractJSON.decode(LimitsTakeBack.self, from: Array(edit.takeBack.utf8)) else {
            throw Self.cannotUndo("it was noted by another version of the engine")
        }
        guard LimitsTakeBack.words(await queue.limits(), of: takeBack.after) == takeBack.after else {
            throw Self.cannotUndo("“\(edit.what)” has been changed again since")
        }
        _ = try await queue.setLimits(takeBack.before)
    }

    static func cannotUndo(_ why: String) -> OrderError {
        OrderError(code: "CannotUndo", message: "nothing was taken back: \(why)", exit: 1)
    }

    // MARK: - Configuration

    func change(_ change: ConfigurationChange) async throws(OrderError) -> ConfigurationResult {
        guard let configuration else {
            throw OrderError(code: "BadRequest", message: "this engine has no configuration file to change", exit: 2)
        }
        let done = try await configuration.change(change)
        guard let takeBack = done.takeBack else { return done.result }
        try await queue.note(NotedEdit(kind: .configuration, by: change.by, what: done.result.what, takeBack: takeBack), replacing: nil)
        await queue.accessChanged()
        return done.result
    }
}
