import Contracts
import Credentials
import Glibc
import OSSProtocol
import Platform
import TOML

/// Changes `config.toml` for people who do not open it themselves: value by value, so that their comments stay; checked by the same
/// strict reader before a byte is written; beside and renamed, for the user alone.
actor ConfigurationEditor {
    /// What takes a change back: the text as it was, when the file is still as the change left it, else its single values, where those are.
    struct TakeBack: Codable, Equatable {
        struct Value: Codable, Equatable {
            var path: [String]
            /// As they are written in the file; `nil`: not there.
            var before: String?
            var after: String?
        }
        var before: String?
        var after: String
        var values: [Value]
        /// Whole tables went: only the text as it was brings them back.
        var isWhole: Bool
    }

    struct Done {
        var result: ConfigurationResult
        /// `nil` when nothing is different.
        var takeBack: String?
    }

    /// Bytes; a larger file is no configuration.
    private static let sizeLimit = 1 << 20
    /// Larger files are taken back value by value only.
    private static let keptLimit = 64 << 10
    private static let mostEntries = 200
    /// Bytes.
    private static let longestSecret = 8 << 10
    /// Keys that name a file with a secret, and how such a file is called.
    private static let secretFiles = ["access-key-secret-file": "secret", "security-token-file": "sts-token", "token-file": "token"]

    private let file: String
    private let readAnew: @Sendable () async -> [String]
    private let forget: @Sendable (_ remote: String) async -> Void

    /// - Parameters:
    ///   - readAnew: makes the engine work by the file; what is wrong with it.
    ///   - forget: what is held of a remote's credentials comes from what it was before.
    init(file: String, readAnew: @escaping @Sendable () async -> [String], forget: @escaping @Sendable (_ remote: String) async -> Void) {
        (self.file, self.readAnew, self.forget) = (file, readAnew, forget)
    }

    // MARK: - Changing

    func change(_ change: ConfigurationChange) async throws(OrderError) -> Done {
        try Self.check(change)
        let path = realPath
        let old = try read(path)
        var editor = try self.editor(old)
        if change.isNew == true, let name = Self.remotes(change).first(where: { editor.hasTable(["remote", $0]) }) {
            throw Self.wrong("there is a remote “\(PlainText.line(name, limit: 64))” already. Choose another name, or change that one")
        }
        var (values, left) = ([TakeBack.Value](), [String]())
        let known = ConfigurationReader.read(old, file: file).configuration
        do throws(TOMLError) {
            for table in change.remove ?? [] {
                guard editor.hasTable(table) else { throw Absent.error(table) }
                left += Self.secretPaths(table, known)
                try editor.remove(table)
                // It would name a remote that is not there.
                if table == ["remote", known.defaultRemote ?? ""] { try editor.remove(["default-remote"]) }
            }
        } catch { throw Self.wrong(error.message) }
        let secrets = try secretFiles(change.secrets ?? [], folder: Self.folder(path), editor)
        for entry in change.set + secrets.map({ ConfigurationEntry($0.path, .text($0.name)) }) {
            let before = editor.text(of: entry.path)
            do throws(TOMLError) {
                if let value = entry.value { try editor.set(entry.path, to: value.literal) } else { try editor.remove(entry.path) }
            } catch { throw problem(error) }
            values.append(TakeBack.Value(path: entry.path, before: before, after: editor.text(of: entry.path)))
        }
        guard editor.bytes != old || !secrets.isEmpty else { return Done(result: ConfigurationResult(file: file, what: "nothing changed")) }
        try judge(editor.bytes)
        try write(secrets, in: Self.folder(path))
        try replace(path, old, with: editor.bytes)
        try await adopt(Self.remotes(change))
        let takeBack = TakeBack(
            before: old.count <= Self.keptLimit ? String(decoding: old, as: UTF8.self) : nil, after: Self.digest(editor.bytes), values: values,
            isWhole: !(change.remove ?? []).isEmpty)
        return Done(
            result: ConfigurationResult(file: file, what: Self.words(change, values), left: left),
            takeBack: (try? ContractJSON.encode(takeBack)).map { String(decoding: $0, as: UTF8.self) })
    }

    func takeBack(_ text: String) async throws(OrderError) {
        guard let takeBack = try? ContractJSON.decode(TakeBack.self, from: Array(text.utf8)) else {
            throw ControlAPI.cannotUndo("it was noted by another version of the engine")
        }
        let path = realPath
        let old = try read(path)
        var new: [UInt8]
        if let before = takeBack.before, Self.digest(old) == takeBack.after {
            new = Array(before.utf8)
        } else {
            guard !takeBack.isWhole else { throw ControlAPI.cannotUndo("\(file) has been changed since") }
            var editor = try self.editor(old)
            do throws(TOMLError) {
                for value in takeBack.values.reversed() {
                    guard editor.text(of: value.path) == value.after else {
                        throw TOMLError(position: TOMLPosition(line: 1, column: 1), message: value.path.joined(separator: ".") + " has been changed since")
                    }
                    if let before = value.before { try editor.set(value.path, toText: before) } else { try editor.remove(value.path) }
                }
            } catch { throw ControlAPI.cannotUndo(error.message) }
            new = editor.bytes
        }
        try judge(new)
        try replace(path, old, with: new)
        let reading = ConfigurationReader.read(old, file: file).configuration
        let next = ConfigurationReader.read(new, file: file).configuration
        try await adopt(reading.remotes.filter { next.remote(named: $0.name) != $0 }.map(\.name))
    }

    // MARK: - The file

    /// A link stays a link.
    private var realPath: String {
        guard let found = realpath(file, nil) else { return file }
        defer { free(found) }
        return String(cString: found)
    }

    private static func folder(_ path: String) -> String {
        path.utf8.lastIndex(of: UInt8(ascii: "/")).map { String(path[..<$0]) } ?? "."
    }

    private func read(_ path: String) throws(OrderError) -> [UInt8] {
        do throws(FileError) { return try SecureFile.read(path, limit: Self.sizeLimit, mustBePrivate: false) } catch {
            if error.isAbsent { return [] }
            throw OrderError(code: "LocalError", message: error.message, exit: 1)
        }
    }

    private func editor(_ bytes: [UInt8]) throws(OrderError) -> TOMLEditor {
        do throws(TOMLError) { return try TOMLEditor(bytes) } catch { throw problem(error) }
    }

    private func problem(_ error: TOMLError) -> OrderError {
        Self.wrong(ConfigurationProblem(file: file, line: error.line, column: error.column, message: error.message).description)
    }

    /// The reader that the engine starts with has the last word.
    private func judge(_ bytes: [UInt8]) throws(OrderError) {
        let errors = ConfigurationReader.read(bytes, file: file).errors
        if let first = errors.first { throw Self.wrong(first.description + (errors.count > 1 ? " (and \(errors.count - 1) more)" : "")) }
    }

    private func replace(_ path: String, _ old: [UInt8], with new: [UInt8]) throws(OrderError) {
        guard try read(path) == old else { throw Self.wrong("\(file) was changed by somebody else at this moment. Look at it and try again") }
        do throws(FileError) {
            try SecureFile.makeFolders(Self.folder(path))
            try SecureFile.write(path, new)
        } catch { throw OrderError(code: "LocalError", message: error.message, exit: 1) }
    }

    private func adopt(_ remotes: [String]) async throws(OrderError) {
        let errors = await readAnew()
        if let first = errors.first { throw Self.wrong("\(file) is written, but the engine does not take it: \(first)") }
        for remote in remotes { await forget(remote) }
    }

    // MARK: - Secrets

    private struct SecretFile {
        var path: [String]
        /// Beside the configuration.
        var name: String
        var secret: Secret
    }

    /// A file that the key names already beside the configuration is written anew; another one of that name is not ours to replace.
    private func secretFiles(_ given: [ConfigurationSecret], folder: String, _ editor: TOMLEditor) throws(OrderError) -> [SecretFile] {
        var files: [SecretFile] = []
        for item in given {
            guard item.path.count >= 4, item.path[0] == "remote", let ending = Self.secretFiles[item.path[item.path.count - 1]] else {
                throw Self.wrong("no secret is kept for \(PlainText.line(item.path.joined(separator: "."), limit: 100))")
            }
            guard (1...Self.longestSecret).contains(item.secret.utf8.count), item.secret.utf8.allSatisfy({ $0 > 0x20 && $0 != 0x7F }) else {
                throw Self.wrong("a secret has 1 to \(Self.longestSecret) bytes without blanks and control characters")
            }
            var name = item.path[1] + (item.path.count > 4 ? "-source" : "") + "." + ending
            var number = 2
            while access(folder + "/" + name, F_OK) == 0, editor.text(of: item.path) != TOMLLiteral.quoted(name) {
                name = "\(item.path[1])-\(number).\(ending)"
                number += 1
            }
            files.append(SecretFile(path: item.path, name: name, secret: Secret(item.secret)))
        }
        return files
    }

    private func write(_ secrets: [SecretFile], in folder: String) throws(OrderError) {
        do throws(FileError) {
            if !secrets.isEmpty { try SecureFile.makeFolders(folder) }
            for file in secrets { try SecureFile.write(folder + "/" + file.name, Array(file.secret.reveal().utf8)) }
        } catch { throw OrderError(code: "LocalError", message: error.message, exit: 1) }
    }

    /// Files that hold secrets of a remote that goes: they are not ours to delete.
    private static func secretPaths(_ table: [String], _ configuration: EngineConfiguration) -> [String] {
        guard table.count == 2, table[0] == "remote", let remote = configuration.remote(named: table[1]) else { return [] }
        return secretPaths(remote.credentials)
    }

    private static func secretPaths(_ source: CredentialSource) -> [String] {
        switch source {
        case .broker(_, let file), .signedURL(_, let file): [file]
        case .fixed(_, let secret, let token): [secret] + (token.map { [$0] } ?? [])
        case .assumeRole(_, let inner): secretPaths(inner)
        default: []
        }
    }

    // MARK: - Words

    private enum Absent {
        static func error(_ table: [String]) -> TOMLError {
            TOMLError(position: TOMLPosition(line: 1, column: 1), message: "there is no [\(PlainText.line(table.joined(separator: "."), limit: 100))]")
        }
    }

    private static func wrong(_ message: String) -> OrderError { OrderError(code: "BadConfiguration", message: message, exit: 2) }

    private static func digest(_ bytes: [UInt8]) -> String { Digests.sha256(bytes).map { String($0, radix: 16) }.joined(separator: ".") }

    private static func check(_ change: ConfigurationChange) throws(OrderError) {
        let paths = change.set.map(\.path) + (change.remove ?? []) + (change.secrets ?? []).map(\.path)
        guard (1...mostEntries).contains(paths.count) else { throw wrong("a change has 1 to \(mostEntries) values") }
        guard paths.allSatisfy({ (1...8).contains($0.count) && $0.allSatisfy { (1...64).contains($0.utf8.count) } }) else {
            throw wrong("a key has 1 to 64 bytes, a path 1 to 8 keys")
        }
    }

    private static func remotes(_ change: ConfigurationChange) -> [String] {
        let paths = change.set.map(\.path) + (change.remove ?? []) + (change.secrets ?? []).map(\.path)
        return Set(paths.filter { $0.count >= 2 && $0[0] == "remote" }.map { $0[1] }).sorted()
    }

    /// Values of remotes may be as good as secrets: of those only the keys are said.
    private static func words(_ change: ConfigurationChange, _ values: [TakeBack.Value]) -> String {
        var words = (change.remove ?? []).map { ($0.count == 2 && $0[0] == "remote" ? "remote \($0[1])" : $0.joined(separator: ".")) + " removed" }
        for name in remotes(change) where !(change.remove ?? []).contains(["remote", name]) {
            words.append("remote \(name) " + (change.isNew == true ? "added" : "changed"))
        }
        for value in values where value.path[0] != "remote" && value.before != value.after {
            words.append("\(value.path.last ?? "") \(value.before ?? "default") -> \(value.after ?? "default")")
        }
        return words.joined(separator: ", ")
    }
}

extension ConfigurationValue {
    fileprivate var literal: TOMLLiteral {
        switch self {
        case .text(let text): .text(text)
        case .number(let number): .number(number)
        case .list(let texts): .list(texts)
        }
    }
}
