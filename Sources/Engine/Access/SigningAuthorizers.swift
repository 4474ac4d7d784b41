import Credentials
import OSSProtocol
import Platform

/// Signs with leases, in the header, by the server's clock. Without a key the request goes as it is.
struct LeaseAuthorizer: RequestAuthorizer {
    let keeper: LeaseKeeper
    let clock: ServerClock
    let signers: SignerCache

    func authorize(
        _ operation: OSSOperation, key: ObjectKey, target: Target, minimumLife: Duration
    ) async throws(AccessFailure) -> AuthorizedRequest {
        let (address, signer) = try signers.place(target)
        let lease = try await keeper.lease(minimumLife: minimumLife)
        let plain = operation.request(at: address, key: key)
        guard !lease.credentials.isAnonymous else { return AuthorizedRequest(request: plain, generation: lease.generation) }
        let request = signer.sign(
            plain, resource: operation.resource(at: address, key: key), credentials: lease.credentials, now: clock.serverNow())
        return AuthorizedRequest(
            request: request, generation: lease.generation, isLasting: !lease.credentials.isTemporary, end: lease.credentials.expiration)
    }

    func retire(generation: UInt64, target: Target) async { await keeper.retire(generation) }
    func learnClock(serverTime: Timestamp) async { clock.learn(serverTime: serverTime) }
}

/// Sends what the authorization server signed. Listing and deleting are not among what it signs.
struct SignedURLAuthorizer: RequestAuthorizer {
    let keeper: SignedURLKeeper
    let clock: ServerClock

    func authorize(
        _ operation: OSSOperation, key: ObjectKey, target: Target, minimumLife: Duration
    ) async throws(AccessFailure) -> AuthorizedRequest {
        let address = try target.address()
        let plain = operation.request(at: address, key: key)
        guard let ask = SignedURLAuthorizer.ask(operation, key: key, request: plain) else {
            throw .refused("the authorization server signs uploads only, not \(operation.permission)")
        }
        let signed = try await keeper.signed(ask, minimumLife: minimumLife)
        guard signed.method == plain.method else {
            throw .refused("the authorization server signed \(signed.method) where \(plain.method) was asked for")
        }
        switch operation {
        case .complete(let uploadID, _, _), .abort(let uploadID): await keeper.forget(key: key, uploadID: uploadID)
        default: break
        }
        let request = HTTPRequest(
            method: signed.method, scheme: signed.url.scheme, host: signed.url.host, path: signed.url.path, query: signed.url.query,
            headers: signed.headers, body: plain.body)
        return AuthorizedRequest(request: request, generation: signed.generation, end: SignedQuery(request.query)?.end)
    }

    func retire(generation: UInt64, target: Target) async { await keeper.retire(generation) }
    func learnClock(serverTime: Timestamp) async { clock.learn(serverTime: serverTime) }

    /// `nil` for what the authorization API has no name for.
    static func ask(_ operation: OSSOperation, key: ObjectKey, request: HTTPRequest) -> SignedURLKeeper.Ask? {
        var ask = SignedURLKeeper.Ask(operation: "", key: key, uploadID: nil, part: nil, headers: [])
        switch operation {
        case .putObject: ask.operation = "put"
        case .headObject: ask.operation = "head"
        case .initiate: ask.operation = "initiate"
        case .uploadPart(let number, let uploadID): (ask.operation, ask.uploadID, ask.part) = ("part", uploadID, number)
        case .complete(let uploadID, _, _): (ask.operation, ask.uploadID) = ("complete", uploadID)
        case .abort(let uploadID): (ask.operation, ask.uploadID) = ("abort", uploadID)
        case .listParts(let uploadID, let after):
            (ask.operation, ask.uploadID, ask.part) = ("list-parts", uploadID, after > 0 ? after : nil)
        default: return nil
        }
        for field in request.headers.fields { ask.headers += [field.name, field.value] }
        return ask
    }
}

/// One signer a region and product: each remembers its derived keys.
final class SignerCache: Sendable {
    private let signers = Lock<[String: V4Signer]>([:])
    /// Those asked for last: an order asks for one again and again.
    private let places = Lock<[(target: Target, address: BucketAddress, signer: any RequestSigner)]>([])

    private static let mostPlaces = 8

    /// Where the target's requests go, and who signs them.
    func place(_ target: Target) throws(AccessFailure) -> (address: BucketAddress, signer: any RequestSigner) {
        if let known = places.withLock({ $0.first { $0.target == target } }) { return (known.address, known.signer) }
        let (address, signer) = (try target.address(), signer(target))
        places.withLock { places in
            if places.count >= SignerCache.mostPlaces { places.removeFirst() }
            places.append((target, address, signer))
        }
        return (address, signer)
    }

    func signer(_ target: Target) -> any RequestSigner {
        if target.signature == SignatureVersion.v1.rawValue { return V1Signer() }
        let product = (try? Endpoint(target.endpoint))?.product ?? "oss"
        let name = "\(target.region) \(product)"
        return signers.withLock { signers in
            if let signer = signers[name] { return signer }
            // Regions come with orders; a few are in use at a time.
            if signers.count >= 64 { signers.removeAll() }
            let signer = V4Signer(region: target.region, product: product)
            signers[name] = signer
            return signer
        }
    }
}

extension Target {
    /// Where its requests go.
    func address() throws(AccessFailure) -> BucketAddress {
        do throws(EndpointError) {
            return BucketAddress(
                endpoint: try Endpoint(endpoint), addressing: Addressing(rawValue: addressing) ?? .virtual, region: region, bucket: bucket)
        } catch {
            throw .refused("\(error)")
        }
    }
}
