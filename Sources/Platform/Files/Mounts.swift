import Glibc

/// Which file systems may keep whoever asks them waiting for ever: those behind a network or another program.
///
/// Told by the device number of a file, from `/proc/self/mountinfo`, which is read without touching the file systems themselves.
public enum Mounts {
    private struct Known {
        var mayHang: [UInt64: Bool] = [:]
        var read: UInt64 = 0
    }

    private static let known = Lock(Known())
    /// An unknown device may be a new mount; the list is not read more often than that. Nanoseconds.
    private static let shortestInterval: UInt64 = 1_000_000_000
    /// More are not remembered.
    private static let mostMounts = 10_000
    private static let mountinfo = "/proc/self/mountinfo"

    /// - Parameter device: `st_dev` of a file in it.
    public static func mayHang(device: UInt64) -> Bool {
        // A disk of its own number is here in the machine.
        if major(device) != 0 { return false }
        return known.withLock { known in
            if let answer = known.mayHang[device] { return answer }
            let now = SystemClock.monotonicNanoseconds()
            if known.read == 0 || now - known.read > shortestInterval {
                known.read = now
                known.mayHang = (try? SecureFile.read(mountinfo, limit: 16 << 20, mustBePrivate: false)).map { parse($0) } ?? [:]
            }
            // Not among them: a part of one that has a number of its own (Btrfs), or gone. Waiting with care costs little.
            return known.mayHang[device] ?? true
        }
    }

    /// `36 35 0:42 / /mnt rw,noatime shared:1 - nfs4 server:/export rw`
    static func parse(_ text: [UInt8]) -> [UInt64: Bool] {
        var mounts: [UInt64: Bool] = [:]
        for line in text.split(separator: UInt8(ascii: "\n")).prefix(mostMounts) {
            let words = line.split(separator: UInt8(ascii: " ")).map { String(decoding: $0, as: UTF8.self) }
            guard words.count > 3, let dash = words.firstIndex(of: "-"), dash + 1 < words.count else { continue }
            let numbers = words[2].split(separator: ":").compactMap { UInt32($0) }
            guard numbers.count == 2 else { continue }
            mounts[Mounts.device(numbers[0], numbers[1])] = isRemote(words[dash + 1])
        }
        return mounts
    }

    /// As glibc packs `dev_t`; its own functions are macros.
    static func device(_ major: UInt32, _ minor: UInt32) -> UInt64 {
        let (major, minor) = (UInt64(major), UInt64(minor))
        return (major & 0xFFFF_F000) << 32 | (major & 0xFFF) << 8 | (minor & 0xFFFF_FF00) << 12 | minor & 0xFF
    }

    static func major(_ device: UInt64) -> UInt32 { UInt32(truncatingIfNeeded: device >> 32 & 0xFFFF_F000 | device >> 8 & 0xFFF) }

    private static let remote: Set<String> = [
        "nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "virtiofs", "ceph", "afs", "coda", "ncpfs", "glusterfs", "lustre", "beegfs", "gfs2",
        "ocfs2", "orangefs", "davfs", "autofs", "gpfs", "panfs", "vboxsf",
    ]

    static func isRemote(_ type: String) -> Bool { remote.contains(type) || type == "fuse" || type.hasPrefix("fuse.") }
}
