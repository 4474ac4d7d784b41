import Contracts
import Credentials
import OSSProtocol
import Platform

/// `davit auth test`: endpoint, clock, credentials and permissions, each by trying it.
extension RemoteOperations {
    func test(_ request: AuthTestRequest) async throws(OrderError) -> [AuthCheck] {
        let settings = await access.settings()
        let dests: [String]
        if let dest = request.dest {
            dests = [dest]
        } else if let remote = request.remote {
            dests = [remote + ":"]
        } else {
            dests = settings.remotes.map { $0.name + ":" }
            guard !dests.isEmpty else {
                throw OrderError(
                    code: "NothingToTest",
                    message: "there is no remote in the configuration. Add one, or give a destination such as oss://BUCKET/",
                    exit: 2)
            }
        }
        var checks: [AuthCheck] = []
        for dest in dests { checks += try await test(dest: dest, request.credentials, isOnly: dests.count == 1) }
        return checks
    }

    private func test(dest: String, _ credentials: OrderCredentials?, isOnly: Bool) async throws(OrderError) -> [AuthCheck] {
        let target: Target
        do throws(OrderError) {
            target = try await access.look(dest: dest, credentials: credentials)
        } catch {
            if error.exit == 2, isOnly { throw error }
            let scope = String(decoding: dest.utf8.prefix { $0 != UInt8(ascii: ":") }, as: UTF8.self)
            return [AuthCheck(scope: scope, check: "credentials", ok: false, text: error.message)]
        }
        let isSigned = await access.kind(scope: target.scope) == "signed-url"
        var checks = isSigned ? [] : await testEndpoint(target)
        let shown = target.remote ?? "oss://\(target.bucket)"
        do throws(AccessFailure) {
            if let lease = try await access.lease(scope: target.scope, minimumLife: .seconds(30)) {
                let left = lease.expires.map { "for \(Int(($0 - access.clock.now()).inMilliseconds / 1000)) s" } ?? "without an end"
                let kind = await access.kind(scope: target.scope)
                checks.append(AuthCheck(scope: shown, check: "credentials", ok: true, text: "\(kind): \(lease.identity), valid \(left)"))
            } else {
                checks.append(
                    AuthCheck(scope: shown, check: "credentials", ok: true, text: "signed-url: the authorization server signs each request")
                )
            }
        } catch {
            checks.append(AuthCheck(scope: shown, check: "credentials", ok: false, text: error.text))
            return checks
        }
        checks.append(await testPut(target, shown))
        if isSigned {
            checks.append(AuthCheck(scope: shown, check: "list", ok: true, text: "not granted; uploads do not need it"))
            return checks
        }
        checks.append(await testList(target, shown))
        checks.append(await testGet(target, shown))
        return checks
    }

    /// Any answer shows that the endpoint is there; its date shows the clocks' difference.
    private func testEndpoint(_ target: Target) async -> [AuthCheck] {
        let shown = target.remote ?? "oss://\(target.bucket)"
        do {
            let address = try target.address()
            let request = address.request(method: "HEAD", key: ObjectKey(".davit-probe"))
            let reply = try await access.transport(scope: target.scope).send(
                request, body: nil, options: RemoteRequests.options, progress: nil)
            var checks = [AuthCheck(scope: shown, check: "endpoint", ok: true, text: "\(target.endpoint) answers")]
            guard let date = reply.response.headers["Date"].flatMap({ Timestamp(httpDate: $0) }) else { return checks }
            access.clock.learn(serverTime: date)
            let offset = access.clock.offsetSeconds ?? 0
            // OSS accepts 15 minutes either way, and the engine corrects by what it has learned.
            let text =
                abs(offset) < 5
                ? "agrees with the server's" : "\(Int(abs(offset))) s \(offset > 0 ? "behind" : "ahead of") the server's; corrected"
            checks.append(AuthCheck(scope: shown, check: "clock", ok: true, text: text))
            return checks
        } catch let error as TransportError {
            return [AuthCheck(scope: shown, check: "endpoint", ok: false, text: "\(target.endpoint) does not answer (\(PlainText.line(error.message)))")]
        } catch {
            return [AuthCheck(scope: shown, check: "endpoint", ok: false, text: (error as? AccessFailure)?.text ?? "\(error)")]
        }
    }

