import Contracts
import Glibc
import Logging
import OSSProtocol
import Platform
import ServiceLifecycle
import TransferCore

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
    /// The same while something is left on a server that has to be aborted: a day, which is how long a cancelled upload keeps its parts
    /// unless the configuration says otherwise, and an hour to abort them.
    var owingLimit: Duration = .seconds(25 * 3600)
    /// How often is looked whether anybody needs the engine.
    var idleStep: Duration = .seconds(5)
    /// Whoever started it as a service and wants to know how it is.
    var manager = ServiceManager()
    /// Called when the end has begun: from then on the process must not live longer than a few seconds.
    var endHasBegun: @Sendable () -> Void = {}
    /// SIGHUP.
    let reload: @Sendable () async -> Void
    /// Puts the queue down: after the running uploads when `finish`.
    let drain: @Sendable (_ finish: Bool) async -> Void

    /// Answers under way get so long at the end. With what the queue needs to be put down (5 s) it stays below 10 s.
    private static let farewell: Duration = .seconds(2)
    /// How often a service's line of status is written anew.
    private static let statusPause: Duration = .seconds(10)

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
            // With a name: the other way it is made of all that the service holds, which takes milliseconds.
            services: [
                ServiceGroupConfiguration.ServiceConfiguration(
                    service: ServerService(
                        server: server,
                        ready: {
                            manager.ready("takes orders")
                            ready()
                            ProgramPages.giveBack()
                        }, touches: touches), serviceName: "control")
            ],
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
            if let watchdog = manager.watchdog { watchers.addTask { await giveSigns(watchdog / 2) } }
            if manager.isThere { watchers.addTask { await tellStatus() } }

            var isFinishing = false
            var stop: StopReason?
            watching: while let news = await watchers.next() {
                switch news {
                case .stop(.asked(finish: true)) where !isFinishing:
                    isFinishing = true
                    log.notice("the engine finishes the running uploads")
                    manager.status("finishes the running uploads")
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
                    if case .damaged = reason {} else {
                        manager.stopping("stops: \(EngineRun.text(reason))")
                        endHasBegun()
                    }
                    await drain(false)
                    break watching
                case .serverEnded:
                    log.error("the engine stops: its socket is gone")
                    endHasBegun()
                    await drain(false)
                    break watching
                case .drained:
                    manager.stopping("the running uploads have ended")
                    endHasBegun()
                    break watching
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
            manager.reloading()
            await reload()
            manager.ready("takes orders")
        }
        return .nothing
    }

    private func idleness(_ limit: Duration, _ touches: Touches) async -> News {
        var idleness = Idleness(limit: limit, start: SystemClock.steady())
        var owing = Idleness(limit: max(limit, owingLimit), start: SystemClock.steady())
        while !Task.isCancelled {
            try? await Task.sleep(for: idleStep)
            let (isBusy, now) = (EngineRun.isBusy(await queue.status()), SystemClock.steady())
            let mayEnd = idleness.mayEnd(isBusy: isBusy, touched: touches.last, at: now)
            let mayEndOwing = owing.mayEnd(isBusy: isBusy, touched: touches.last, at: now)
            guard mayEnd else { continue }
            // What is left on the server costs money until it is aborted.
            if mayEndOwing { return .stop(.idle) }
            if await !queue.isOwing() { return .stop(.idle) }
        }
        return .nothing
    }

    /// The sign comes from the queue itself: one that is stuck gives none.
    private func giveSigns(_ pause: Duration) async -> News {
        while !Task.isCancelled {
            _ = await queue.limits()
            manager.isAlive()
            try? await Task.sleep(for: pause)
        }
        return .nothing
    }

    private func tellStatus() async -> News {
        var told = ""
        while !Task.isCancelled {
            try? await Task.sleep(for: EngineRun.statusPause)
            if Task.isCancelled { break }
            let text = EngineRun.summary(await queue.status())
            if text != told, !Task.isCancelled { manager.status(text) }
            told = text
        }
        return .nothing
    }

    /// One line for `systemctl status`.
    static func summary(_ status: StatusView) -> String {
        let counts = UploadState.allCases.compactMap { state -> String? in
            let count = status.counts[state.rawValue] ?? 0
            return count > 0 && !state.isEnded ? "\(count) \(state.rawValue)" : nil
        }
        let rate = status.rate > 0 ? ["\(status.rate >> 10) KiB/s"] : []
        return (counts.isEmpty ? ["nothing to do"] : counts + rate).joined(separator: ", ")
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
