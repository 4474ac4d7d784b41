import OSSProtocol

/// Bytes a second over the last few seconds: is it moving?
public struct RateEstimator: Sendable, Equatable {
    private struct Gain: Sendable, Equatable {
        var at: Timestamp
        var bytes: Int64
    }

    private let window: Duration
    /// A tenth of the window is one entry, so that memory does not grow with the number of reports.
    private let grain: Duration
    private var gains: [Gain] = []
    private var begun: Timestamp?

    public init(window: Duration = .seconds(3)) {
        self.window = window
        grain = window / 10
    }

    /// - Parameter bytes: gained since the last call; negative when a failed attempt is taken back.
    public mutating func add(_ bytes: Int64, at now: Timestamp) {
        begun = begun ?? now
        if let last = gains.last, now - last.at < grain {
            gains[gains.count - 1].bytes += bytes
        } else {
            forget(before: now - window)
            gains.append(Gain(at: now, bytes: bytes))
        }
    }

    /// 0 or more.
    public mutating func rate(at now: Timestamp) -> Int64 {
        guard let begun else { return 0 }
        forget(before: now - window)
        // A run younger than the window is measured over its own time, a blink not at all.
        let span = min(max(now - begun, .milliseconds(200)), window)
        let bytes = gains.reduce(Int64(0)) { $0 + $1.bytes }
        return max(Int64(Double(bytes) / span.inSeconds), 0)
    }

    private mutating func forget(before limit: Timestamp) {
        let old = gains.prefix { $0.at < limit }.count
        if old > 0 { gains.removeFirst(old) }
    }
}

/// A mean that forgets: what was seen one half-life ago counts half.
///
/// Source of the form: two decayed sums, so that seconds without data weigh nothing.
public struct DecayedRate: Sendable, Equatable {
    private let halfLife: Duration
    private var bytes = 0.0
    private var seconds = 0.0

    public init(halfLife: Duration = .seconds(20)) { self.halfLife = halfLife }

    /// - Parameter span: over which the bytes came, counted for each upload that was transferring.
    public mutating func add(_ gained: Int64, over span: Duration, uploads: Int = 1) {
        guard span > .zero, uploads > 0 else { return }
        let keep = decay(span)
        bytes = bytes * keep + Double(gained)
        seconds = seconds * keep + span.inSeconds * Double(uploads)
    }

    /// Everything seen so far counts only that much any more: a limit changed.
    public mutating func weaken(to weight: Double = 0.15) { (bytes, seconds) = (bytes * weight, seconds * weight) }

    /// Bytes a second of one upload; `nil` before anything was seen.
    public var rate: Double? { seconds > 0 ? max(bytes / seconds, 0) : nil }

    private func decay(_ span: Duration) -> Double {
        // 2^(-t/h) by halving: exp is not in the standard library.
        var (exponent, factor) = (span.inSeconds / max(halfLife.inSeconds, 0.001), 1.0)
        guard exponent < 60 else { return 0 }
        while exponent >= 1 { (exponent, factor) = (exponent - 1, factor / 2) }
        // The series of 2^-x for x below 1, exact to 1e-7.
        let x = exponent * 0.693_147_180_559_945
        return factor * (1 - x * (1 - x / 2 * (1 - x / 3 * (1 - x / 4 * (1 - x / 5 * (1 - x / 6 * (1 - x / 7)))))))
    }
}

extension Duration {
    /// With milliseconds.
    public var inSeconds: Double { Double(inMilliseconds) / 1000 }
}
