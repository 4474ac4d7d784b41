/// Chance from a seed: the same seed gives the same numbers everywhere and for ever, so that a run can be repeated.
///
/// Source: SplitMix64 (Steele, Lea, Flood 2014). Not for secrets.
public struct SeededRandom: RandomNumberGenerator, Sendable, Hashable {
    private var state: UInt64

    public init(_ seed: UInt64) { state = seed }

    public mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }

    /// 0 up to, never, 1.
    public mutating func unit() -> Double { Double(next() >> 11) * 0x1p-53 }

    /// 0 (never when `bound` is 0: then 0) up to `bound - 1`.
    public mutating func below(_ bound: Int) -> Int { bound <= 1 ? 0 : Int(next() % UInt64(bound)) }
}
