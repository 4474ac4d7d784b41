/// Slots of bodies in use, of all uploads and by job, so that jobs can share them.
struct SlotUse: Equatable {
    private(set) var total = 0
    private var slots: [Int64: Int] = [:]
    private var bytes: [Int64: Int64] = [:]

    /// Slots in use for that job.
    func slots(of job: Int64) -> Int { slots[job] ?? 0 }
    /// Body bytes of that job in flight.
    func bytes(of job: Int64) -> Int64 { bytes[job] ?? 0 }

    /// Slots in use for the jobs that `isOne` names.
    func slots(where isOne: (Int64) -> Bool) -> Int { slots.reduce(0) { isOne($1.key) ? $0 + $1.value : $0 } }

    mutating func take(_ job: Int64, bytes length: Int64) {
        total += 1
        slots[job, default: 0] += 1
        bytes[job, default: 0] += length
    }

    /// A body is answered; its slot may still wait for the disk.
    mutating func land(_ job: Int64, bytes length: Int64) {
        let left = (bytes[job] ?? 0) - length
        bytes[job] = left > 0 ? left : nil
    }

    mutating func free(_ job: Int64, _ count: Int = 1) {
        guard count > 0 else { return }
        total -= count
        let left = (slots[job] ?? 0) - count
        slots[job] = left > 0 ? left : nil
    }
}
