/// A pattern over bytes that is matched in time proportional to pattern × text, whatever a person writes into it: a set of states walks
/// over the text, nothing is ever tried again. Globs and the small regular expressions of queries compile to it.
struct Pattern: Sendable, Equatable {
    indirect enum Node: Sendable, Equatable {
        case empty
        /// One byte of the set.
        case byte(ByteSet)
        case sequence([Node])
        case either([Node])
        case star(Node)
        case start
        case end
    }

    private enum Step: Sendable, Equatable {
        case byte(ByteSet)
        /// To the next step, and to these.
        case split([Int])
        case jump(Int)
        case start, end
        case matched
    }

    /// Enough for any filter a person writes; `{a,b}` in `{c,d}` in … multiplies.
    static let mostSteps = 20_000

    private var steps: [Step] = []

    /// `nil` when the pattern is too large.
    init?(_ node: Node) {
        var visits = 0
        guard emit(node, &visits) else { return nil }
        steps.append(.matched)
    }

    /// What matching costs for each byte of the text, at worst.
    var size: Int { steps.count }

    /// - Parameter visits: bounded too, because `(){100}{100}{100}` repeats without a single step.
    private mutating func emit(_ node: Node, _ visits: inout Int) -> Bool {
        visits += 1
        guard steps.count < Pattern.mostSteps, visits < 4 * Pattern.mostSteps else { return false }
        switch node {
        case .empty: return true
        case .byte(let set): steps.append(.byte(set))
        case .start: steps.append(.start)
        case .end: steps.append(.end)
        case .sequence(let nodes): return nodes.allSatisfy { emit($0, &visits) }
        case .star(let node):
            let split = steps.count
            steps.append(.split([]))
            guard emit(node, &visits) else { return false }
            steps.append(.jump(split))
            steps[split] = .split([split + 1, steps.count])
        case .either(let nodes):
            let split = steps.count
            steps.append(.split([]))
            var (starts, jumps): ([Int], [Int]) = ([], [])
            for node in nodes {
                starts.append(steps.count)
                guard emit(node, &visits) else { return false }
                jumps.append(steps.count)
                steps.append(.jump(0))
            }
            for jump in jumps { steps[jump] = .jump(steps.count) }
            steps[split] = .split(starts)
        }
        return true
    }

    /// Whether the whole text matches.
    func matches(_ text: [UInt8]) -> Bool { walk(text, anywhere: false) }

    /// Whether some stretch of the text matches.
    func isFound(in text: [UInt8]) -> Bool { walk(text, anywhere: true) }

    private func walk(_ text: [UInt8], anywhere: Bool) -> Bool {
        var (current, next): ([Int], [Int]) = ([], [])
        var seen = [Int](repeating: -1, count: steps.count)
        var isMatched = false

        func enter(_ first: Int, _ place: Int, into list: inout [Int]) {
            var open = [first]
            while let step = open.popLast() {
                guard seen[step] != place else { continue }
                seen[step] = place
                switch steps[step] {
                case .byte: list.append(step)
                case .split(let ways): open.append(contentsOf: ways)
                case .jump(let target): open.append(target)
                case .start: if place == 0 { open.append(step + 1) }
                case .end: if place == text.count { open.append(step + 1) }
                case .matched: if anywhere || place == text.count { isMatched = true }
                }
            }
        }

        enter(0, 0, into: &current)
        for place in text.indices {
            if isMatched, anywhere { return true }
            next.removeAll(keepingCapacity: true)
            isMatched = false
            for step in current {
                if case .byte(let set) = steps[step], set.contains(text[place]) { enter(step + 1, place + 1, into: &next) }
            }
            if anywhere { enter(0, place + 1, into: &next) }
            swap(&current, &next)
            if current.isEmpty, !anywhere, place + 1 < text.count { return false }
        }
        return isMatched
    }
}

/// A set of bytes.
struct ByteSet: Sendable, Equatable {
    private var words: SIMD4<UInt64> = .zero

    init(_ bytes: some Sequence<UInt8> = []) { for byte in bytes { insert(byte) } }

    static let all = ByteSet().inverted

    mutating func insert(_ byte: UInt8) { words[Int(byte >> 6)] |= 1 << UInt64(byte & 63) }
    mutating func remove(_ byte: UInt8) { words[Int(byte >> 6)] &= ~(1 << UInt64(byte & 63)) }
    mutating func formUnion(_ other: ByteSet) { words |= other.words }
    mutating func formIntersection(_ other: ByteSet) { words &= other.words }
    func contains(_ byte: UInt8) -> Bool { words[Int(byte >> 6)] & 1 << UInt64(byte & 63) != 0 }

    var inverted: ByteSet {
        var other = self
        other.words = ~words
        return other
    }

    /// With both cases of every ASCII letter in it.
    var caseless: ByteSet {
        var other = self
        for letter in UInt8(ascii: "a")...UInt8(ascii: "z") where contains(letter) || contains(letter - 32) {
            other.insert(letter)
            other.insert(letter - 32)
        }
        return other
    }
}

extension Pattern.Node {
    static func literal(_ byte: UInt8) -> Pattern.Node { .byte(ByteSet([byte])) }
    static func literal(_ text: some Sequence<UInt8>) -> Pattern.Node { .sequence(text.map { .literal($0) }) }

    /// One whole UTF-8 character of any kind, or a stray byte, so that `?` counts as people do.
    static func character(but excluded: [UInt8] = []) -> Pattern.Node {
        CharacterSet(ascii: ByteSet(excluded)).inverted.node
    }
}

/// A set of characters as `[…]` and `\d` write it: some of ASCII, and of all the others every one or none.
struct CharacterSet: Sendable, Equatable {
    private static let allASCII = ByteSet(0...0x7f)

    var ascii: ByteSet
    var hasOthers = false

    var inverted: CharacterSet {
        var rest = ascii.inverted
        rest.formIntersection(CharacterSet.allASCII)
        return CharacterSet(ascii: rest, hasOthers: !hasOthers)
    }

    mutating func formUnion(_ other: CharacterSet) {
        ascii.formUnion(other.ascii)
        hasOthers = hasOthers || other.hasOthers
    }

    /// One whole character of it: a set of bytes would stop within one of several bytes.
    var node: Pattern.Node {
        guard hasOthers else { return .byte(ascii) }
        var single = ascii
        single.formUnion(ByteSet(0xf8...0xff))
        let tail = Pattern.Node.byte(ByteSet(0x80...0xbf))
        return .either([
            .byte(single), .sequence([.byte(ByteSet(0xc0...0xdf)), tail]), .sequence([.byte(ByteSet(0xe0...0xef)), tail, tail]),
            .sequence([.byte(ByteSet(0xf0...0xf7)), tail, tail, tail]),
        ])
    }
}
