/// An input whose last three bytes are NUL, WHERE, TIMES stands for a longer one: the stretch that WHERE names is repeated until the
/// whole has 2^(10 + TIMES mod 8) bytes. So the fuzzer reaches sizes at which a parser's time or memory would no longer be proportional
/// to its input, which it never does byte by byte. All other inputs are taken as they are, so seeds are plain files.
func swollen(_ input: [UInt8]) -> [UInt8] {
    guard input.count > 3, input[input.count - 3] == 0 else { return input }
    let body = Array(input.dropLast(3))
    // One in sixteen, by its hash: large inputs cost a thousand small ones.
    guard input.reduce(UInt32(2_166_136_261), { ($0 ^ UInt32($1)) &* 16_777_619 }) >> 28 == 0 else { return body }
    let (place, times) = (input[input.count - 2], input[input.count - 1])
    let start = body.count * Int(place >> 4) / 16
    let end = body.count - (body.count - start) * Int(place & 15) / 16
    guard start < end else { return body }
    let wanted = 1 << (10 + Int(times) % 8)
    var bytes = Array(body[..<start])
    bytes.reserveCapacity(wanted + body.count)
    repeat { bytes += body[start..<end] } while bytes.count + body.count - end < wanted
    return bytes + body[end...]
}

/// The input cut at each `separator`, at most so many pieces; the last holds the rest.
func pieces(_ input: [UInt8], at separator: UInt8, most: Int = 64) -> [[UInt8]] {
    input.split(separator: separator, maxSplits: most - 1, omittingEmptySubsequences: false).map { Array($0) }
}

/// Invalid UTF-8 becomes U+FFFD, as wherever davit makes text of foreign bytes.
func text(_ bytes: some Collection<UInt8>) -> String { String(decoding: bytes, as: UTF8.self) }

/// The same bytes cut into several feeds: where, is a function of the input.
func cut(_ input: [UInt8]) -> [[UInt8]] {
    var feeds: [[UInt8]] = []
    var place = 0
    var state = UInt32(truncatingIfNeeded: input.count) &* 2_654_435_761 | 1
    while place < input.count {
        state = state &* 1_664_525 &+ 1_013_904_223
        let length = min(input.count - place, state >> 28 == 0 ? 64 : 1 + Int(state >> 24 & 7))
        feeds.append(Array(input[place..<(place + length)]))
        place += length
    }
    return feeds
}
