import OSSProtocol
import Testing

@Suite struct EndpointTests {
    @Test(arguments: [
        ("oss-cn-hangzhou.aliyuncs.com", "https://oss-cn-hangzhou.aliyuncs.com", false),
        ("http://LocalHost:9000/", "http://localhost:9000", false),
        ("https://a.b:443", "https://a.b", false), ("http://a.b:443", "http://a.b:443", false),
        ("http://127.0.0.1:9000", "http://127.0.0.1:9000", true),
        ("[::1]:8080", "https://[::1]:8080", true), ("http://[2001:DB8::7]", "http://[2001:db8::7]", true),
        ("[::ffff:192.0.2.1]:443", "https://[::ffff:192.0.2.1]", true), ("HTTPS://x", "https://x", false),
        ("http://256.1.1.1", "http://256.1.1.1", false),
    ]) func endpointsAreRead(text: String, written: String, isAddress: Bool) throws {
        let endpoint = try Endpoint(text)

        #expect(endpoint.description == written)
        #expect(endpoint.isAddress == isAddress)
    }

    @Test(arguments: [
        "", "http://", "ftp://x", "https://x/y", "https://x?y", "https://u@x", "x:0", "x:65536", "x:", "x:8 0", "http://[::1", "a b",
        "http://[::1]x", ".a", "::1", "[1.2.3.4]", "[::::]", "[1:2:3]", "[::1%25eth0]", "[::1.2.3.256]", "[]",
        "https://x\r\nHost: y", "https://é.com",
    ]) func whatIsNoEndpointIsRefused(text: String) {
        #expect(throws: EndpointError.self) { try Endpoint(text) }
    }

    @Test(arguments: [
        ("oss-r.aliyuncs.com", Addressing.virtual, "https://media-7.oss-r.aliyuncs.com/a%20b//c"),
        ("oss-r.aliyuncs.com", .path, "https://oss-r.aliyuncs.com/media-7/a%20b//c"),
        ("cdn.example.com", .cname, "https://cdn.example.com/a%20b//c"),
        ("http://127.0.0.1:9000", .virtual, "http://127.0.0.1:9000/media-7/a%20b//c"),
        ("http://localhost:9000", .virtual, "http://media-7.localhost:9000/a%20b//c"),
    ]) func theAddressingStyleChangesTheURL(endpoint: String, addressing: Addressing, url: String) throws {
        let address = BucketAddress(endpoint: try Endpoint(endpoint), addressing: addressing, region: "r", bucket: "media-7")

        #expect(address.request(method: "PUT", key: ObjectKey("a b//c")).url == url)
    }

    @Test func theAddressingStyleNeverChangesTheSignature() throws {
        let key = ObjectKey("dir/名 +%&.bin")
        let credentials = Credentials(accessKeyID: "k", accessKeySecret: Secret("s"))
        let signatures = try [Addressing.virtual, .path, .cname].map { addressing in
            let address = BucketAddress(
                endpoint: try Endpoint("oss-r.aliyuncs.com"), addressing: addressing, region: "r", bucket: "media-7")
            let signed = V4Signer(region: "r").sign(
                OSSOperation.putObject(ObjectHeaders()).request(at: address, key: key), resource: address.resource(key),
                credentials: credentials,
                now: Timestamp(seconds: 1_800_000_000))
            return signed.headers["Authorization"]
        }

        #expect(Set(signatures).count == 1)
    }

    @Test func theServiceItselfIsAskedAtTheBareEndpoint() {
        let address = BucketAddress(endpoint: .forRegion("cn-hangzhou"), addressing: .virtual, region: "cn-hangzhou", bucket: "media-7")
        let operation = OSSOperation.listBuckets()

        #expect(operation.request(at: address, key: nil).host == "oss-cn-hangzhou.aliyuncs.com")
        #expect(operation.resource(at: address, key: nil) == SignedResource(bucket: nil, key: nil))
    }

    @Test(arguments: [
        (Endpoint.Network.public, "oss-eu-west-1.aliyuncs.com"), (.internal, "oss-eu-west-1-internal.aliyuncs.com"),
        (.accelerate, "oss-accelerate.aliyuncs.com"), (.accelerateOverseas, "oss-accelerate-overseas.aliyuncs.com"),
        (.dualStack, "eu-west-1.oss.aliyuncs.com"),
    ]) func eachNetworkHasItsHost(network: Endpoint.Network, host: String) throws {
        let endpoint = Endpoint.forRegion("eu-west-1", network)

        #expect(endpoint.description == "https://\(host)")
        #expect(try Endpoint(host) == endpoint)
        #expect(endpoint.region == ([.accelerate, .accelerateOverseas].contains(network) ? nil : "eu-west-1"))
    }

    @Test func networksAreWrittenAsInTheConfiguration() {
        #expect(Endpoint.Network.allCases.map(\.rawValue) == ["public", "internal", "accelerate", "accelerate-overseas", "dual-stack"])
    }

