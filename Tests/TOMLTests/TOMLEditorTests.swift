import Testing

@testable import TOML

@Suite struct TOMLEditorTests {
    private static let file = """
        # davit, kept by hand
        default-remote = "ingest"   # the usual one

        [engine]
        # nights are free
        rate-schedule = [
          "Mon-Fri 08:00-18:00 20MiB",   # office
          "else none",
        ]
        uploads = 5

        # the cameras
        [remote.ingest]
        bucket = 'media'   # do not rename
        region = "cn-hangzhou"

        [remote.ingest.credentials]
        kind = "env"

        # the archive
        [remote.cold]
        bucket = "cold"

        """

    private func edited(_ text: String = file, _ change: (inout TOMLEditor) throws -> Void) throws -> String {
        var editor = try TOMLEditor(Array(text.utf8))
        try change(&editor)
        _ = try TOMLDocument(parsing: editor.bytes)
        return String(decoding: editor.bytes, as: UTF8.self)
    }

    @Test func aValueIsReplacedAndEverythingBesideItStays() throws {
        let new = try edited { try $0.set(["remote", "ingest", "bucket"], to: .text("other")) }

        #expect(new == Self.file.replacing("'media'", with: "\"other\""))
    }

    @Test func aValueOfSeveralLinesIsReplacedWhole() throws {
        let new = try edited { try $0.set(["engine", "rate-schedule"], to: .list(["else 5MiB"])) }

        #expect(new.contains("# nights are free\nrate-schedule = [\"else 5MiB\"]\nuploads = 5\n"))
    }

    @Test func aNewKeyStandsBesideItsNeighbours() throws {
        let new = try edited {
            try $0.set(["remote", "ingest", "prefix"], to: .text("in/"))
            try $0.set(["theme"], to: .text("ember"))
            try $0.set(["engine", "parts"], to: .number(8))
        }

        #expect(new.contains("region = \"cn-hangzhou\"\nprefix = \"in/\"\n\n[remote.ingest.credentials]"))
        #expect(new.contains("# the usual one\ntheme = \"ember\"\n\n[engine]"))
        #expect(new.contains("uploads = 5\nparts = 8\n\n# the cameras"))
    }

    @Test func aNewTableOfATableStandsBehindIt() throws {
        let new = try edited(Self.file + "\n[other]\nx = 1\n") { try $0.set(["remote", "cold", "credentials", "kind"], to: .text("env")) }

        #expect(new.contains("bucket = \"cold\"\n\n[remote.cold.credentials]\nkind = \"env\"\n\n[other]"))
    }

    @Test func anEmptyFileGetsItsFirstTable() throws {
        let new = try edited("") {
            try $0.set(["remote", "a.b", "bucket"], to: .text("x\"y"))
            try $0.set(["default-remote"], to: .text("a.b"))
        }

        #expect(new == "default-remote = \"a.b\"\n\n[remote.\"a.b\"]\nbucket = \"x\\\"y\"\n")
    }

    @Test func keysWithDotsGetNeighboursWithDots() throws {
        let new = try edited("remote.a.bucket = \"x\"\n") { try $0.set(["remote", "a", "region"], to: .text("r")) }

        #expect(new == "remote.a.bucket = \"x\"\nremote.a.region = \"r\"\n")
    }

    @Test func aTableInOneLineIsNotTornApart() throws {
        let text = "[remote.a]\ncredentials = { kind = \"env\" }\n"
        var editor = try TOMLEditor(Array(text.utf8))

        #expect { try editor.set(["remote", "a", "credentials", "kind"], to: .text("static")) } throws: {
            ($0 as? TOMLError)?.line == 2
        }
        #expect(editor.bytes == Array(text.utf8))
    }

    @Test func aTableGoesWithAllBelowItAndOtherTablesKeepTheirComments() throws {
        let new = try edited { try $0.remove(["remote", "ingest"]) }

        #expect(!new.contains("ingest]") && !new.contains("do not rename"))
        #expect(new.contains("# the archive\n[remote.cold]\n") && new.contains("# nights are free"))
    }

    @Test func theLastTableGoesWithTheTablesBelowItThatStandApart() throws {
        let new = try edited("x = 1\n\n[a]\nb = 1\n\n[a.c]\nd = 1\n\n[z]\ny = 1\n\n[a.e]\nf = 1\n") { try $0.remove(["a"]) }

        #expect(new == "x = 1\n\n[z]\ny = 1\n")
    }

    @Test func aKeyGoesWithItsLine() throws {
        let new = try edited { try $0.remove(["default-remote"]) }

        #expect(new.hasPrefix("# davit, kept by hand\n\n[engine]"))
        #expect(try edited { try $0.remove(["nothing"]) } == Self.file)
    }

    @Test func whatCannotBeReadIsNotChanged() {
        #expect(throws: TOMLError.self) { try TOMLEditor(Array("a = \nb = 1".utf8)) }
    }

    @Test func linesWithCarriageReturnsAndWithoutALastEndAreUnderstood() throws {
        #expect(try edited("a = 1\r\nb = 2") { try $0.set(["c"], to: .flag(true)) } == "a = 1\r\nb = 2\nc = true\n")
        #expect(try edited("a = 1\r\nb = 2") { try $0.remove(["a"]) } == "b = 2")
    }
}
