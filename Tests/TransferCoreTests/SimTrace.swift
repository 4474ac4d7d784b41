import Testing
import TransferCore
#if canImport(Glibc)
import Glibc
#endif
@Test func traceOne() {
    guard let text = getenv("SEED"), let seed = UInt64(String(cString: text)) else { return }
    var s = Simulation(seed: seed, isTracing: true)
    let p = s.history()
    print(s.world)
    for l in s.trace { print(l) }
    print("PROBLEM", p ?? "none", "finished", s.finished as Any)
}
@Test func survey() {
    guard let text = getenv("SURVEY"), let n = UInt64(String(cString: text)) else { return }
    var problems: [String: (Int, UInt64)] = [:]
    var ends: [String: Int] = [:]
    let from = getenv("FROM").flatMap { UInt64(String(cString: $0)) } ?? 0
    for seed in from..<(from+n) {
        var s = Simulation(seed: seed)
        if let p = s.history() {
            let key = String(p.map { $0.isNumber ? "#" : $0 })
            problems[key, default: (0, seed)].0 += 1
        }
        ends["\(s.finished.map { String("\($0)".prefix(24)) } ?? "none")", default: 0] += 1
    }
    for (k, v) in problems.sorted(by: { $0.value.0 > $1.value.0 }).prefix(25) { print("PROBLEM", v.0, "seed", v.1, k.prefix(200)) }
    print("ENDS", ends.sorted { $0.value > $1.value }.prefix(12))
}
