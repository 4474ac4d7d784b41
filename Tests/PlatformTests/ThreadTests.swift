import Testing

@testable import Platform

@Suite struct ThreadTests {
    private final class Kept: Sendable {}

    @Test func aThreadThatCannotBeStartedIsToldAndKeepsNothing() {
        weak var kept: Kept?
        let isStarted: Bool
        do {
            let value = Kept()
            kept = value
            // More than any address space holds.
            isStarted = startThread(name: "huge", stack: 1 << 60) { _ = value }
        }

        #expect(!isStarted && kept == nil)
    }

    @Test func aThreadThatIsStartedSaysSo() async {
        await withCheckedContinuation { continuation in
            #expect(startThread(name: "small") { continuation.resume() })
        }
    }
}
