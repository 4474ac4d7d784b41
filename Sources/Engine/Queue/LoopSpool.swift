import Contracts
import Dispatch
import GRDB
import OSSProtocol
import Platform
import TransferCore

/// What standard input left in the spool: deleted when it is stored, or when nothing in the queue can need it any more.
extension EngineLoop {
    private static let spoolFiles = DispatchQueue(label: "davit.spool")

    /// Its bytes are an object now.
    func dropSpooled(_ row: UploadRow) {
        guard let folder = settings.spoolFolder, row.path.utf8.starts(with: (folder + "/").utf8) else { return }
        let path = row.path
        Self.spoolFiles.async { Spool.remove(path) }
    }

    /// Files of orders that were given up long enough ago, and of those that never came.
    func sweepSpool(_ now: Timestamp) async {
        guard let folder = settings.spoolFolder else { return }
        let paths = await withCheckedContinuation { reply in
            Self.spoolFiles.async { reply.resume(returning: Spool.files(in: folder)) }
        }
        guard !paths.isEmpty else { return }
        let cancelled = (now - settings.keepCancelled).milliseconds
        let unneeded = try? await store.read { db in
            try paths.filter { try !QueueStore.needs(db, spooled: $0, cancelledBefore: cancelled) }
        }
        guard let unneeded, !unneeded.isEmpty else { return }
        Self.spoolFiles.async { for path in unneeded { Spool.remove(path) } }
    }
}

extension QueueStore {
    /// Whether an order names that file and has something left to do with it.
    static func needs(_ db: Database, spooled path: String, cancelledBefore: Int64) throws -> Bool {
        // Among a million uploads there are few orders, and such an order has one source, whose name is found nowhere else.
        let name = String(decoding: path.utf8.split(separator: UInt8(ascii: "/")).last ?? [], as: UTF8.self)
        let job = try Row.fetchOne(
            db, sql: "SELECT id, isScanning FROM jobs WHERE length(sources) < 10000 AND instr(sources, ?) > 0", arguments: [name])
        guard let job else { return false }
        if job[1] as Bool { return true }
        return try Bool.fetchOne(
            db,
            sql: """
                SELECT EXISTS (SELECT 1 FROM uploads WHERE job = ? AND state NOT IN (5, 6) AND hidden = 0
                  AND NOT (state = \(UploadState.cancelled.code) AND COALESCE(finished, 0) <= ?))
                """, arguments: [job[0] as Int64, cancelledBefore]) ?? true
    }
}
