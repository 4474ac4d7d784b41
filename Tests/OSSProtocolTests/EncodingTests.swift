import OSSProtocol
import Testing

@Suite struct EncodingTests {
    static let allBytes = (0...255).map { UInt8($0) }

    @Test func onlyUnreservedBytesStayAndAllComeBack() {
        let text = PercentEncoding.encode(Self.allBytes)

        #expect(PercentEncoding.decode(text) == Self.allBytes)
        #expect(text.filter { $0 != "%" }.count == 66 + (256 - 66) * 2)
        #expect(PercentEncoding.encode(" +/~é") == "%20%2B%2F~%C3%A9")
        #expect(PercentEncoding.encodePath(ObjectKey("a//./../b c")) == "a//./../b%20c")
    }

    @Test(arguments: ["%", "%4", "%4g", "a%", "%%41"]) func aBrokenEscapeIsRefused(text: String) {
        #expect(PercentEncoding.decode(text) == nil)
    }

    @Test func plusIsABlankInQueriesOnly() {
        #expect(PercentEncoding.decode("a+b") == Array("a+b".utf8))
        #expect(PercentEncoding.decode("a+b%2B", plusIsSpace: true) == Array("a b+".utf8))
    }

    @Test func aQueryIsSplitBeforeItIsDecoded() {
        let items = QueryItem.parse("uploads&a=&b=c%26d%3De&x%3Dy=1=2")

        #expect(items == [QueryItem("uploads"), QueryItem("a", ""), QueryItem("b", "c&d=e"), QueryItem("x=y", "1=2")])
        #expect(QueryItem.join(items) == "uploads&a=&b=c%26d%3De&x%3Dy=1%3D2")
    }

    @Test(arguments: [
        ("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="), ("fooba", "Zm9vYmE="), ("foobar", "Zm9vYmFy"),
    ])
    func base64IsThatOfTheStandard(plain: String, encoded: String) {
        #expect(Base64.encode(Array(plain.utf8)) == encoded)
        #expect(Base64.decode(encoded) == Array(plain.utf8))
        #expect(Base64.decode(encoded.filter { $0 != "=" }, urlSafe: true) == Array(plain.utf8))
    }

    @Test(arguments: ["Z", "Zg", "Zg=", "Zg===", "Z===", "Zm9v=", "Zm 9", "Zm9_", "=", "Zg==Zg=="]) func brokenBase64IsRefused(text: String)
    {
        #expect(Base64.decode(text) == nil)
    }

    @Test func everyByteSurvivesBase64AndHex() {
        #expect(Base64.decode(Base64.encode(Self.allBytes)) == Self.allBytes)
        #expect(Hex.decode(Hex.encode(Self.allBytes)) == Self.allBytes)
        #expect(Hex.decode("AbcDef") == [0xAB, 0xCD, 0xEF])
        #expect(Hex.decode("abc") == nil && Hex.decode("zz") == nil)
    }

    @Test func digestsAreThoseOfTheStandards() {
        let abc = Array("abc".utf8)

        #expect(Hex.encode(Digests.md5(abc)) == "900150983cd24fb0d6963f7d28e17f72")
        #expect(Hex.encode(Digests.sha256(abc)) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
        let (key, message) = (Array("Jefe".utf8), Array("what do ya want for nothing?".utf8))
        #expect(Hex.encode(Digests.hmacSHA1(key: key, message: message)) == "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79")
        #expect(
            Hex.encode(Digests.hmacSHA256(key: key, message: message)) == "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        )
        #expect(Hex.encode(Digests.hmacSHA256(key: [], message: [])) == "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad")
    }

    @Test func aKeptKeyAuthenticatesAsOneThatIsUsedOnce() {
        for length in [0, 1, 31, 32, 63, 64, 65, 200] {
            let key = (0..<length).map { UInt8(truncatingIfNeeded: $0 &* 7 &+ length) }
            let kept = HMACKey(key)
            for message in [[], [1, 2, 3], [UInt8](repeating: 0xA5, count: 1000)] as [[UInt8]] {
                #expect(kept.authenticate(message) == Digests.hmacSHA256(key: key, message: message), "\(length) bytes")
            }
        }
    }

    @Test(arguments: [1, 7, 64, 1000]) func aStreamGivesTheDigestOfTheWholeWhateverThePieces(piece: Int) {
        let bytes = (0..<5000).map { UInt8(truncatingIfNeeded: $0 * 7) }
        var (md5, sha256) = (MD5Stream(), SHA256Stream())

        for start in stride(from: 0, to: bytes.count, by: piece) {
            let end = min(start + piece, bytes.count)
            md5.update(Array(bytes[start..<end]))
            sha256.update(Array(bytes[start..<end]))
        }

        #expect(md5.finish() == Digests.md5(bytes))
        #expect(sha256.finish() == Digests.sha256(bytes))
    }

    @Test func aCopyOfAStreamGoesItsOwnWay() {
        var first = SHA256Stream()
        first.update(Array("ab".utf8))
        var second = first
        second.update(Array("c".utf8))

        #expect(first.finish() == Digests.sha256(Array("ab".utf8)))
        #expect(second.finish() == Digests.sha256(Array("abc".utf8)))
    }

    @Test func equalTakesLengthsIntoAccount() {
        #expect(
            Digests.equal([1, 2], [1, 2]) && !Digests.equal([1, 2], [1, 3]) && !Digests.equal([1], [1, 2]) && Digests.equal([], []))
    }
}
