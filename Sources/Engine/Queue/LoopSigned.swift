import Contracts

/// What people do is told to everybody with who did it: the other front ends say so.
extension EngineLoop {
    public func act(_ request: ActionRequest) async throws(OrderError) -> ActionResult {
        let result = try await perform(request)
        guard request.dryRun != true, result.changed > 0 else { return result }
        doneAction = StatusView.DoneAction(
            number: (doneAction?.number ?? 0) + 1, action: request.action, by: request.by.map { String($0.prefix(Self.longestName)) },
            uploads: result.changed)
        changed()
        return result
    }

    /// Characters.
    static let longestName = 64
}
