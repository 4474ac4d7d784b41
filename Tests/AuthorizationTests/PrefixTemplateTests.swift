import OSSProtocol
import Testing

@testable import Authorization

/// No value of a placeholder leaves its step of the prefix.
@Suite struct PrefixTemplateTests {
    private let day = ManualClock("2026-11-30T23:59:59Z").now()

    @Test func placeholdersAreFilledIn() throws {
        let template = try PrefixTemplate("up/{client}/{date}/{claim:site}")

        #expect(try template.resolve(client: "camera-7", day: day) { ["site": "hz.1"][$0] } == "up/camera-7/2026-11-30/hz.1/")
        #expect(template.needsClaims)
        #expect(try !PrefixTemplate("").needsClaims)
        #expect(try PrefixTemplate("").resolve(client: "x", day: day) == "")
    }

    @Test(arguments: [
        "..", ".", "...", "a/b", "../x", "/", "\\", "*", "?", "${oss:x}", "{date}", "a\nb", "a\u{0}b", "%2e%2e", "%2F", "сamera-7",
        "camera\u{2044}7", "．．", "a b", "e\u{301}", "\u{202E}x", "|", "camera-7/", "auth0|1",
    ])
    func aValueStaysWithinItsStep(value: String) throws {
        let prefix = try PrefixTemplate("uploads/{client}/in/").resolve(client: value, day: day)
        let steps = prefix.split(separator: "/", omittingEmptySubsequences: false)

        #expect(steps.count == 4 && steps[0] == "uploads" && steps[2] == "in" && steps[3] == "", "\(prefix)")
        #expect(steps[1] != "." && steps[1] != ".." && !steps[1].isEmpty)
        #expect(steps[1].utf8.allSatisfy { SettingText.isNameByte($0) || $0 == UInt8(ascii: "%") }, "\(prefix)")
        #expect(throws: Never.self) { try SessionPolicy.text(bucket: "media-ingest", prefix: prefix, verbs: [.upload]) }
    }

    @Test func differentValuesNeverMeet() throws {
        let values = ["a", "A", "a.", ".a", "%61", "a%", "a/", "é", "e\u{301}", "%C3%A9", "..", "%2E%2E", ".", "%2E"]
        let prefixes = try values.map { try PrefixTemplate("{client}").resolve(client: $0, day: day) }

        #expect(Set(prefixes.map { Array($0.utf8) }).count == values.count)
    }

    @Test func withoutAValueThereIsNoPrefix() throws {
        let template = try PrefixTemplate("uploads/{claim:site}/")

        #expect(throws: SettingError.self) { try template.resolve(client: "x", day: day) }
        #expect(throws: SettingError.self) { try template.resolve(client: "x", day: day) { _ in "" } }
        #expect(throws: SettingError.self) { try template.resolve(client: "x", day: day) { _ in String(repeating: "x", count: 257) } }
        #expect(throws: SettingError.self) {
            try PrefixTemplate("{client}/{client}/").resolve(client: String(repeating: "é", count: 128), day: day)
        }
    }

    @Test(arguments: ["{", "}", "{client", "{user}", "{claim:}", "{claim}", "{}", "a/../{client}", "/{client}", "a//b", "{client}*", "${client}"])
    func aTemplateThatCannotBeIsRefusedWhenItIsRead(text: String) {
        #expect(throws: SettingError.self) { try PrefixTemplate(text) }
    }
}
