import Contracts
import Credentials
import OSSProtocol

/// How destinations become targets. What an authorization server grants wins over what the remote says.
extension Access {
    public func resolve(dest: String, credentials: OrderCredentials?) async throws(OrderError) -> Target {
        try await resolve(dest, credentials, isOrder: true)
    }

    public func look(dest: String, credentials: OrderCredentials?) async throws(OrderError) -> Target {
        try await resolve(dest, credentials, isOrder: false)
    }

    private func resolve(_ dest: String, _ credentials: OrderCredentials?, isOrder: Bool) async throws(OrderError) -> Target {
        let destination = try Destination(dest, remotes: configuration.remotes.map(\.name))
        switch destination {
        case .bucket(let bucket, let name): return try bucketTarget(bucket, name, credentials, isOrder: isOrder)
        case .remote(let remoteName, let name):
            guard let remote = configuration.remote(named: remoteName) else {
                throw Destination.wrong("there is no remote “\(remoteName)”")
            }
            let target = try await remoteTarget(remote, name, credentials, isOrder: isOrder)
            guard target.prefix.utf8.count <= OSSLimits.keyBytes else {
                throw Destination.wrong(
                    "“\(PlainText.line(target.prefix, limit: 80))…” is \(target.prefix.utf8.count) bytes long (an object key has at most \(OSSLimits.keyBytes)). Use a shorter destination"
                )
            }
            return target
        }
    }

    /// Where `oss://` itself is: for the list of buckets.
    func serviceTarget(credentials: OrderCredentials?) throws(OrderError) -> Target { try bucketTarget("", "", credentials, isOrder: false) }

    private func bucketTarget(
        _ bucket: String, _ name: String, _ credentials: OrderCredentials?, isOrder: Bool
    ) throws(OrderError) -> Target {
        let order: OrderProvider
        if let credentials {
            order = try OrderProvider(credentials)
        } else if let own = try OrderProvider(environment: ownEnvironment()) {
            order = own
        } else {
            return try profileTarget(bucket, name)
        }
        let scope = OrderScope.name(bucket: bucket, order: order)
        if isOrder { keep(order, for: scope) }
        return Target(
            scope: isOrder ? scope : receive(order, besides: scope), remote: nil, bucket: bucket, region: order.place.region, endpoint: order.place.endpoint,
            addressing: order.place.addressing, prefix: name, isKey: Access.isKey(name))
    }

    /// Without keys anywhere the profile of ossutil or of the aliyun command line serves, as with the official tools.
    private func profileTarget(_ bucket: String, _ name: String) throws(OrderError) -> Target {
        let profile: Profile
        do throws(ProviderFailure) { profile = try standardProfile().at(bucket: bucket) } catch {
            if case .notConfigured = error { throw OrderProvider.missing }
            throw OrderError(
                code: "NoCredentials", message: "there are no credentials for oss://\(bucket): \(AccessFailure(error).text)", exit: 6)
        }
        let place = profilePlace(profile)
        guard let region = place.region else {
            throw Destination.wrong(
                "the profile “\(PlainText.line(profile.name, limit: 60))” of \(profile.file) names no region. Add it there, or set OSS_REGION"
            )
        }
        let endpoint = try Access.endpoint(place.endpoint, region: region, of: "profile “\(PlainText.line(profile.name, limit: 60))”")
        return Target(
            scope: OrderScope.profile(bucket: bucket), remote: nil, bucket: bucket, region: region,
            endpoint: "\(endpoint.scheme)://\(endpoint.host)", addressing: endpoint.needsPathStyle ? "path" : place.addressing ?? "virtual",
            prefix: name, isKey: Access.isKey(name), signature: profile.signature)
    }

    private func profilePlace(_ profile: Profile) -> (region: String?, endpoint: String?, addressing: String?) {
        let given: (String) -> String? = { [environment = ownEnvironment()] in environment[$0].flatMap { $0.isEmpty ? nil : $0 } }
        // As with the official tools the environment beats the file.
        let endpoint = given("OSS_ENDPOINT") ?? profile.endpoint
        let region = given("OSS_REGION") ?? profile.region ?? endpoint.flatMap(Endpoint.region(of:))
        return (region, endpoint, given("OSS_ADDRESSING") ?? profile.addressing)
    }

    private static func endpoint(
        _ text: String?, region: String, _ network: Endpoint.Network = .public, of owner: String
    ) throws(OrderError) -> Endpoint {
        do throws(EndpointError) {
            return try text.map { text throws(EndpointError) in try Endpoint(text) } ?? .forRegion(region, network)
        } catch {
            throw Destination.wrong("the endpoint of \(owner): \(error)")
        }
    }

