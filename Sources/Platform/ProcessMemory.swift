import CPosix

/// What others may see of this process.
public enum ProcessMemory {
    /// From now on no core dump is written, and no other process but the administrator's reads memory, environment or descriptors.
    /// A system that does not know how goes on without.
    public static func keepPrivate() { _ = dposix_keep_memory_private() }
}
