import Glibc
import OSSProtocol
import Platform
import Testing

@testable import Authorization

@Suite struct AuditFileTests {
    private let folder: String

    init() throws {
        var template = Array("/tmp/davit-audit-XXXXXX".utf8CString)
        folder = try #require(mkdtemp(&template).map { String(cString: $0) })
    }

    private func line(_ code: String) -> AuditLine {
        AuditLine(time: "t", decision: "refused", status: 401, request: "credentials", code: code)
    }

    private func text(_ path: String) throws -> String {
        String(decoding: try SecureFile.read(path, limit: 1 << 20, mustBePrivate: true), as: UTF8.self)
    }

    @Test func linesAreAppendedToAFileThatOnlyItsOwnerReads() throws {
        let path = folder + "/audit.jsonl"
        let wide = open(path, O_WRONLY | O_CREAT, 0o644)
        _ = write(wide, "{\"old\":1}\n", 10)
        close(wide)

        try AuditFile(path: path).write(line("a"))
        try AuditFile(path: path).write(line("b\nc"))

        #expect(
            try text(path) == """
                {"old":1}
                {"code":"a","decision":"refused","request":"credentials","status":401,"time":"t"}
                {"code":"b\\nc","decision":"refused","request":"credentials","status":401,"time":"t"}

                """)
    }

    @Test func aFileThatWasMovedAwayIsBegunAnew() throws {
        let path = folder + "/audit.jsonl"
        let file = try AuditFile(path: path)
        try file.write(line("a"))
        rename(path, path + ".1")
        try file.write(line("b"))
        try file.reopen()
        try file.write(line("c"))

        #expect(try text(path + ".1").split(separator: "\n").count == 2)
        #expect(try text(path).split(separator: "\n").count == 1)
    }

    @Test func aDiskThatIsFullIsAnError() throws {
        let file = try AuditFile(path: "/dev/full")

        #expect(throws: SettingError.self) { try file.write(line("a")) }
    }

    @Test func aFolderThatIsMissingIsNamed() throws {
        let error = try #require(throws: SettingError.self) { try AuditFile(path: folder + "/none/audit.jsonl") }

        #expect(error.description.contains(folder + "/none/audit.jsonl"))
    }

    @Test func keysAreCountedAndListedUpToABound() {
        var line = line("a")
        line.list((0..<5000).map { "uploads/\($0)" })
        #expect(line.keyCount == 5000 && line.keys?.count == 1000 && line.keysCut == true)
        line.list(Array(repeating: String(repeating: "k", count: 1023), count: 1000))
        #expect(line.keyCount == 1000 && line.keys?.count == 128 && line.keysCut == true)
    }
}
