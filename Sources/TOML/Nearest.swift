/// The choice that a mistyped word most likely meant: at most a third of its letters away, and no more than three.
public func nearest(_ word: String, among choices: [String]) -> String? {
    let letters = Array(word.lowercased().unicodeScalars.prefix(64))
    let ranked = choices.map { ($0, distance(letters, Array($0.lowercased().unicodeScalars.prefix(64)))) }
    guard let best = ranked.min(by: { $0.1 < $1.1 }), best.1 <= min(3, max(1, letters.count / 3)) else { return nil }
    return best.0
}

/// Edits between two words, a swap of neighbours counting as one (optimal string alignment).
func distance(_ a: [Unicode.Scalar], _ b: [Unicode.Scalar]) -> Int {
    guard !a.isEmpty, !b.isEmpty else { return max(a.count, b.count) }
    var older: [Int] = []
    var last = Array(0...b.count)
    for i in 1...a.count {
        var row = [i]
        for j in 1...b.count {
            var cost = min(last[j] + 1, row[j - 1] + 1, last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1))
            if i > 1, j > 1, a[i - 1] == b[j - 2], a[i - 2] == b[j - 1] { cost = min(cost, older[j - 2] + 1) }
            row.append(cost)
        }
        (older, last) = (last, row)
    }
    return last[b.count]
}
