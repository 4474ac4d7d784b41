/// Which files of a folder an order takes. Rules in order, the first that matches decides; rclone's meaning:
///
/// - a rule that begins with `/` is about the whole path, any other about its end from some `/` on;
/// - a rule that ends with `/` is about everything in folders of that name;
/// - a file that no rule matches is taken, unless there is an including rule: then only what is included is taken.
public struct Filters: Sendable, Equatable {
    private struct Rule: Sendable, Equatable {
        var includes: Bool
        var pattern: Pattern
        /// For excluding rules that end in `/**`: the folders whose whole content they exclude.
        var folders: Pattern?
    }

    /// Rules and bytes a rule that are taken.
    public static let mostRules = 1_000
    public static let longestRule = 4_096
    /// Steps of all patterns together, some 8 MB: `{a,b}` again and again is cheap to write and dear to keep.
    private static let mostSteps = 200_000

    private var rules: [Rule] = []
    private let takesUnmatched: Bool

    /// - Parameter rules: `+GLOB` or `-GLOB`; a blank after the sign is allowed.
    public init(_ rules: [String]) throws(FilterError) {
        guard rules.count <= Filters.mostRules else {
            throw FilterError(rule: "", message: "\(rules.count) filters are more than the \(Filters.mostRules) that are taken")
        }
        var steps = 0
        for text in rules {
            let rule = try Filters.rule(text)
            steps += rule.pattern.size + (rule.folders?.size ?? 0)
            guard steps <= Filters.mostSteps else {
                throw FilterError(rule: String(text.prefix(80)), message: "the filters are too large together")
            }
            self.rules.append(rule)
        }
        takesUnmatched = !self.rules.contains(where: \.includes)
    }

    /// - Parameter path: relative to the order's folder, `/` between names, bytes.
    public func includes(_ path: [UInt8]) -> Bool {
        for rule in rules where rule.pattern.matches(path) { return rule.includes }
        return takesUnmatched
    }

    public func includes(_ path: String) -> Bool { includes(Array(path.utf8)) }

    /// Whether no file below that folder can be included, so that it need not be read. `false` when in doubt.
    public func excludesEverything(below folder: [UInt8]) -> Bool {
        for rule in rules {
            // An including rule before it could still take something out of there.
            if rule.includes { return false }
            if let folders = rule.folders, folders.matches(folder) { return true }
        }
        return false
    }

    private static func rule(_ text: String) throws(FilterError) -> Rule {
        var glob = Array(text.utf8)
        guard glob.count <= longestRule, let sign = glob.first, [UInt8(ascii: "+"), UInt8(ascii: "-")].contains(sign) else {
            throw FilterError(rule: String(text.prefix(80)), message: "a filter is + or - and a pattern of at most \(longestRule) bytes")
        }
        glob.removeFirst()
        if glob.first == UInt8(ascii: " ") { glob.removeFirst() }
        let isRooted = glob.first == UInt8(ascii: "/")
        if isRooted { glob.removeFirst() }
        guard !glob.isEmpty else { throw FilterError(rule: text, message: "the pattern is empty") }
        if glob.last == UInt8(ascii: "/") { glob += Array("**".utf8) }
        let includes = sign == UInt8(ascii: "+")
        let ending = Array("/**".utf8)
        // `/**` alone (written `//`) is about names that begin with a slash, not about every folder.
        let ofFolder = glob == Array("**".utf8) ? [] : glob.count > 3 && glob.suffix(3).elementsEqual(ending) ? Array(glob.dropLast(3)) : nil
        return Rule(
            includes: includes, pattern: try pattern(glob, isRooted, text),
            folders: try includes ? nil : ofFolder.map { folder throws(FilterError) in try Filters.folders(folder, isRooted, text) })
    }

    private static func pattern(_ glob: [UInt8], _ isRooted: Bool, _ rule: String) throws(FilterError) -> Pattern {
        do throws(Glob.Failure) {
            let node = try Glob.path(glob)
            let anywhere = Pattern.Node.either([.empty, .sequence([.star(.byte(.all)), .literal(UInt8(ascii: "/"))])])
            guard let pattern = Pattern(isRooted ? node : .sequence([anywhere, node])) else {
                throw Glob.Failure(message: "the pattern is too large")
            }
            return pattern
        } catch {
            throw FilterError(rule: rule, message: error.message)
        }
    }

    /// The folder itself and every folder in it.
    private static func folders(_ glob: [UInt8], _ isRooted: Bool, _ rule: String) throws(FilterError) -> Pattern {
        if glob.isEmpty { return try pattern(Array("**".utf8), true, rule) }
        return try pattern(glob + Array("{,/**}".utf8), isRooted, rule)
    }
}

public struct FilterError: Error, Sendable, Equatable, CustomStringConvertible {
    public var rule: String
    public var message: String

    public var description: String { rule.isEmpty ? message : "filter \"\(rule)\": \(message)" }
}
