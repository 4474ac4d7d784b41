import Contracts
import Credentials

/// The calls about what has ended, and about what an order would do.
extension ControlAPI {
    /// - Returns: `nil` when the address is none of these.
    func historyRoute(
        _ request: ControlRequest, _ path: [String], _ parameters: [String: String]
    ) async throws(OrderError) -> ControlResponse? {
        switch (request.method, path.count, path.first, path.last) {
        case ("GET", 1, "history", _):
            let window = try ControlAPI.window(parameters)
            return .json(
                try await queue.history(
                    HistoryRequest(query: window.query, sort: window.sort, after: window.after, limit: window.limit)))
        case ("GET", 1, "edits", _):
            let edits = try await queue.edits()
            return .json(ListEnvelope(items: edits, total: edits.count))
        case ("GET", 3, "jobs", "receipt"):
            let window = try ControlAPI.window(parameters)
            let page = try await queue.receipt(ReceiptRequest(job: path[1], after: window.after, limit: window.limit))
            guard let page else { return .notFound("there is no job “\(PlainText.line(path[1], limit: 60))”") }
            return .json(page)
        case ("POST", 1, "verify", _): return .json(try await remote.verify(try ControlAPI.decode(VerifyRequest.self, request.body)))
        case ("POST", 1, "plan", _):
            return .json(try await remote.plan(try ControlAPI.checked(try ControlAPI.decode(JobOrder.self, request.body))))
        default: return nil
        }
    }
}
