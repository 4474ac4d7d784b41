import Contracts
import Credentials
import OSSProtocol
import Platform
import TransferCore

/// One small request to OSS with one more try where that helps: a stale lease, a wrong clock, a lost connection.
struct RemoteRequests: Sendable {
    let access: Access

    /// - Parameter isOnce: what it does must not be done twice: only a refusal is followed by another try.
    /// - Returns: the answer, whatever its status.
    /// - Throws: exit 6 without credentials, 1 without an answer.
    func send(_ operation: OSSOperation, key: ObjectKey?, target: Target, isOnce: Bool = false) async throws(OrderError) -> HTTPResponse {
        var options = RemoteRequests.options
        options.mayRepeat = !isOnce
        var last: HTTPResponse?
        var lost: String?
        for _ in 0..<2 {
            let authorized: AuthorizedRequest
            do throws(AccessFailure) {
                authorized = try await access.authorize(operation, key: key ?? ObjectKey(""), target: target, minimumLife: .seconds(30))
            } catch {
                throw RemoteRequests.noCredentials(error, target)
            }
            let reply: TransportReply
            do {
                reply = try await access.transport(scope: target.scope).send(
                    authorized.request, body: nil, options: options, progress: nil)
            } catch let error as AccessFailure {
                throw RemoteRequests.noCredentials(error, target)
            } catch let error as TransportError {
                lost = PlainText.line(error.message)
                if isOnce { break }
                continue
            } catch {
                throw OrderError(code: "Internal", message: "\(error)", exit: 1)
            }
            let response = reply.response
            guard response.status >= 300 else { return response }
            last = response
            let error = OSSError(response: response)
            switch error.code {
            case "SecurityTokenExpired", "InvalidSecurityToken", "AccessKeyIdAndSecurityTokenNotMatch", "InvalidAccessKeyId":
                await access.retire(generation: authorized.generation, target: target)
            case "RequestTimeTooSkewed":
                if let time = error.serverTime { await access.learnClock(serverTime: time) }
            default:
                guard response.status >= 500, !isOnce else { return response }
            }
        }
        if let last { return last }
        throw OrderError(
            code: "Unreachable",
            message: "\(target.endpoint) does not answer (\(lost ?? "no reason given")). Check the endpoint and the network",
            exit: 1)
    }

    static var options: SendOptions {
        var options = SendOptions()
        options.connectTimeout = .seconds(10)
        options.stallTimeout = .seconds(30)
        options.total = .seconds(60)
        // A page of 1,000 keys of 1,023 bytes, each byte encoded as three, with everything that stands around them.
        options.maxAnswerBytes = 8 << 20
        return options
    }

    static func noCredentials(_ failure: AccessFailure, _ target: Target) -> OrderError {
        OrderError(
            code: "NoCredentials",
            message: "no valid credentials for \(target.remote.map { "“\($0)”" } ?? "oss://\(target.bucket)"): \(failure.text)",
            exit: 6)
    }

    /// What OSS said and what to do about it. The cause comes first: a narrow window shows the beginning alone.
    ///
    /// - Parameter operation: what was asked for; who may not do it is told the permission that is missing.
    static func failure(_ error: OSSError, _ target: Target, _ operation: OSSOperation? = nil) -> OrderError {
        let place = target.bucket.isEmpty ? target.endpoint : "oss://\(target.bucket)"
        let advice = FailureAdvice.text(for: error, at: try? target.address())
        let isDenied = error.status == 403 && error.code == "AccessDenied"
        let missing = isDenied ? operation.map { "\($0.permission) on " } ?? "" : ""
        return OrderError(
            code: error.code,
            message:
                "\(error.status) \(PlainText.line(error.code, limit: 60)) (\(missing)\(place)): \(PlainText.clause(error.message)), request \(PlainText.line(error.requestID ?? "unknown", limit: 60)). \(advice)",
            exit: 1)
    }
}
