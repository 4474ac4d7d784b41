/// The regular expressions of queries: `. [a-z] [^a] \d \w \s ( | ) * + ? {2,5} ^ $` and `\` before any other sign.
enum QueryRegex {
    static func read(_ text: String, isCaseless: Bool) throws(Glob.Failure) -> Pattern.Node {
        var reader = Reader(text: Array(text.utf8), isCaseless: isCaseless)
        let node = try reader.alternatives(nested: 0)
        guard reader.place == reader.text.count else { throw Glob.Failure(message: "a ) without its (") }
        return node
    }

    private struct Reader {
        let text: [UInt8]
        let isCaseless: Bool
        var place = 0

        private static let deepest = 20
        private static let mostRepeats = 100

        mutating func alternatives(nested: Int) throws(Glob.Failure) -> Pattern.Node {
            guard nested <= Reader.deepest else { throw Glob.Failure(message: "(…) is nested too deep") }
            var ways: [Pattern.Node] = []
            var nodes: [Pattern.Node] = []
            while place < text.count, text[place] != UInt8(ascii: ")") {
                if text[place] == UInt8(ascii: "|") {
                    place += 1
                    ways.append(.sequence(nodes))
                    nodes = []
                } else {
                    nodes.append(try repeated(try single(nested: nested)))
                }
            }
            ways.append(.sequence(nodes))
            return ways.count == 1 ? ways[0] : .either(ways)
        }

        private mutating func single(nested: Int) throws(Glob.Failure) -> Pattern.Node {
            let byte = text[place]
            place += 1
            switch byte {
            case UInt8(ascii: "."): return .character()
            case UInt8(ascii: "^"): return .start
            case UInt8(ascii: "$"): return .end
            case UInt8(ascii: "("):
                let node = try alternatives(nested: nested + 1)
                guard place < text.count else { throw Glob.Failure(message: "a ( without its )") }
                place += 1
                return node
            case UInt8(ascii: "["): return try set().node
            case UInt8(ascii: "\\"):
                guard place < text.count else { throw Glob.Failure(message: "a \\ at the end") }
                place += 1
                return folded(try escaped(text[place - 1])).node
            case UInt8(ascii: "*"), UInt8(ascii: "+"), UInt8(ascii: "?"):
                throw Glob.Failure(message: "nothing before the \(Character(Unicode.Scalar(byte))) to repeat")
            default: return .byte(folded(ByteSet([byte])))
            }
        }

        private mutating func repeated(_ node: Pattern.Node) throws(Glob.Failure) -> Pattern.Node {
            var node = node
            while place < text.count {
                switch text[place] {
                case UInt8(ascii: "*"): node = .star(node)
                case UInt8(ascii: "+"): node = .sequence([node, .star(node)])
                case UInt8(ascii: "?"): node = .either([node, .empty])
                case UInt8(ascii: "{"):
                    node = try counted(node)
                    continue
                default: return node
                }
                place += 1
            }
            return node
        }

        /// `{2}`, `{2,}`, `{2,5}`.
        private mutating func counted(_ node: Pattern.Node) throws(Glob.Failure) -> Pattern.Node {
            place += 1
            guard let least = number() else { throw Glob.Failure(message: "a { without a number; write \\{ for the sign itself") }
            var most: Int? = least
            if place < text.count, text[place] == UInt8(ascii: ",") {
                place += 1
                most = number()
            }
            let isOrdered = most.map { $0 >= least } ?? true
            guard place < text.count, text[place] == UInt8(ascii: "}"), isOrdered, max(least, most ?? 0) <= Reader.mostRepeats else {
                throw Glob.Failure(message: "{…} takes numbers from 0 to \(Reader.mostRepeats), the smaller first")
            }
            place += 1
            var nodes = Array(repeating: node, count: least)
            if let most { nodes += Array(repeating: .either([node, .empty]), count: most - least) } else { nodes.append(.star(node)) }
            return .sequence(nodes)
        }

        private mutating func number() -> Int? {
            let digits = text[place...].prefix { (48...57).contains($0) }.prefix(6)
            place += digits.count
            return Int(String(decoding: digits, as: UTF8.self))
        }

        private mutating func set() throws(Glob.Failure) -> CharacterSet {
            var isInverted = false
            if place < text.count, text[place] == UInt8(ascii: "^") {
                isInverted = true
                place += 1
            }
            var set = CharacterSet(ascii: ByteSet())
            var isFirst = true
            while place < text.count, text[place] != UInt8(ascii: "]") || isFirst {
                isFirst = false
                let low = text[place]
                place += 1
                guard low < 0x80 else { throw Glob.Failure(message: "[…] takes ASCII characters only") }
                if low == UInt8(ascii: "\\"), place < text.count {
                    place += 1
                    set.formUnion(try escaped(text[place - 1]))
                } else if place + 1 < text.count, text[place] == UInt8(ascii: "-"), text[place + 1] != UInt8(ascii: "]") {
                    let high = text[place + 1]
                    place += 2
                    guard low <= high, high < 0x80 else { throw Glob.Failure(message: "a range in […] that runs backwards") }
                    set.ascii.formUnion(ByteSet(low...high))
                } else {
                    set.ascii.insert(low)
                }
            }
            guard place < text.count else { throw Glob.Failure(message: "a [ without its ]") }
            place += 1
            set = folded(set)
            return isInverted ? set.inverted : set
        }

        private func escaped(_ byte: UInt8) throws(Glob.Failure) -> CharacterSet {
            let digits = CharacterSet(ascii: ByteSet(48...57))
            let spaces = CharacterSet(ascii: ByteSet([9, 10, 11, 12, 13, 32]))
            switch byte {
            case UInt8(ascii: "d"): return digits
            case UInt8(ascii: "D"): return digits.inverted
            case UInt8(ascii: "s"): return spaces
            case UInt8(ascii: "S"): return spaces.inverted
            case UInt8(ascii: "w"), UInt8(ascii: "W"):
                var word = digits
                word.ascii.formUnion(ByteSet(65...90))
                word.ascii.formUnion(ByteSet(97...122))
                word.ascii.insert(UInt8(ascii: "_"))
                return byte == UInt8(ascii: "w") ? word : word.inverted
            case 48...57, 65...90, 97...122:
                throw Glob.Failure(message: "\\\(Character(Unicode.Scalar(byte))) means nothing here; \\d \\w \\s do")
            default: return CharacterSet(ascii: ByteSet([byte]))
            }
        }

        private func folded(_ set: ByteSet) -> ByteSet { isCaseless ? set.caseless : set }
        private func folded(_ set: CharacterSet) -> CharacterSet { CharacterSet(ascii: folded(set.ascii), hasOthers: set.hasOthers) }
    }
}
