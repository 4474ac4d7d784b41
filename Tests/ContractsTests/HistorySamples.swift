@testable import Contracts

extension Samples {
    static let history: [Sample] = [
        Sample("history") {
            HistoryPage(
                items: [
                    HistoryItem(upload: upload, versionId: "CAEQ", requestId: "65A3C0E1D2", reason: nil, removed: false),
                    HistoryItem(upload: bareUpload, versionId: nil, requestId: nil, reason: "cancelled", removed: true),
                ], total: 100_537, next: "1795000000000-31")
        },
        Sample("history-end") { HistoryPage(items: [], total: nil, next: nil) },
        Sample("edits") {
            ListEnvelope(
                items: [
                    EditView(id: 17, at: "2026-11-23T06:03:22.000Z", action: "cancel", by: "ops2", uploads: 3, undone: true, undoable: true),
                    EditView(id: 16, at: "2026-11-23T06:03:21.000Z", action: "abort", by: nil, uploads: 1, undone: false, undoable: false),
                ], total: 2)
        },
        Sample("receipt") {
            ReceiptPage(head: ReceiptReaderTests.head, objects: ReceiptReaderTests.objects, next: "2026/文件")
        },
        Sample("verify") {
            VerifyRequest(
                remote: "ingest", bucket: "media-ingest",
                objects: [VerifyRequest.Object(key: "2026/a", size: 5, crc64: "18446744073709551615", etag: "\"E\"")], credentials: nil)
        },
        Sample("verify-result") {
            VerifyResult(
                checked: 2, matched: 1, mismatches: [VerifyResult.Mismatch(key: "2026/a", what: "missing", expected: nil, found: nil)])
        },
        Sample("plan") {
            PlanView(
                bucket: "b", prefix: "2026/", files: 3, bytes: 26_214_405, filtered: 1,
                refused: [JobView.Refused(path: "/d/p", reason: "it is a pipe, not a file")], refusedTotal: 1,
                collisions: [PlanView.Collision(key: "2026/a", path: "/e/a")], collisionsTotal: 1,
                requests: PlanView.Requests(put: 2, initiate: 1, part: 4, complete: 1, head: 3),
                existing: PlanView.Existing(objects: 1, keys: ["2026/a"], partial: false, rule: "skip"),
                checks: [AuthCheck(scope: "oss://b", check: "put", ok: true, text: "allowed")],
                time: PlanView.Time(seconds: 10, rate: 2_621_441, basis: "order limit"))
        },
        Sample("detail-stored") {
            UploadDetail(upload: upload, map: "#", active: [], events: [], versionId: "CAEQ", requestId: "65A3C0E1D2")
        },
    ]
}
