import Contracts
import OSSProtocol

/// What a played engine shows and what happens to it: the form of the file behind `--script`. JSON, keys in snake case; bytes, bytes a
/// second, seconds.
struct Script: Decodable, Sendable {
    struct Row: Decodable, Sendable {
        var state: UploadState?
        var path: String?
        /// `oss://BUCKET/PREFIX/`: the name of `path` is put behind it.
        var to: String?
        var size: Int64?
        var stored: Int64?
        var sending: Int64?
        var resent: Int64?
        var rate: Int64?
        /// Shortest and longest, or one value.
        var eta: [Int]?
        /// Stored, all, and how many are being sent.
        var parts: [Int]?
        var tries: Int?
        var priority: Priority?
        var held: String?
        var error: Failure?
        /// From the beginning on.
        var nextTry: Double?
        var finishedAgo: Double?
    }
    struct Failure: Decodable, Sendable {
        var code: String
        var http: Int?
        var request: String?
        var part: Int?
        var message: String
        var ago: Double
    }
    /// Rows that are made when they are looked at, so that a million cost nothing. `path` and `to` hold one `#`, their number.
    struct Fill: Decodable, Sendable {
        var count: Int
        var row: Row
    }
    struct Lease: Decodable, Sendable {
        var scope: String
        var identity: String
        var left: Double
        /// `nil`: it ends, and what is under way is held, until somebody has it renewed.
        var renewsIn: Double?
    }
    struct Moment: Decodable, Sendable {
        var at: Double
        /// Number of the row, from 1.
        var row: Int
        var change: Row
        /// What the upload's events say of it.
        var kind: String?
        var text: String?
    }

    /// When it begins, RFC 3339.
    var clock: String
    /// The clock goes and what is uploading advances; else every answer is that of the beginning.
    var moves: Bool?
    var uptime: Double?
    var limit: Int64?
    var slots: Int?
    var eta: [Int]?
    var clockOffset: Double?
    var lease: Lease?
    var uploads: [Row]?
    var fill: Fill?
    /// Filled rows that finish each second.
    var endings: Int?
    var timeline: [Moment]?

    /// More rows than this are no fixture but a mistake.
    static let mostRows = 10_000_000

    static func read(_ bytes: [UInt8], file: String) throws(EngineFailure) -> Script {
        let script: Script
        do {
            script = try ContractJSON.decode(Script.self, from: bytes)
        } catch {
            throw EngineFailure("\(file) is no script (\(error))")
        }
        guard Timestamp(iso8601: script.clock) != nil else { throw EngineFailure("\(file): “clock” is no RFC 3339 time") }
        let rows = script.uploads ?? []
        for row in rows + (script.fill.map { [$0.row] } ?? []) where row.path == nil || row.to == nil || row.state == nil {
            throw EngineFailure("\(file): a row needs “state”, “path” and “to”")
        }
        guard (0...mostRows).contains(script.fill?.count ?? 0) else { throw EngineFailure("\(file): “fill” takes up to \(mostRows) rows") }
        guard (script.timeline ?? []).allSatisfy({ (1...max(1, rows.count)).contains($0.row) }) else {
            throw EngineFailure("\(file): “timeline” names a row that is not there")
        }
        return script
    }
}

extension Script.Row {
    /// The row as front ends see it.
    func view(number: Int, at start: Timestamp) -> UploadView {
        let text = { (text: String?) in (text ?? "").split(separator: "#", omittingEmptySubsequences: false).joined(separator: "\(number)") }
        let path = text(path)
        let folder = text(to)
        let key = folder.dropFirst("oss://".count)
        let bucket = key.prefix { $0 != "/" }
        let name = String(path[(path.lastIndex(of: "/").map { path.index(after: $0) } ?? path.startIndex)...])
        var view = UploadView(
            id: "u-\(number)", job: "j-1", state: state ?? .queued, path: path, dest: folder + name, bucket: String(bucket),
            key: String(key.dropFirst(bucket.count + 1)) + name, size: size, parts: UploadView.Parts(size: 0, total: 0, stored: 0, sending: 0),
            remote: "prod", added: (start - .seconds(10_800)).iso8601, started: state == .queued ? nil : (start - .seconds(380)).iso8601,
            verify: UploadView.Verify(method: "crc64", state: state == .done ? "ok" : "pending"))
        apply(to: &view, at: start)
        return view
    }

    /// Changes what the row names.
    func apply(to view: inout UploadView, at start: Timestamp) {
        if let state { view.state = state }
        view.heldReason = view.state == .held ? held ?? view.heldReason : nil
        if let stored { view.stored = stored }
        if let sending { view.sending = sending }
        if let resent { view.resent = resent }
        if let rate { view.rate = rate }
        if let eta { (view.etaLow, view.etaHigh) = (eta.first, eta.last) }
        if let parts, parts.count >= 2 {
            let size = view.size ?? 0
            view.parts = UploadView.Parts(
                size: parts[1] > 0 ? (size + Int64(parts[1]) - 1) / Int64(parts[1]) : 0, total: parts[1], stored: parts[0],
                sending: parts.count > 2 ? parts[2] : 0)
            view.uploadId = "0004B9"
        }
        if let tries { view.tries = tries }
        if let priority { view.priority = priority }
        if let error {
            view.lastError = UploadView.LastError(
                code: error.code, http: error.http, requestId: error.request, at: (start - .milliseconds(Int64(error.ago * 1000))).iso8601,
                part: error.part, message: error.message)
        }
        if let nextTry { view.nextTry = (start + .milliseconds(Int64(nextTry * 1000))).iso8601 }
        if let finishedAgo { view.finished = (start - .milliseconds(Int64(finishedAgo * 1000))).iso8601 }
    }
}
