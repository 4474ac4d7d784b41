import Glibc
import OSSProtocol
import Platform

/// A program that prints credentials, run without a shell.
///
/// Source: the aliyun command line's mode External (`{"mode":"StsToken","access_key_id",…}`) and ossutil's `credential-process`
/// (`{"AccessKeyId",…}`).
struct ProcessProvider: CredentialProvider {
    /// As ossutil: 15 s, at most 600.
    static let usualTimeout = Duration.seconds(15)
    /// Bytes of standard output.
    private static let longestOutput = 64 << 10

    let command: [String]
    let timeout: Duration
    let environment: [String: String]

    var kind: String { "process" }
    var fingerprint: String { Fingerprint.of("process", command) }

    func fetch(refusing accessKeyID: String?) async throws(ProviderFailure) -> IssuedCredentials {
        let limits = ChildProcess.Limits(time: timeout, output: ProcessProvider.longestOutput)
        let answer: ChildProcess.Answer
        do throws(ChildProcess.Failure) {
            answer = try await ChildProcess.run(command, environment: environment, limits: limits)
        } catch {
            throw failure(error)
        }
        let document = CredentialDocument(json: answer.output)
        guard answer.end == .status(0) else {
            throw .refused("\(name) failed: \(answer.end)\(ProcessProvider.said(answer.errors, hiding: document?.secrets ?? []))")
        }
        guard let document else {
            throw .refused(
                "\(name) printed \(answer.output.isEmpty ? "nothing" : "something that is no credentials"): JSON with access_key_id and "
                    + "access_key_secret is expected\(ProcessProvider.said(answer.errors, hiding: []))")
        }
        do throws(CredentialDocument.Defect) {
            return IssuedCredentials(credentials: try document.credentials())
        } catch {
            throw .refused("the output of \(name) \(error.text)")
        }
    }

    /// Its arguments may be secrets.
    private var name: String { "the program \(PlainText.line(command.first ?? "", limit: 200)) of command" }

    private func failure(_ failure: ChildProcess.Failure) -> ProviderFailure {
        switch failure {
        case .notStarted(let error):
            let advice = error.advice.map { ". \($0)" } ?? ""
            let text = "\(name) cannot be started (\(error.why))\(advice)"
            // The machine is short of something, the program may be right.
            let isShortage = [EAGAIN, ENOMEM, EMFILE, ENFILE].contains(error.errno)
            return isShortage ? .unavailable(retryAfter: nil, text) : .refused(text)
        case .tooSlow(let errors):
            let text = "\(name) was not done in \(timeout.components.seconds) s and was ended"
            return .unavailable(retryAfter: nil, text + ProcessProvider.said(errors, hiding: []))
        case .tooLong:
            return .refused("\(name) printed more than \(ProcessProvider.longestOutput >> 10) KiB, which is no credentials, and was ended")
        case .cancelled: return .unavailable(retryAfter: nil, "\(name) was ended, nobody waits for it any more")
        }
    }

    private static func said(_ errors: [UInt8], hiding secrets: [String]) -> String {
        let line = Redaction.line(String(decoding: errors, as: UTF8.self), without: secrets, isTail: true)
        return line.isEmpty ? "" : "; it says: \(line)"
    }
}
