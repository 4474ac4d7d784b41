/// Reads globs into patterns.
enum Glob {
    struct Failure: Error, Equatable { var message: String }

    /// rclone's: `*` and `?` stay within one name, `**` crosses `/`, `[a-z]`, `[!a]`, `{a,b}`, `\` takes the next byte as it is.
    static func path(_ text: [UInt8]) throws(Failure) -> Pattern.Node {
        var reader = Reader(text: text)
        return try reader.alternatives(nested: 0)
    }

    /// A query's: `*` is anything, `?` one character, nothing else is special.
    static func value(_ text: [UInt8]) -> Pattern.Node {
        .sequence(
            text.map { byte in
                switch byte {
                case UInt8(ascii: "*"): .star(.byte(.all))
                case UInt8(ascii: "?"): .character()
                default: .literal(byte)
                }
            })
    }

    private struct Reader {
        let text: [UInt8]
        var place = 0

        private static let deepest = 8

        /// Up to the end, or up to the `}` of the group it was called for.
        mutating func alternatives(nested: Int) throws(Failure) -> Pattern.Node {
            guard nested <= Reader.deepest else { throw Failure(message: "{…} is nested too deep") }
            var ways: [Pattern.Node] = []
            var nodes: [Pattern.Node] = []
            while place < text.count {
                let byte = text[place]
                place += 1
                switch byte {
                case UInt8(ascii: "*"):
                    var isDouble = false
                    while place < text.count, text[place] == UInt8(ascii: "*") {
                        isDouble = true
                        place += 1
                    }
                    nodes.append(.star(isDouble ? .byte(.all) : .byte(notSlash)))
                case UInt8(ascii: "?"): nodes.append(.character(but: [UInt8(ascii: "/")]))
                case UInt8(ascii: "["): nodes.append(try set().node)
                case UInt8(ascii: "{"): nodes.append(try alternatives(nested: nested + 1))
                case UInt8(ascii: "}") where nested > 0:
                    ways.append(.sequence(nodes))
                    return .either(ways)
                case UInt8(ascii: ",") where nested > 0:
                    ways.append(.sequence(nodes))
                    nodes = []
                case UInt8(ascii: "}"): throw Failure(message: "a } without its {; write \\} for the sign itself")
                case UInt8(ascii: "\\"):
                    guard place < text.count else { throw Failure(message: "a \\ at the end has nothing to take as it is") }
                    nodes.append(.literal(text[place]))
                    place += 1
                default: nodes.append(.literal(byte))
                }
            }
            guard nested == 0 else { throw Failure(message: "a { without its }") }
            return .sequence(nodes)
        }

        private var notSlash: ByteSet { ByteSet([UInt8(ascii: "/")]).inverted }

        /// After the `[`. Only ASCII can be named in it; `[!…]` is also every other character.
        private mutating func set() throws(Failure) -> CharacterSet {
            var isInverted = false
            if place < text.count, [UInt8(ascii: "!"), UInt8(ascii: "^")].contains(text[place]) {
                isInverted = true
                place += 1
            }
            var set = ByteSet()
            var isFirst = true
            while place < text.count, text[place] != UInt8(ascii: "]") || isFirst {
                isFirst = false
                let low = try member()
                if place + 1 < text.count, text[place] == UInt8(ascii: "-"), text[place + 1] != UInt8(ascii: "]") {
                    place += 1
                    let high = try member()
                    guard low <= high else { throw Failure(message: "a range in […] that runs backwards") }
                    for byte in low...high { set.insert(byte) }
                } else {
                    set.insert(low)
                }
            }
            guard place < text.count else { throw Failure(message: "a [ without its ]") }
            place += 1
            let named = CharacterSet(ascii: set)
            var found = isInverted ? named.inverted : named
            found.ascii.remove(UInt8(ascii: "/"))
            return found
        }

        private mutating func member() throws(Failure) -> UInt8 {
            if text[place] == UInt8(ascii: "\\"), place + 1 < text.count { place += 1 }
            guard text[place] < 0x80 else { throw Failure(message: "[…] takes ASCII characters only; write {ä,ö} instead") }
            place += 1
            return text[place - 1]
        }
    }
}
