import Testing

@testable import Contracts

/// One message of the control API or of the authorization API that is frozen as a file.
struct Sample: Sendable, CustomTestStringConvertible {
    let name: String
    /// The value as it is written.
    let encode: @Sendable () throws -> [UInt8]
    /// A file's bytes read and written again.
    let recode: @Sendable ([UInt8]) throws -> [UInt8]
    var testDescription: String { name }

    init<T: Codable & Sendable>(_ name: String, _ value: @escaping @Sendable () -> T) {
        self.name = name
        encode = { try ContractJSON.encode(value()) }
        recode = { try ContractJSON.encode(ContractJSON.decode(T.self, from: $0)) }
    }

    init<T: Codable & Sendable>(authorization name: String, _ value: @escaping @Sendable () -> T) {
        self.name = name
        encode = { try AuthorizationJSON.encode(value()) }
        recode = { try AuthorizationJSON.encode(AuthorizationJSON.decode(T.self, from: $0)) }
    }
}

@Suite struct ContractMessages {
    @Test(arguments: Samples.all) func aMessageIsWrittenAsItsSampleSays(sample: Sample) throws {
        let written = try sample.encode()
        guard let frozen = SampleFiles.read(sample.name) else {
            SampleFiles.write(sample.name, written)
            Issue.record("there was no Samples/v1/\(sample.name).json, it is written now")
            return
        }
        #expect(String(decoding: written, as: UTF8.self) == String(decoding: frozen, as: UTF8.self))
    }

    @Test(arguments: Samples.all) func aSampleSurvivesReadingAndWriting(sample: Sample) throws {
        let frozen = try #require(SampleFiles.read(sample.name), "there is no Samples/v1/\(sample.name).json")
        #expect(String(decoding: try sample.recode(frozen), as: UTF8.self) == String(decoding: frozen, as: UTF8.self))
    }

    @Test func everySampleFileHasItsMessage() {
        #expect(SampleFiles.names().sorted() == Samples.all.map(\.name).sorted())
    }

    @Test(arguments: Samples.all) func aFieldOfANewerVersionIsIgnored(sample: Sample) throws {
        let bytes = try sample.encode()
        let newer = Array("{\"a_field_of_tomorrow\":[1,{\"x\":null}],".utf8) + bytes.dropFirst()
        #expect(try sample.recode(newer) == bytes)
    }
}

@Suite struct ContractRules {
    @Test func whatIsUnknownIsNullAndNeverLeftOut() throws {
        let text = String(decoding: try ContractJSON.encode(Samples.bareUpload), as: UTF8.self)
        for field in [
            "held_reason", "path_b64", "size", "eta_low", "eta_high", "remote", "upload_id", "last_error", "next_try", "started",
            "finished",
            "crc64", "etag",
        ] {
            #expect(text.contains("\"\(field)\":null"), "\(field)")
        }
        let status = String(decoding: try ContractJSON.encode(Samples.bareStatus), as: UTF8.self)
        for field in ["eta_low", "eta_high", "clock_offset", "outage", "default_remote", "rate"] {
            #expect(status.contains("\"\(field)\":null") || status.contains("\"\(field)\":0"), "\(field)")
        }
    }

    @Test func anAbsentOptionalIsReadAsUnknown() throws {
        let full = String(decoding: try ContractJSON.encode(Samples.bareUpload), as: UTF8.self)
        var text = full
        for field in ["held_reason", "path_b64", "size", "eta_low", "eta_high", "remote", "upload_id", "next_try", "crc64", "etag"] {
            let part = Array("\"\(field)\":null,".utf8)
            let bytes = Array(text.utf8)
            let start = try #require(bytes.indices.first { bytes[$0...].starts(with: part) }, "\(field)")
            text = String(decoding: bytes[..<start] + bytes[(start + part.count)...], as: UTF8.self)
        }
        #expect(try ContractJSON.decode(UploadView.self, from: text.utf8) == Samples.bareUpload)
    }

    @Test func whatATerminalObeysIsWrittenAsEscapes() throws {
        let names = ["\u{7F}", "\u{80}", "\u{9B}31m", "\u{9F}", "a\u{202E}gpj.exe", "\u{2066}x\u{2069}", "\u{200F}", "\u{61C}"]
        let plain = ["\u{A0}", "é", "猫", "\u{202F}", "\u{2065}", "😀", "\u{7E}", "\u{FFFD}"]

        let bytes = try ContractJSON.encode(names + plain)

        #expect(try ContractJSON.decode([String].self, from: bytes) == names + plain)
        for scalar in String(decoding: bytes, as: UTF8.self).unicodeScalars {
            #expect(!(0x7F...0x9F).contains(scalar.value) && !scalar.properties.isBidiControl, "\(scalar.value)")
        }
        #expect(try ContractJSON.encode(plain) == Array("[\"\(plain.joined(separator: "\",\""))\"]".utf8))
        #expect(try ContractJSON.encode(["\u{9B}"]) == Array(#"["\u009b"]"#.utf8))
    }

