import Contracts
import Glibc
import Logging
import OSSProtocol
import Platform
import ServiceLifecycle

/// Why the engine stops.
enum StopReason: Sendable, Equatable {
    case signal(Int32)
    /// Over the control API; `finish` lets the running uploads end first.
    case asked(finish: Bool)
    case idle
    /// The queue's file is damaged: the engine begins anew on what can be read of it.
    case damaged(String)
}

/// The engine's life between "everything is built" and "everything is put down": serves, reloads, notices that nobody needs it.
struct EngineRun: Sendable {
    let server: ControlServer
    let hub: EventHub
    let queue: any QueueService
    let log: Logger
    /// Ends by itself after so long without work and without anybody attached; `nil` never.
    let idleLimit: Duration?
    /// How often is looked whether anybody needs the engine.
    var idleStep: Duration = .seconds(5)
    /// SIGHUP.
    let reload: @Sendable () async -> Void
    /// Puts the queue down: after the running uploads when `finish`.
    let drain: @Sendable (_ finish: Bool) async -> Void

    /// Answers under way get so long at the end.
    private static let farewell: Duration = .seconds(5)

    /// - Parameters:
    ///   - signals: arrivals of SIGTERM, SIGINT and SIGHUP.
    ///   - stops: what the control API asks for.
    ///   - ready: called once requests are taken.
    /// - Returns: what made it stop, when something did.
    @discardableResult
    func run(
        signals: AsyncStream<Int32>, stops: AsyncStream<StopReason>, ready: @escaping @Sendable () -> Void
    ) async throws -> StopReason? {
        let touches = Touches(SystemClock.steady())
        var configuration = ServiceGroupConfiguration(
            services: [ServerService(server: server, ready: ready, touches: touches)],
            logger: Logger(label: "davit.services") { _ in SwiftLogNoOpLogHandler() })
        configuration.maximumGracefulShutdownDuration = EngineRun.farewell
        let group = ServiceGroup(configuration: configuration)
        // Unstructured on purpose: what watches is cancelled at the end, what serves must come to its end by itself.
        let serving = Task { try await group.run() }
        let reason = await withTaskGroup(of: News.self, returning: StopReason?.self) { watchers in
            watchers.addTask {
                _ = await serving.result
                return .serverEnded
            }
            watchers.addTask { await firstStop(signals) }
            watchers.addTask { await nextStop(stops) }
            if let idleLimit { watchers.addTask { await idleness(idleLimit, touches) } }

            var isFinishing = false
            var stop: StopReason?
            watching: while let news = await watchers.next() {
                switch news {
                case .stop(.asked(finish: true)) where !isFinishing:
                    isFinishing = true
                    log.notice("the engine finishes the running uploads")
                    watchers.addTask {
                        await drain(true)
                        return .drained
                    }
                    // Whoever does not want to wait for that stops it now.
                    watchers.addTask { await nextStop(stops) }
                case .stop(.asked(finish: true)): watchers.addTask { await nextStop(stops) }
                case .stop(let reason):
                    log.notice("the engine stops", metadata: ["reason": "\(EngineRun.text(reason))"])
                    stop = reason
                    await drain(false)
                    break watching
                case .serverEnded:
                    log.error("the engine stops: its socket is gone")
                    await drain(false)
                    break watching
                case .drained: break watching
                case .nothing: break
                }
            }
            await hub.closeAll()
            await group.triggerGracefulShutdown()
            watchers.cancelAll()
            return stop
        }
        try await serving.value
        log.notice("the engine has stopped")
        return reason
    }

    private enum News: Sendable {
        case stop(StopReason)
        case serverEnded
        case drained
        /// A watcher was cancelled or its source has run dry.
        case nothing
    }

    private func nextStop(_ stops: AsyncStream<StopReason>) async -> News {
        for await stop in stops { return .stop(stop) }
        return .nothing
    }

    private func firstStop(_ signals: AsyncStream<Int32>) async -> News {
        for await signal in signals {
            guard signal == SIGHUP else { return .stop(.signal(signal)) }
            await reload()
        }
        return .nothing
    }

    private func idleness(_ limit: Duration, _ touches: Touches) async -> News {
        while !Task.isCancelled {
            try? await Task.sleep(for: idleStep)
            if EngineRun.isBusy(await queue.status()) {
                touches.touch(SystemClock.steady())
            } else if SystemClock.steady() - touches.last >= limit {
                return .stop(.idle)
            }
        }
        return .nothing
    }

    /// Something is under way or will be without a person, or somebody looks on. Paused uploads wait for a person, who starts the
    /// engine again.
    static func isBusy(_ status: StatusView) -> Bool {
        let waiting: [UploadState] = [.scanning, .queued, .uploading, .verifying, .retrying, .held]
        return status.engine.frontEnds > 0 || waiting.contains { (status.counts[$0.rawValue] ?? 0) > 0 }
    }

    private static func text(_ reason: StopReason) -> String {
        switch reason {
        case .signal(let number): "signal \(number)"
        case .asked: "asked to stop"
        case .idle: "nothing to do and nobody attached"
        case .damaged(let text): "the queue is damaged: \(text)"
        }
    }
}

/// When somebody last needed the engine.
final class Touches: Sendable {
    private let time: Lock<Timestamp>
    init(_ now: Timestamp) { time = Lock(now) }
    var last: Timestamp { time.withLock { $0 } }
    func touch(_ now: Timestamp) { time.withLock { $0 = now } }
}

private struct ServerService: Service {
    let server: ControlServer
    let ready: @Sendable () -> Void
    let touches: Touches

    func run() async throws {
        try await server.run(ready: { ready() }, touched: { touches.touch(SystemClock.steady()) })
    }
}
