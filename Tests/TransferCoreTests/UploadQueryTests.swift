import OSSProtocol
import Testing

@testable import TransferCore

@Suite struct UploadQueryTests {
    static let now = Timestamp(seconds: 1_795_000_000)

    static func facts(
        id: String = "u-1", state: String = "uploading", name: String = "camera-03.mov",
        dest: String = "oss://media-prod/2026/11/camera-03.mov",
        bucket: String = "media-prod", size: Int64? = 2 << 30, stored: Int64 = 1 << 30, age: Int64 = 3 * 86_400, tries: Int = 2,
        priority: String = "normal", error: String = "SlowDown", held: String = "", eta: Int? = 120, rate: Int64 = 10 << 20,
        marked: Bool = false
    ) -> UploadFacts {
        UploadFacts(
            id: id, job: "j-1", state: state, name: name, path: "video/\(name)", dest: dest, bucket: bucket, profile: "prod", size: size,
            stored: stored, rate: rate, eta: eta, added: now - .seconds(age), tries: tries, priority: priority, by: "ops2", error: error,
            held: held,
            isMarked: marked)
    }

    static let matching = [
        "", "  ", "camera", "CAMERA or camera", "state:uploading", "state:failed,uploading", "state:up*", "bucket:media-prod", "media",
        "size>1G", "size>=2G", "size:2G",
        "size=2GiB", "size<3G and size!=1G", "not state:failed", "-state:failed", "-(state:failed or state:held)",
        "dest:oss://media-prod/2026/*",
        "error:SlowDown tries>=2", "error:slowdown", "age>2d", "age<1w", "age>=3d", "done>=50%", "done<50.1%", "done>500M", "rate>1M",
        "eta<10m", "prio:normal,low",
        "prio!=low", "by:ops2", "held!=network", "id:u-1", "job:j-1", "profile:prod", "marked:no", "/cam.*mov/", "/^camera-\\d+/",
        "/(mov|mp4)$/", "\"camera-03\"",
        "name:camera-??.mov", "path:video/*", "oss://media-prod", "camera and size>1G or state:done", "state:done or camera size>1G",
        "sort:size-,added", "camera sort:name", "age<2026-01-01", "age<today or age>today", "size>1.5G", "name=camera-03.mov",
        "STATE:Uploading", "/video\\/|cam/",
        "name:\"camera-03.mov\"", "video or camera",
    ]
    static let failing = [
        "Camera", "state:failed", "size>2G", "size<1G", "not camera", "-camera", "error:slow", "age>4d", "done>50%", "tries>2", "prio:high",
        "marked:yes", "/^mov/", "nothing",
        "state:done and camera", "camera size>5G", "held:network", "id:u-2", "name:camera", "name:Camera*", "age>2026-01-01",
        "camera (state:done or state:failed)",
        "not (camera or x)", "--camera nothing", "\"camera 03\"", "eta>1h", "bucket:logs-*",
    ]

    @Test(arguments: matching) func theseMatch(text: String) throws {
        #expect(try UploadQuery(text, now: UploadQueryTests.now).matches(UploadQueryTests.facts()))
    }

    @Test(arguments: ["/^[^a]$/", "/^\\D$/", "/^\\W$/", "/^\\S$/", "/^[\\D]$/", "/^.$/", "/^[^\\d]$/"])
    func aSetOfTheOthersHoldsLettersOutsideOfASCII(text: String) throws {
        let query = try UploadQuery(text, now: UploadQueryTests.now)

        for name in ["é", "猫", "😀"] { #expect(query.matches(UploadQueryTests.facts(name: name)), "\(name)") }
        #expect(!query.matches(UploadQueryTests.facts(name: "éé")))
    }

    @Test(arguments: ["/^[^é]$/", "/^[a-é]$/"]) func aSetNamesASCIIOnly(text: String) {
        #expect(throws: QueryError.self) { try UploadQuery(text, now: UploadQueryTests.now) }
    }

    @Test(arguments: failing) func theseDoNot(text: String) throws {
        #expect(try !UploadQuery(text, now: UploadQueryTests.now).matches(UploadQueryTests.facts()))
    }

    struct Wrong: Sendable, CustomTestStringConvertible {
        var text: String
        var position: Int
        var message: String
        var testDescription: String { text }
        init(_ text: String, _ position: Int, _ message: String) { (self.text, self.position, self.message) = (text, position, message) }
    }

    static let wrong: [Wrong] = [
        Wrong("size>>1G", 5, "expected a size after >"), Wrong("size>", 5, "expected a size after >"),
        Wrong("camera size>big", 12, "expected a size after >"),
        Wrong("size>20Mb", 5, "expected a size after >"), Wrong("state:broken", 6, "expected one of scanning"),
        Wrong("state:failed,nope", 13, "expected one of"),
        Wrong("prio:urgent", 5, "expected one of high normal low"), Wrong("color:red", 0, "there is no field \"color\""),
        Wrong("name>a", 4, "name takes : = or !="),
        Wrong("(camera", 0, "a ( without its )"), Wrong("camera)", 6, "a ) without its ("), Wrong("\"camera", 0, "a \" without its end"),
        Wrong("camera or", 7, "expected a term after or"), Wrong("or camera", 0, "expected a term before or"),
        Wrong("and camera", 0, "expected a term before and"),
        Wrong("camera and", 7, "expected a term after and"), Wrong("not", 0, "expected a term after not"),
        Wrong("age>soon", 4, "expected a time"),
        Wrong("tries>x", 6, "expected a number after >"), Wrong("done>101%", 5, "expected a percentage"),
        Wrong("sort:color", 5, "expected one of order"),
        Wrong("sort:size,color-", 10, "expected one of order"), Wrong("marked:maybe", 7, "expected yes or no"),
        Wrong("/[/", 0, "a [ without its ]"),
        Wrong("/a**(/", 0, "a ( without its )"), Wrong("name:", 5, "expected a text after :"),
        Wrong("age>2026-13-45", 4, "expected a time"),
        Wrong("rate>none", 5, "expected a rate"), Wrong("eta>5x", 4, "expected a time"), Wrong("/*a/", 0, "nothing before"),
        Wrong("() camera or", 10, "expected a term after or"),
    ]

    @Test(arguments: wrong) func anErrorNamesTheOffendingPlace(example: Wrong) {
        do throws(QueryError) {
            _ = try UploadQuery(example.text, now: UploadQueryTests.now)
            Issue.record("it was understood")
        } catch {
            #expect(error.position == example.position)
            #expect(error.message.contains(example.message), "\(error.message)")
            #expect(error.length >= 1)
            #expect(error.position + error.length <= max(example.text.count, error.position + 1))
        }
    }

    @Test func whatIsUnknownFulfilsNothing() throws {
        let facts = UploadQueryTests.facts(size: nil, eta: nil)

        for text in ["size>0", "size<1G", "size!=5", "done>1%", "eta<1h"] {
            #expect(try !UploadQuery(text, now: UploadQueryTests.now).matches(facts), "\(text)")
        }
    }

    @Test func sortKeysAreReadInOrder() throws {
        let query = try UploadQuery("camera sort:state,size- sort:added", now: UploadQueryTests.now)

        #expect(
            query.sort == [
                SortKey(name: "state", isDescending: false), SortKey(name: "size", isDescending: true),
                SortKey(name: "added", isDescending: false),
            ])
        #expect(try UploadQuery("sort:name", now: UploadQueryTests.now).matchesEverything)
    }

