/// Which files the theme on the screen is made of, and whether a change in a watched folder concerns it.
public struct ThemeWatch: Sendable, Equatable {
    /// Names without folder: a file of that name may also appear in another folder, where it goes first.
    private var files: Set<String> = []

    public init() {}

    /// The theme is being loaded anew: what it is made of will be told.
    public mutating func begin() { files = [] }

    /// The theme, or one it inherits from, was looked for under that name; whether it was there or not.
    public mutating func looked(for name: String) {
        var name = name.hasPrefix("builtin:") ? String(name.dropFirst(8)) : name
        if let slash = name.lastIndex(of: "/") { name = String(name[name.index(after: slash)...]) }
        files.insert(name.hasSuffix(".toml") ? name : name + ".toml")
    }

    /// - Parameters:
    ///   - written: files that were written in a watched folder, or moved into it.
    ///   - isIncomplete: more happened than the system told.
    public func isConcerned(by written: [String], isIncomplete: Bool = false) -> Bool { isIncomplete || written.contains { files.contains($0) } }
}
