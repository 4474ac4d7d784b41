import Contracts
import HTTPTypes
import Hummingbird
import NIOCore

/// `POST /v1/plan?progress=1`: the counts of a plan while they grow, then the plan. Ends with the connection.
struct PlanStream: Sendable {
    /// Between two tellings: counts are read by people.
    private static let pause: Duration = .milliseconds(100)

    private enum Message: Sendable {
        case progress(PlanProgress)
        case plan(PlanView)
        case error(OrderError)
    }

    let api: ControlAPI
    let body: [UInt8]
    private let checks: Bool

    /// - Returns: `nil` where no progress is wished: then the plan is one answer.
    init?(api: ControlAPI, query: String?, body: [UInt8]) {
        let parameters = ControlRequest("POST", "/v1/plan", query: query).parameters ?? [:]
        guard let wish = parameters["progress"], !wish.isEmpty, wish != "0" else { return nil }
        (self.api, self.body, checks) = (api, body, parameters["checks"] != "0")
    }

    func response(_ context: ControlContext) -> Response {
        var headers = HTTPFields()
        headers[.contentType] = "text/event-stream"
        headers[.cacheControl] = "no-store"
        headers[.davitAPI] = ControlResponse.apiVersion
        headers[.davitVersion] = EngineProgram.version
        let channel = context.channel
        let body = ResponseBody { writer in
            // Of counts only the newest matters; what ends the stream is always the newest.
            let (messages, told) = AsyncStream.makeStream(of: Message.self, bufferingPolicy: .bufferingNewest(1))
            let work = Task {
                told.yield(await plan { told.yield(.progress($0)) })
                told.finish()
            }
            // While OSS is asked nothing is written, so nothing but this tells that nobody waits any more.
            channel.closeFuture.whenComplete { _ in work.cancel() }
            do {
                for await message in messages {
                    try await writer.write(ByteBuffer(bytes: PlanStream.frame(message)))
                    try await Task.sleep(for: PlanStream.pause)
                }
                try await writer.finish(nil)
            } catch {
                work.cancel()
                throw error
            }
        }
        return Response(status: .ok, headers: headers, body: body)
    }

    private func plan(told: @escaping @Sendable (PlanProgress) -> Void) async -> Message {
        do throws(OrderError) {
            let order = try ControlAPI.checked(try ControlAPI.decode(JobOrder.self, body))
            return .plan(try await api.remote.plan(order, checks: checks, told: told))
        } catch {
            return .error(error)
        }
    }

    private static func frame(_ message: Message) -> [UInt8] {
        let (event, data): (String, [UInt8]?) =
            switch message {
            case .progress(let progress): ("progress", try? ContractJSON.encode(progress))
            case .plan(let plan): ("plan", try? ContractJSON.encode(plan))
            case .error(let error): ("error", try? ContractJSON.encode(ErrorBody(code: error.code, message: error.message, exit: error.exit)))
            }
        return Array("event: \(event)\ndata: ".utf8) + (data ?? Array("{}".utf8)) + Array("\n\n".utf8)
    }
}
