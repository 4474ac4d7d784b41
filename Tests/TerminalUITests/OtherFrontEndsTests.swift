import Contracts
import Testing

@testable import TerminalUI

/// What other front ends did is said here, with who did it; what was done here is not said twice.
@Suite struct OtherFrontEndsTests {
    private static func status(_ number: Int, by: String? = "ops2", action: String = "pause") -> StatusView {
        var status = Mix.status
        status.revision += Int64(number)
        status.lastAction = StatusView.DoneAction(number: number, action: action, by: by, uploads: 3)
        return status
    }

    @Test func anotherFrontEndsActionIsSigned() {
        var state = Mix.state()

        _ = reduce(&state, .status(Self.status(1)))

        #expect(state.message?.text == "ops2 paused 3 uploads")
    }

    @Test func whatWasDoneBeforeWeCameIsNoNews() {
        var state = AppState(options: Mix.options(), now: Mix.now)

        _ = reduce(&state, .status(Self.status(4)))
        _ = reduce(&state, .status(Self.status(4)))

        #expect(state.message == nil)
    }

    @Test func ourOwnActionIsToldByItsAnswerAlone() {
        var state = Mix.state()
        let effects = reduce(&state, .key(.character("p"), at: state.now + 500))
        #expect(effects.contains { if case .act = $0 { true } else { false } })

        _ = reduce(&state, .status(Self.status(1, by: "ops")))
        #expect(state.message?.text.contains("ops paused") != true)
        _ = reduce(&state, .tick(now: state.now + 3000))
        _ = reduce(&state, .status(Self.status(2, by: nil, action: "cancel")))

        #expect(state.message?.text == "another front end cancelled 3 uploads")
    }

    @Test func aSlowLinkIsSaidInTheHeader() {
        var state = Mix.state()

        _ = reduce(&state, .linkIsSlow(true))

        #expect(render(state, size: state.size, theme: .mono).lines[3].contains("slow link"))
    }
}
