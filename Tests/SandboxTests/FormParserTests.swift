import Testing

@testable import Sandbox

@Suite struct FormParserTests {
    private static let body = Array(
        [
            "preamble\r\n--b0", "Content-Disposition: form-data; name=\"key\"", "", "a\r\n--bx\r\n-", "--b0 ",
            "content-disposition:form-data;filename=\"C:\\dir\\a \\\"b\\\".txt\"; name=file", "Content-Type: text/plain", "",
            "\r\n--", "--b0", "Content-Disposition: form-data; name=e", "", "", "--b0--", "epilogue --b0",
        ].joined(separator: "\r\n").utf8)

    /// Pieces of data joined, however they came.
    private func events(_ body: [UInt8], boundary: String = "b", cut: Int) throws -> [FormParser.Event] {
        var parser = FormParser(boundary: boundary)
        var (events, at): ([FormParser.Event], Int) = ([], 0)
        while true {
            if let event = try parser.next() {
                if case .data(let more) = event, case .data(let before)? = events.last {
                    events[events.count - 1] = .data(before + more)
                } else {
                    events.append(event)
                }
                if event == .end { return events }
            } else {
                guard at < body.count else { return events }
                parser.feed(body[at..<min(body.count, at + cut)])
                at += cut
            }
        }
    }

    @Test(arguments: 1...120) func whereverTheBodyIsCutTheFormIsTheSame(cut: Int) throws {
        let events = try events(Self.body, boundary: "b0", cut: cut)

        #expect(
            events == [
                .part(FormPart(name: "key")), .data(Array("a\r\n--bx\r\n-".utf8)), .partEnd,
                .part(FormPart(name: "file", fileName: "C:\\dir\\a \"b\".txt", contentType: "text/plain")),
                .data(Array("\r\n--".utf8)), .partEnd, .part(FormPart(name: "e")), .partEnd, .end,
            ])
    }

    @Test(arguments: 1...40) func dataThatLooksLikeABoundaryIsData(cut: Int) throws {
        let data = Array("\r\n--boundar\r\r\n--\r\n-\r\n\r\n--bound".utf8)
        let body =
            Array("--boundary\r\nContent-Disposition: form-data; name=\"file\"\r\n\r\n".utf8) + data + Array("\r\n--boundary--".utf8)

        #expect(
            try events(body, boundary: "boundary", cut: cut) == [.part(FormPart(name: "file")), .data(data), .partEnd, .end])
    }

    @Test(arguments: [
        "no boundary at all " + String(repeating: "x", count: 70_000), "--bxyz",
        "--b\r\nContent-Disposition: form-data; name=a\r\nno colon\r\n\r\n",
        "--b\r\nContent-Type: a/b\r\n\r\n", "--b\r\nContent-Disposition: attachment; name=a\r\n\r\n",
        "--b\r\nContent-Disposition: form-data; filename=a\r\n\r\n", "--b\r\n\r\nx\r\n--b--",
        "--b\r\nContent-Disposition: form-data; name=" + String(repeating: "n", count: 20_000) + "\r\n\r\n",
        "--b\r\n" + String(repeating: "n", count: 20_000),
    ]) func whatIsNoFormIsRefused(text: String) {
        #expect(throws: FormError.self) { try events(Array(text.utf8), cut: 4096) }
    }

    @Test func aFormThatBreaksOffHasNoEnd() throws {
        let body = Self.body.prefix(60)

        #expect(try !events(Array(body), boundary: "b0", cut: 7).contains(.end))
    }

    @Test(
        arguments: [
            ("multipart/form-data; boundary=abc", "abc"), ("Multipart/Form-Data;charset=utf-8; boundary=\"a b\"", "a b"),
            ("multipart/form-data", nil), ("multipart/mixed; boundary=abc", nil), ("multipart/form-data; boundary=", nil), (nil, nil),
            ("multipart/form-data; boundary=" + String(repeating: "x", count: 71), nil),
        ] as [(String?, String?)]) func theBoundaryComesFromTheContentType(type: String?, boundary: String?)
    {
        #expect(FormParser.boundary(type) == boundary)
    }

    @Test func aNameOfAFileMayBeEncoded() throws {
        let body = "--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"x\"; filename*=UTF-8''caf%C3%A9\r\n\r\n\r\n--b--"

        #expect(try events(Array(body.utf8), cut: 9).first == .part(FormPart(name: "file", fileName: "café")))
    }
}
