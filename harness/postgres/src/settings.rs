//! Settings of a server whose data never outlive the run.

/// Durability and background work are switched off, whatever the server runs in.
pub(super) const QUICK: [&str; 14] = [
    "fsync=off",
    "synchronous_commit=off",
    "full_page_writes=off",
    "wal_level=minimal",
    "max_wal_senders=0",
    "max_wal_size=4GB",
    "checkpoint_timeout=1h",
    "autovacuum=off",
    "jit=off",
    "shared_buffers=64MB",
    "max_connections=300",
    "timezone=UTC",
    "log_timezone=UTC",
    // /dev/shm may be tiny: 64 MB is what a container gets.
    "dynamic_shared_memory_type=mmap",
];
