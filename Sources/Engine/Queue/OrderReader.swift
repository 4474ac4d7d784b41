import Contracts
import OSSProtocol
import TransferCore

/// An order whose options were found good: what a scan has to do with each file.
struct OrderPlan: Sendable {
    var options: OrderOptions
    var target: Target
    var headers: ObjectHeaders
    /// Puts of several sources: a key for one file would be a prefix for many.
    var prefix: String
    /// The one file's key, where the destination names it.
    var exactKey: String?
    var preferredPartSize: Int64
    var notBefore: Timestamp?
    private let filters: Filters?
    private let oldest: Int64?
    private let youngest: Int64?

    /// - Throws: exit 2, for what can never work.
    ///
    /// - Parameter given: when the order came, which its ages are measured from; `nil` for now.
    init(_ options: OrderOptions, target: Target, partSize: Int64, now: Timestamp, given: Timestamp? = nil) throws(OrderError) {
        var target = target
        if let existing = options.existing {
            guard ["skip", "newer", "overwrite", "fail", "rename"].contains(existing) else {
                throw .option("--existing takes skip, newer, overwrite, fail or rename, not \(existing)")
            }
            target.existing = existing
        }
        if let links = options.links, !["skip", "follow"].contains(links) { throw .option("--links takes skip or follow, not \(links)") }
        if let how = options.encodeNames, how != "percent" { throw .option("--encode-names takes percent, not \(how)") }
        if let limit = options.limit, limit <= 0 {
            throw .option("--limit must be above 0 bytes a second. Use --paused to queue without starting")
        }
        if let size = options.partSize, !(OSSLimits.smallestPart...OSSLimits.largestPart).contains(size) {
            throw .option("--part-size must be 100KiB to 5GiB, not \(size) bytes")
        }
        do throws(FilterError) { filters = try options.filters.map { rules throws(FilterError) in try Filters(rules) } } catch {
            throw .option("the filter \(error.rule) is not understood (\(error.message))")
        }
        if let at = options.at {
            guard let time = Timestamp(iso8601: at) else { throw .option("--at \(at) is no time. Write for example 2026-11-24T22:00:00Z") }
            if time > now { notBefore = time }
        }
        let from = (given ?? now).milliseconds
        let nanoseconds = { (age: Double) in (from - Int64(min(max(age, 0), 1e10) * 1000)) * 1_000_000 }
        youngest = options.minAge.map(nanoseconds)
        oldest = options.maxAge.map(nanoseconds)
        headers = try OrderPlan.headers(options, target)
        self.options = options
        self.target = target
        preferredPartSize = options.partSize ?? partSize
        prefix = target.prefix
    }

    /// As ordered; else larger for larger files, so that a long way or a late answer costs less of each: what a kill may cost stays below a
    /// hundredth of the file, and no buffer grows with it.
    func partSize(forFileOf size: Int64) -> Int64 {
        options.partSize ?? preferredPartSize * PartPlan.factor(forFileOf: size)
    }

    /// Whether the destination's key is for the one file, or a folder's name.
    mutating func settleKey(isOneFile: Bool, count: Int) throws(OrderError) {
        guard target.isKey, !target.prefix.isEmpty else { return }
        if isOneFile {
            exactKey = target.prefix
        } else if count > 1 {
            throw .option("\(count) sources cannot have the one key \(target.prefix). End the destination with / to make it a prefix")
        } else {
            prefix = target.prefix + "/"
        }
    }

    static func headers(_ options: OrderOptions, _ target: Target) throws(OrderError) -> ObjectHeaders {
        var headers = ObjectHeaders()
        headers.contentType = options.contentType
        headers.storageClass = options.storageClass ?? target.storageClass
        headers.acl = options.acl
        headers.callback = options.callback
        headers.meta = options.meta ?? [:]
        headers.tagging = options.tags ?? [:]
        if let sse = options.sse {
            if sse == "aes256" {
                headers.sse = "AES256"
            } else if sse == "kms" || sse.hasPrefix("kms:") {
                headers.sse = "KMS"
                headers.sseKeyID = sse.utf8.count > 4 ? String(decoding: Array(sse.utf8).dropFirst(4), as: UTF8.self) : nil
            } else {
                throw .option("--sse takes aes256, kms or kms:KEY, not \(sse)")
            }
        }
        // What may not replace must be refused by the server too: between a look and a put anybody may come.
        // Without the right to look, skip and newer are no more than that.
        headers.forbidOverwrite = ["fail", "rename"].contains(target.existing) || (!target.mayRead && target.existing != "overwrite")
        do throws(OSSLimitError) { try headers.validate() } catch { throw .option(error.description) }
        return headers
    }

    func wants(_ relative: [UInt8], isFolder: Bool) -> Bool {
        guard let filters else { return true }
        return isFolder ? !filters.excludesEverything(below: relative) : filters.includes(relative)
    }

    /// Size and age; what they leave out is no error.
    func wants(size: Int64, modified: Int64) -> Bool {
        size >= options.minSize ?? 0 && size <= options.maxSize ?? .max && modified <= youngest ?? .max && modified >= oldest ?? .min
    }

    /// - Parameter ownName: of the source, where it goes in front.
    func key(relative: String, ownName: String?) -> String {
        if let exactKey { return exactKey }
        if options.flat == true {
            let bytes = Array(relative.utf8)
            let start = bytes.lastIndex(of: UInt8(ascii: "/")).map { $0 + 1 } ?? 0
            return prefix + String(decoding: bytes[start...], as: UTF8.self)
        }
        return prefix + (ownName.map { $0 + "/" } ?? "") + relative
    }
}

extension OrderError {
    static func option(_ message: String) -> OrderError { OrderError(code: "BadOrder", message: message, exit: 2) }
}
