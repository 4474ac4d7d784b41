/// What words on the command line choose: ids of uploads, or a query. A job's id among them means its uploads.
struct Selection {
    /// Where every word is an upload's id.
    let ids: [String]?
    /// `nil` for no words at all.
    let query: String?

    init(_ words: [String]) {
        let areUploads = !words.isEmpty && words.allSatisfy(Selection.isUpload)
        ids = areUploads ? words : nil
        guard !words.isEmpty else {
            query = nil
            return
        }
        let known = words.filter { Selection.isUpload($0) || Selection.isJob($0) }
        guard known.count == words.count else {
            // A query, in which a bare id means what it names and no word of a name.
            query = words.map { Selection.isJob($0) ? "job:" + $0.lowercased() : Selection.isUpload($0) ? "id:" + $0 : $0 }.joined(separator: " ")
            return
        }
        let uploads = words.filter(Selection.isUpload)
        let jobs = words.filter(Selection.isJob).map { $0.lowercased() }
        let terms = [("id:", uploads), ("job:", jobs)].filter { !$0.1.isEmpty }.map { $0.0 + $0.1.joined(separator: ",") }
        query = terms.joined(separator: " or ")
    }

    /// `u-`, then digits and capital letters.
    static func isUpload(_ word: String) -> Bool {
        word.hasPrefix("u-") && word.utf8.count > 2 && word.utf8.dropFirst(2).allSatisfy { (48...57).contains($0) || (65...90).contains($0) }
    }

    /// The jobs' ids where the words name whole jobs and nothing else: `j-31`, `job:j-31,j-32`.
    static func jobs(_ words: [String]) -> [String]? {
        guard words.count == 1 || words.allSatisfy(isJob) else { return nil }
        let names = words.flatMap { word in
            (word.hasPrefix("job:") ? word.dropFirst(4) : word[...]).split(separator: ",", omittingEmptySubsequences: false).map(String.init)
        }
        return !names.isEmpty && names.allSatisfy(isJob) ? names.map { $0.lowercased() } : nil
    }

    /// `j-` and a number.
    static func isJob(_ word: String) -> Bool {
        let bytes = Array(word.utf8)
        return bytes.count > 2 && bytes[0] | 0x20 == UInt8(ascii: "j") && bytes[1] == UInt8(ascii: "-")
            && bytes.dropFirst(2).allSatisfy { (48...57).contains($0) }
    }
}
