import Contracts
import OSSProtocol

/// Unfinished multipart uploads: what the server lists, what our ledger owes, and whose each is.
extension RemoteOperations {
    struct OrphansFound: Sendable {
        var items: [OrphanView]
        /// There are more than are shown at once.
        var isCut: Bool
    }

    /// More unfinished uploads than this are shown in several runs.
    private static let most = 2000
    /// The bytes of so many are asked for: each costs a request.
    private static let mostMeasured = 200

    /// Changes nothing unless `abort` or `adopt` is true; never aborts or gives away what an upload of the queue needs.
    func orphans(_ request: OrphansRequest) async throws(OrderError) -> OrphansFound {
        var found = OrphansFound(items: [], isCut: false)
        var measured = 0
        var firstFailure: OrderError?
        var answered = 0
        let targets = try await orphanTargets(request)
        for target in targets {
            do throws(OrderError) {
                let (entries, isCut) = try await unfinished(target)
                found.isCut = found.isCut || isCut
                for entry in entries {
                    guard let view = try await settle(entry, target, request, &measured) else { continue }
                    found.items.append(view)
                }
                answered += 1
            } catch {
                firstFailure = firstFailure ?? error
                // With one destination the failure is the answer; with many, the others still count.
                if request.dest != nil { throw error }
            }
        }
        if let firstFailure, answered == 0 { throw firstFailure }
        return found
    }

    struct Unfinished {
        var key: ObjectKey
        var uploadID: String
        var initiated: Timestamp?
        var owner: String
        var upload: String?
    }

    private func orphanTargets(_ request: OrphansRequest) async throws(OrderError) -> [Target] {
        if let dest = request.dest { return [try await access.look(dest: dest, credentials: request.credentials)] }
        var targets: [Target] = []
        for remote in await access.settings().remotes {
            if let target = try? await access.look(dest: remote.name + ":", credentials: nil) { targets.append(target) }
        }
        // Buckets that only the ledger knows: everything of ours in them.
        for entry in try await queue.ledger() {
            guard var target = entry.target, !targets.contains(where: { $0.scope == target.scope && $0.bucket == entry.bucket }) else { continue }
            (target.prefix, target.isKey) = ("", false)
            targets.append(target)
        }
        return targets
    }

    private func unfinished(_ target: Target) async throws(OrderError) -> ([Unfinished], isCut: Bool) {
        if await access.kind(scope: target.scope) == "signed-url" { return (try await owed(target).map(Unfinished.init(owed:)), false) }

        var found: [MultipartEntry] = []
        var marker: MultipartPage.Marker?
        repeat {
            let options = MultipartListOptions(prefix: ObjectKey(target.prefix), keyMarker: marker?.key, uploadIDMarker: marker?.uploadID)
            let response = try await requests.send(.listMultipartUploads(options), key: nil, target: target)
            let page: MultipartPage
            do throws(OSSError) {
                page = try OSSReply.listMultipartUploads(response)
            } catch {
                // A token for uploads alone may not list: then only the ledger can tell, and an empty ledger tells nothing.
                let owed = error.status == 403 ? try await owed(target) : []
                guard !owed.isEmpty else { throw RemoteRequests.failure(error, target) }
                return (owed.map(Unfinished.init(owed:)), false)
            }
            found += page.uploads
            marker = page.next
        } while marker != nil && found.count < RemoteOperations.most
        // Read after the listing: what is in that and not in this has not been ours.
        let owners = Dictionary(
            try await owed(target).map { (OwedID(key: $0.key, uploadID: $0.uploadID), $0.upload) }, uniquingKeysWith: { first, _ in first })
        let shown = found.prefix(RemoteOperations.most).map { entry in
            let ours = owners[OwedID(key: entry.key, uploadID: entry.uploadID)]
            return Unfinished(
                key: entry.key, uploadID: entry.uploadID, initiated: entry.initiated,
                owner: ours.map { $0 == nil ? "ledger" : "ours" } ?? "other", upload: ours ?? nil)
        }
        return (shown, marker != nil || found.count > RemoteOperations.most)
    }

    private struct OwedID: Hashable {
        var key: ObjectKey
        var uploadID: String
    }