    private func remoteTarget(
        _ remote: RemoteSettings, _ name: String, _ credentials: OrderCredentials?, isOrder: Bool
    ) async throws(OrderError) -> Target {
        var place = (bucket: remote.bucket, region: remote.region, endpoint: remote.endpoint, addressing: remote.addressing.rawValue)
        var signature = remote.signature
        var (scope, granted, mayRead) = (remote.name, "", true)
        switch remote.credentials {
        case .environment:
            let order = try credentials.map { given throws(OrderError) in try OrderProvider(given, in: remote) }
            if let order {
                if isOrder { keep(order, for: remote.name) } else { scope = receive(order, besides: remote.name) }
            }
            place.region = place.region ?? order?.place.region ?? ownEnvironment()["OSS_REGION"]
            place.endpoint = place.endpoint ?? order?.place.endpoint ?? ownEnvironment()["OSS_ENDPOINT"].flatMap { $0.isEmpty ? nil : $0 }
        case .profile(let choice):
            do throws(ProviderFailure) {
                var profile = try profile(choice)
                if let bucket = remote.bucket { profile = profile.at(bucket: bucket) }
                place.endpoint = place.endpoint ?? profile.endpoint
                place.region = place.region ?? profile.region ?? profile.endpoint.flatMap(Endpoint.region(of:))
                if remote.addressing == .virtual { place.addressing = profile.addressing ?? place.addressing }
                if remote.signature == .v4 { signature = profile.signature.flatMap(SignatureVersion.init(rawValue:)) ?? .v4 }
            } catch {
                throw OrderError(
                    code: "NoCredentials", message: "there are no credentials for “\(remote.name)”: \(AccessFailure(error).text)", exit: 6)
            }
        case .broker, .signedURL:
            do throws(AccessFailure) {
                if let grant = try await grant(scope: remote.name) {
                    (granted, mayRead) = (grant.prefix, grant.mayRead)
                    place.bucket = grant.bucket ?? place.bucket
                    place.region = grant.region ?? grant.endpoint.flatMap(Endpoint.region(of:)) ?? place.region
                    place.endpoint = grant.endpoint ?? place.endpoint
                }
            } catch {
                throw OrderError(code: "NoCredentials", message: "there are no credentials for “\(remote.name)”: \(error.text)", exit: 6)
            }
            if case .signedURL(let url, _) = remote.credentials {
                // The signed URL says where it goes; these only name the place until the first one is there.
                place.endpoint = place.endpoint ?? (place.region == nil ? WebAddress(url)?.origin : nil)
                place.region = place.region ?? ""
            }
        case .anonymous: place.region = place.region ?? ""
        default: break
        }
        // Version 1 signs no region: it is needed only to find the endpoint.
        if signature == .v1, place.endpoint != nil { place.region = place.region ?? "" }
        guard let bucket = place.bucket else {
            throw Destination.wrong("nobody says which bucket “\(remote.name)” means. Set bucket in [remote.\(remote.name)]")
        }
        guard let region = place.region else {
            throw Destination.wrong("nobody says which region “\(remote.name)” is in. Set region in [remote.\(remote.name)]")
        }
        let endpoint = try Access.endpoint(place.endpoint, region: region, remote.network, of: "“\(remote.name)”")
        return Target(
            scope: scope, remote: remote.name, bucket: bucket, region: region, endpoint: "\(endpoint.scheme)://\(endpoint.host)",
            addressing: endpoint.needsPathStyle ? "path" : place.addressing,
            prefix: Prefixes.under(granted: granted, remote: remote.prefix) + name, isKey: Access.isKey(name), existing: remote.existing,
            storageClass: remote.storageClass, mayRead: mayRead, signature: signature == .v1 ? signature.rawValue : nil)
    }

    private static func isKey(_ name: String) -> Bool { name.utf8.last.map { $0 != UInt8(ascii: "/") } ?? false }
}

extension OrderProvider {
    /// For a remote that says its place itself: the order need not.
    fileprivate init(_ order: OrderCredentials, in remote: RemoteSettings) throws(OrderError) {
        var full = order
        full.region = remote.region ?? order.region
        full.endpoint = remote.endpoint ?? order.endpoint
        full.addressing = remote.addressing.rawValue
        try self.init(full)
    }
}

extension Endpoint {
    /// The region that an endpoint as people write it tells.
    static func region(of text: String) -> String? { (try? Endpoint(text))?.region }
}
