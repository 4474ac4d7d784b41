import CAllocations
import Glibc

// davit-fuzz: libFuzzer around one parser, which DAVIT_FUZZ_TARGET names. scripts/fuzz builds and runs it.
//
// A target takes bytes and asserts what must hold of whatever its parser makes of them: no trap, a bounded heap, and properties
// such as "what was read and written is read the same again". A broken property stops the process, and libFuzzer keeps the input.

/// Bytes that one input may hold on the heap at once, everything that a target does with it included.
private let mostHeap = 64 << 20

/// Most that any input of this run held.
nonisolated(unsafe) private var highest = 0

private let check: @Sendable ([UInt8]) -> Void = {
    let name = getenv("DAVIT_FUZZ_TARGET").map { String(cString: $0) } ?? ""
    if let check = targets[name] {
        atexit { report("davit-fuzz: most heap held by one input: \((highest + 1023) >> 10) KiB\n") }
        return check
    }
    report("davit-fuzz: set DAVIT_FUZZ_TARGET to one of: \(targets.keys.sorted().joined(separator: " "))\n")
    exit(2)
}()

@_cdecl("LLVMFuzzerTestOneInput")
public func testOneInput(_ data: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    let bytes = swollen(Array(UnsafeBufferPointer(start: data, count: count)))
    let check = check
    davit_allocations_begin(mostHeap)
    check(bytes)
    highest = max(highest, davit_allocations_end())
    return 0
}

private func report(_ text: String) { _ = Array(text.utf8).withUnsafeBytes { write(2, $0.baseAddress, $0.count) } }
