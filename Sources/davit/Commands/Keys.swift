import ArgumentParser
import Contracts
import FoundationEssentials
import Platform
import TOML
import TerminalUI

/// `keys.toml` beside the configuration.
struct KeysFile {
    let path: String

    init(places: Places) { path = places.configFolder + "/keys.toml" }

    /// `nil` when there is none.
    /// - Throws: when it is there and cannot be read.
    func text() throws -> String? {
        guard FileManager.default.fileExists(atPath: path) else { return nil }
        do {
            return String(decoding: try SecureFile.read(path, limit: 1 << 20, mustBePrivate: false), as: UTF8.self)
        } catch {
            throw Failure("\(Output.clean(path)) cannot be read (\(Output.clean(error.message)))", exit: Exit.usage)
        }
    }

    /// - Throws: the first mistake, where it is.
    func load() throws -> KeyMap {
        guard let text = try text() else { return .standard }
        let (map, problems) = KeyMap.read(text)
        guard let first = problems.first else { return map }
        throw Failure("\(Output.clean(first.text(file: path))). All of them: davit keys check", exit: Exit.usage)
    }
}

struct KeysCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "keys", abstract: "Keys of the terminal, and what keys.toml makes of them.",
        discussion: """
            keys.toml beside the configuration: an action's name and its keys, for all screens or below the name of one.
              pause = "Ctrl-P"
              [queue]
              undo = ["u", "Backspace"]
            Examples: davit keys list; davit keys check
            """, subcommands: [KeysList.self, KeysCheck.self])
}

struct KeysList: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "Every action with its keys, its words for the palette and its screens.", discussion: "Example: davit keys list --json")
    @OptionGroup var global: GlobalOptions

    private struct Line: Codable {
        var action: String
        var keys: [String]
        var commands: [String]
        var screens: [String]
        var text: String
    }

    func run() throws {
        let lines = try KeysFile(places: try global.places()).load().list
        if global.json {
            let items = lines.map { Line(action: $0.action, keys: $0.keys, commands: $0.commands, screens: $0.screens, text: $0.label) }
            return try Output.json(ListEnvelope(items: items, total: items.count))
        }
        let rows = lines.map { [$0.action, $0.keys.joined(separator: " "), $0.screens.isEmpty ? "all" : $0.screens.joined(separator: ","), $0.label] }
        if global.plain { return Output.plain(rows) }
        Output.table([["ACTION", "KEYS", "SCREENS", ""]] + rows)
    }
}

struct KeysCheck: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check", abstract: "Every mistake of keys.toml as FILE:LINE:COLUMN; exit status 2.", discussion: "Example: davit keys check")
    @OptionGroup var global: GlobalOptions

    func run() throws {
        let file = KeysFile(places: try global.places())
        guard let text = try file.text() else {
            if !global.quiet { Output.note("there is no \(Output.clean(file.path)): the keys are the standard ones") }
            return
        }
        let problems = KeyMap.read(text).problems
        for problem in problems { Output.result(Output.clean(problem.text(file: file.path))) }
        if !problems.isEmpty { throw Finished(exit: Exit.usage) }
        if !global.quiet { Output.note("\(Output.clean(file.path)) is good") }
    }
}
