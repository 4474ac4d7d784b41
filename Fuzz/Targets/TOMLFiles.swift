@testable import Credentials
@testable import TOML
@testable import TerminalUI

/// Configuration and theme files.
@Sendable func fuzzTOML(_ input: [UInt8]) {
    // Line ends as the scanner counts them; one line more than there are.
    let lines = input.count { $0 == 10 } + 1
    do throws(TOMLError) {
        let document = try TOMLDocument(parsing: input)
        checkPlaces(document.root, lines: lines)
        checkWriting(document.root)
        checkReading(document, lines: lines)
    } catch {
        require((1...lines).contains(error.line) && error.column >= 1, "an error of TOML has its place in the text")
        require(isOneLine(error.message), "an error of TOML is one line")
    }
    checkTheme(text(input))
}

private func checkPlaces(_ table: TOMLTable, lines: Int) {
    for entry in table.entries {
        require(
            (1...lines).contains(entry.position.line) && (1...lines).contains(entry.value.position.line), "a key has its place in the text")
        require(table[entry.key]?.position == entry.value.position, "a key is found by its name, and there is one of it")
        if let table = entry.value.table { checkPlaces(table, lines: lines) }
        for value in entry.value.array ?? [] { if let table = value.table { checkPlaces(table, lines: lines) } }
    }
}

// MARK: - Written and read again

private func checkWriting(_ root: TOMLTable) {
    var bytes: [UInt8] = []
    for entry in root.entries {
        write(entry, to: &bytes)
        bytes.append(10)
    }
    var limits = TOMLLimits()
    // Headers count towards the depth by their parts, inline tables by their nesting: never more than twice.
    (limits.size, limits.depth, limits.values) = (64 << 20, 2 * limits.depth, 2 * limits.values)
    do throws(TOMLError) {
        let again = try TOMLDocument(parsing: bytes, limits: limits)
        require(equal(again.root, root), "TOML that was written reads the same")
    } catch {
        require(false, "TOML that was written can be read: \(error)")
    }
}

private func write(_ entry: TOMLTable.Entry, to bytes: inout [UInt8]) {
    quote(entry.key, to: &bytes)
    bytes.append(UInt8(ascii: "="))
    write(entry.value, to: &bytes)
}

private func write(_ value: TOMLValue, to bytes: inout [UInt8]) {
    switch value.kind {
    case .string(let text): quote(text, to: &bytes)
    case .integer(let number): bytes += Array(String(number).utf8)
    case .float(let number):
        bytes += Array((number.isNaN ? "nan" : number == .infinity ? "inf" : number == -.infinity ? "-inf" : number.description).utf8)
    case .boolean(let flag): bytes += Array(String(flag).utf8)
    case .date(let text): bytes += Array(text.utf8)
    case .array(let values):
        bytes.append(UInt8(ascii: "["))
        for (place, value) in values.enumerated() {
            if place > 0 { bytes.append(UInt8(ascii: ",")) }
            write(value, to: &bytes)
        }
        bytes.append(UInt8(ascii: "]"))
    case .table(let table):
        bytes.append(UInt8(ascii: "{"))
        for (place, entry) in table.entries.enumerated() {
            if place > 0 { bytes.append(UInt8(ascii: ",")) }
            write(entry, to: &bytes)
        }
        bytes.append(UInt8(ascii: "}"))
    }
}

private func quote(_ text: String, to bytes: inout [UInt8]) {
    let hex = Array("0123456789abcdef".utf8)
    bytes.append(UInt8(ascii: "\""))
    for byte in text.utf8 {
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"): bytes += [UInt8(ascii: "\\"), byte]
        case 0..<32, 127: bytes += Array("\\u00".utf8) + [hex[Int(byte >> 4)], hex[Int(byte & 15)]]
        default: bytes.append(byte)
        }
    }
    bytes.append(UInt8(ascii: "\""))
}

private func equal(_ a: TOMLTable, _ b: TOMLTable) -> Bool {
    a.entries.count == b.entries.count && zip(a.entries, b.entries).allSatisfy { same($0.key, $1.key) && equal($0.value, $1.value) }
}

private func equal(_ a: TOMLValue, _ b: TOMLValue) -> Bool {
    switch (a.kind, b.kind) {
    case (.string(let a), .string(let b)), (.date(let a), .date(let b)): same(a, b)
    case (.float(let a), .float(let b)): a == b || a.isNaN && b.isNaN
    case (.array(let a), .array(let b)): a.count == b.count && zip(a, b).allSatisfy(equal)
    case (.table(let a), .table(let b)): equal(a, b)
    default: a.kind == b.kind
    }
}

// MARK: - Read as a configuration

/// The way the engine and the authorization server read their files: named tables, credentials in them, everything else reported.
private func checkReading(_ document: TOMLDocument, lines: Int) {
    let problems = TOMLProblems()
    let root = TOMLReader(document, problems)
    _ = root.string("default-remote", allowEmpty: false)
    if let engine = root.subtable("engine") {
        _ = engine.integer("uploads", in: 1...64)
        _ = engine.choice("verify", of: ["crc64", "none"])
        _ = engine.strings("rate-schedule")
        _ = engine.boolean("flag")
        _ = engine.number("share")
        engine.finish()
    }
    for (name, position, reader) in root.subtable("remote")?.named() ?? [] {
        if name.utf8.count > 64 { problems.report(at: position, "a remote's name has 1 to 64 letters") }
        _ = reader.choice("existing", of: ["skip", "newer", "overwrite", "fail", "rename"])
        _ = reader.string("bucket")
        if let table = reader.subtable("credentials", required: true) { _ = CredentialReader(table, folder: "/etc/davit").read() }
        reader.finish()
    }
    for grant in root.subtables("grant") {
        _ = grant.string("bucket", required: true)
        grant.finish()
    }
    root.finish()
    for problem in problems.sorted {
        require((1...lines).contains(problem.line) && problem.column >= 1, "a problem has its place in the text")
        require(isOneLine(problem.message), "a problem is one line: \(problem.message.debugDescription)")
    }
}

// MARK: - Read as a theme

private func checkTheme(_ text: String) {
    // `inherits` may name the theme itself, a shipped one, or nothing.
    let parent = "format = 1\nname = \"P\"\n[roles]\ntext = { fg = \"#dddddd\" }\nbackground = \"#101010\"\n"
    do throws(ThemeError) {
        let theme = try Theme.load(text, name: "t.toml") { $0 == "t" ? (text, "t.toml") : $0 == "p" ? (parent, "p.toml") : nil }
        for depth in ColorDepth.allCases {
            let shown = theme.at(depth)
            for role in Role.allCases { _ = shown.style(role) }
        }
        for warning in theme.warnings {
            require(isOneLine(warning.description), "a warning is one line: \(warning.description.debugDescription)")
        }
    } catch {
        for message in error.messages {
            require(isOneLine(message.description), "a theme's error is one line: \(message.description.debugDescription)")
        }
    }
}
