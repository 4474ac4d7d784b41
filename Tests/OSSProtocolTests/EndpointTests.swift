import OSSProtocol
import Testing

@Suite struct EndpointTests {
    @Test(arguments: [
        ("oss-cn-hangzhou.aliyuncs.com", "https://oss-cn-hangzhou.aliyuncs.com", false),
        ("http://LocalHost:9000/", "http://localhost:9000", false),
        ("https://a.b:443", "https://a.b", false), ("http://a.b:443", "http://a.b:443", false),
        ("http://127.0.0.1:9000", "http://127.0.0.1:9000", true),
        ("[::1]:8080", "https://[::1]:8080", true), ("HTTPS://x", "https://x", false), ("http://256.1.1.1", "http://256.1.1.1", false),
    ]) func endpointsAreRead(text: String, written: String, isAddress: Bool) throws {
        let endpoint = try Endpoint(text)

        #expect(endpoint.description == written)
        #expect(endpoint.isAddress == isAddress)
    }

    @Test(arguments: [
        "", "http://", "ftp://x", "https://x/y", "https://x?y", "https://u@x", "x:0", "x:65536", "x:", "x:8 0", "http://[::1", "a b",
        "http://[::1]x", ".a",
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
}
