import Contracts
import FoundationEssentials
import GRDB
import OSSProtocol
import Platform
import TransferCore

/// One upload as the store keeps it.
struct UploadRow: Sendable, Equatable {
    var id: Int64 = 0
    var job: Int64
    var path: String
    var key: String
    var identity: SourceIdentity
    /// `queued` also while it runs.
    var state: UploadState = .queued
    var held: HeldReason?
    var priority: Priority = .normal
    /// Places within a priority, the id decides between equals: 0 unless it was moved, or stands behind one that was.
    var position: Int64 = 0
    var isHidden = false
    var stored: Int64 = 0
    var resent: Int64 = 0
    var tries = 0
    var added: Timestamp
    var started: Timestamp?
    var finished: Timestamp?
    var nextTry: Timestamp?
    var error: StoredError?
    var etag: String?
    var crc64: UInt64?
    var isVerified: Bool?
    var phase: UploadCheckpoint.Phase = .fresh
    var partSize: Int64
    var uploadID: String?
    var partsStored = 0
    var completeSent = false
    /// When the first Initiate went out whose upload id is not known.
    var initiateSent: Timestamp?
    /// Of the object, where the bucket keeps versions.
    var versionID: String?
    /// Of the request that stored the object.
    var requestID: String?

    var size: Int64 { identity.size }
    var text: String { UploadID.text(id) }
}

/// The newest error of an upload, kept as JSON.
struct StoredError: Sendable, Equatable, Codable {
    var code: String
    var http: Int?
    var request: String?
    var at: Timestamp
    var part: Int?
    var message: String
}

/// What every upload of a job has in common.
///
/// A class, though it never changes: it holds some thirty texts, and a copy for each request of ten thousand small files would show.
final class JobFacts: Sendable {
    let id: Int64
    let dest: String
    let target: Target
    let options: OrderOptions
    /// Made from the options once: requests take it as it is.
    let headers: ObjectHeaders
    /// Why none of its uploads can start: the order itself cannot be read. One sentence and what to do.
    let problem: String?

    init(id: Int64, dest: String, target: Target, options: OrderOptions, headers: ObjectHeaders, problem: String? = nil) {
        (self.id, self.dest, self.target, self.options, self.headers) = (id, dest, target, options, headers)
        self.problem = problem
    }

    var forbidOverwrite: Bool { headers.forbidOverwrite }

    /// With the type of the object's bytes by its name, where the order gives none.
    func headers(for row: UploadRow) -> ObjectHeaders {
        var headers = headers
        // A signed URL says which headers may come along: those that whoever made it was told of.
        if headers.contentType == nil, !GivenURL.isOne(target.scope) { headers.contentType = ContentType.of(row.key.utf8) }
        return headers
    }
}

extension UploadRow {
    static let columns = """
        id, job, path, key, size, device, inode, modified, state, hidden, held, priority, position, stored, resent, tries, added, started, \
        finished, nextTry, error, etag, crc64, isVerified, phase, partSize, uploadID, partsStored, completeSent, changed, \
        initiateSent, versionID, requestID
        """

    /// - Parameter row: of `columns`, in that order.
    init(_ row: Row) {
        self.init(
            job: row[1], path: row[2], key: row[3],
            identity: SourceIdentity(
                device: UInt64(bitPattern: row[5]), inode: UInt64(bitPattern: row[6]), size: row[4], modified: row[7],
                changed: row[29]),
            added: Timestamp(milliseconds: row[16]), partSize: row[25])
        id = row[0]
        state = UploadState(code: row[8]) ?? .failed
        isHidden = row[9]
        held = (row[10] as String?).flatMap { HeldReason(rawValue: $0) }
        priority = Priority(code: row[11])
        position = row[12]
        stored = row[13]
        resent = row[14]
        tries = row[15]
        started = (row[17] as Int64?).map(Timestamp.init(milliseconds:))
        finished = (row[18] as Int64?).map(Timestamp.init(milliseconds:))
        nextTry = (row[19] as Int64?).map(Timestamp.init(milliseconds:))
        error = (row[20] as String?).flatMap { try? JSONDecoder().decode(StoredError.self, from: Data($0.utf8)) }
        etag = row[21]
        crc64 = (row[22] as Int64?).map { UInt64(bitPattern: $0) }
        isVerified = row[23]
        phase = UploadCheckpoint.Phase(rawValue: row[24]) ?? .fresh
        uploadID = row[26]
        partsStored = row[27]
        completeSent = row[28]
        initiateSent = (row[30] as Int64?).map(Timestamp.init(milliseconds:))
        versionID = row[31]
        requestID = row[32]
    }

    /// Read one by one: a copy of each row beside would cost as much again.
    static func all(_ statement: Statement, _ arguments: StatementArguments) throws -> [UploadRow] {
        let cursor = try Row.fetchCursor(statement, arguments: arguments)
        var rows: [UploadRow] = []
        while let row = try cursor.next() { rows.append(UploadRow(row)) }
        return rows
    }

    private static let changing = """
        size = ?, device = ?, inode = ?, modified = ?, state = ?, held = ?, stored = ?, resent = ?, tries = ?, started = ?, finished = ?, \
        error = ?, etag = ?, crc64 = ?, isVerified = ?, phase = ?, partSize = ?, uploadID = ?, partsStored = ?, completeSent = ?, \
        changed = ?, versionID = ?, requestID = ?
        """
    private static let wholeUpdate = "UPDATE uploads SET \(changing), nextTry = ?, initiateSent = ? WHERE id = ?"
    /// Of a row that has neither, and had neither: two indices less to look after.
    static let plainUpdate = "UPDATE uploads SET \(changing) WHERE id = ? AND nextTry IS NULL AND initiateSent IS NULL"

    /// What changes while it runs; path, key and order are changed by statements of their own.
    func update(_ db: Database) throws {
        try db.cachedStatement(sql: UploadRow.wholeUpdate).run { values in
            try bindChanging(&values)
            values.add(nextTry?.milliseconds)
            values.add(initiateSent?.milliseconds)
            values.add(id)
        }
    }

    /// Whether `plainUpdate` may do.
    var isPlain: Bool { nextTry == nil && initiateSent == nil }

    /// - Parameter statement: `plainUpdate`.
    /// - Returns: whether it could be changed so.
    func update(_ db: Database, plainly statement: Statement) throws -> Bool {
        try statement.run { values in
            try bindChanging(&values)
            values.add(id)
        }
        return db.changesCount > 0
    }

    private func bindChanging(_ values: inout StatementValues) throws {
        values.add(size)
        values.add(Int64(bitPattern: identity.device))
        values.add(Int64(bitPattern: identity.inode))
        values.add(identity.modified)
        values.add(state.code)
        values.add(held?.rawValue)
        values.add(stored)
        values.add(resent)
        values.add(tries)
        values.add(started?.milliseconds)
        values.add(finished?.milliseconds)
        values.add(try error?.json)
        values.add(etag)
        values.add(crc64.map { Int64(bitPattern: $0) })
        values.add(isVerified)
        values.add(phase.rawValue)
        values.add(partSize)
        values.add(uploadID)
        values.add(partsStored)
        values.add(completeSent)
        values.add(identity.changed)
        values.add(versionID)
        values.add(requestID)
    }

    /// - Returns: whether it was new; the job may hold that key already, after an interrupted scan.
    func insert(_ db: Database) throws -> Bool { try QueueStore.insert(db, [self]).isEmpty }
}

extension StoredError {
    var json: String {
        get throws { String(decoding: try JSONEncoder().encode(self), as: UTF8.self) }
    }
}
