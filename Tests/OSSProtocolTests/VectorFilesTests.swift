import Testing

@Suite struct VectorFilesTests {
    @Test(arguments: [
        ("v4-header", "vectors", 55), ("v4-presign", "vectors", 41), ("v1-header", "vectors", 46), ("v1-presign", "vectors", 33),
        ("sts-rpc-v1", "vectors", 32), ("sts-acs3", "vectors", 26), ("error-xml", "vectors", 34), ("xml-bodies", "vectors", 11),
        ("session-policy", "cases", 41), ("session-policy", "requests", 19), ("session-policy", "grammar", 12),
        ("post-policy", "signing", 28), ("post-policy", "checks", 17),
    ]) func everyFileIsReadWhole(file: String, list: String, count: Int) {
        // A suite over an empty list of arguments would pass without having looked at anything.
        #expect(Vector.list(file, list).count == count)
    }
}
