import Glibc
import OSSProtocol
import Platform
import TransferCore

/// Files and connections run out: uploads wait for one another, and none fails.
extension EngineLoop {
    private static let descriptorPause = Duration.seconds(1)

    /// Parts that may be in flight.
    var partsAllowed: Int { min(limitsNow.parts, settings.affordableParts) }

    /// Nothing new is opened for a moment.
    var lacksDescriptors: Bool { descriptorTrouble.map { clocks.steady() < $0 } ?? false }

    static func isLack(_ error: FileError) -> Bool { error.errno == EMFILE || error.errno == ENFILE }

    /// A file could not be opened only because too many are open: the upload goes back to where it was, and what nobody reads now is closed.
    func lackDescriptors(_ run: UploadRun, _ error: FileError) {
        let now = clocks.steady()
        if descriptorTrouble.map({ now - $0 >= .seconds(60) }) ?? true {
            log.warning(
                "too many files and connections are open: uploads wait for one another",
                metadata: ["limit": "\(Descriptors.limits().soft)", "reason": "\(error.why)"])
        }
        descriptorTrouble = now + Self.descriptorPause
        for other in runs.values where other.isSmall && other.flights.isEmpty { other.source = nil }
        leave(run, as: run.isAborting ? .cancelled : .queued)
    }
}
