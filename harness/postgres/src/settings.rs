//! Settings of a server whose data need not be durable.

/// Turns off durability and background work, for local servers and for containers.
pub(super) const FAST: [&str; 14] = [
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
    // /dev/shm may be small: a container gets 64 MB.
    "dynamic_shared_memory_type=mmap",
];
