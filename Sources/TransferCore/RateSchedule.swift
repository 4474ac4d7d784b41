import OSSProtocol

/// One line of `rate-schedule`: on these days, between these minutes of the day, this rate.
public struct RateRule: Sendable, Equatable {
    /// 0 is Monday; empty for `else`. A window over midnight belongs to the day on which it begins.
    public var days: Set<Int>
    /// Minutes since midnight; `until` may lie before `from` (over midnight).
    public var from: Int
    public var until: Int
    /// Bytes a second; `nil` is no limit, 0 pauses.
    public var rate: Int64?

    public init(days: Set<Int>, from: Int, until: Int, rate: Int64?) {
        (self.days, self.from, self.until, self.rate) = (days, from, until, rate)
    }

    public var isElse: Bool { days.isEmpty }

    /// - Parameters:
    ///   - day: 0 is Monday.
    ///   - minute: of that day.
    func holds(day: Int, minute: Int) -> Bool {
        if from < until { return days.contains(day) && (from..<until).contains(minute) }
        return days.contains(day) && minute >= from || days.contains((day + 6) % 7) && minute < until
    }
}

/// Which rate stands when: the first line that holds, else the line `else`, else what is configured without a schedule.
///
/// A line speaks of what the clock on the wall shows. So in the hour that a clock skips in spring a window has no time, and one that
/// begins in it begins with the next minute there is; in the hour that comes twice in autumn a window holds twice.
public struct RateSchedule: Sendable, Equatable {
    public struct Standing: Sendable, Equatable {
        /// Bytes a second; `nil` is no limit, 0 pauses.
        public var rate: Int64?
        /// When another rate will stand; `nil`: never.
        public var until: Timestamp?

        public init(rate: Int64?, until: Timestamp?) { (self.rate, self.until) = (rate, until) }
    }

    /// A week, and one day for a change of clocks in it.
    private static let horizon = 8 * 24 * 60

    public var rules: [RateRule]
    public var zone: ZoneRules

    public init(_ rules: [RateRule], zone: ZoneRules) { (self.rules, self.zone) = (rules, zone) }

    public var isEmpty: Bool { rules.isEmpty }

    /// - Parameter other: what stands where no line holds.
    public func standing(at now: Timestamp, otherwise other: Int64?) -> Standing {
        let rate = rate(at: now, other)
        guard !rules.isEmpty else { return Standing(rate: rate, until: nil) }
        // Every edge lies on a whole minute: offsets of zones are whole minutes since long ago.
        let minute = Timestamp(seconds: now.seconds - (now.seconds % 60 + 60) % 60)
        for step in 1...RateSchedule.horizon {
            let then = minute + .seconds(60 * step)
            if self.rate(at: then, other) != rate { return Standing(rate: rate, until: then) }
        }
        return Standing(rate: rate, until: nil)
    }

    private func rate(at now: Timestamp, _ other: Int64?) -> Int64? {
        let local = now.seconds + Int64(zone.offset(at: now))
        let days = (local >= 0 ? local : local - 86_399) / 86_400
        // 1970-01-01 was a Thursday.
        let day = Int(((days + 3) % 7 + 7) % 7)
        let minute = Int((local - days * 86_400) / 60)
        if let rule = rules.first(where: { $0.holds(day: day, minute: minute) }) { return rule.rate }
        if let rule = rules.first(where: \.isElse) { return rule.rate }
        return other
    }
}
