import HummingbirdCore
import NIOCore
import OSSProtocol
import Testing

@testable import Sandbox

@Suite struct ControlTests {
    @Test func tokensExpireWhenTold() async throws {
        let caller = try Caller()
        let (one, two) = (try await caller.assumeRole(), try await caller.assumeRole())

        _ = try await caller.control("POST", "/_sandbox/tokens/expire", #"{"access_key_id": "\#(one.accessKeyID)"}"#)
        #expect(try await caller.code("PUT", "k", as: one) == "SecurityTokenExpired")
        #expect(try await caller.code("PUT", "k", as: two) == nil)
        _ = try await caller.control("POST", "/_sandbox/tokens/expire")
        #expect(try await caller.code("PUT", "k", as: two) == "SecurityTokenExpired")
        #expect(try await caller.code("PUT", "k", as: try await caller.assumeRole()) == nil)
    }

    @Test func aToldLifeIsTrueInTheAnswer() async throws {
        let caller = try Caller()

        _ = try await caller.control("POST", "/_sandbox/tokens/life", #"{"seconds": 5}"#)
        #expect(try await caller.assumeRole(seconds: 3600).expiration == caller.now + .seconds(5))
        _ = try await caller.control("POST", "/_sandbox/tokens/life", #"{"seconds": null}"#)
        #expect(try await caller.assumeRole(seconds: 3600).expiration == caller.now + .seconds(3600))
    }

    @Test func theClockCanBeMoved() async throws {
        let caller = try Caller()

        #expect(try await caller.control("POST", "/_sandbox/clock", #"{"offset": 1200}"#).status == 200)

        let answer = try await caller.send("PUT", "k")
        #expect(OSSError(response: answer).code == "RequestTimeTooSkewed")
        #expect(OSSError(response: answer).serverTime == caller.now + .seconds(1200))
        #expect(answer.headers["Date"] == (caller.now + .seconds(1200)).httpDate)
    }

    @Test func requestsAreRecordedWithWhatTheyWere() async throws {
        let caller = try Caller()
        let id = try await caller.initiate("k")
        _ = try await caller.upload("k", id, 7, [1, 2, 3])
        _ = try await caller.deliver(.init(method: "GET", scheme: "http", host: "127.0.0.1", path: "/sandbox-bucket/k"))

        let page = try await caller.control("GET", "/_sandbox/requests?since=1").json

        let requests = page["requests"].list
        #expect(requests.map { $0["operation"].text } == ["UploadPart", "GetObject"])
        #expect(requests[0]["upload_id"].text == id && requests[0]["access_key_id"].text == caller.settings.accessKeyID)
        #expect(requests[1]["code"].text == "AccessDenied" && requests[1]["access_key_id"].text == nil)
    }

    @Test func objectsAreShownWithTheirDigests() async throws {
        let caller = try Caller()
        _ = try await caller.send("PUT", "a/k", body: content(100_000))
        _ = try await caller.send("PUT", "b", body: [])

        let objects = try await caller.control("GET", "/_sandbox/objects?prefix=a/").json["objects"].list

        #expect(objects.map { $0["key"].text } == ["a/k"])
        #expect(
            objects[0]["sha256"].text == Hex.encode(Digests.sha256(content(100_000))) && objects[0]["crc64"].text == crc64(content(100_000))
        )
    }

    @Test func rulesComeAndGoWhileItRuns() async throws {
        let caller = try Caller()

        #expect(try await caller.control("POST", "/_sandbox/faults", #"{"effect": "status", "status": 500}"#).status == 201)
        #expect(try await caller.code("PUT", "k") == "InternalError")
        #expect(try await caller.control("GET", "/_sandbox/faults").json["faults"].list.first?["rule"].text == "status status=500")
        #expect(try await caller.control("DELETE", "/_sandbox/faults/1").status == 200)
        #expect(try await caller.code("PUT", "k") == nil)
        let wrong = try await caller.control("POST", "/_sandbox/faults", #"{"effect": "explode"}"#)
        #expect(wrong.status == 400 && wrong.json["error"].text?.contains("explode") == true)
    }

    @Test func theControlCallsAnswerToLoopbackNamesOnly() async throws {
        let caller = try Caller()
        let request = IncomingRequest(method: "GET", target: "/_sandbox/objects", host: "evil.example:9002", headers: [:])

        let delivery = await caller.parts.control.respond(to: request, body: IncomingBody(RequestBody(buffer: ByteBuffer()), announced: 0))

        #expect(delivery.answer?.status == 403)
    }
}
