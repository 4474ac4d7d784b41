import Contracts
import OSSProtocol

/// Reads what clients ask for.
enum Wishes {
    static func credentials(_ body: [UInt8]) throws(Refusal) -> CredentialsRequest {
        // Nothing at all asks for the defaults, as GET does.
        if body.allSatisfy({ $0 <= 0x20 }) { return CredentialsRequest() }
        do { return try AuthorizationJSON.decode(CredentialsRequest.self, from: body) } catch {
            throw .bad(
                "the body is no JSON object with \"prefix\" (text), \"verbs\" (list of texts), \"duration_seconds\" (whole number), \"job\", \"bucket\" (texts), each optional"
            )
        }
    }

    static func narrowing(_ request: CredentialsRequest) throws(Refusal) -> Narrowing.Wish {
        var verbs: Set<GrantVerb>?
        if let words = request.verbs {
            let accepted = GrantVerb.allCases.map(\.rawValue).joined(separator: ", ")
            guard !words.isEmpty else { throw .bad("\"verbs\" is empty. Leave it out, or name some of \(accepted)") }
            verbs = []
            for word in words {
                guard let verb = GrantVerb(rawValue: word) else {
                    throw .bad("unknown verb “\(Line.clean(word, most: 40))”. Accepted: \(accepted)")
                }
                verbs?.insert(verb)
            }
        }
        if let seconds = request.durationSeconds, !(1...Int(Int32.max)).contains(seconds) {
            throw .bad("\"duration_seconds\" must be at least 1")
        }
        return Narrowing.Wish(
            bucket: request.bucket, prefix: request.prefix, verbs: verbs, duration: request.durationSeconds.map { .seconds($0) })
    }

    static func signedURLs(_ body: [UInt8]) throws(Refusal) -> SignedURLsRequest {
        let request: SignedURLsRequest
        do { request = try AuthorizationJSON.decode(SignedURLsRequest.self, from: body) } catch {
            throw .bad(
                "the body is no JSON object with \"requests\", a list of {\"operation\", \"key\", \"upload_id\"?, \"part_number\"?, \"headers\"?}, and \"expires_in\"? (seconds)"
            )
        }
        guard request.requests.count <= AuthorizationService.mostURLs else {
            throw .bad("\(request.requests.count) requests in one batch. At most \(AuthorizationService.mostURLs) are signed at once")
        }
        if let seconds = request.expiresIn, !V4.expiries.contains(seconds) {
            throw .bad("\"expires_in\" must be \(V4.expiries.lowerBound) to \(V4.expiries.upperBound) seconds")
        }
        return request
    }

    /// The first grant in which all orders lie; their token has its whole scope, so that one token serves every batch.
    static func grant(for orders: [SigningOrder], bucket: String?, client: Admitted) throws(Refusal) -> Narrowing.Result {
        let needed = Set(orders.map(\.verb))
        var nearest: Refusal?
        for (place, grant) in client.grants.enumerated() where bucket.map({ $0.utf8.elementsEqual(grant.bucket.utf8) }) ?? true {
            // The prefix itself is no key in it.
            if orders.contains(where: { !$0.key.utf8.starts(with: grant.prefix.utf8) || $0.key.utf8.count <= grant.prefix.utf8.count }) {
                nearest = nearest ?? .outside("a key lies outside what this client is granted")
                continue
            }
            guard needed.isSubset(of: grant.verbs) else {
                let missing = needed.subtracting(grant.verbs).map(\.rawValue).sorted().joined(separator: ", ")
                nearest = .outside("this client is not granted \(missing) there")
                continue
            }
            return try Narrowing.whole(client, grant: place)
        }
        throw nearest ?? .outside("this client is granted nothing in that bucket")
    }
}