    @Test func slashesAreNotEscapedAndKeysAreSorted() throws {
        let text = String(decoding: try ContractJSON.encode(Samples.upload), as: UTF8.self)
        #expect(text.contains("\"dest\":\"oss://media-prod/2026/11/raw/camera-03.mov\""))
        let added = text.utf8.firstRange(ofText: "\"added\"")
        let bucket = text.utf8.firstRange(ofText: "\"bucket\"")
        #expect(added != nil && bucket != nil && (added ?? 0) < (bucket ?? 0))
    }

    @Test func oneValueIsOneText() throws {
        let texts = try (0..<20).map { _ in try ContractJSON.encode(Samples.status) }
        #expect(Set(texts.map { String(decoding: $0, as: UTF8.self) }).count == 1)
    }

    @Test func namesThatPeopleGiveAreNotRewritten() throws {
        var options = OrderOptions()
        options.meta = ["cameraName": "a", "camera_name": "b", "URL": "c"]
        options.tags = ["TeamName": "video"]
        let bytes = try ContractJSON.encode(options)
        #expect(try ContractJSON.decode(OrderOptions.self, from: bytes) == options)
        #expect(String(decoding: bytes, as: UTF8.self).contains("\"cameraName\":\"a\""))
    }

    @Test func anUnknownStateIsAnErrorAndNotAGuess() {
        #expect(throws: (any Error).self) { try ContractJSON.decode(UploadState.self, from: Array("\"exploded\"".utf8)) }
    }

    @Test func endedStatesAreThoseThatNeedAPerson() {
        #expect(Set(UploadState.allCases.filter(\.isEnded)) == [.done, .failed, .cancelled, .skipped])
    }

    @Test func namesKeepTheirBytes() throws {
        // Two spellings of one word, which Swift's == takes for equal.
        for name in ["caf\u{E9}.txt", "cafe\u{301}.txt", "a\u{1B}[31m\u{0}.bin", "😀"] {
            var upload = Samples.upload
            upload.path = name
            let back = try ContractJSON.decode(UploadView.self, from: ContractJSON.encode(upload))
            #expect(Array(back.path.utf8) == Array(name.utf8))
        }
    }
}

@Suite struct ContractSecrets {
    private let credentials = OrderCredentials(
        accessKeyId: "LTAI-id", accessKeySecret: "the-secret", securityToken: "the-token", region: nil, endpoint: nil, addressing: nil)
    private let answer = CredentialsAnswer(
        accessKeyId: "STS.id", accessKeySecret: "the-secret", securityToken: "the-token", expiration: nil, serverTime: nil, bucket: nil,
        region: nil,
        endpoint: nil, prefix: nil, policy: nil)

    @Test func printingOneGivesNothingAway() {
        var dumped = ""
        dump(credentials, to: &dumped)
        dump(answer, to: &dumped)
        dump([credentials], to: &dumped)
        let order = JobOrder(submissionId: "s", sources: ["/a"], dest: "oss://b/", credentials: credentials)
        dump(order, to: &dumped)
        let texts = [
            "\(credentials)", String(reflecting: credentials), "\(answer)", String(reflecting: answer), "\(order)",
            String(reflecting: order), dumped,
            "\([credentials])", "\(Optional(answer) as Any)",
        ]
        for text in texts { #expect(!text.contains("the-secret") && !text.contains("the-token"), "\(text)") }
    }

    @Test func theyStillTravel() throws {
        let back = try ContractJSON.decode(OrderCredentials.self, from: ContractJSON.encode(credentials))
        #expect(back.accessKeySecret == "the-secret" && back.securityToken == "the-token")
        let text = String(decoding: try AuthorizationJSON.encode(answer), as: UTF8.self)
        #expect(text.contains("\"AccessKeySecret\":\"the-secret\"") && text.contains("\"Code\":\"Success\""))
    }

    @Test func nothingThatTheEngineSendsHasAFieldForASecret() throws {
        let answers: [[UInt8]] = [
            try ContractJSON.encode(Samples.status), try ContractJSON.encode(Samples.upload), try ContractJSON.encode(Samples.detail),
        ]
        for bytes in answers {
            let text = String(decoding: bytes, as: UTF8.self)
            for word in ["secret", "token", "signature"] { #expect(!text.contains("\"\(word)"), "\(word)") }
        }
    }
}

extension String.UTF8View {
    func firstRange(ofText text: String) -> Int? {
        let (bytes, pattern) = (Array(self), Array(text.utf8))
        return bytes.indices.first { bytes[$0...].starts(with: pattern) }
    }
}
