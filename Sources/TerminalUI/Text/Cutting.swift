/// Fitting names into cells: in the middle, never inside a cluster, the extension and both ends kept as long as there is room.
enum Cutting {
    /// Cells that stay at each end of a cut name if the room allows it.
    private static let leastEnd = 6

    /// At most `width` cells; the ellipsis stands for what is left out.
    static func middle(_ text: DisplayText, width: Int, ellipsis: String) -> DisplayText {
        if text.width <= width { return text }
        let mark = Glyph(text: ellipsis, width: ellipsis.utf8.count == 3 && ellipsis == "..." ? 3 : 1)
        let room = width - mark.width
        guard room > 0 else { return DisplayText(glyphs: Array(prefix(text.glyphs, cells: width))) }
        // The extension counts as part of the tail; the longer half goes to the front.
        var tailRoom = room / 2
        let ending = endingWidth(text.glyphs)
        if ending > tailRoom, ending + leastEnd <= room { tailRoom = ending }
        let tail = suffix(text.glyphs, cells: tailRoom)
        let tailWidth = tail.reduce(0) { $0 + $1.width }
        let head = prefix(text.glyphs, cells: room - tailWidth)
        var glyphs = Array(head)
        for piece in Glyph.pieces(mark) { glyphs.append(piece) }
        glyphs.append(contentsOf: tail)
        return DisplayText(glyphs: glyphs)
    }

    /// A path: its directories give way first, from the last to the first, then the name itself is cut.
    static func path(_ path: String, width: Int, rules: TextRules, ellipsis: String) -> DisplayText {
        let whole = displayText(path, rules: rules)
        if whole.width <= width { return whole }
        let parts = Array(path.utf8).split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
        guard parts.count > 1, let last = parts.last, !last.isEmpty else { return middle(whole, width: width, ellipsis: ellipsis) }
        let name = displayText(last, rules: rules)
        let mark = displayText(ellipsis + "/", rules: TextRules())
        // The directory next to the name goes first: what lies higher up says more.
        for kept in stride(from: parts.count - 2, through: 1, by: -1) {
            let head = displayText(parts[..<kept].joined(separator: [UInt8(ascii: "/")]) + [UInt8(ascii: "/")], rules: rules)
            guard head.width + mark.width + name.width <= width else { continue }
            return DisplayText(glyphs: head.glyphs + mark.glyphs + name.glyphs)
        }
        if mark.width + name.width <= width { return DisplayText(glyphs: mark.glyphs + name.glyphs) }
        // A cut name behind a cut path: worth it only while the name keeps both its ends.
        guard width - mark.width > 2 * leastEnd else { return middle(name, width: width, ellipsis: ellipsis) }
        return DisplayText(glyphs: mark.glyphs + middle(name, width: width - mark.width, ellipsis: ellipsis).glyphs)
    }

    /// A URL keeps its bucket.
    static func url(_ url: String, width: Int, rules: TextRules, ellipsis: String) -> DisplayText {
        let whole = displayText(url, rules: rules)
        if whole.width <= width { return whole }
        let bytes = Array(url.utf8)
        guard bytes.starts(with: "oss://".utf8), let slash = bytes[6...].firstIndex(of: UInt8(ascii: "/")) else {
            return middle(whole, width: width, ellipsis: ellipsis)
        }
        let head = displayText(bytes[...slash], rules: rules)
        let rest = displayText(bytes[(slash + 1)...], rules: rules)
        let mark = displayText(ellipsis, rules: TextRules())
        let room = width - head.width - mark.width
        guard room >= leastEnd else { return middle(whole, width: width, ellipsis: ellipsis) }
        var tail = suffix(rest.glyphs, cells: room)
        // Whole directories where one fits.
        if let slash = tail.dropLast().firstIndex(where: { $0.text == "/" }) { tail = tail[slash...] }
        return DisplayText(glyphs: head.glyphs + mark.glyphs + tail)
    }

    /// Cut at the right, with an ellipsis.
    static func end(_ text: DisplayText, width: Int, ellipsis: String) -> DisplayText {
        if text.width <= width { return text }
        let mark = displayText(ellipsis, rules: TextRules())
        guard width > mark.width else { return DisplayText(glyphs: Array(prefix(text.glyphs, cells: width))) }
        return DisplayText(glyphs: Array(prefix(text.glyphs, cells: width - mark.width)) + mark.glyphs)
    }

    private static func prefix(_ glyphs: [Glyph], cells: Int) -> ArraySlice<Glyph> {
        var used = 0
        var end = 0
        var index = 0
        while index < glyphs.count {
            var next = index + 1
            var width = glyphs[index].width
            while next < glyphs.count, glyphs[next].continues {
                width += glyphs[next].width
                next += 1
            }
            if used + width > cells { break }
            used += width
            index = next
            end = next
        }
        return glyphs[..<end]
    }

    private static func suffix(_ glyphs: [Glyph], cells: Int) -> ArraySlice<Glyph> {
        var used = 0
        var start = glyphs.count
        while start > 0 {
            var first = start - 1
            while first > 0, glyphs[first].continues { first -= 1 }
            let width = glyphs[first..<start].reduce(0) { $0 + $1.width }
            if used + width > cells { break }
            used += width
            start = first
        }
        return glyphs[start...]
    }

    /// Cells of `.tar.zst` or `.mov`: at most two short endings.
    private static func endingWidth(_ glyphs: [Glyph]) -> Int {
        var width = 0
        var best = 0
        var dots = 0
        for glyph in glyphs.reversed() {
            width += glyph.width
            if width > 12 || glyph.text == " " { break }
            if glyph.text == "." {
                dots += 1
                best = width
                if dots == 2 { break }
            }
        }
        return best
    }
}

extension Glyph {
    /// `...` is three cells of one character each.
    static func pieces(_ glyph: Glyph) -> [Glyph] {
        glyph.width == 1 ? [glyph] : glyph.text.map { Glyph(text: String($0), width: 1) }
    }
}
