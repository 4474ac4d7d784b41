import Foundation
import Testing

/// Holds the `import` lines of Sources/ against the table of docs/architecture.md, and the pure modules against their promise.
@Suite struct ImportTableTests {
    static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

    /// Module, and the modules of ours that it may import.
    static let allowed: [String: Set<String>] = [
        "OSSProtocol": ["COpenSSL"],
        "TransferCore": ["OSSProtocol"],
        "Contracts": [],
        "TOML": [],
        "TerminalUI": ["Contracts", "TOML"],
        "Platform": ["OSSProtocol", "CPosix", "CCRC64", "CLzma"],
        "Wire": ["OSSProtocol", "Platform", "CCurl", "CPosix"],
        "Credentials": ["OSSProtocol", "Contracts", "TOML", "Platform"],
        "Engine": ["OSSProtocol", "TransferCore", "Contracts", "TOML", "Platform", "Wire", "Credentials", "CSQLite"],
        "Authorization": ["OSSProtocol", "Contracts", "TOML", "Platform", "Wire", "Credentials"],
        "Sandbox": ["OSSProtocol", "Platform", "Wire"],
        "davit": ["OSSProtocol", "Contracts", "TerminalUI", "TOML", "Platform", "CNcurses"],
        "davit-engine": ["Engine"],
        "davit-authd": ["Authorization"],
        "davit-sandbox": ["Sandbox"],
    ]
    static let ours = Set(allowed.keys).union(["COpenSSL", "CCurl", "CPosix", "CCRC64", "CLzma", "CNcurses", "CSQLite"])
    static let pure = ["OSSProtocol", "TransferCore", "Contracts", "TOML", "TerminalUI"]
    /// Modules that end up in the front end: whole Foundation there costs 12 MB of memory and half the start-up time.
    static let light = pure + ["Platform", "davit"]

    static func files(_ module: String) -> [(path: String, text: String)] {
        let folder = root.appending(path: "Sources/\(module)")
        let names = FileManager.default.enumerator(atPath: folder.path)?.compactMap { $0 as? String } ?? []
        return names.filter { $0.hasSuffix(".swift") }.sorted().compactMap { name in
            (try? String(contentsOf: folder.appending(path: name), encoding: .utf8)).map { ("\(module)/\(name)", $0) }
        }
    }

    /// `import struct Foundation.Data` counts as Foundation.
    static func imports(_ text: String) -> [String] {
        text.split(separator: "\n").compactMap { line in
            let words = line.split(separator: " ").map(String.init)
            guard let place = words.firstIndex(of: "import"), words[..<place].allSatisfy({ $0.hasPrefix("@") || ["public", "internal", "private"].contains($0) })
            else { return nil }
            return words.dropFirst(place + 1).first { !["struct", "class", "enum", "func", "protocol", "let", "var", "typealias"].contains($0) }?
                .split(separator: ".").first.map(String.init)
        }
    }

    @Test(arguments: allowed.keys.sorted()) func importsOnlyWhatTheTableAllows(module: String) {
        let files = Self.files(module)

        #expect(!files.isEmpty, "no source in \(module)")
        for (path, text) in files {
            let wrong = Set(Self.imports(text)).intersection(Self.ours).subtracting(Self.allowed[module] ?? [])
            #expect(wrong.isEmpty, "\(path) imports \(wrong.sorted())")
        }
    }

    @Test func everySourceFolderStandsInTheTable() throws {
        let folders = try FileManager.default.contentsOfDirectory(atPath: Self.root.appending(path: "Sources").path)

        #expect(Set(folders) == Self.ours)
    }

    @Test(arguments: light) func theFrontEndNeverLinksWholeFoundation(module: String) {
        for (path, text) in Self.files(module) { #expect(!Self.imports(text).contains("Foundation"), "\(path)") }
    }

    @Test(arguments: pure) func pureModulesTouchNothing(module: String) {
        let forbidden = [
            "FileManager", "FileHandle", "Task {", "Task.detached", "Task.sleep", "DispatchQueue", "Date()", "Date.now", "ContinuousClock", "SystemRandomNumberGenerator",
            "print(", "import Glibc", "import Dispatch", ".random(in:",
        ]
        for (path, text) in Self.files(module) {
            for line in text.split(separator: "\n") where !line.drop(while: { $0 == " " }).hasPrefix("//") {
                for word in forbidden where line.contains(word) && !(word == ".random(in:" && line.contains("using:")) {
                    Issue.record("\(path) names \(word): \(line)")
                }
            }
        }
    }

    @Test func noFileHoldsASecondIdea() {
        for module in Self.allowed.keys {
            for (path, text) in Self.files(module) {
                let lines = text.split(separator: "\n", omittingEmptySubsequences: false).count
                #expect(lines <= 600, "\(path) has \(lines) lines")
            }
        }
    }
}
