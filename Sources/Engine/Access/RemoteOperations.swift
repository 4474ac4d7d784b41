import Contracts
import Credentials
import OSSProtocol
import Platform

/// What front ends ask of a bucket besides uploads: listing, signed URLs, unfinished uploads, tests of the access.
struct RemoteOperations: Sendable {
    let access: Access
    let queue: any QueueService

    var requests: RemoteRequests { RemoteRequests(access: access) }

    // MARK: - List

    func list(_ request: ListRequest) async throws(OrderError) -> ListResult {
        let limit = request.limit ?? 1000
        guard (1...1000).contains(limit) else { throw OrderError(code: "BadRequest", message: "“limit” takes 1 to 1000", exit: 2) }
        if request.dest.utf8.elementsEqual("oss://".utf8) { return try await buckets(request, limit: limit) }
        let target = try await access.look(dest: request.dest, credentials: request.credentials)
        try await refuseIfSigned(target, what: "list")
        let options = ListOptions(
            prefix: ObjectKey(target.prefix), delimiter: request.recursive == true ? "" : "/",
            continuation: request.continuation.flatMap { $0.isEmpty ? nil : $0 }, limit: limit)
        let response = try await requests.send(.listObjects(options), key: nil, target: target)
        let page: ObjectPage
        do throws(OSSError) { page = try OSSReply.listObjects(response) } catch { throw RemoteRequests.failure(error, target, .listObjects(options)) }
        let folders = page.prefixes.map {
            ListResult.Entry(key: $0.description, isPrefix: true, size: nil, modified: nil, etag: nil, storageClass: nil)
        }
        let objects = page.entries.map {
            ListResult.Entry(
                key: $0.key.description, isPrefix: false, size: $0.size, modified: $0.lastModified?.iso8601, etag: $0.etag,
                storageClass: $0.storageClass)
        }
        return ListResult(
            bucket: target.bucket, prefix: target.prefix, items: folders + objects, truncated: page.continuation != nil,
            continuation: page.continuation)
    }

    /// The buckets that the caller's credentials may see, as prefixes.
    private func buckets(_ request: ListRequest, limit: Int) async throws(OrderError) -> ListResult {
        let target = try await access.serviceTarget(credentials: request.credentials)
        let options = BucketListOptions(marker: request.continuation.flatMap { $0.isEmpty ? nil : $0 }, limit: limit)
        let response = try await requests.send(.listBuckets(options), key: nil, target: target)
        let page: BucketPage
        do throws(OSSError) { page = try OSSReply.listBuckets(response) } catch { throw RemoteRequests.failure(error, target, .listBuckets(options)) }
        let items = page.buckets.map {
            ListResult.Entry(
                key: "\($0.name)/", isPrefix: true, size: nil, modified: $0.created?.iso8601, etag: nil, storageClass: $0.storageClass)
        }
        return ListResult(bucket: "", prefix: "", items: items, truncated: page.next != nil, continuation: page.next)
    }

    /// The authorization server signs uploads only.
    func refuseIfSigned(_ target: Target, what: String) async throws(OrderError) {
        guard await access.kind(scope: target.scope) == "signed-url" else { return }
        throw OrderError(
            code: "NotGranted",
            message:
                "“\(target.scope)” cannot \(what): its authorization server signs uploads only, and no key is on this machine. Use a remote with another kind of credentials",
            exit: 1)
    }

    // MARK: - Presign

    /// Source of the bounds: OSS, signed URLs live 1 s to 7 days.
    func presign(_ request: PresignRequest) async throws(OrderError) -> PresignResult {
        let wrong: (String) -> OrderError = { OrderError(code: "BadRequest", message: $0, exit: 2) }
        guard (1...604_800).contains(request.expires) else { throw wrong("a signed URL lives 1 second to 7 days (604800)") }
        guard request.method == "put" || request.method == "get" else { throw wrong("“method” takes put or get") }
        let target = try await access.look(dest: request.dest, credentials: request.credentials)
        guard target.isKey else { throw wrong("“\(PlainText.line(request.dest, limit: 100))” names no object. Give the whole key") }
        var headers = ObjectHeaders()
        headers.contentType = request.contentType
        headers.meta = request.meta ?? [:]
        let operation: OSSOperation = request.method == "put" ? .putObject(headers) : .getObject(range: nil)
        let key = ObjectKey(target.prefix)
        do throws(OSSLimitError) { try operation.validate(bucket: target.bucket, key: key) } catch { throw wrong("\(error)") }
        do throws(AccessFailure) {
            if let keeper = try await access.signedURLs(scope: target.scope) {
                return try await presigned(by: keeper, operation, key, target, request)
            }
            return try await presigned(operation, key, target, request)
        } catch {
            throw RemoteRequests.noCredentials(error, target)
        }
    }

    private func presigned(
        by keeper: SignedURLKeeper, _ operation: OSSOperation, _ key: ObjectKey, _ target: Target, _ request: PresignRequest
    ) async throws(AccessFailure) -> PresignResult {
        let plain = operation.request(at: try target.address(), key: key)
        guard let ask = SignedURLAuthorizer.ask(operation, key: key, request: plain) else {
            throw .refused("the authorization server signs uploads only, not \(operation.permission)")
        }
        let signed = try await keeper.signedAlone(ask, expires: request.expires)
        return PresignResult(
            url: signed.url, method: signed.method, headers: signed.headers, expiresAt: signed.expiresAt)
    }

    private func presigned(
        _ operation: OSSOperation, _ key: ObjectKey, _ target: Target, _ request: PresignRequest
    ) async throws(AccessFailure) -> PresignResult {
        let address = try target.address()
        guard let lease = try await access.lease(scope: target.scope, minimumLife: .seconds(30)) else { throw .refused("no key is here") }
        guard !lease.credentials.isAnonymous else { throw .refused("without a key nothing can be signed; use the plain URL") }
        let now = access.clock.serverNow()
        let signed: HTTPRequest
        do throws(PresignError) {
            signed = try access.signer(target).presign(
                operation.request(at: address, key: key), resource: operation.resource(at: address, key: key),
                credentials: lease.credentials,
                now: now, expires: request.expires)
        } catch {
            throw .refused("\(error)")
        }
        // A URL signed with a temporary token dies with the token.
        let end = now + .seconds(request.expires)
        let tokenEnd = lease.expires.map { now + ($0 - access.clock.now()) }
        return PresignResult(
            url: signed.url, method: signed.method,
            headers: Dictionary(signed.headers.fields.map { ($0.name, $0.value) }, uniquingKeysWith: { first, _ in first }),
            expiresAt: min(end, tokenEnd ?? end).iso8601)
    }
}
