import Testing

@testable import TerminalUI

@Suite struct Decoding {
    private func decode(_ text: String, bursts: Bool = false) -> [InputEvent] {
        var decoder = KeyDecoder(detectsBursts: bursts)
        return decoder.feed(Array(text.utf8)) + decoder.flush()
    }

    @Test(
        arguments: [
            ("a", .character("a")), ("é", .character("é")), ("日", .character("日")), ("\r", .enter), ("\n", .enter), ("\t", .tab),
            ("\u{7F}", .backspace),
            ("\u{3}", .control("c")), ("\u{1A}", .control("z")), ("\u{1B}", .escape), ("\u{1B}[A", .up), ("\u{1B}OA", .up),
            ("\u{1B}[1;5B", .down),
            ("\u{1B}[5~", .pageUp), ("\u{1B}[6~", .pageDown), ("\u{1B}[H", .home), ("\u{1B}[4~", .end), ("\u{1B}[3~", .delete),
            ("\u{1B}[Z", .backTab),
            ("\u{1B}OP", .function(1)), ("\u{1B}[21~", .function(10)), ("\u{1B}[[A", .function(1)), ("\u{1B}[2~", .insert),
        ] as [(String, Key)]) func sequencesAreKeys(bytes: String, key: Key)
    {
        #expect(decode(bytes) == [.key(key)])
    }

    @Test func aSequenceMayComeInPieces() {
        for text in ["\u{1B}[6~", "\u{1B}OB", "日", "\u{1B}[<0;10;20M", "\u{1B}[200~a\u{1B}b\u{1B}[201~"] {
            let bytes = Array(text.utf8)
            let whole = decode(text)
            for cut in 1..<bytes.count {
                var decoder = KeyDecoder()
                #expect(
                    decoder.feed(Array(bytes[..<cut])) + decoder.feed(Array(bytes[cut...])) + decoder.flush() == whole,
                    "\(text.debugDescription) at \(cut)")
            }
        }
    }

    @Test func escapeAloneWaitsForItsFollowers() {
        var decoder = KeyDecoder()
        #expect(decoder.feed([0x1B]).isEmpty && decoder.isWaiting)
        #expect(decoder.flush() == [.key(.escape)])
        #expect(!decoder.isWaiting)
    }

    @Test func escapeTwiceIsTwoEscapes() { #expect(decode("\u{1B}\u{1B}") == [.key(.escape), .key(.escape)]) }

    @Test func altWithAKeyIsNeverEscapeAndTheKey() { #expect(decode("\u{1B}x").isEmpty) }

    @Test func aBracketedPasteIsOneEvent() {
        #expect(
            decode("a\u{1B}[200~rm -rf\nq\u{1B}[31m\u{1B}[201~b") == [
                .key(.character("a")), .paste("rm -rf\nq\u{1B}[31m"), .key(.character("b")),
            ])
    }

    @Test func aHugePasteIsCut() {
        var decoder = KeyDecoder()
        _ = decoder.feed(Array("\u{1B}[200~".utf8))
        for _ in 0..<40 { #expect(decoder.feed([UInt8](repeating: 0x61, count: 65_536)).isEmpty) }
        guard case .paste(let text)? = decoder.feed(Array("\u{1B}[201~".utf8)).first else {
            Issue.record("no paste")
            return
        }
        #expect(text.utf8.count == KeyDecoder.pasteLimit)
    }

    @Test func theTerminalsAnswerInAPasteIsNoPartOfIt() {
        for cut in 1..<20 {
            var decoder = KeyDecoder()
            let bytes = Array("\u{1B}[200~ab\u{1B}[0ncd\u{1B}[201~".utf8)
            let events = decoder.feed(Array(bytes.prefix(cut))) + decoder.feed(Array(bytes.dropFirst(cut)))

            #expect(events == [.report(OutputPace.answer), .paste("abcd")], "cut at \(cut)")
        }
    }

    @Test func fourDifferentKeysInOneReadAreABurstWhereNoPasteMarksAre() {
        #expect(decode("ddxXy\n", bursts: true) == [.burst("ddxXy\n")])
        #expect(decode("jjjjjjjj", bursts: true).count == 8, "a held key is no paste")
        #expect(decode("abc", bursts: true).count == 3)
        #expect(decode("ddxXy", bursts: false).count == 5)
        #expect(decode("\u{1B}[A\u{1B}[Babcd", bursts: true).count == 6, "a sequence among them is typing")
    }

    @Test func mouseReportsReachFarColumns() {
        #expect(decode("\u{1B}[<0;251;10M") == [.mouse(MouseEvent(action: .press, column: 250, row: 9))])
        #expect(decode("\u{1B}[<65;1;1M") == [.mouse(MouseEvent(action: .wheelDown, column: 0, row: 0))])
    }

    @Test func answersOfTheTerminalAreNoKeys() {
        #expect(decode("\u{1B}[24;80R") == [.report(Array("[24;80R".utf8))])
        #expect(decode("\u{1B}]11;rgb:1010/1616/1d1d\u{07}") == [.report(Array("]11;rgb:1010/1616/1d1d".utf8))])
        #expect(decode("\u{1B}[?2026;2$y") == [.report(Array("[?2026;2$y".utf8))])
    }

    @Test func anAnswerThatComesInPiecesIsNoKeysEither() {
        for end in ["\u{07}", "\u{1B}\\"] {
            var decoder = KeyDecoder()
            var events = decoder.feed(Array("\u{1B}]11;rgb:10".utf8)) + decoder.flush()
            events += decoder.feed(Array("10/16".utf8)) + decoder.flush()
            events += decoder.feed(Array(("16/1d1d" + end + "j").utf8)) + decoder.flush()
            #expect(events == [.key(.character("j"))])
        }
    }

    @Test func keysBehindAnAnswerThatNeverEndsAreKeysAgain() {
        var decoder = KeyDecoder()
        _ = decoder.feed(Array("\u{1B}]11;rgb:10".utf8)) + decoder.flush()
        #expect(decoder.feed(Array("j1".utf8)) == [.key(.character("j")), .key(.character("1"))])
        // Alt-] is no beginning of an answer.
        _ = decoder.feed(Array("\u{1B}]".utf8)) + decoder.flush()
        #expect(decoder.feed(Array("1".utf8)) == [.key(.character("1"))])
    }

    @Test func sequencesOfTerminfoWin() {
        var decoder = KeyDecoder()
        decoder.define(Array("\u{1B}[99x".utf8), .function(8))
        #expect(decoder.feed(Array("\u{1B}[99x".utf8)) == [.key(.function(8))])
    }

    @Test func anyBytesAreTakenWithoutHarm() {
        var random = SystemLike(seed: 99)
        for _ in 0..<2000 {
            var decoder = KeyDecoder(detectsBursts: random.next(2) == 0)
            let bytes = (0..<random.next(80)).map { _ in UInt8(random.next(3) == 0 ? 0x1B : random.next(256)) }
            for event in decoder.feed(bytes) + decoder.flush() {
                if case .key(.character(let character)) = event {
                    #expect(character.unicodeScalars.allSatisfy { $0.properties.generalCategory != .control })
                }
            }
        }
    }
}
