import Contracts
import Testing

@testable import Engine

/// Front ends that wait for a job's end with one request.
@Suite(.timeLimit(.minutes(2))) struct JobWaitTests {
    @Test func theAnswerComesWhenTheLastUploadOfTheJobHasEnded() async throws {
        let bench = QueueBench()
        let loop = try await bench.loop()
        let job = try await loop.add(bench.order([bench.file("a", 10), bench.file("b", 3 << 20)]))
        // Far longer than the test may take: the end wakes it, not the clock.
        async let answer = loop.job(job.job, withUploads: false, endingWithin: .seconds(600))
        try await bench.untilAllEnded(loop)
        let view = try #require(await answer)
        #expect(view.isOver)
        #expect(view.counts == ["done": 2])
        #expect(view.uploads.isEmpty)
        await loop.stop(finishRunning: false)
    }

    @Test func aJobThatIsOverIsAnsweredAtOnce() async throws {
        let bench = QueueBench()
        let loop = try await bench.loop()
        let job = try await loop.add(bench.order([bench.file("a", 10)]))
        try await bench.untilAllEnded(loop)
        #expect(await loop.job(job.job, withUploads: true, endingWithin: .seconds(600))?.uploads.count == 1)
        #expect(await loop.job("j-77", withUploads: true, endingWithin: .seconds(600)) == nil)
        await loop.stop(finishRunning: false)
    }

    @Test func aJobThatIsCancelledWhileItWaitsIsOver() async throws {
        let bench = QueueBench()
        let loop = try await bench.loop()
        bench.authorizer.refuse(.refused("none are configured"))
        let job = try await loop.add(bench.order([bench.file("a", 10)]))
        async let answer = loop.job(job.job, withUploads: false, endingWithin: .seconds(600))
        _ = try await loop.act(ActionRequest(action: "cancel", query: "job:\(job.job)"))
        try await bench.untilAllEnded(loop)
        #expect(await answer?.counts == ["cancelled": 1])
        await loop.stop(finishRunning: false)
    }

    @Test func patienceThatIsOverAndAnEngineThatStopsAreAnsweredWithTheJobAsItIs() async throws {
        let bench = QueueBench()
        bench.authorizer.refuse(.refused("none are configured"))
        let loop = try await bench.loop()
        let job = try await loop.add(bench.order([bench.file("a", 10)]))
        #expect(await loop.job(job.job, withUploads: false, endingWithin: .milliseconds(1))?.isOver == false)
        async let answer = loop.job(job.job, withUploads: false, endingWithin: .seconds(600))
        while await loop.jobWaits.isEmpty { await Task.yield() }
        await loop.stop(finishRunning: false)
        #expect(await answer?.total == 1)
        #expect(await loop.jobWaits.isEmpty)
    }
}
