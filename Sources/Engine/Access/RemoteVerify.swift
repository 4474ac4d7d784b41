import Contracts
import Credentials
import OSSProtocol
import Platform

/// Receipts checked against what is stored, and what an order would meet at its destination.
extension RemoteOperations {
    private static let mostObjects = 1_000
    /// HEADs at once: as many as the small transport has connections.
    private static let width = 16
    /// Pages of 1,000 objects that a plan looks at.
    private static let mostPages = 100
    /// Orders with fewer files are asked about key by key.
    private static let fewKeys = 20
    private static let mostShown = 20

    // MARK: - Verify

    /// By HEAD, many at once. The endpoint is the remote's or the caller's own and never the receipt's: signed requests, and the token in
    /// them, go where whoever holds the credentials sends them.
    func verify(_ request: VerifyRequest) async throws(OrderError) -> VerifyResult {
        let wrong: (String) -> OrderError = { OrderError(code: "BadRequest", message: $0, exit: 2) }
        guard request.objects.count <= Self.mostObjects else { throw wrong("“objects” takes at most \(Self.mostObjects)") }
        for object in request.objects {
            do throws(OSSLimitError) { try OSSLimits.check(key: ObjectKey(object.key)) } catch {
                throw wrong("“\(PlainText.line(object.key, limit: 80))” is no object key (\(error))")
            }
        }
        let dest = request.remote.map { $0 + ":" } ?? "oss://\(request.bucket)/"
        let target = try await access.look(dest: dest, credentials: request.credentials)
        guard target.bucket.utf8.elementsEqual(request.bucket.utf8) else {
            throw wrong(
                "the remote “\(PlainText.line(request.remote ?? "", limit: 60))” is the bucket \(target.bucket) now, and the receipt is of \(PlainText.line(request.bucket, limit: 80)). Name that bucket in the configuration"
            )
        }
        let lists = await inParallel(request.objects) { object in await look(at: object, target) }
        var result = VerifyResult(checked: request.objects.count, matched: 0, mismatches: [])
        for list in lists {
            switch list {
            case .success(let mismatches):
                if mismatches.isEmpty { result.matched += 1 }
                result.mismatches += mismatches
            case .failure(let error): throw error
            }
        }
        return result
    }

    private func look(at object: VerifyRequest.Object, _ target: Target) async -> Result<[VerifyResult.Mismatch], OrderError> {
        let response: HTTPResponse
        do throws(OrderError) {
            response = try await requests.send(.headObject, key: ObjectKey(object.key), target: target)
        } catch {
            // Without credentials no other object would fare better.
            if error.exit == 6 { return .failure(error) }
            return .success([VerifyResult.Mismatch(key: object.key, what: "unknown", expected: nil, found: error.message)])
        }
        if response.status == 404 {
            return .success([VerifyResult.Mismatch(key: object.key, what: "missing", expected: nil, found: nil)])
        }
        do throws(OSSError) {
            return .success(Self.differences(object, try OSSReply.head(response)))
        } catch {
            let text = RemoteRequests.failure(error, target).message
            return .success([VerifyResult.Mismatch(key: object.key, what: "unknown", expected: nil, found: text)])
        }
    }

    /// What neither side says is not compared.
    static func differences(_ object: VerifyRequest.Object, _ head: ObjectHead) -> [VerifyResult.Mismatch] {
        let pairs: [(what: String, expected: String?, found: String?)] = [
            ("size", String(object.size), String(head.size)), ("crc64", object.crc64, head.crc64.map(String.init)),
            ("etag", object.etag.map(bare), bare(head.etag)),
        ]
        return pairs.compactMap { pair in
            guard let expected = pair.expected, let found = pair.found, !expected.utf8.elementsEqual(found.utf8) else { return nil }
            return VerifyResult.Mismatch(key: object.key, what: pair.what, expected: expected, found: found)
        }
    }

