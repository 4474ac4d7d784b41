import OSSProtocol
import TransferCore

/// `GET /v1/events?query=&kinds=&since=`, read.
struct EventsRequest: Sendable {
    let wish: EventHub.Wish

    /// - Parameters:
    ///   - query: percent-encoded, as sent.
    ///   - lastEventID: the header of server-sent events; `since` says the same and wins.
    init(query: String?, lastEventID: String? = nil, now: Timestamp) throws(OrderError) {
        guard let parameters = ControlRequest("GET", "/v1/events", query: query).parameters else {
            throw EventsRequest.wrong("the address cannot be read (broken percent-encoding or no UTF-8)")
        }
        var wish = EventHub.Wish()
        if let since = parameters["since"], !since.isEmpty {
            guard let id = UInt64(since) else { throw EventsRequest.wrong("“since” takes the id of an event") }
            wish.after = id
        } else if let lastEventID {
            // Any text may come back as the id of a server that is another one now: then everything was missed.
            wish.after = UInt64(lastEventID) ?? 0
        }
        if let kinds = parameters["kinds"], !kinds.isEmpty {
            let named = kinds.split(separator: ",")
            guard named.allSatisfy({ $0 == "status" || $0 == "upload" }) else {
                throw EventsRequest.wrong("“kinds” takes status, upload or both")
            }
            (wish.wantsStatus, wish.wantsUploads) = (named.contains("status"), named.contains("upload"))
        }
        if let text = parameters["query"], !text.isEmpty {
            do throws(QueryError) {
                let query = try UploadQuery(text, now: now)
                if !query.matchesEverything { wish.query = query }
            } catch {
                throw OrderError(
                    code: "BadQuery", message: "the query is not understood at character \(error.position + 1) (\(error.message))", exit: 2)
            }
        }
        self.wish = wish
    }

    private static func wrong(_ message: String) -> OrderError { OrderError(code: "BadRequest", message: message, exit: 2) }
}
