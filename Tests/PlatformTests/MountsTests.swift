import Glibc
import Testing

@testable import Platform

@Suite struct MountsTests {
    @Test func theListTellsWhatIsBehindANetwork() {
        let text = """
            22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
            36 22 0:42 / /mnt/nfs rw,noatime shared:2 master:3 - nfs4 server:/export rw,vers=4.2
            37 22 0:43 / /mnt/with\\040space rw - fuse.sshfs user@host: rw
            38 22 0:44 / /dev/shm rw,nosuid - tmpfs tmpfs rw
            broken line
            39 22 0 / /x rw - nfs x rw
            """

        let mounts = Mounts.parse(Array(text.utf8))

        #expect(
            mounts == [
                Mounts.device(8, 1): false, Mounts.device(0, 42): true, Mounts.device(0, 43): true, Mounts.device(0, 44): false,
            ])
        #expect(Mounts.major(Mounts.device(8, 1)) == 8 && Mounts.major(Mounts.device(0, 70_000)) == 0)
    }

    @Test(arguments: ["/", "/dev/shm", "/proc"]) func whatIsInThisMachineIsReadAtOnce(path: String) {
        var information = stat()
        guard stat(path, &information) == 0 else { return }

        #expect(!Mounts.mayHang(device: UInt64(information.st_dev)))
    }
}