    /// Begins a multipart upload under the prefix and aborts it: nothing is left behind, no object is touched.
    private func testPut(_ target: Target, _ shown: String) async -> AuthCheck {
        let folder = target.isKey ? String(decoding: target.prefix.utf8.prefix(lastSlash(target.prefix)), as: UTF8.self) : target.prefix
        let key = ObjectKey(folder + ".davit-probe-" + Randomness.token())
        do throws(OrderError) {
            let response = try await requests.send(.initiate(ObjectHeaders()), key: key, target: target, isOnce: true)
            let uploadID: String
            do throws(OSSError) { uploadID = try OSSReply.initiate(response) } catch { throw RemoteRequests.failure(error, target) }
            let end: HTTPResponse
            do throws(OrderError) {
                end = try await requests.send(.abort(uploadID: uploadID), key: key, target: target)
            } catch {
                await owe(uploadID, key, target)
                throw error
            }
            guard end.status < 300 else {
                await owe(uploadID, key, target)
                return AuthCheck(
                    scope: shown, check: "put", ok: false,
                    text: "an upload can be begun but not aborted; grant oss:AbortMultipartUpload (\(OSSError(response: end)))")
            }
            return AuthCheck(scope: shown, check: "put", ok: true, text: "uploads to oss://\(target.bucket)/\(folder) are allowed")
        } catch {
            return AuthCheck(scope: shown, check: "put", ok: false, text: error.message)
        }
    }

    /// The queue goes on with an abort that did not come through, and shows it until then.
    private func owe(_ uploadID: String, _ key: ObjectKey, _ target: Target) async {
        var target = target
        target.scope = await access.orderScope(of: target.scope)
        await queue.owe(LedgerEntry(bucket: target.bucket, key: key, uploadID: uploadID, upload: nil, target: target))
    }

    private func testList(_ target: Target, _ shown: String) async -> AuthCheck {
        do throws(OrderError) {
            let options = ListOptions(prefix: ObjectKey(target.prefix), delimiter: "/", limit: 1)
            let response = try await requests.send(.listObjects(options), key: nil, target: target)
            return permission(response, shown, "list", granted: "listing is allowed", denied: "not granted; uploads do not need it")
        } catch {
            return AuthCheck(scope: shown, check: "list", ok: false, text: error.message)
        }
    }

    /// 404 is a permission too: only who may read is told that there is nothing.
    private func testGet(_ target: Target, _ shown: String) async -> AuthCheck {
        do throws(OrderError) {
            let key = ObjectKey(target.prefix + ".davit-probe")
            let response = try await requests.send(.headObject, key: key, target: target)
            let answer = response.status == 404 ? HTTPResponse(status: 200) : response
            return permission(
                answer, shown, "get", granted: "reading is allowed",
                denied: "not granted; a lost answer to the last step is settled without it")
        } catch {
            return AuthCheck(scope: shown, check: "get", ok: false, text: error.message)
        }
    }

    private func permission(_ response: HTTPResponse, _ shown: String, _ check: String, granted: String, denied: String) -> AuthCheck {
        if response.status < 300 { return AuthCheck(scope: shown, check: check, ok: true, text: granted) }
        let error = OSSError(response: response)
        return error.status == 403
            ? AuthCheck(scope: shown, check: check, ok: true, text: denied)
            : AuthCheck(scope: shown, check: check, ok: false, text: PlainText.line("\(error)"))
    }

    private func lastSlash(_ text: String) -> Int {
        let bytes = Array(text.utf8)
        return bytes.lastIndex(of: UInt8(ascii: "/")).map { $0 + 1 } ?? 0
    }
}