    /// Without quotes, which some tools drop.
    private static func bare(_ etag: String) -> String {
        let bytes = Array(etag.utf8)
        guard bytes.count >= 2, bytes.first == UInt8(ascii: "\""), bytes.last == UInt8(ascii: "\"") else { return etag }
        return String(decoding: bytes.dropFirst().dropLast(), as: UTF8.self)
    }

    private func inParallel<Item: Sendable, Answer: Sendable>(
        _ items: [Item], _ ask: @escaping @Sendable (Item) async -> Answer
    ) async -> [Answer] {
        await withTaskGroup(of: (Int, Answer).self) { group in
            var answers = [Answer?](repeating: nil, count: items.count)
            var next = 0
            func start() {
                guard next < items.count else { return }
                let (number, item) = (next, items[next])
                next += 1
                group.addTask { (number, await ask(item)) }
            }
            for _ in 0..<Self.width { start() }
            while let (number, answer) = await group.next() {
                answers[number] = answer
                start()
            }
            return answers.compactMap { $0 }
        }
    }

    // MARK: - Plan

    /// - Parameter checks: try endpoint, credentials and permissions too.
    func plan(
        _ order: JobOrder, checks: Bool = true, told: @escaping @Sendable (PlanProgress) -> Void = { _ in }
    ) async throws(OrderError) -> PlanView {
        let planned = try await queue.plan(order, told: told)
        var view = planned.view
        if checks, let dest = order.dest {
            view.checks = try await test(AuthTestRequest(remote: nil, dest: dest, credentials: order.credentials))
        }
        if let dest = order.dest, let found = await existing(planned, at: try access.look(dest: dest, credentials: order.credentials)) {
            view.existing = found
        }
        // A large order lists its destination instead, and asks only for what is there.
        if view.files >= Self.fewKeys, let there = view.existing.objects { view.requests.head = min(view.requests.head, there) }
        return view
    }

    /// Which keys of the order are there already; `nil` where nobody may say.
    private func existing(_ planned: PlannedOrder, at target: Target) async -> PlanView.Existing? {
        let rule = planned.view.existing.rule
        guard planned.view.files > 0 else { return PlanView.Existing(objects: 0, keys: [], partial: false, rule: rule) }
        if planned.view.files < Self.fewKeys, planned.firstKeys.count == planned.view.files {
            let requests = requests
            let found = await inParallel(planned.firstKeys) { key -> Bool? in
                guard let response = try? await requests.send(.headObject, key: ObjectKey(key), target: target) else { return nil }
                if response.status == 404 { return false }
                return response.status < 300 ? true : nil
            }
            guard !found.contains(nil) else { return nil }
            let keys = zip(planned.firstKeys, found).filter { $1 == true }.map(\.0)
            return PlanView.Existing(objects: keys.count, keys: keys, partial: false, rule: rule)
        }
        guard let wanted = planned.keys, await access.kind(scope: target.scope) != "signed-url" else { return nil }
        return await existing(wanted, below: planned.view.prefix, target, rule)
    }

    private func existing(_ wanted: KeySet, below prefix: String, _ target: Target, _ rule: String) async -> PlanView.Existing? {
        var answer = PlanView.Existing(objects: 0, keys: [], partial: false, rule: rule)
        var continuation: String?
        for _ in 0..<Self.mostPages {
            if Task.isCancelled { return nil }
            let options = ListOptions(prefix: ObjectKey(prefix), delimiter: "", continuation: continuation, limit: 1_000)
            guard let response = try? await requests.send(.listObjects(options), key: nil, target: target),
                let page = try? OSSReply.listObjects(response)
            else { return nil }
            for entry in page.entries where wanted.contains(entry.key.description) {
                answer.objects = (answer.objects ?? 0) + 1
                if answer.keys.count < Self.mostShown { answer.keys.append(entry.key.description) }
            }
            guard let next = page.continuation else { return answer }
            continuation = next
        }
        answer.partial = true
        return answer
    }
}
