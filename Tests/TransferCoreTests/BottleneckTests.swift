import Testing
import TransferCore

@Suite struct BottleneckTests {
    private static func facts(_ change: (inout Bottleneck.Facts) -> Void) -> Bottleneck.Facts {
        var facts = Bottleneck.Facts(seconds: 5)
        (facts.cores, facts.answers, facts.rate) = (2, 200, 50e6)
        change(&facts)
        return facts
    }

    /// 16 requests over 5 s each: what they did, and what that means.
    static let cases: [(name: String, facts: Bottleneck.Facts, verdict: Bottleneck)] = [
        ("a slow disk", facts { ($0.reading, $0.sending, $0.answering, $0.cpu) = (60, 15, 5, 1) }, .disk),
        ("both cores", facts { ($0.sending, $0.answering, $0.cpu) = (70, 10, 9.5) }, .cpu),
        ("one core, a server on the other", facts { ($0.sending, $0.answering, $0.cpu, $0.machineBusy) = (70, 10, 5, 0.98) }, .cpu),
        ("a busy neighbour alone is not us", facts { ($0.sending, $0.answering, $0.cpu, $0.machineBusy) = (70, 10, 0.5, 0.98) }, .network),
        ("full socket buffers", facts { ($0.sending, $0.answering, $0.cpu) = (70, 10, 1) }, .network),
        ("a late server", facts { ($0.sending, $0.answering, $0.cpu) = (10, 70, 1) }, .server),
        ("a limit that is reached", facts { ($0.sending, $0.limited, $0.limit) = (70, 10, 52e6) }, .limit),
        ("an order's own limit", facts { ($0.sending, $0.limited) = (20, 60) }, .limit),
        ("a limit that is far", facts { ($0.sending, $0.answering, $0.limit) = (70, 10, 500e6) }, .network),
        ("503 for a third", facts { ($0.sending, $0.answering, $0.refused) = (40, 40, 100) }, .throttle),
        ("two of two hundred", facts { ($0.sending, $0.answering, $0.refused) = (40, 50, 2) }, .server),
        ("signatures on their way", facts { ($0.sending, $0.answering, $0.credentials) = (20, 10, 50) }, .credentials),
        ("everything held for credentials", facts { $0.isHeldForCredentials = true }, .credentials),
    ]

    @Test(arguments: cases) func theCauseIsNamed(_ name: String, _ facts: Bottleneck.Facts, _ verdict: Bottleneck) {
        #expect(Bottleneck.of(facts) == verdict, "\(name)")
    }

    @Test func withoutWorkOrTimeNothingIsSaid() {
        #expect(Bottleneck.of(Self.facts { _ in }) == nil)
        var short = Self.facts { $0.sending = 10 }
        short.seconds = 0.5
        #expect(Bottleneck.of(short) == nil)
    }
}
