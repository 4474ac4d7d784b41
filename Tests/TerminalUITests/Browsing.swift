import Contracts

@testable import TerminalUI

/// The directory and the bucket of the design's mock-up.
enum Browsing {
    static func at(_ text: String) -> Int64 { (LocalTime.milliseconds(text + ":00Z") ?? 0) / 1000 - Int64(Mix.zone) }

    static func file(_ name: String, _ size: Int64, _ time: String) -> LocalEntry {
        LocalEntry(name: Array(name.utf8), kind: .file, size: size, modified: at(time))
    }

    static let local: [LocalEntry] = [
        LocalEntry(name: Array("camera".utf8), kind: .directory, size: 0, modified: at("2026-11-22T18:20")),
        file("camera-01_b-roll.mov", 8_482_560_409, "2026-11-22T18:31"),
        file("camera-02_master_v7.mov", 12_777_527_705, "2026-11-23T09:12"),
        file("camera-03_interview-full_master_v7.mov", 13_421_772_800, "2026-11-23T09:40"),
        file("camera-04_master_v7.mov", 12_992_276_070, "2026-11-23T10:02"),
        file("audio-mix_v3.wav", 2_362_232_012, "2026-11-23T11:30"),
        file("notes\r.txt", 1126, "2026-11-20T08:00"),
        file("2024年度_撮影計画_最終版.pdf", 4_613_734, "2026-10-01T12:00"),
        LocalEntry(
            name: Array("link-to-archive".utf8), kind: .link(target: Array("../tape".utf8)), size: 0, modified: at("2026-09-09T09:09")),
        file(".hidden", 1, "2026-09-09T09:09"),
    ]

    static let listing = ListResult(
        bucket: "media-prod", prefix: "2026/11/raw/",
        items: [
            ListResult.Entry(key: "2026/11/raw/proxy/", isPrefix: true, size: nil, modified: nil, etag: nil, storageClass: nil),
            ListResult.Entry(
                key: "2026/11/raw/camera-01_b-roll.mov", isPrefix: false, size: 8_482_560_409, modified: "2026-11-22T11:02:00Z", etag: nil,
                storageClass: nil),
            ListResult.Entry(
                key: "2026/11/raw/camera-03_interview-full_master_v7.mov", isPrefix: false, size: 12_670_153_523,
                modified: "2026-11-21T14:15:00Z",
                etag: nil, storageClass: nil),
            ListResult.Entry(
                key: "2026/11/raw/storyboard.pdf", isPrefix: false, size: 18_874_368, modified: "2026-11-02T02:10:00Z", etag: nil,
                storageClass: nil),
        ], truncated: false, continuation: nil)

    /// Both panes listed and compared, three files marked, the cursor on the second.
    static func state(size: Size) -> AppState {
        var state = Mix.state(size: size)
        var desk = Desk(rows: Mix.rows)
        desk.press("2", &state, after: 0)
        _ = reduce(&state, .localListing(path: "/home/ops/media/2026-11/raw", entries: local))
        _ = reduce(
            &state,
            .bucketListing(dest: "prod:", ListResult(bucket: "media-prod", prefix: "", items: [], truncated: false, continuation: nil)))
        state.browse.bucket.loading = "prod:2026/11/raw/"
        _ = reduce(&state, .bucketListing(dest: "prod:2026/11/raw/", listing))
        desk.press("=", &state, after: 0)
        state.message = nil
        let marked = ["camera-01_b-roll.mov", "camera-02_master_v7.mov", "camera-03_interview-full_master_v7.mov"]
        state.browse.local.marks = Set(marked.map { Array($0.utf8) })
        state.browse.local.cursor = state.browse.visible(state.browse.local).firstIndex { $0.name == Array(marked[1].utf8) } ?? 0
        return state
    }

    static func hostile(size: Size) -> AppState {
        var state = Mix.state(size: size)
        var desk = Desk(rows: Mix.rows)
        desk.press("2", &state, after: 0)
        let entries = Hostile.names.map { LocalEntry(name: $0, kind: .file, size: 1024, modified: at("2026-11-20T08:00")) }
        _ = reduce(&state, .localListing(path: "/home/ops/media/2026-11/raw", entries: entries))
        return state
    }
}

/// Names that people and attackers make.
enum Hostile {
    static let names: [[UInt8]] = [
        Array("esc\u{1B}[31mred.txt".utf8), Array("bell\u{07}.txt".utf8), Array("line\nbreak.txt".utf8), Array("tab\tname.txt".utf8),
        Array("return\r.txt".utf8), Array("rtl\u{202E}gpj.exe".utf8), Array("zero\u{200B}width.txt".utf8),
        Array(String(repeating: "a", count: 200).utf8) + Array(".dat".utf8), Array("日本語のとても長いファイル名を切る場所の試験.txt".utf8),
        Array("한국어_파일이름이_아주_길어서_잘려야_하는_경우.mp4".utf8), Array("نسخة_احتياطية.zip".utf8), Array("קובץ_גיבוי.tar".utf8),
        Array("family-\u{1F468}\u{200D}\u{1F469}\u{200D}\u{1F467}\u{200D}\u{1F466}.png".utf8), Array("thumb-\u{1F44D}\u{1F3FD}.png".utf8),
        Array("flag-\u{1F1E9}\u{1F1EA}.png".utf8), Array("cafe\u{301}.txt".utf8),
        Array("zalgo\u{301}\u{302}\u{303}\u{304}\u{305}\u{306}.txt".utf8),
        Array("\u{301}leading-mark.txt".utf8), [0x62, 0x61, 0x64, 0xFF, 0xC3, 0x28, 0x2E, 0x74], Array(" lead and trail ".utf8),
        Array("-rf".utf8),
        Array("~".utf8), Array("#%'\"\\.txt".utf8), Array("c1\u{9B}31m\u{85}.txt".utf8), Array("각각.txt".decomposedHangul.utf8),
        Array("sep\u{2028}\u{2029}\u{FEFF}\u{AD}\u{61C}.txt".utf8), Array("tag\u{E0041}\u{E0042}.txt".utf8),
    ]
}

extension String {
    /// Hangul syllables as conjoining letters, as some systems store names.
    var decomposedHangul: String {
        var result = ""
        for scalar in unicodeScalars {
            let index = Int(scalar.value) - 0xAC00
            guard (0..<11_172).contains(index) else {
                result.unicodeScalars.append(scalar)
                continue
            }
            let letters = [0x1100 + index / 588, 0x1161 + index % 588 / 28] + (index % 28 > 0 ? [0x11A7 + index % 28] : [])
            for letter in letters { if let scalar = Unicode.Scalar(letter) { result.unicodeScalars.append(scalar) } }
        }
        return result
    }
}

enum Marking {
    /// Marks so many uploads that are not on the screen: 412 GiB, of which 96.1 are stored, nine uploading.
    static func mark(_ count: Int, in state: inout AppState) {
        state.queue.marks = Marks()
        for number in 0..<count {
            let facts = Marks.Facts(
                size: 412 * Mix.gib / Int64(count), stored: Int64(96.1 * Double(Mix.gib)) / Int64(count),
                state: number < 9 ? .uploading : .queued)
            state.queue.marks.ids["m-\(number)"] = facts
        }
    }
}
