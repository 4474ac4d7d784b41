import Contracts
import GRDB
import OSSProtocol
import TransferCore

/// A query split in two: what SQLite can narrow by itself, and what has to be asked of each row that is left.
struct QueryPlan: Sendable {
    var query: UploadQuery?
    /// Terms every match fulfils.
    var condition = "1"
    var arguments: [String] = []
    /// The condition says all of the query.
    var isExact: Bool
    /// The query asks for states alone: codes of those that rows can be in. `counts` knows how many there are.
    var states: [Int]?
    /// Every match belongs to one of them, where the query names jobs.
    private(set) var jobs: [Int64]?
    /// It says nothing but which states.
    private(set) var isStatesOnly = false
    /// It names uploads by their ids.
    private(set) var namesUploads = false

    /// Everything.
    init() { isExact = true }

    init(_ text: String, now: Timestamp) throws(OrderError) {
        do throws(QueryError) {
            query = try UploadQuery(text, now: now)
        } catch {
            throw OrderError(
                code: "BadQuery", message: "the query is not understood at character \(error.position + 1) (\(error.message))", exit: 2)
        }
        isExact = true
        narrow(text)
    }

    private mutating func narrow(_ text: String) {
        // Alternatives, negations and quotes are left to the query itself: a wrong guess here would hide rows.
        let special = Set("()\"/".utf8)
        let words = text.split(separator: " ")
        guard !text.utf8.contains(where: { special.contains($0) }),
            words.allSatisfy({ !["or", "not", "and"].contains($0.lowercased()) && $0.utf8.first != UInt8(ascii: "-") })
        else {
            isExact = text.utf8.allSatisfy { $0 == UInt8(ascii: " ") }
            return
        }
        let terms = words.filter { !$0.hasPrefix("sort:") }
        for word in words {
            let pair = word.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
            guard pair.count == 2, let (sql, isExactTerm) = term(pair[0].lowercased(), pair[1].split(separator: ",").map(String.init))
            else {
                if !word.hasPrefix("sort:") { isExact = false }
                narrow(word: word)
                continue
            }
            condition += " AND (\(sql))"
            if !isExactTerm { isExact = false }
            switch pair[0].lowercased() {
            case "state":
                guard terms.count == 1 else { break }
                states = pair[1].split(separator: ",").compactMap { UploadState(rawValue: $0.lowercased()) }.filter(\.isKept).map(\.code)
            case "job": jobs = pair[1].split(separator: ",").compactMap { JobID.row(String($0)) }
            case "id": namesUploads = true
            default: break
            }
        }
        isStatesOnly = isExact && words.allSatisfy { $0.lowercased().hasPrefix("state:") || $0.hasPrefix("sort:") }
    }

    /// A bare word: rows in which SQLite cannot find it are not looked at one by one.
    ///
    /// Only where that is sure: the word is looked for in the name and in `oss://BUCKET/KEY`, without regard to case as Unicode has it. So
    /// it has to be ASCII without what stands between those, and rows with other letters, some of which have ASCII ones as their small
    /// letters, are always looked at.
    private mutating func narrow(word: Substring) {
        let between = Set(":/=<>!*?".utf8)
        guard !word.isEmpty, word.utf8.allSatisfy({ (0x21...0x7E).contains($0) && !between.contains($0) }),
            !"oss".contains(word.lowercased())
        else { return }
        var escaped = ""
        for character in word {
            if "\\%_".contains(character) { escaped.append("\\") }
            escaped.append(character)
        }
        let like = "LIKE ? ESCAPE '\\'"
        condition += """
             AND (path \(like) OR key \(like) OR job IN (SELECT id FROM jobs WHERE target \(like)) OR path GLOB '*[^ -~]*'
              OR key GLOB '*[^ -~]*')
            """
        arguments += Array(repeating: "%\(escaped)%", count: 3)
    }

    /// - Returns: `nil` for what SQLite is not asked about.
    private func term(_ field: String, _ values: [String]) -> (sql: String, isExact: Bool)? {
        guard !values.isEmpty, values.allSatisfy({ value in !value.utf8.contains { $0 == UInt8(ascii: "*") || $0 == UInt8(ascii: "?") } })
        else {
            return nil
        }
        switch field {
        case "state":
            var codes: [String] = []
            for value in values {
                guard let state = UploadState(rawValue: value.lowercased()) else { return nil }
                // What runs is the engine's memory: no row says so.
                if state.isKept { codes.append(String(state.code)) }
            }
            return ("state IN (\(codes.joined(separator: ",")))", true)
        case "job":
            // What runs is compared by its text: only what is written as it is shown may be looked up by number.
            let jobs = values.filter { JobID.row($0).map(JobID.text) == $0 }.compactMap(JobID.row)
            return jobs.count == values.count ? ("job IN (\(QueueStore.list(jobs)))", true) : nil
        case "id":
            let ids = values.filter { UploadID.row($0).map(UploadID.text) == $0 }.compactMap(UploadID.row)
            return ids.count == values.count ? ("id IN (\(QueueStore.list(ids)))", true) : nil
        case "prio", "priority":
            let priorities = values.compactMap { Priority(rawValue: $0.lowercased()) }
            return priorities.count == values.count
                ? ("priority IN (\(priorities.map { String($0.code) }.joined(separator: ",")))", true) : nil
        default: return nil
        }
    }
}

extension UploadRow {
    /// What a query may look at; a run has more to say than its row.
    func facts(_ job: JobFacts?, run: UploadRun? = nil, now: Timestamp) -> UploadFacts {
        let bucket = job?.target.bucket ?? ""
        let state = run.map { $0.isLanding ? self.state : $0.state } ?? self.state
        var facts = UploadFacts(
            id: text, job: JobID.text(self.job), state: state.rawValue, name: String(decoding: fileName, as: UTF8.self), path: path,
            dest: "oss://\(bucket)/\(key)", bucket: bucket, profile: job?.target.remote ?? "", size: size, stored: stored, added: added,
            tries: tries, priority: priority.rawValue, error: error?.code ?? "", held: state == .held ? held?.rawValue ?? "" : "")
        guard let run else { return facts }
        facts.tries = run.tries
        if run.isStarted, !run.isLanding { facts.stored = run.machine.storedBytes }
        facts.rate = run.rate.rate(at: now)
        if facts.rate > 0 { facts.eta = Int((size - facts.stored) / facts.rate) }
        return facts
    }

    private var fileName: [UInt8] {
        let bytes = Array(path.utf8)
        return Array(bytes[(bytes.lastIndex(of: UInt8(ascii: "/")).map { $0 + 1 } ?? 0)...])
    }
}

/// The facts of jobs while rows are looked at one by one.
struct JobLookup {
    private var known: [Int64: JobFacts]
    init(_ known: [Int64: JobFacts]) { self.known = known }

    mutating func job(_ id: Int64, _ db: Database) throws -> JobFacts? {
        if let job = known[id] { return job }
        guard let job = try QueueStore.job(db, id: id) else { return nil }
        known[id] = job
        return job
    }
}