    @Test(arguments: [
        ("oss-cn-hangzhou.aliyuncs.com", "cn-hangzhou"), ("http://oss-ap-southeast-7-internal.aliyuncs.com:8080", "ap-southeast-7"),
        ("me-central-1.oss.aliyuncs.com", "me-central-1"), ("oss.aliyuncs.com", "cn-hangzhou"),
        ("oss-internal.aliyuncs.com", "cn-hangzhou"),
        ("OSS-CN-WUHAN-LR.aliyuncs.com", "cn-wuhan-lr"), ("oss-xx-nowhere-9.aliyuncs.com", "xx-nowhere-9"),
        ("cb-f8z7yvzgwfkl9q0h.cn-hangzhou.oss-cloudbox.aliyuncs.com", "cb-f8z7yvzgwfkl9q0h"),
    ]) func theHostTellsTheRegion(host: String, region: String) throws {
        #expect(try Endpoint(host).region == region)
    }

    @Test(arguments: [
        "media-7.oss-cn-hangzhou.aliyuncs.com", "media-7.oss.aliyuncs.com", "oss-accelerate.aliyuncs.com", "cdn.example.com", "127.0.0.1",
        "oss-cn_hangzhou.aliyuncs.com", "oss-.aliyuncs.com", "oss-cn-hangzhou.aliyuncs.com.example.com",
        "x.oss-cn-hangzhou.privatelink.aliyuncs.com",
        "sts.cn-hangzhou.aliyuncs.com", "[::1]:8000", "aliyuncs.com", "oss-cn-hangzhou.example.com", "s3.oss-cn-hangzhou.aliyuncs.com",
    ]) func otherHostsTellNone(host: String) throws {
        #expect(try Endpoint(host).region == nil)
    }

    @Test(arguments: ["cn-hangzhou", "us-1", "cn-wuhan-lr", "x"]) func theListOfRegionsIsOpen(region: String) throws {
        try Endpoint.check(region: region)
    }

    @Test(arguments: [
        "", "CN-Hangzhou", "cn_hangzhou", "cn hangzhou", "oss-cn-hangzhou", "cn.hangzhou", "é", String(repeating: "a", count: 64),
    ])
    func whatIsNoRegionIsRefused(region: String) {
        #expect(throws: EndpointError.region(region)) { try Endpoint.check(region: region) }
    }

    @Test func aLocationIsToldFromARegion() {
        #expect("\(EndpointError.region("oss-cn-hangzhou"))".contains("what stands behind oss-"))
    }

    @Test(arguments: [
        "http://127.0.0.1", "http://127.0.0.1:9000", "http://[::1]", "http://[2001:db8::7]:9000",
        "https://ep-bp1xxx.oss-cn-hangzhou.privatelink.aliyuncs.com", "http://ep-1.oss.cn-x.privatelink.aliyuncs.com:8080",
    ]) func addressesAndPrivateLinksAreAskedInPathStyle(text: String) throws {
        let endpoint = try Endpoint(text)

        for addressing in [Addressing.virtual, .path, .cname] {
            let address = BucketAddress(endpoint: endpoint, addressing: addressing, region: "r", bucket: "media-7")
            #expect(endpoint.needsPathStyle && address.effectiveAddressing == .path)
            #expect(address.request(method: "PUT", key: ObjectKey("a")).url == "\(endpoint)/media-7/a")
        }
    }

    @Test(arguments: ["oss-cn-hangzhou.aliyuncs.com", "localhost:9000", "privatelink.aliyuncs.com", "x.privatelink.example.com"])
    func namesAreAskedAsWished(text: String) throws {
        #expect(try !Endpoint(text).needsPathStyle)
    }

    @Test func aCustomDomainHasNoListOfBuckets() throws {
        let domain = BucketAddress(endpoint: try Endpoint("cdn.example.com"), addressing: .cname, region: "r", bucket: "media-7")

        #expect(throws: OSSLimitError.bucketsAtCustomDomain) { try OSSOperation.listBuckets().validate(at: domain, key: nil) }
        try OSSOperation.listObjects(ListOptions()).validate(at: domain, key: nil)
        #expect(OSSOperation.listObjects(ListOptions()).request(at: domain, key: nil).url.hasPrefix("https://cdn.example.com/?list-type=2"))
        #expect(domain.resource(nil) == SignedResource(bucket: "media-7", key: nil))
    }

    @Test func cloudBoxesAreAProductOfTheirOwn() throws {
        #expect(try Endpoint("cb-1.cn-x.oss-cloudbox.aliyuncs.com").product == "oss-cloudbox")
        #expect(try Endpoint("cb-1.cn-x.oss-cloudbox-control.aliyuncs.com").product == "oss-cloudbox")
        #expect(Endpoint.forRegion("cn-x").product == "oss")
    }
}
