//! Databases to be dropped when the server is idle.
//!
//! Dropping a database takes a server as long as creating one. So on a server that this crate
//! started, a drop waits until the server is idle (creates no clone of a template), or until the
//! file system fills up. Databases that are still in the queue when the server stops are removed
//! together with the server.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use tokio::sync::Semaphore;

use super::admin::Admin;
use super::copy::free_bytes;

/// Databases that wait to be dropped may take 1/8 of the free space.
const SPACE_DIVISOR: u64 = 8;
/// Bytes of one database: an empty one with a few tables has about 7 MB.
const DATABASE_BYTES: u64 = 8 * 1024 * 1024;

/// A queue of databases to drop.
#[derive(Debug)]
pub(super) struct DropQueue {
    /// The server's folder, whose file system must have free space; `None` if no drop may wait.
    folder: Option<PathBuf>,
    waiting: Mutex<VecDeque<String>>,
    /// The number of clones that are being created. They take precedence over drops.
    pauses: AtomicUsize,
    closed: AtomicBool,
    /// Databases are dropped one at a time.
    dropping: Semaphore,
}

/// Defers the drops of databases as long as this value exists.
#[derive(Debug)]
pub(super) struct DropsPaused<'a>(&'a DropQueue);

impl DropQueue {
    pub(super) fn new(folder: Option<PathBuf>) -> Self {
        Self {
            folder,
            waiting: Mutex::default(),
            pauses: AtomicUsize::new(0),
            closed: AtomicBool::new(false),
            dropping: Semaphore::new(1),
        }
    }

    /// Defers drops until the returned value is dropped.
    pub(super) fn pause(&self) -> DropsPaused<'_> {
        self.pauses.fetch_add(1, Ordering::Relaxed);
        DropsPaused(self)
    }

    /// Adds a database to the queue.
    pub(super) fn push(&self, name: String) {
        self.waiting().push_back(name);
    }

    /// Drops databases as long as the server is idle or too many wait. Returns at once if another
    /// task is dropping databases.
    pub(super) async fn drop_due(&self, admin: &Admin) {
        let Ok(_one_at_a_time) = self.dropping.try_acquire() else { return };
        while let Some(name) = self.pop_due() {
            let _dropped = admin.drop_database(&name).await;
        }
    }

    /// Drops all databases in the queue now, because the server keeps running after this process.
    pub(super) async fn drop_all(&self, admin: &Admin) {
        let Ok(_one_at_a_time) = self.dropping.acquire().await else { return };
        while let Some(name) = self.pop() {
            let _dropped = admin.drop_database(&name).await;
        }
    }

    /// From now on, an idle server is no reason to drop databases. What stays in the queue is removed
    /// together with the server, or dropped by another process that uses the server.
    pub(super) fn close(&self) {
        self.closed.store(true, Ordering::Relaxed);
    }

    fn pop_due(&self) -> Option<String> {
        let waiting = self.waiting().len();
        let idle = self.pauses.load(Ordering::Relaxed) == 0 && !self.closed.load(Ordering::Relaxed);
        let free = self.folder.as_deref().map_or(0, free_bytes);
        if is_due(waiting, idle, free) { self.pop() } else { None }
    }

    fn pop(&self) -> Option<String> {
        self.waiting().pop_front()
    }

    fn waiting(&self) -> std::sync::MutexGuard<'_, VecDeque<String>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for DropsPaused<'_> {
    fn drop(&mut self) {
        self.0.pauses.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Returns whether to drop a database now. `free` is the free space in bytes.
fn is_due(waiting: usize, idle: bool, free: u64) -> bool {
    waiting > 0 && (idle || waiting as u64 > free / SPACE_DIVISOR / DATABASE_BYTES)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_drop_waits_for_an_idle_server_or_for_too_many_drops() {
        let (space, limit) = (64 * SPACE_DIVISOR * DATABASE_BYTES, 64);
        assert!(!is_due(0, true, 0));
        assert!(is_due(1, true, space));
        assert!(!is_due(limit, false, space));
        assert!(is_due(limit + 1, false, space));
        assert!(is_due(limit, false, space - 1));
    }

    #[test]
    fn every_drop_is_due_without_a_folder_or_without_space() {
        for folder in [None, Some(PathBuf::from("/nowhere"))] {
            let queue = DropQueue::new(folder);
            let _paused = queue.pause();
            queue.push("one".into());
            assert_eq!(queue.pop_due().as_deref(), Some("one"));
            assert_eq!(queue.pop_due(), None);
        }
    }

    #[test]
    fn no_drop_is_due_while_drops_are_paused() {
        let queue = DropQueue::new(Some(std::env::temp_dir()));
        queue.push("one".into());
        let paused = queue.pause();
        assert_eq!(queue.pop_due(), None);
        drop(paused);
        assert_eq!(queue.pop_due().as_deref(), Some("one"));
    }

    #[test]
    fn a_closed_queue_leaves_its_drops_to_the_removal_of_the_server() {
        let queue = DropQueue::new(Some(std::env::temp_dir()));
        queue.push("one".into());
        queue.close();
        assert_eq!(queue.pop_due(), None);
    }
}
