import FoundationEssentials
import Glibc
import Platform
import TerminalUI

/// Finds theme files: a path, the user's own, then those shipped beside the program.
struct ThemeFiles {
    let folders: [String]

    init(places: Places) {
        let beside = executableFolder()
        // Installed (bin/../share/davit/themes), beside the program, or in a build folder (.build/*/release) below the sources.
        folders = [
            places.configFolder + "/themes", beside + "/../share/davit/themes", beside + "/themes", beside + "/../../../themes",
            beside + "/../../themes",
        ]
    }

    func read(_ name: String) -> (text: String, name: String)? {
        let builtIn = name.hasPrefix("builtin:")
        let bare = builtIn ? String(name.dropFirst("builtin:".count)) : name
        if !builtIn && (bare.contains("/") || bare.hasSuffix(".toml")) { return Self.file(bare) }
        guard !bare.contains("/") else { return nil }
        for folder in builtIn ? Array(folders.dropFirst()) : folders {
            if let file = Self.file("\(folder)/\(bare).toml") { return file }
        }
        return nil
    }

    /// The folder a theme lies in.
    func folder(of name: String) -> [String] {
        guard let file = read(name)?.name, let slash = file.utf8.lastIndex(of: UInt8(ascii: "/")) else { return [] }
        return [String(file[..<slash])]
    }

    /// Names of all themes, each once.
    func names() -> [String] {
        var names: [String] = []
        for folder in folders {
            for file in (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? [] where file.hasSuffix(".toml") {
                let name = String(file.dropLast(".toml".count))
                if !names.contains(name) { names.append(name) }
            }
        }
        return names.sorted()
    }

    /// - Parameter looked: hears the name of each theme that it inherits from.
    func load(_ name: String, depth: ColorDepth, looked: @escaping (String) -> Void = { _ in }) throws -> Theme {
        if name == "mono" && read(name) == nil { return Theme.mono }
        guard let file = read(name) else {
            throw Failure("there is no theme \(Output.clean(name)). See: davit theme list", exit: Exit.usage)
        }
        do {
            return try Theme.load(file.text, name: file.name, depth: depth) { parent in
                looked(parent)
                return read(parent)
            }
        } catch {
            throw Failure(error.description, exit: Exit.usage)
        }
    }

    private static func file(_ path: String) -> (text: String, name: String)? {
        guard let bytes = try? SecureFile.read(path, limit: 1 << 20, mustBePrivate: false) else { return nil }
        return (String(decoding: bytes, as: UTF8.self), path)
    }
}
