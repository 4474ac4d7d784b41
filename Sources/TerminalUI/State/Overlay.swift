import Contracts

/// What lies over the screen; the last one has the keys.
enum Overlay: Sendable, Equatable {
    case help(HelpState)
    case confirm(Question)
    case typed(TypedQuestion)
    case prompt(Prompt)
    case palette(Palette)
    case add(AddSheet)
    case leave(LeaveMenu)
    case profile(ProfileForm)
    case edits(EditsMenu)
}

struct HelpState: Sendable, Equatable {
    var field = TextField()
    var cursor = 0
    var allScreens = false
}

/// A yes or no. Enter presses the framed button, which is always the one that changes nothing.
struct Question: Sendable, Equatable {
    var title: String
    var lines: [String]
    var yes: String
    var no: String
    var effects: [Effect]
    /// The key that opened it never answers it.
    var openedBy: Key
    /// Milliseconds; keys are dropped until 300 ms after it.
    var shownAt: Int64
    var isPainted = false
    var yesHasFocus = false
    var scroll = 0
}

/// For what cannot be undone on many: a number has to be typed.
struct TypedQuestion: Sendable, Equatable {
    var title: String
    var lines: [String]
    var number: Int
    /// Said before the number: `To go on, type the number of uploads`.
    var ask: String
    var effects: [Effect]
    var shownAt: Int64
    var isPainted = false
    var field = TextField()
    var problem: String?
}

enum PromptKind: Sendable, Hashable {
    case limit, slow, slots, parts, filter, find, sort, goTo, paneFilter
    /// A key of `[engine]` of the configuration.
    case setting(String)
}

/// A line of text over the last three rows.
struct Prompt: Sendable, Equatable {
    var kind: PromptKind
    var label: String
    var hint: String
    var field: TextField
    var problem: String?
    /// What the filter was before: Esc goes back to it.
    var before = ""
    /// Position in the kind's history, counted back from the newest; 0 is the typed text.
    var recalled = 0
    var draft = ""

    var isSetting: Bool { if case .setting = kind { true } else { false } }
}

struct LeaveMenu: Sendable, Equatable {
    var cursor = 0
    var shownAt: Int64
}

struct AddSheet: Sendable, Equatable {
    enum Field: Int, Sendable, CaseIterable { case to, names, existing, links, priority, start, storage }
    var sources: [String]
    var from: String
    /// Bytes of the files among the sources; directories are counted by the engine.
    var bytes: Int64
    var folders: Int
    var to: TextField
    var focus: Field = .to
    var flat = false
    /// `nil`: as the remote is configured.
    var existing: String?
    var followsLinks = false
    var priority: Priority = .normal
    var paused = false
    /// `nil`: the bucket's, or the remote's.
    var storageClass: String?
    /// The folder that paths are kept below.
    var below: String?
    /// Of sources out of unfolded directories: they keep their paths below it.
    var base: String?
    var preFlight = PreFlight()
    /// What trying the destination showed; it is tried once.
    var checks: [AuthCheck] = []
    /// From the comparison with the listing, when the destination is the one that is listed.
    var same = 0
    var differing = 0
    var shownAt: Int64
    var problem: String?

    static let existingChoices: [String?] = [nil, "skip", "newer", "overwrite", "fail", "rename"]
    static let storageChoices: [String?] = [nil, "Standard", "IA", "Archive", "ColdArchive", "DeepColdArchive"]
}

/// A line editor with Emacs keys. Bounded: longer input is refused.
struct TextField: Sendable, Equatable {
    static let limit = 4096
    /// Bytes of one character: more is a pile of marks, which could be as long as a paste.
    private static let longest = 64
    private(set) var characters: [Character] = []
    private(set) var cursor = 0

    init(_ text: String = "") {
        characters = Array(text)
        cursor = characters.count
    }
    var text: String { String(characters) }
    var isEmpty: Bool { characters.isEmpty }

    mutating func insert(_ text: String) {
        for character in text where characters.count < Self.limit && character.utf8.count <= Self.longest {
            // A typed or pasted line end is a space: a paste never submits.
            let isLineEnd = character.isNewline || character == "\t"
            characters.insert(isLineEnd ? " " : character, at: cursor)
            cursor += 1
        }
    }

    /// - Returns: whether the key meant something here.
    mutating func on(_ key: Key) -> Bool {
        switch key {
        case .character(let character): insert(String(character))
        case .backspace, .control("h"):
            guard cursor > 0 else { return true }
            cursor -= 1
            characters.remove(at: cursor)
        case .delete, .control("d"):
            if cursor < characters.count { characters.remove(at: cursor) }
        case .left, .control("b"): cursor = max(0, cursor - 1)
        case .right, .control("f"): cursor = min(characters.count, cursor + 1)
        case .home, .control("a"): cursor = 0
        case .end, .control("e"): cursor = characters.count
        case .control("u"):
            characters.removeFirst(cursor)
            cursor = 0
        case .control("k"): characters.removeLast(characters.count - cursor)
        case .control("w"):
            let end = cursor
            while cursor > 0, characters[cursor - 1] == " " { cursor -= 1 }
            while cursor > 0, characters[cursor - 1] != " " { cursor -= 1 }
            characters.removeSubrange(cursor..<end)
        default: return false
        }
        return true
    }
}
