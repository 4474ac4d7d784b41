/// Something about a configuration file that its author should know, with its place. Lines and columns start at 1.
public struct ConfigurationProblem: Error, Sendable, Equatable, CustomStringConvertible {
    public enum Severity: String, Sendable {
        /// The file cannot be used.
        case error
        /// The key is right, but this version does not act on it.
        case note
    }
    public var severity: Severity
    public var file: String
    public var line: Int
    public var column: Int
    /// What is wrong and what is accepted.
    public var message: String

    public init(_ severity: Severity = .error, file: String, line: Int, column: Int, message: String) {
        self.severity = severity
        self.file = file
        self.line = line
        self.column = column
        self.message = message
    }

    /// `FILE:LINE:COL: error: …`, the form editors jump to.
    public var description: String { "\(file):\(line):\(column): \(severity.rawValue): \(message)" }
}

/// A file as it was read: the values to use, and everything there is to say about it.
public struct ConfigurationReading: Sendable, Equatable {
    /// Defaults stand where a key was wrong. Use it only when `isUsable`.
    public var configuration: EngineConfiguration
    /// In the order of the file.
    public var problems: [ConfigurationProblem]

    public var isUsable: Bool { !problems.contains { $0.severity == .error } }
    public var errors: [ConfigurationProblem] { problems.filter { $0.severity == .error } }
}
