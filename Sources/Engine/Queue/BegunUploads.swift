import GRDB
import OSSProtocol
import Platform
import TransferCore

/// Uploads that the server has begun and whose ids nobody here knows: what a lost Initiate left.
extension UploadRequests {
    /// Between two clocks and the server's rounding of its own.
    private static let tolerance = Duration.seconds(2)
    /// Uploads of one key that are looked at.
    private static let mostFound = 8

    /// - Parameters:
    ///   - wall: the clock that `row.initiateSent` is of.
    ///   - given: what began later is another's; `nil` for none.
    func findUploads(
        _ row: UploadRow, job: JobFacts, store: QueueStore, wall: @Sendable () -> Timestamp, until given: Timestamp? = nil
    ) async -> FlightEnd {
        let key = ObjectKey(row.key)
        let found = Lock<[MultipartEntry]>([])
        let options = MultipartListOptions(prefix: key)
        var end = await send(.listMultipartUploads(options), row, job) { response, _ throws(OSSError) in
            let page = try OSSReply.listMultipartUploads(response)
            // By the server's own clock on both sides: how long ago it began each, and how long ago we first asked.
            let now = response.headers["Date"].flatMap { Timestamp(httpDate: $0) } ?? wall()
            let ours = wall() - (row.initiateSent ?? wall()) + UploadRequests.tolerance
            let youngest = given.map { wall() - $0 - UploadRequests.tolerance }
            let young = page.uploads.filter { upload in
                guard upload.key == key, let age = upload.initiated.map({ now - $0 }) else { return false }
                return age <= ours && youngest.map { age >= $0 } ?? true
            }
            let newest = young.sorted { ($0.initiated ?? now) > ($1.initiated ?? now) }
            found.withLock { $0 = Array(newest.prefix(UploadRequests.mostFound)) }
            return nil
        } failed: { failure, _ in
            .findUploadsFailed(failure)
        }
        // These credentials may be of a kind that never lists.
        if case .refused(let why)? = end.access {
            return FlightEnd(event: .findUploadsFailed(RequestFailure(.answer(status: 403, code: "AccessDenied", ec: nil), message: why)))
        }
        guard end.event == nil, end.access == nil else { return end }

        var uploads: [FoundUpload] = []
        for entry in found.withLock({ $0 }) {
            let (bucket, text, id) = (job.target.bucket, row.key, entry.uploadID)
            let isKnown = try? await store.read { db in try QueueStore.isOwed(db, bucket: bucket, key: text, uploadID: id) }
            guard isKnown == false else { continue }
            let listed = await listParts(uploadID: id, row, job: job)
            switch listed.event {
            case .partsListed(let parts)?: uploads.append(FoundUpload(uploadID: id, hasParts: !parts.isEmpty))
            // Gone since it was listed, or nobody may look: not ours to take.
            case .listPartsFailed(let failure)? where [.uploadGone, .denied].contains(classify(failure)): continue
            case .listPartsFailed(let failure)?:
                end.failure = failure
                end.event = .findUploadsFailed(failure)
                return end
            default: return listed
            }
        }
        end.event = .uploadsFound(uploads)
        return end
    }
}
