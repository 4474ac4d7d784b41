/// Lines, keys and tables of TOML. Values are read by `TOMLScanner`.
struct TOMLParser {
    private var scanner: TOMLScanner
    private let limits: TOMLLimits
    private let root = TOMLNode(.header, at: TOMLPosition(line: 1, column: 1))
    private var valuesLeft: Int
    /// Where the lines of the document itself stand, for those who change it.
    private(set) var pieces: [TOMLPiece] = []
    private var section: [String] = []

    init(_ bytes: [UInt8], limits: TOMLLimits) throws(TOMLError) {
        guard bytes.count <= limits.size else {
            throw TOMLError(position: TOMLPosition(line: 1, column: 1), message: "the text has more than \(limits.size) bytes")
        }
        scanner = TOMLScanner(bytes)
        self.limits = limits
        valuesLeft = limits.values
        try scanner.checkUTF8()
        scanner.skipByteOrderMark()
    }

    mutating func document() throws(TOMLError) -> TOMLTable {
        var current = root
        while true {
            try scanner.skipBlankLines()
            guard let byte = scanner.peek() else { break }
            let start = scanner.offset
            if byte == UInt8(ascii: "[") {
                current = try header()
            } else {
                try keyValue(into: current)
            }
            let place = pieces.count - 1
            pieces[place].start = start
            pieces[place].contentEnd = scanner.offset
            try scanner.endLine()
            pieces[place].end = scanner.offset
        }
        return root.frozen()
    }

    // MARK: headers

    /// `[a.b]` or `[[a.b]]`; gives the table that the following lines fill.
    private mutating func header() throws(TOMLError) -> TOMLNode {
        let start = scanner.position
        scanner.advance()
        let isArray = scanner.take("[")
        scanner.skipBlanks()
        let keys = try dottedKey()
        scanner.skipBlanks()
        guard scanner.take("]"), !isArray || scanner.take("]") else {
            throw scanner.expected(isArray ? "“]]” at the end of the header" : "“]” at the end of the header")
        }
        guard keys.count < limits.depth else { throw tooDeep(start) }
        section = keys.map(\.text)
        pieces.append(TOMLPiece(kind: .header, path: section, section: section))
        var table = root
        for key in keys.dropLast() {
            try count(start)
            switch table[key.bytes] {
            case nil:
                let child = TOMLNode(.implicit, at: start)
                table.add(key, .table(child))
                table = child
            case .table(let child) where child.origin != .inline: table = child
            case .tables(let children): table = children.items[children.items.count - 1]
            default: throw TOMLError(position: key.position, message: "“\(cleaned(key.text))” is no table that a header can extend")
            }
        }
        let last = keys[keys.count - 1]
        try count(start)
        switch (table[last.bytes], isArray) {
        case (nil, false):
            let child = TOMLNode(.header, at: start)
            table.add(last, .table(child))
            return child
        case (nil, true):
            let child = TOMLNode(.header, at: start)
            table.add(last, .tables(TOMLNodeList([child])))
            return child
        case (.table(let child), false) where child.origin == .implicit:
            child.origin = .header
            child.position = start
            return child
        case (.tables(let children), true):
            let child = TOMLNode(.header, at: start)
            children.items.append(child)
            return child
        default:
            throw TOMLError(position: last.position, message: "“\(cleaned(last.text))” is already there (\(was(table, last)))")
        }
    }

    // MARK: key = value

    private mutating func keyValue(into target: TOMLNode, depth: Int = 0) throws(TOMLError) {
        let keys = try dottedKey()
        scanner.skipBlanks()
        guard scanner.take("=") else { throw scanner.expected("“=” after the key") }
        scanner.skipBlanks()
        guard depth + keys.count < limits.depth else { throw tooDeep(keys[0].position) }
        var table = target
        for key in keys.dropLast() {
            try count(key.position)
            switch table[key.bytes] {
            case nil:
                let child = TOMLNode(.dotted, at: key.position)
                table.add(key, .table(child))
                table = child
            case .table(let child) where child.origin == .dotted || child.origin == .implicit:
                child.origin = .dotted
                table = child
            default:
                throw TOMLError(
                    position: key.position, message: "“\(cleaned(key.text))” cannot get keys here (\(was(table, key)))")
            }
        }
        let last = keys[keys.count - 1]
        guard table[last.bytes] == nil else {
            throw TOMLError(position: last.position, message: "“\(cleaned(last.text))” is already there (\(was(table, last)))")
        }
        let valueStart = scanner.offset
        table.add(last, .value(try value(depth: depth + keys.count)))
        guard depth == 0 else { return }
        pieces.append(TOMLPiece(kind: .entry(value: valueStart..<scanner.offset), path: section + keys.map(\.text), section: section))
    }

    private func was(_ table: TOMLNode, _ key: TOMLKey) -> String {
        "first on line \(table.place(of: key.bytes)?.line ?? 1)"
    }

    private mutating func dottedKey() throws(TOMLError) -> [TOMLKey] {
        var keys: [TOMLKey] = []
        while true {
            let position = scanner.position
            guard keys.count < limits.depth else { throw tooDeep(position) }
            keys.append(TOMLKey(text: try scanner.key(), position: position))
            // Blanks around dots are allowed; those after the last key belong to nobody.
            scanner.skipBlanks()
            guard scanner.take(".") else { return keys }
            scanner.skipBlanks()
        }
    }

    // MARK: values

    private mutating func value(depth: Int) throws(TOMLError) -> TOMLValue {
        let position = scanner.position
        try count(position)
        guard depth < limits.depth else { throw tooDeep(position) }
        switch scanner.peek() {
        case UInt8(ascii: "["): return TOMLValue(.array(try array(depth: depth + 1)), at: position)
        case UInt8(ascii: "{"): return TOMLValue(.table(try inlineTable(depth: depth + 1)), at: position)
        default: return TOMLValue(try scanner.scalar(), at: position)
        }
    }

    private mutating func array(depth: Int) throws(TOMLError) -> [TOMLValue] {
        scanner.advance()
        var values: [TOMLValue] = []
        while true {
            try scanner.skipBlankLines()
            if scanner.take("]") { return values }
            values.append(try value(depth: depth))
            try scanner.skipBlankLines()
            if scanner.take(",") { continue }
            guard scanner.take("]") else { throw scanner.expected("“,” or “]” in the array") }
            return values
        }
    }

    /// One line, no comma after the last; nothing may be added to it later.
    private mutating func inlineTable(depth: Int) throws(TOMLError) -> TOMLTable {
        let table = TOMLNode(.inline, at: scanner.position)
        scanner.advance()
        scanner.skipBlanks()
        if scanner.take("}") { return table.frozen() }
        while true {
            scanner.skipBlanks()
            try keyValue(into: table, depth: depth)
            scanner.skipBlanks()
            if scanner.take(",") { continue }
            guard scanner.take("}") else { throw scanner.expected("“,” or “}” in the inline table") }
            return table.frozen()
        }
    }

    // MARK: limits

    private mutating func count(_ position: TOMLPosition) throws(TOMLError) {
        valuesLeft -= 1
        guard valuesLeft >= 0 else { throw TOMLError(position: position, message: "more than \(limits.values) keys and values") }
    }

    private func tooDeep(_ position: TOMLPosition) -> TOMLError {
        TOMLError(position: position, message: "nested more than \(limits.depth) deep")
    }
}
