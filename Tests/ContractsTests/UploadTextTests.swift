import Testing

@testable import Contracts

@Suite struct UploadTextTests {
    @Test func theShortWayWritesWhatTheLongOneDoes() throws {
        for upload in [Samples.upload, Samples.bareUpload] {
            #expect(String(decoding: ContractJSON.text(of: upload), as: UTF8.self) == String(decoding: try ContractJSON.encode(upload), as: UTF8.self))
        }
    }

    /// Everything that may be in a name or in a server's words, in every field that holds text.
    @Test func anyTextIsEscapedAsTheLongWayDoes() throws {
        let odd = (0..<0x100).compactMap(UnicodeScalar.init) + [0x61C, 0x200E, 0x202E, 0x2028, 0x2069, 0xFFFD, 0x1F600].compactMap(UnicodeScalar.init)
        let all = String(String.UnicodeScalarView(odd))
        for text in odd.map({ "a\($0)b" }) + [all, "", "/", "\\\"", "\u{0}", "名"] {
            let upload = UploadView(
                id: text, job: text, state: .retrying, heldReason: text, path: text, pathB64: text, dest: text, bucket: text, key: text, size: .max,
                stored: .min, sending: 1, resent: -2, rate: 3, etaLow: 0, etaHigh: -1, parts: UploadView.Parts(size: 4, total: 5, stored: 6, sending: 7),
                tries: 8, priority: .low, remote: text, uploadId: text,
                lastError: UploadView.LastError(code: text, http: nil, requestId: text, at: text, part: nil, message: text), nextTry: text, added: text,
                started: text, finished: text, crc64: text, etag: text, verify: UploadView.Verify(method: text, state: text))

            #expect(ContractJSON.text(of: upload) == (try ContractJSON.encode(upload)))
        }
    }
}
