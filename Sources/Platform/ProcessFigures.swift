import CPosix
import Glibc

/// What this process takes of its machine.
public struct ProcessFigures: Sendable, Equatable {
    /// `nil` where the system does not tell.
    public var residentBytes: Int64?
    public var processorSeconds: Double?
    public var descriptors: Int?
    public var descriptorLimit: Int
    /// Seconds since 1970.
    public var start: Double

    public init(residentBytes: Int64?, processorSeconds: Double?, descriptors: Int?, descriptorLimit: Int, start: Double) {
        (self.residentBytes, self.processorSeconds, self.descriptors) = (residentBytes, processorSeconds, descriptors)
        (self.descriptorLimit, self.start) = (descriptorLimit, start)
    }

    /// - Parameter age: how long the program runs.
    public static func now(age: Double) -> ProcessFigures {
        let microseconds = dposix_processor_time()
        return ProcessFigures(
            residentBytes: residentBytes(), processorSeconds: microseconds >= 0 ? Double(microseconds) / 1_000_000 : nil,
            descriptors: Descriptors.count(), descriptorLimit: Descriptors.limits().soft,
            start: (Double(SystemClock.wall().milliseconds) / 1000 - age).rounded())
    }

    /// From `/proc/self/statm`.
    private static func residentBytes() -> Int64? {
        guard let text = try? SecureFile.read("/proc/self/statm", limit: 4096, mustBePrivate: false) else { return nil }
        let numbers = text.split(separator: 0x20)
        guard numbers.count > 1, let pages = Int64(String(decoding: numbers[1], as: UTF8.self)) else { return nil }
        return pages * Int64(getpagesize())
    }
}
