import OSSProtocol
import Testing

@testable import TransferCore

@Suite struct ListedKeysTests {
    private let now = Timestamp(seconds: 1_000)

    private func page(_ keys: String...) -> [(key: ObjectKey, entry: ListedKeys.Entry)] {
        keys.map { (ObjectKey($0), ListedKeys.Entry(size: Int64($0.utf8.count), modified: nil)) }
    }

    @Test func aWindowKnowsWhatIsInItAndNothingBeyond() {
        var keys = ListedKeys()
        keys.note(after: ObjectKey("b"), page("c", "e", "g"), isLast: false, at: now)

        #expect(keys.answer(for: ObjectKey("e"), at: now) == .present(.init(size: 1, modified: nil)))
        #expect(keys.answer(for: ObjectKey("d"), at: now) == .absent)
        #expect(keys.answer(for: ObjectKey("g"), at: now) != .unknown)
        #expect(keys.answer(for: ObjectKey("h"), at: now) == .unknown)
        #expect(keys.answer(for: ObjectKey("b"), at: now) == .unknown, "where it begins is not part of it")
    }

    @Test func theLastPageReachesToTheEnd() {
        var keys = ListedKeys()
        keys.note(after: ObjectKey("b"), page("c"), isLast: true, at: now)

        #expect(keys.answer(for: ObjectKey("zzz"), at: now) == .absent)
        #expect(keys.answer(for: ObjectKey("a"), at: now) == .unknown)
    }

    @Test func whatWasListedLongAgoIsNotBelieved() {
        var keys = ListedKeys()
        keys.note(after: ObjectKey(""), [], isLast: true, at: now)

        #expect(keys.answer(for: ObjectKey("a"), at: now + ListedKeys.life) == .unknown)
    }

    @Test func onlyAFewWindowsAreKept() {
        var keys = ListedKeys()
        for number in 0...ListedKeys.mostWindows {
            let letter = String(UnicodeScalar(UInt8(97 + number)))
            keys.note(after: ObjectKey(letter), page(letter + "m"), isLast: false, at: now)
        }

        #expect(keys.answer(for: ObjectKey("am"), at: now) == .unknown)
        #expect(keys.answer(for: ObjectKey("bm"), at: now) != .unknown)
    }

    @Test(arguments: ["a", "photo 1.jpg", "x/", "é", "日本", "e\u{301}", "tail!", String(repeating: "k", count: 1_023)])
    func aPageBeginsBeforeTheKeyItIsFor(key: String) {
        let before = ListedKeys.before(ObjectKey(key))

        #expect(before < ObjectKey(key) && before.utf8.count <= 1_023)
        #expect(String(validating: before.utf8, as: UTF8.self) != nil)
    }

    @Test func keysAreComparedAsBytes() {
        var keys = ListedKeys()
        keys.note(after: ObjectKey(""), page("e\u{301}"), isLast: true, at: now)

        #expect(keys.answer(for: ObjectKey("\u{E9}"), at: now) == .absent)
    }
}
