import ArgumentParser
import Contracts
import TerminalUI

/// Order, and taking back.

struct PriorityCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "priority", abstract: "Let uploads go before or after others.",
        discussion: "Within a priority the order stays. Example: davit priority high j-31")
    @Argument(help: "high, normal or low.") var value: String
    @OptionGroup var arguments: ActionArguments

    func run() async throws {
        guard Priority(rawValue: value) != nil else {
            throw Failure("priority takes high, normal or low, not \(Output.clean(value)). Example: davit priority high j-31", exit: Exit.usage)
        }
        try await arguments.perform("priority", value: value)
    }
}

struct Move: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "move",
        abstract: "To the front or to the back of their priority, in the order they have.",
        discussion: "Examples: davit move front u-7Q4K2; davit move back job:j-31")
    @Argument(help: "front or back.") var place: String
    @OptionGroup var arguments: ActionArguments

    func run() async throws {
        guard ["front", "back"].contains(place) else {
            throw Failure("move takes front or back, not \(Output.clean(place)). Example: davit move front u-7Q4K2", exit: Exit.usage)
        }
        try await arguments.perform("move", value: place)
    }
}

struct Undo: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "undo",
        abstract: "Take back the last edit of the queue, or an earlier one by its id.",
        discussion: """
            Of the last 20 edits: pause, resume, retry, cancel, remove, priority, move. An abort deletes what is stored and cannot be taken back.
            Examples: davit undo; davit undo --list; davit undo 17
            """)
    @OptionGroup var global: GlobalOptions
    @Flag(name: .long, help: "The last 20 edits, the newest first; takes nothing back.") var list = false
    @Argument(help: "An edit's id, as --list shows it.") var id: String?

    func run() async throws {
        if list, id != nil { throw Failure("undo takes an id or --list, not both", exit: Exit.usage) }
        if let id, Int64(id).map({ $0 > 0 }) != true {
            throw Failure("\(Output.clean(id)) is no edit's id. See: davit undo --list", exit: Exit.usage)
        }
        let client = try await ControlClient.connect(global)
        if list { return try await show(client) }
        let result = try await client.post("/v1/actions", ActionRequest(action: "undo", value: id), as: ActionResult.self)
        if global.json {
            try Output.json(result)
        } else if !global.quiet {
            ActionArguments.report(result, "undo", "changed")
        }
        if result.matched == 0 {
            if !global.quiet { Output.note("There is nothing to undo. See: davit undo --list") }
            throw Finished(exit: Exit.nothingMatched)
        }
        if result.changed == 0 { throw Finished(exit: Exit.failed) }
    }

    private func show(_ client: ControlClient) async throws {
        let edits = try await client.get(ListEnvelope<EditView>.self, "/v1/edits")
        if global.json { return try Output.json(edits) }
        let rows = edits.items.map { edit in
            [
                String(edit.id), edit.at, edit.action, String(edit.uploads), Output.clean(edit.by ?? ""),
                edit.undone ? "undone" : edit.undoable ? "" : "cannot be undone",
            ]
        }
        if global.plain { return Output.plain(rows) }
        if rows.isEmpty { return Output.note("Nothing was edited yet.") }
        Output.table([["ID", "WHEN", "EDIT", "UPLOADS", "BY", ""]] + rows, right: [0, 3])
    }
}
