/// One key of a dotted key.
struct TOMLKey {
    let text: String
    let position: TOMLPosition
    var bytes: [UInt8] { Array(text.utf8) }
}

/// A table while it is being filled. A reference, because headers come back to tables that lie inside others.
final class TOMLNode {
    /// What made the table decides who may still add to it.
    enum Origin {
        /// `[a.b]` made `a`: a header may still name it.
        case implicit
        case header
        /// `a.b = 1` made `a`: only dotted keys and deeper headers may add.
        case dotted
        /// `{ … }`: complete.
        case inline
    }
    enum Content {
        case value(TOMLValue)
        case table(TOMLNode)
        case tables(TOMLNodeList)
    }

    var origin: Origin
    var position: TOMLPosition
    private var entries: [(key: TOMLKey, content: Content)] = []
    private var places: [[UInt8]: Int] = [:]

    init(_ origin: Origin, at position: TOMLPosition) { (self.origin, self.position) = (origin, position) }

    subscript(key: [UInt8]) -> Content? { places[key].map { entries[$0].content } }

    func place(of key: [UInt8]) -> TOMLPosition? { places[key].map { entries[$0].key.position } }

    func add(_ key: TOMLKey, _ content: Content) {
        places[key.bytes] = entries.count
        entries.append((key, content))
    }

    /// The finished table. Its depth is bounded by the parser, so recursion is.
    func frozen() -> TOMLTable {
        TOMLTable(
            entries.map { key, content in
                let value =
                    switch content {
                    case .value(let value): value
                    case .table(let node): TOMLValue(.table(node.frozen()), at: node.position)
                    case .tables(let nodes):
                        TOMLValue(.array(nodes.items.map { TOMLValue(.table($0.frozen()), at: $0.position) }), at: nodes.items[0].position)
                    }
                return TOMLTable.Entry(key: key.text, position: key.position, value: value)
            }, at: position)
    }
}

/// The tables of one `[[name]]`, never empty.
final class TOMLNodeList {
    var items: [TOMLNode]
    init(_ items: [TOMLNode]) { self.items = items }
}
