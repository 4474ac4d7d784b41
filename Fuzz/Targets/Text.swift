@testable import TerminalUI

/// What a terminal shows and what it sends: names from anywhere on the way to the screen, keys and pastes on the way in.
@Sendable func fuzzText(_ input: [UInt8]) {
    let input = Array(input.prefix(16 << 10))
    checkKeys(input)
    // Names and lines are short wherever they come from; of a long text it is enough that it can be shown.
    guard input.count <= 2048 else {
        checkField(text(input))
        return checkShown(input, TextRules())
    }
    checkField(text(input))
    for rules in [TextRules(), TextRules(charset: .ascii), TextRules(ambiguousWide: true)] { checkShown(input, rules) }
    checkCutting(input)
    checkTexts(text(input))
}

private func checkShown(_ input: [UInt8], _ rules: TextRules) {
    let shown = displayText(input, rules: rules)
    let plain = shown.plain
    for scalar in plain.unicodeScalars {
        let isSafe: Bool
        switch scalar.properties.generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator, .surrogate, .unassigned: isSafe = false
        default: isSafe = !scalar.properties.isDefaultIgnorableCodePoint
        }
        require(isSafe, "no control, direction or invisible character is shown: U+\(String(scalar.value, radix: 16))")
    }
    if rules.charset == .ascii { require(plain.utf8.allSatisfy { (0x20...0x7E).contains($0) }, "an ASCII terminal is sent ASCII") }
    require(
        shown.width == shown.glyphs.reduce(0) { $0 + $1.width } && shown.glyphs.allSatisfy { (1...2).contains($0.width) },
        "a glyph takes one or two cells")
    require(plain.utf8.count <= 9 * input.count, "nothing is shown much longer than it is")
    let again = displayText(plain, rules: rules)
    require(same(again.plain, plain), "what may be shown is shown as it is: \(plain.debugDescription)")
    require(again.width == shown.width, "what may be shown is as wide as before: \(plain.debugDescription)")
}

private func checkCutting(_ input: [UInt8]) {
    let text = text(input)
    let rules = TextRules()
    let width = input.count % 97
    for ellipsis in ["…", "..."] {
        let name = displayText(input, rules: rules)
        for cut in [
            Cutting.middle(name, width: width, ellipsis: ellipsis), Cutting.end(name, width: width, ellipsis: ellipsis),
            Cutting.path(text, width: width, rules: rules, ellipsis: ellipsis),
            Cutting.url(text, width: width, rules: rules, ellipsis: ellipsis),
            Cutting.url("oss://" + text, width: width, rules: rules, ellipsis: ellipsis),
        ] {
            require(cut.width <= width, "a name is cut to the width there is: \(cut.plain.debugDescription) to \(width)")
            require(cut.width == cut.glyphs.reduce(0) { $0 + $1.width }, "a cut name is as wide as its glyphs")
        }
    }
}

private func checkKeys(_ input: [UInt8]) {
    func events(_ feeds: [[UInt8]]) -> [InputEvent] {
        var decoder = KeyDecoder()
        decoder.define(Array("\u{1B}[57414u".utf8), .enter)
        return feeds.flatMap { decoder.feed($0) } + decoder.flush()
    }
    let whole = events([input])
    require(whole == events(cut(input)), "keys are the same wherever the bytes are cut")
    require(whole.count <= input.count, "no key comes from nowhere")
    for event in whole {
        switch event {
        case .key(.character(let character)):
            require(
                !character.unicodeScalars.contains { $0.value < 0x20 || (0x7F...0x9F).contains($0.value) },
                "a character is no control character")
        case .mouse(let mouse):
            require((0...99_998).contains(mouse.column) && (0...99_998).contains(mouse.row), "the mouse is on the screen")
        case .paste(let text): require(text.utf8.count <= 3 * KeyDecoder.pasteLimit, "a paste is bounded")
        default: break
        }
    }
    var decoder = KeyDecoder(detectsBursts: true)
    for feed in cut(input) { _ = decoder.feed(feed) }
    _ = decoder.flush()
}

private func checkTexts(_ text: String) {
    for path in PastedPaths.read(text, home: "/home/u") ?? [] { require(path.utf8.first == UInt8(ascii: "/"), "a pasted path is absolute") }
    if case .success(let rate) = RateText.read(text, current: 100 << 20) {
        require(rate == "none" || Int64(rate).map { $0 >= 0 } ?? false, "a rate is a number")
    }
    _ = LocalTime.milliseconds(text)
    let path = Paths.absolute(text, base: "/base", home: "/home/u")
    require(
        path.utf8.first == UInt8(ascii: "/") && same(Paths.absolute(path, base: "/", home: "/"), path), "an absolute path stays as it is")
    _ = Paths.parentDestination(text)
}

private func checkField(_ text: String) {
    var field = TextField("a")
    field.insert(text)
    require(field.text.utf8.count <= 64 * TextField.limit && field.characters.count <= TextField.limit, "a field is bounded")
}
