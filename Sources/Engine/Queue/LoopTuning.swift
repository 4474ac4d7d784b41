import OSSProtocol
import Platform
import TransferCore

/// What the concurrency controller is told, collected between two looks.
struct Tuning {
    /// Of libcurl's upload buffer, 512 KiB a large body: so many parts take no more.
    private static let memory: Int64 = 64 << 20
    private static let perPart: Int64 = 512 << 10

    private(set) var controller: ConcurrencyController
    private let most: Int
    private var answers = 0
    private var refused = 0
    /// Bytes of bodies that were refused.
    private var wasted: Int64 = 0
    private var seenBytes: Int64 = 0
    /// What was refused to begin with, for `slow because`.
    private(set) var allAnswers = 0
    private(set) var allRefused = 0

    init(_ settings: QueueSettings) {
        most = min(settings.mostParts, settings.affordableParts)
        controller = Tuning.controller(start: settings.parts, most: most)
    }

    private static func controller(start: Int, most: Int) -> ConcurrencyController {
        ConcurrencyController(start: start, most: most, memory: memory, perPart: perPart)
    }

    /// Left to the engine again.
    mutating func begin(at parts: Int) { controller = Tuning.controller(start: parts, most: most) }

    /// One body's end.
    mutating func note(_ end: FlightEnd) {
        if let failure = end.failure {
            guard case .throttled = classify(failure) else { return }
            refused += 1
            allRefused += 1
            wasted += end.bytesSent
        } else if end.event != nil {
            answers += 1
            allAnswers += 1
        }
    }

    /// - Parameter bytes: of all bodies since the engine started.
    /// - Returns: whether the number changed.
    mutating func observe(bytes: Int64, inFlight: Int, isFull: Bool, at now: Timestamp) -> Bool {
        let before = controller.parts
        controller.observe(
            ConcurrencyController.Sample(
                bytes: bytes - seenBytes - wasted, answers: answers, refused: refused, inFlight: inFlight, isFull: isFull), at: now)
        (answers, refused, wasted, seenBytes) = (0, 0, 0, bytes)
        return controller.parts != before
    }
}

/// Parts in flight and uploads at once where they are left to the engine.
extension EngineLoop {
    /// Files at once where the engine may choose: as many as are needed to use the slots.
    private static let mostUploads = 64

    /// Work began while the loop slept long: the first looks decide about a short job and must not wait for it.
    func tuneSoon() {
        guard limitsNow.partsAuto, ticker != nil else { return }
        // Unstructured on purpose: nothing waits for it.
        Task {
            for _ in 0..<5 where !isStopping {
                try? await Task.sleep(for: .milliseconds(100))
                let before = limitsNow.parts
                tune(clocks.steady())
                if limitsNow.parts > before { schedule() }
            }
        }
    }

    func tune(_ now: Timestamp) {
        measureWaits(now)
        guard limitsNow.partsAuto, partSlotsUsed > 0 else { return }
        // A rate limit that is reached says how much goes, whatever the number.
        let isLimited = limitsNow.rate.map { Double(rates.rate(at: now)) >= Double($0) * 0.85 } ?? false
        let isFull = !isLimited && partSlotsUsed * 20 >= limitsNow.parts * 19
        let before = limitsNow.parts
        guard tuning.observe(bytes: wire.bytes, inFlight: partSlotsUsed, isFull: isFull, at: now) else { return }
        limitsNow.parts = tuning.controller.parts
        log.log(
            level: tuning.controller.isTrying ? .debug : .info, "parts in flight",
            metadata: ["from": "\(before)", "to": "\(limitsNow.parts)", "reason": "\(tuning.controller.reason)"])
    }

    /// Whether another large file may begin beside those that run.
    var mayBeginAnother: Bool {
        let running = multipart.count
        guard running >= limitsNow.uploads else { return true }
        guard limitsNow.uploadsAuto, running < Self.mostUploads else { return false }
        // Those that run have too few parts left to use the slots.
        var left = 0
        for id in multipart {
            guard let run = runs[id], !run.isLanding else { continue }
            left += run.machine.plan.partCount - (run.isStarted ? run.machine.storedParts : 0)
            if left >= limitsNow.parts { return false }
        }
        return true
    }

    /// For people.
    var uploadsNow: Int { limitsNow.uploadsAuto ? min(max(limitsNow.uploads, multipart.count), Self.mostUploads) : limitsNow.uploads }
}
