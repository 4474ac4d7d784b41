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
}

/// The engine's life between "everything is built" and "everything is put down": serves, reloads, notices that nobody needs it.
struct EngineRun: Sendable {
    let server: ControlServer
    let hub: EventHub
    let queue: any QueueService
    let log: Logger
    /// Ends by itself after so long without work and without anybody attached; `nil` never.
    let idleLimit: Duration?
    /// SIGHUP.
    let reload: @Sendable () async -> Void
    /// Puts the queue down: after the running uploads when `finish`.
    let drain: @Sendable (_ finish: Bool) async -> Void

    /// How often is looked whether anybody needs the engine.
    private static let idleStep: Duration = .seconds(5)
    /// Answers under way get so long at the end.
    private static let farewell: Duration = .seconds(5)

    /// - Parameters:
    ///   - signals: arrivals of SIGTERM, SIGINT and SIGHUP.
    ///   - stops: what the control API asks for.
    ///   - ready: called once requests are taken.
    func run(signals: AsyncStream<Int32>, stops: AsyncStream<StopReason>, ready: @escaping @Sendable () -> Void) async throws {
        let touches = Touches(SystemClock.steady())
        var configuration = ServiceGroupConfiguration(
            services: [ServerService(server: server, ready: ready, touches: touches)], logger: Logger(label: "davit.services") { _ in SwiftLogNoOpLogHandler() })
        configuration.maximumGracefulShutdownDuration = EngineRun.farewell
        let group = ServiceGroup(configuration: configuration)
        try await withThrowingTaskGroup(of: StopReason?.self) { tasks in
            tasks.addTask {
                try await group.run()
                return nil
            }
            tasks.addTask { await firstStop(signals) }
            tasks.addTask {
                for await stop in stops { return stop }
                return nil
            }
            if let idleLimit { tasks.addTask { await idleness(idleLimit, touches) } }

            var reason: StopReason?
            while reason == nil, let ended = try await tasks.next() {
                // The server ends by itself only when it cannot go on: it has thrown then.
                if let ended { reason = ended } else if Task.isCancelled { break }
            }
            log.notice("the engine stops", metadata: ["reason": "\(reason.map(EngineRun.text) ?? "the socket is gone")"])
            await drain(reason == .asked(finish: true))
            await hub.closeAll()
            await group.triggerGracefulShutdown()
            tasks.cancelAll()
            while let _ = try? await tasks.next() {}
        }
        log.notice("the engine has stopped")
    }

    private func firstStop(_ signals: AsyncStream<Int32>) async -> StopReason? {
        for await signal in signals {
            guard signal == SIGHUP else { return .signal(signal) }
            await reload()
        }
        return nil
    }

    private func idleness(_ limit: Duration, _ touches: Touches) async -> StopReason? {
        while !Task.isCancelled {
            try? await Task.sleep(for: EngineRun.idleStep)
            if EngineRun.isBusy(await queue.status()) {
                touches.touch(SystemClock.steady())
            } else if SystemClock.steady() - touches.last >= limit {
                return .idle
            }
        }
        return nil
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
        case .asked(let finish): finish ? "asked to finish" : "asked to stop"
        case .idle: "nothing to do and nobody attached"
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
