import OSSProtocol

@testable import TransferCore

/// A query or filters, one a line; sizes and rates.
@Sendable func fuzzQuery(_ input: [UInt8]) {
    let lines = pieces(input, at: 10, most: 1024)
    let first = text(lines[0])
    checkQuery(first)
    checkFilters(lines.map { text($0) })
    checkSizes(first)
}

private let now = Timestamp(seconds: 1_768_465_800)

private let uploads: [UploadFacts] = [
    UploadFacts(
        id: "u1", job: "j1", state: "sending", name: "Führung.mov", path: "/media/Führung.mov",
        dest: "oss://example-bucket/raw/Führung.mov",
        bucket: "example-bucket", profile: "work", size: 5 << 30, stored: 1 << 30, rate: 50 << 20, eta: 90,
        added: Timestamp(seconds: 1_768_400_000),
        tries: 2, priority: "high", by: "ops", error: "", held: ""),
    UploadFacts(
        id: "u2", state: "failed", name: "a b(1).tar.zst", path: "/a b(1).tar.zst", dest: "oss://b/", bucket: "b", size: nil,
        added: Timestamp(seconds: 0),
        error: "AccessDenied", held: "clock", isMarked: true),
    UploadFacts(
        id: "", state: "queued", name: "\u{1F4A9}\u{301}", path: "", dest: "", bucket: "", size: 0, added: Timestamp(seconds: 4_000_000_000)
    ),
]

private func checkQuery(_ text: String) {
    do throws(QueryError) {
        let query = try UploadQuery(text, now: now)
        let found = uploads.map { query.matches($0) }
        require(uploads.map { query.matches($0) } == found, "a query finds the same twice")
        require(!query.matchesEverything || found.allSatisfy { $0 }, "a query that filters nothing finds everything")
        require(query.sort.allSatisfy { SortKey.names.contains($0.name) }, "a query sorts by what there is")
        checkNegation(query, found)
    } catch {
        require(
            error.position >= 0 && error.length >= 0 && error.position + error.length <= max(text.count, 1) + 1,
            "a query's error is in its text: \(error)")
        require(!error.message.isEmpty, "a query's error says what is wrong")
    }
}

/// `-(Q)` finds what Q does not; `(Q) or (Q)` finds the same. Sort keys belong to no term, and a longer text may pass the limits.
private func checkNegation(_ query: UploadQuery, _ found: [Bool]) {
    // A mark at its beginning would join the blank before it.
    guard query.sort.isEmpty, !query.matchesEverything, " \(query.text)".count == query.text.count + 1 else { return }
    if let negated = try? UploadQuery("-( \(query.text) )", now: now) {
        require(uploads.map { !negated.matches($0) } == found, "a negated query finds the others")
    }
    if let twice = try? UploadQuery("( \(query.text) ) or ( \(query.text) )", now: now) {
        require(uploads.map { twice.matches($0) } == found, "a query or itself finds the same")
    }
}

private let names: [[UInt8]] =
    ["a", "a/b", "a/b/c.txt", "Thumbs.db", ".DS_Store", "dir/\u{1F4A9}.mov", "x{y}[z]", ""].map { Array($0.utf8) } + [[0xFF, 0x2F, 0xC3]]

private func checkFilters(_ lines: [String]) {
    let name = Array((lines.last ?? "").utf8.prefix(256))
    do throws(FilterError) {
        let filters = try Filters(lines.filter { !$0.isEmpty })
        for path in names + [name] {
            let isIncluded = filters.includes(path)
            require(filters.includes(path) == isIncluded, "a filter decides the same twice")
            if filters.excludesEverything(below: path) {
                for inner in names where !inner.isEmpty {
                    require(
                        !filters.includes(path + [UInt8(ascii: "/")] + inner),
                        "a folder that is not read has nothing to take: \(lines) \(text(path)) \(text(inner))")
                }
            }
        }
    } catch {
        require(!error.message.isEmpty, "a filter's error says what is wrong")
    }
}

private func checkSizes(_ text: String) {
    if let size = ByteSize(text) {
        require(size.bytes >= 0, "a size is not negative")
        require(ByteSize("\(size.bytes)") == size, "a size in bytes reads the same")
    }
    if let rate = ByteRate(text), let bytes = rate.bytesPerSecond {
        require(bytes >= 0, "a rate is not negative")
        require(ByteRate("\(bytes)B/s") == rate, "a rate in bytes reads the same")
    }
}
