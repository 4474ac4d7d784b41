import Testing

@testable import OSSProtocol

@Suite struct ContentTypeTests {
    @Test(arguments: [
        ("video/camera-03.mov", "video/quicktime"), ("a.JPG", "image/jpeg"), ("index.html", "text/html"), ("app.js", "text/javascript"),
        ("data.json", "application/json"), ("photo.heic", "image/heic"), ("x.tar.gz", "application/gzip"), ("clip.ts", "video/mp2t"),
        ("table.parquet", "application/vnd.apache.parquet"), ("report.pdf", "application/pdf"), ("notes.md", "text/markdown"),
        ("s.docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"), ("a.b/c.mp4", "video/mp4"),
    ])
    func theExtensionTells(name: String, type: String) {
        #expect(ContentType.of(ObjectKey(name)) == type)
    }

    @Test(arguments: ["README", "a.jpg/README", "x.", "", "file.unheardof", "file." + String(repeating: "j", count: 2_000)])
    func whereNothingTellsItIsBytes(name: String) {
        #expect(ContentType.of(ObjectKey(name)) == "application/octet-stream")
    }

    @Test func theTableIsWhole() {
        #expect(ContentType.table.count > 400)
        #expect(ContentType.table.keys.allSatisfy { !$0.isEmpty && $0 == $0.lowercased() && $0.utf8.count <= ContentType.longest })
        #expect(ContentType.table.values.allSatisfy { $0.split(separator: "/").count == 2 })
    }
}
