import Glibc
import OSSProtocol

/// The machine's clocks. Everything that decides takes a `Timestamp` instead.
public enum SystemClock {
    /// The time of day. May jump.
    public static func wall() -> Timestamp { Timestamp(milliseconds: nanoseconds(CLOCK_REALTIME) / 1_000_000) }

    /// Wall time when the process first asked, going on with the boot-time clock: never jumps, counts while the machine sleeps.
    /// For waits and deadlines.
    public static func steady() -> Timestamp {
        Timestamp(milliseconds: start.wall + (nanoseconds(CLOCK_BOOTTIME) - start.boot) / 1_000_000)
    }

    /// For measuring only; stands still while the machine sleeps.
    public static func monotonicNanoseconds() -> UInt64 { UInt64(nanoseconds(CLOCK_MONOTONIC)) }

    private static let start = (wall: wall().milliseconds, boot: nanoseconds(CLOCK_BOOTTIME))

    private static func nanoseconds(_ clock: clockid_t) -> Int64 {
        var time = timespec()
        clock_gettime(clock, &time)
        return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
    }
}

extension Duration {
    /// Whole nanoseconds, clamped to what 64 bits hold (292 years).
    package var inNanoseconds: UInt64 {
        let (seconds, attoseconds) = components
        guard seconds >= 0, attoseconds >= 0 else { return 0 }
        let (whole, overflow) = UInt64(seconds).multipliedReportingOverflow(by: 1_000_000_000)
        return overflow || whole > UInt64.max - 1_000_000_000 ? .max : whole + UInt64(attoseconds / 1_000_000_000)
    }
}
