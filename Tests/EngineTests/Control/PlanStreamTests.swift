import Contracts
import Platform
import Testing

@testable import Engine

extension ControlServerTests {
    private func order(_ options: OrderOptions = OrderOptions()) throws -> [UInt8] {
        try ContractJSON.encode(JobOrder(submissionId: "s", sources: ["/srv/"], dest: nil, options: options))
    }

    @Test func aPlanTellsItsCountsAndThenWhatIsWrongWithTheOrder() async throws {
        let body = try order()
        try await serving { client, _, _ in
            var events: [ServerEvent] = []
            for try await event in client.events("/v1/plan?progress=1&checks=0", posting: body) { events.append(event) }

            #expect(events.map(\.event) == ["error"])
            let refusal = try ContractJSON.decode(ErrorBody.self, from: events[0].data)
            #expect(refusal.error.message.contains("dest"))
        }
    }

    @Test(.timeLimit(.minutes(1))) func whoStopsReadingEndsTheCounting() async throws {
        var options = OrderOptions()
        options.flat = true
        let body = try ContractJSON.encode(JobOrder(submissionId: "s", sources: ["/srv/"], dest: "oss://media/2026/", options: options))
        let queue = queue
        try await serving { client, _, _ in
            for try await event in client.events("/v1/plan?progress=1", posting: body) {
                let progress = try ContractJSON.decode(PlanProgress.self, from: event.data)
                #expect(event.event == "progress" && progress.files == 12 && progress.refused == 1 && !progress.scanned)
                break
            }
            await settle { queue.state.withLock { $0.cancelledPlans } == 1 }
        }
        #expect(queue.state.withLock { $0.cancelledPlans } == 1)
    }
}
