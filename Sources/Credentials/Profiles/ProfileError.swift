/// Why a profile cannot be used.
public enum ProfileError: Error, Sendable, Equatable {
    /// The file has no profile of that name.
    case absent
    /// It is there and says nothing about credentials, as the tools' first run leaves it, or it is switched off.
    case empty
    /// What is wrong and what is expected, without any value that may be a secret.
    /// `line` counts from 1 and is `nil` where lines mean nothing.
    case wrong(line: Int?, String)
}
