import Contracts
import GRDB
import OSSProtocol
import Platform
import TransferCore

/// What an order's destination holds already, asked page by page instead of file by file: one request tells about a thousand neighbouring
/// keys.
///
/// One page is under way at a time. It goes on where the one before ended as long as that pays, so that files that come in the order of
/// their keys share pages; else it begins at the smallest key that somebody waits for. Where that does not pay either (few files among very
/// many keys) and where listing is not allowed, the answer is `askHead`.
actor DestinationList {
    enum Found: Sendable {
        case absent
        case present(ListedKeys.Entry)
        /// The list does not tell: HEAD does.
        case askHead
        /// The page could not be had.
        case failed(RequestFailure, generation: UInt64?)
    }

    /// Orders of fewer files ask by HEAD.
    static let fewFiles = 20
    /// Pages after which it is seen whether they pay.
    private static let trial = 20
    /// Files that are asked for by HEAD until it is tried again.
    private static let headsBetween = 500

    private let job: JobFacts
    private let requests: UploadRequests
    private let store: QueueStore
    private let now: @Sendable () -> Timestamp

    private var keys = ListedKeys()
    private var isLarge = false
    private var isDenied = false
    private var waiting: [(key: ObjectKey, reply: CheckedContinuation<Found, Never>)] = []
    private var isListing = false
    private var pages = 0
    private var answers = 0
    /// Where the last page ended, and how many it has answered.
    private var end = ObjectKey("")
    private var answersOfPage = 2
    private var headsLeft = 0

    /// - Parameter now: steady.
    init(job: JobFacts, requests: UploadRequests, store: QueueStore, now: @escaping @Sendable () -> Timestamp) {
        (self.job, self.requests, self.store, self.now) = (job, requests, store, now)
    }

    func find(_ key: ObjectKey) async -> Found {
        if !isLarge {
            let id = job.id
            let sql = "SELECT COALESCE(SUM(n), 0) FROM counts WHERE job = ?"
            isLarge = (try? await store.read { db in try Int.fetchOne(db, sql: sql, arguments: [id]) ?? 0 }) ?? 0 >= Self.fewFiles
        }
        guard isLarge, !isDenied else { return .askHead }
        if let known = known(key) { return known }
        if headsLeft > 0 {
            headsLeft -= 1
            return .askHead
        }
        return await withCheckedContinuation { reply in
            waiting.append((key, reply))
            guard !isListing else { return }
            isListing = true
            // Unstructured on purpose: many wait for one page, and none of them may take it along when it gives up.
            Task { await list() }
        }
    }

    private func known(_ key: ObjectKey) -> Found? {
        switch keys.answer(for: key, at: now()) {
        case .unknown: return nil
        case .absent:
            (answers, answersOfPage) = (answers + 1, answersOfPage + 1)
            return .absent
        case .present(let entry):
            (answers, answersOfPage) = (answers + 1, answersOfPage + 1)
            return .present(entry)
        }
    }

    private func list() async {
        while let first = waiting.min(by: { $0.key < $1.key }) {
            let goesOn = answersOfPage >= 2 && end < first.key
            let after = goesOn ? end : ListedKeys.before(first.key)
            let asked = now()
            switch await requests.listPage(job, after: after) {
            case .page(let entries, let isLast):
                keys.note(after: after, entries, isLast: isLast, at: asked)
                (pages, answersOfPage) = (pages + 1, 0)
                end = entries.last?.key ?? after
                // A page that begins right before a key and does not tell of it would be asked for again and again.
                answerWaiting(goesOn ? nil : first.key)
                if pages >= Self.trial {
                    if answers < pages * 2 { headsLeft = Self.headsBetween }
                    (pages, answers) = (0, 0)
                }
            case .denied:
                isDenied = true
                replyToAll(.askHead)
            case .noAccess: replyToAll(.askHead)
            case .failed(let failure, let generation):
                // One failed request is one upload's failure: the others ask anew.
                guard let index = waiting.firstIndex(where: { $0.key == first.key }) else { continue }
                waiting.remove(at: index).reply.resume(returning: .failed(failure, generation: generation))
            }
        }
        isListing = false
    }

    private func answerWaiting(_ asked: ObjectKey?) {
        waiting = waiting.filter { waiter in
            guard let found = known(waiter.key) ?? (waiter.key == asked ? .askHead : nil) else { return true }
            waiter.reply.resume(returning: found)
            return false
        }
    }

    private func replyToAll(_ found: Found) {
        let all = waiting
        waiting = []
        for waiter in all { waiter.reply.resume(returning: found) }
    }
}

enum ListedPage: Sendable {
    case page([(key: ObjectKey, entry: ListedKeys.Entry)], isLast: Bool)
    /// Listing is not among what these credentials may.
    case denied
    /// No request could be made, perhaps only none that lists.
    case noAccess
    case failed(RequestFailure, generation: UInt64?)
}

extension UploadRequests {
    /// A page of 1,000 keys of 1,023 bytes, each byte written as three, with everything that stands around them.
    private static let longestPage = 8 << 20

    func listPage(_ job: JobFacts, after: ObjectKey) async -> ListedPage {
        let options = ListOptions(prefix: ObjectKey(job.target.prefix), startAfter: after.utf8.isEmpty ? nil : after)
        let authorized: AuthorizedRequest
        do throws(AccessFailure) {
            authorized = try await authorizer.authorize(
                .listObjects(options), key: ObjectKey(""), target: job.target, minimumLife: .seconds(30))
        } catch {
            return .noAccess
        }
        var sending = SendOptions()
        sending.total = .seconds(60)
        sending.maxAnswerBytes = UploadRequests.longestPage
        do throws(TransportError) {
            let reply = try await transport.send(authorized.request, body: nil, options: sending, progress: nil)
            do throws(OSSError) {
                let page = try OSSReply.listObjects(reply.response)
                return .page(
                    page.entries.map { ($0.key, ListedKeys.Entry(size: $0.size, modified: $0.lastModified)) },
                    isLast: page.continuation == nil)
            } catch {
                let failure = RequestFailure(error, of: authorized, at: job.target)
                return classify(failure) == .denied ? .denied : .failed(failure, generation: authorized.generation)
            }
        } catch {
            return .failed(RequestFailure(error), generation: authorized.generation)
        }
    }
}
