import Contracts

/// What the add sheet knows of what it would queue: the engine counts while the sheet is open.
struct PreFlight: Sendable, Equatable {
    enum Stage: Sendable, Equatable {
        /// The engine reads directories, then asks OSS what is there.
        case counting
        case done
        /// By Esc. What was counted so far stays on the sheet.
        case stopped
        /// In the engine's words.
        case failed(String)
    }
    /// Of the request under way: answers of older ones are dropped.
    var version = 0
    var stage = Stage.counting
    var progress: PlanProgress?
    var plan: PlanView?
    /// When the destination was last typed at, milliseconds: it is counted anew when it rests, not for each letter.
    var typedAt: Int64?

    /// Objects that would be replaced, where that is known.
    var replaced: Int? {
        guard stage == .done, let plan, plan.existing.rule == "overwrite" else { return nil }
        return plan.existing.objects
    }
    var files: Int? { plan?.files ?? progress?.files }
    var bytes: Int64 { plan?.bytes ?? progress?.bytes ?? 0 }
    var requests: PlanView.Requests? { plan?.requests ?? progress?.requests }
    var collisions: Int { plan?.collisionsTotal ?? progress?.collisions ?? 0 }
    var refused: Int { plan?.refusedTotal ?? progress?.refused ?? 0 }
    var skipped: [String: Int] { plan?.skipped ?? progress?.skipped ?? [:] }
    /// The directories are read to their end: the numbers no longer grow.
    var isWhole: Bool { plan != nil || progress?.scanned == true }
}

extension AddSheet {
    /// The order as the fields have it.
    var options: OrderOptions {
        var order = OrderOptions()
        order.existing = existing
        order.priority = priority == .normal ? nil : priority
        order.paused = paused ? true : nil
        order.links = followsLinks ? "follow" : nil
        order.flat = flat ? true : nil
        order.storageClass = storageClass
        order.base = flat ? nil : base
        return order
    }
}

extension AppState {
    /// A destination at which nothing was typed for so long is counted. Milliseconds.
    private static let rest: Int64 = 600

    /// Counts what the sheet would queue, from the beginning; an earlier counting ends.
    func count(_ sheet: inout AddSheet, version: Int) -> [Effect] {
        if sheet.preFlight.typedAt != nil { sheet.checks = [] }
        sheet.preFlight = PreFlight(version: version)
        if let problem = refusal() ?? Self.problem(ofDestination: sheet.to.text) {
            sheet.preFlight.stage = .failed(problem)
            return [.stopPlan]
        }
        return [
            .plan(
                sources: sheet.sources, dest: Self.asPrefix(sheet.to.text, sheet.sources), options: sheet.options,
                checks: sheet.checks.isEmpty, version: version)
        ]
    }

    mutating func recount(_ sheet: inout AddSheet) -> [Effect] {
        nextVersion += 1
        return count(&sheet, version: nextVersion)
    }

    /// The sheet on top, if it is what is open.
    private var openSheet: AddSheet? {
        guard case .add(let sheet)? = overlays.last else { return nil }
        return sheet
    }

    /// Each tick: a destination that was typed and rests.
    mutating func countRested() -> [Effect] {
        guard var sheet = openSheet, let typedAt = sheet.preFlight.typedAt, now - typedAt >= Self.rest else { return [] }
        let effects = recount(&sheet)
        replaceTop(.add(sheet))
        return effects
    }

    mutating func onPlan(_ event: AppEvent) -> [Effect] {
        // The sheet may lie below the question whether objects are to be replaced: it was answered by then.
        guard var sheet = openSheet else { return [] }
        switch event {
        case .planProgress(let version, let progress):
            guard version == sheet.preFlight.version, sheet.preFlight.stage == .counting else { return [] }
            sheet.preFlight.progress = progress
        case .planned(let version, let plan):
            guard version == sheet.preFlight.version, sheet.preFlight.stage == .counting else { return [] }
            sheet.preFlight.plan = plan
            sheet.preFlight.stage = .done
            if !plan.checks.isEmpty { sheet.checks = plan.checks }
        case .planFailed(let version, let problem):
            guard version == sheet.preFlight.version, sheet.preFlight.stage == .counting else { return [] }
            sheet.preFlight.stage = .failed(problem)
        default: return []
        }
        replaceTop(.add(sheet))
        return []
    }

    /// Esc: ends the counting first, the sheet then.
    mutating func closeSheet(_ sheet: AddSheet) -> [Effect] {
        guard sheet.preFlight.stage == .counting, sheet.preFlight.progress.map({ !$0.scanned }) ?? true else {
            overlays.removeLast()
            return [.stopPlan]
        }
        var sheet = sheet
        sheet.preFlight.stage = .stopped
        replaceTop(.add(sheet))
        return [.stopPlan]
    }
}
