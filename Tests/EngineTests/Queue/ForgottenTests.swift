import Contracts
import GRDB
import Glibc
import OSSProtocol
import Platform
import Testing
import TransferCore

@testable import Engine

/// Nothing waits for a restart: each of these was once found waiting by a simulated history.
@Suite(.timeLimit(.minutes(2))) struct ForgottenTests {
    @Test func anUploadIDThatIsGivenUpWhileItsUploadGoesOnIsAborted() async throws {
        let bench = QueueBench()
        // The server says that it does not know the upload, and does all the same.
        bench.oss.setFaults { call in
            call.kind == "part" && call.uploadID == "UPLOAD1" ? .answer(status: 404, code: "NoSuchUpload") : nil
        }
        let loop = try await bench.loop()

        let job = try await loop.add(bench.order([bench.file("f", 3 << 20)]))
        try await bench.untilAllEnded(loop)

        #expect(try await bench.states(loop) == ["f": .done])
        // Stored bytes never fall without a word.
        let events = await loop.upload(job.uploads[0])?.events.map(\.text) ?? []
        #expect(events.contains { $0.hasPrefix("restarted from 0") }, "\(events)")
        try await bench.until(loop, "the old upload id is aborted", step: .seconds(1)) { try await loop.ledger().isEmpty }
        #expect(bench.oss.uploadIDs.isEmpty)
        await loop.stop(finishRunning: false)
    }

    @Test func anIdleEngineSeesThatItsDiskHasSpaceAgain() async throws {
        let bench = QueueBench()
        let isFull = Lock(false)
        let loop = try await bench.loop(hook: { _, isDone in
            if !isDone, isFull.withLock({ $0 }) { throw DatabaseError(resultCode: .SQLITE_FULL, message: "database or disk is full") }
        })
        isFull.withLock { $0 = true }
        await #expect(throws: OrderError.self) { try await loop.add(bench.order([bench.file("f", 10)])) }
        #expect(await loop.diskTrouble != nil)
        isFull.withLock { $0 = false }

        try await bench.until(loop, "it is seen", step: .seconds(1)) { await loop.diskTrouble == nil }
        await loop.stop(finishRunning: false)
    }

    @Test func aRowThatIsBeingWrittenAsHeldWhileItsGateOpensGoesOn() async throws {
        let bench = QueueBench()
        let (commits, blocked, isFree) = (Lock(0), Lock(Int.max), Lock(false))
        let loop = try await bench.loop(hook: { number, isDone in
            commits.withLock { $0 = number }
            while !isDone, number >= blocked.withLock({ $0 }), !isFree.withLock({ $0 }) { usleep(1000) }
        })
        _ = try await loop.add(bench.order([bench.file("f", 10)]) { $0.paused = true })
        while await !loop.isQuiet { try await Task.sleep(for: .milliseconds(1)) }
        bench.authorizer.refuse(.refused("no"))
        // The next one is the resumption; the one after it, the row that is held.
        blocked.withLock { $0 = commits.withLock { $0 } + 2 }
        _ = try await loop.act(ActionRequest(action: "resume", all: true))
        while await loop.gates.isEmpty { try await Task.sleep(for: .milliseconds(1)) }
        #expect(await loop.isAnyLanding)

        bench.authorizer.refuse(nil)
        await loop.accessChanged()
        isFree.withLock { $0 = true }

        try await bench.untilAllEnded(loop)
        #expect(try await bench.states(loop) == ["f": .done])
        await loop.stop(finishRunning: false)
    }

    @Test func whatAPersonStopsWhileItsOldPartsAreGivenUpIsAborted() async throws {
        let bench = QueueBench()
        let path = bench.file("f", 3 << 20)
        bench.oss.setFaults { $0.kind == "part" && $0.part == 3 && $0.number == 1 ? .blackHole : nil }
        let (commits, blocked, isFree) = (Lock(0), Lock(Int.max), Lock(false))
        let loop = try await bench.loop(hook: { number, isDone in
            commits.withLock { $0 = number }
            while !isDone, number >= blocked.withLock({ $0 }), !isFree.withLock({ $0 }) { usleep(1000) }
        })
        let job = try await loop.add(bench.order([path]))
        try await bench.until(loop, "two parts stored", step: .zero) { await loop.upload(job.uploads[0])?.upload.parts.stored == 2 }
        _ = try await loop.act(ActionRequest(action: "pause", ids: job.uploads))
        while await !loop.isQuiet { try await Task.sleep(for: .milliseconds(1)) }
        Files.write(path, Files.bytes(3 << 20, seed: 6))
        // The next one is the resumption; the one after it gives up what is stored of the old file.
        blocked.withLock { $0 = commits.withLock { $0 } + 2 }
        _ = try await loop.act(ActionRequest(action: "resume", ids: job.uploads))
        while await !loop.isAnySaving { try await Task.sleep(for: .milliseconds(1)) }

        async let paused = loop.act(ActionRequest(action: "pause", ids: job.uploads))
        // It is written behind what gives up the old parts.
        while await !loop.isAnyPending { try await Task.sleep(for: .milliseconds(1)) }
        isFree.withLock { $0 = true }
        _ = try await paused

        // It may have begun anew before it heard of the pause: that one is kept.
        try await bench.until(loop, "the old upload id is aborted", step: .seconds(1)) {
            try await loop.ledger().allSatisfy { $0.upload != nil } && !bench.oss.uploadIDs.contains("UPLOAD1")
        }
        await loop.stop(finishRunning: false)
    }
}

extension EngineLoop {
    /// Nothing is written any more before somebody does something.
    fileprivate var isQuiet: Bool { runs.isEmpty && scans.isEmpty && pending.isEmpty && !isFlushing && !isTidying }
    fileprivate var isAnySaving: Bool { runs.values.contains { $0.isSaving } }
    fileprivate var isAnyPending: Bool { !pending.isEmpty }
    fileprivate var isAnyLanding: Bool { runs.values.contains { $0.isLanding } }
}