    private func owed(_ target: Target) async throws(OrderError) -> [LedgerEntry] {
        let prefix = Array(target.prefix.utf8)
        return try await queue.ledger().filter { $0.bucket == target.bucket && $0.key.utf8.starts(with: prefix) }
    }

    /// `nil` where it is too young, or gone already.
    private func settle(
        _ entry: Unfinished, _ target: Target, _ request: OrphansRequest, _ measured: inout Int
    ) async throws(OrderError) -> OrphanView? {
        let now = access.clock.serverNow()
        if let initiated = entry.initiated, let least = request.olderThan, (now - initiated) < .seconds(least) { return nil }
        var initiated = entry.initiated
        var bytes: Int64?
        if measured < RemoteOperations.mostMeasured || initiated == nil {
            measured += 1
            switch try await stored(entry, target) {
            case .gone:
                await queue.ledgerSettled(uploadID: entry.uploadID, bucket: target.bucket, key: entry.key)
                return nil
            case .holds(let held, let since): (bytes, initiated) = (held, initiated ?? since)
            case .unknown: break
            }
        }
        // Known from the ledger alone and without a part: nobody can say how old it is, so it counts as new.
        let age = initiated.map { now - $0 } ?? .zero
        if let least = request.olderThan, age < .seconds(least) { return nil }
        var entry = entry
        if request.abort == true || request.adopt == true, entry.owner != "ours" { try await askForOwner(&entry, target) }
        var isAborted = false
        if request.abort == true, entry.owner != "ours" { isAborted = try await abort(entry, target) }
        var (upload, isAdopted) = (entry.upload, false)
        // What the ledger has is being aborted.
        if request.adopt == true, entry.owner == "other" {
            upload = try await queue.adopt(uploadID: entry.uploadID, bucket: target.bucket, key: entry.key)
            isAdopted = true
        }
        return OrphanView(
            bucket: target.bucket, key: entry.key.description, uploadId: entry.uploadID, initiated: (initiated ?? now).iso8601,
            age: Double(age.inMilliseconds) / 1000, bytes: bytes, owner: entry.owner, upload: upload, aborted: isAborted, adopted: isAdopted ? true : nil)
    }

    /// Once more, right before it is ended or given away: the queue works on meanwhile.
    private func askForOwner(_ entry: inout Unfinished, _ target: Target) async throws(OrderError) {
        switch try await queue.owner(uploadID: entry.uploadID, bucket: target.bucket, key: entry.key) {
        case .upload(let upload): (entry.owner, entry.upload) = ("ours", upload)
        case .ledger: (entry.owner, entry.upload) = ("ledger", nil)
        // A debt that was paid in this moment: nothing needs it.
        case .other: break
        }
    }

    private enum Stored {
        case gone
        case holds(Int64, since: Timestamp?)
        case unknown
    }

    private func stored(_ entry: Unfinished, _ target: Target) async throws(OrderError) -> Stored {
        var (bytes, after) = (Int64(0), 0)
        var since: Timestamp?
        // 10,000 parts are ten pages.
        for _ in 0..<10 {
            let response = try await requests.send(.listParts(uploadID: entry.uploadID, after: after), key: entry.key, target: target)
            do throws(OSSError) {
                let page = try OSSReply.listParts(response)
                bytes.addSaturating(page.parts.map(\.size).total)
                since = since ?? page.parts.first?.lastModified
                guard let next = page.next else { break }
                after = next
            } catch {
                return error.code == "NoSuchUpload" ? .gone : .unknown
            }
        }
        return .holds(bytes, since: since)
    }

    private func abort(_ entry: Unfinished, _ target: Target) async throws(OrderError) -> Bool {
        let response = try await requests.send(.abort(uploadID: entry.uploadID), key: entry.key, target: target)
        let error = response.status < 300 ? nil : OSSError(response: response)
        guard error == nil || error?.code == "NoSuchUpload" else { return false }
        await queue.ledgerSettled(uploadID: entry.uploadID, bucket: target.bucket, key: entry.key)
        return true
    }
}

extension RemoteOperations.Unfinished {
    fileprivate init(owed: LedgerEntry) {
        self.init(
            key: owed.key, uploadID: owed.uploadID, initiated: nil, owner: owed.upload == nil ? "ledger" : "ours", upload: owed.upload)
    }
}