    @Test func aDateCanHaveATime() throws {
        // 2026-11-18 11:06:40 UTC, three days before that 2026-11-15 11:06:40.
        for (text, isMatch) in [
            ("age>2026-11-15 11:07", true), ("age>2026-11-15 11:06", false), ("age<2026-11-15 11:06 camera", true),
            ("(age>2026-11-15 11:07)", true),
        ] {
            #expect(try UploadQuery(text, now: UploadQueryTests.now).matches(UploadQueryTests.facts()) == isMatch, "\(text)")
        }
    }

    @Test func todayBeginsAtMidnightUTC() throws {
        let midnight: Int64 = UploadQueryTests.now.seconds % 86_400
        let query = try UploadQuery("age<today", now: UploadQueryTests.now)

        #expect(query.matches(UploadQueryTests.facts(age: midnight - 1)))
        #expect(!query.matches(UploadQueryTests.facts(age: midnight + 1)))
    }

    @Test func unicodeNamesAreFoundAndPositionsCountCharacters() throws {
        #expect(try UploadQuery("猫", now: UploadQueryTests.now).matches(UploadQueryTests.facts(name: "黒猫.jpg")))
        #expect(try UploadQuery("größe", now: UploadQueryTests.now).matches(UploadQueryTests.facts(name: "GRÖSSE-größe.txt")))
        #expect(throws: QueryError(position: 8, length: 1, message: "expected a size after >")) {
            try UploadQuery("🐈‍⬛猫 size>", now: UploadQueryTests.now)
        }
    }

    @Test(.timeLimit(.minutes(1))) func aMaliciousQueryIsRefusedOrFast() throws {
        let facts = UploadQueryTests.facts(name: String(repeating: "a", count: 2_000))

        #expect(try !UploadQuery("/(a+)+(a*)*(a|a)*b$/", now: UploadQueryTests.now).matches(facts))
        #expect(throws: QueryError.self) { try UploadQuery(String(repeating: "(", count: 2_000), now: UploadQueryTests.now) }
        #expect(throws: QueryError.self) { try UploadQuery(String(repeating: "- ", count: 2_000), now: UploadQueryTests.now) }
        #expect(throws: QueryError.self) { try UploadQuery(String(repeating: "a ", count: 300), now: UploadQueryTests.now) }
        #expect(throws: QueryError.self) { try UploadQuery(String(repeating: "a", count: 5_000), now: UploadQueryTests.now) }
        #expect(throws: QueryError.self) { try UploadQuery("/(((a{100}){100}){100}){100}/", now: UploadQueryTests.now) }
    }

    @Test(arguments: 0..<20) func noTextTraps(seed: UInt64) {
        var random = SeededRandom(seed)
        let pieces = [
            "size", ">", "<", "=", ":", "!=", "\"", "/", "(", ")", "-", "not", "or", "and", " ", "1G", "50%", "*", "?", "\\", "[", "]", "{",
            "}", ",", "state", "failed", "sort",
            "age", "2026-11-23", "14:00", "é", "\u{0}", "oss://", "🐈‍⬛", "+", "^", "$", ".", "|",
        ]
        for _ in 0..<300 {
            let text = (0..<random.below(12)).map { _ in pieces[random.below(pieces.count)] }.joined()
            if let query = try? UploadQuery(text, now: UploadQueryTests.now) { _ = query.matches(UploadQueryTests.facts()) }
            _ = try? Filters(["+" + text]).includes("a/b.txt")
            _ = ByteRate(text)
        }
    }
}
