//! Databases that nobody wants any more.
//!
//! Dropping one takes a server as long as making one. So where the server is ours, they wait until
//! it has nothing better to do, or until there is little room; those that are left go with it.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use tokio::sync::Semaphore;

use super::admin::Admin;
use super::copy::free_bytes;

/// Together they take at most this part of the room that is free.
const PART: u64 = 8;
/// The bytes that one takes: an empty database with a few tables has about 7 MB.
const SIZE: u64 = 8 * 1024 * 1024;

/// A queue of databases to drop.
#[derive(Debug)]
pub(super) struct Discards {
    /// Where the server's files are; `None` where nothing may wait.
    place: Option<PathBuf>,
    waiting: Mutex<VecDeque<String>>,
    /// Clones that are being made: they go first.
    making: AtomicUsize,
    ending: AtomicBool,
    /// Databases are dropped one at a time.
    dropping: Semaphore,
}

/// While it lives, nothing is dropped that can wait.
#[derive(Debug)]
pub(super) struct Busy<'a>(&'a Discards);

impl Discards {
    pub(super) fn new(place: Option<PathBuf>) -> Self {
        Self {
            place,
            waiting: Mutex::default(),
            making: AtomicUsize::new(0),
            ending: AtomicBool::new(false),
            dropping: Semaphore::new(1),
        }
    }

    /// Notes that a clone is being made, for as long as the result lives.
    pub(super) fn busy(&self) -> Busy<'_> {
        self.making.fetch_add(1, Ordering::Relaxed);
        Busy(self)
    }

    /// Takes `name`, which nobody wants any more.
    pub(super) fn add(&self, name: String) {
        self.waiting().push_back(name);
    }

    /// Drops what is due; returns at once if another task does so already.
    pub(super) async fn tidy(&self, admin: &Admin) {
        let Ok(_one_at_a_time) = self.dropping.try_acquire() else { return };
        while let Some(name) = self.due() {
            let _dropped = admin.drop_database(&name).await;
        }
    }

    /// Drops everything now, because the server outlives us.
    pub(super) async fn clear(&self, admin: &Admin) {
        let Ok(_last) = self.dropping.acquire().await else { return };
        while let Some(name) = self.next() {
            let _dropped = admin.drop_database(&name).await;
        }
    }

    /// Stops every drop that can be left to the server's end.
    pub(super) fn end(&self) {
        self.ending.store(true, Ordering::Relaxed);
    }

    fn due(&self) -> Option<String> {
        let waiting = self.waiting().len();
        let making = self.making.load(Ordering::Relaxed);
        let ending = self.ending.load(Ordering::Relaxed);
        let free = self.place.as_deref().map_or(0, free_bytes);
        if is_due(waiting, making, ending, free) { self.next() } else { None }
    }

    fn next(&self) -> Option<String> {
        self.waiting().pop_front()
    }

    fn waiting(&self) -> std::sync::MutexGuard<'_, VecDeque<String>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Busy<'_> {
    fn drop(&mut self) {
        self.0.making.fetch_sub(1, Ordering::Relaxed);
    }
}

fn is_due(waiting: usize, making: usize, ending: bool, free: u64) -> bool {
    let idle = making == 0 && !ending;
    waiting > 0 && (idle || waiting as u64 > free / PART / SIZE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_discarded_waits_for_an_idle_server_unless_it_is_much() {
        let (room, many) = (64 * PART * SIZE, 64);
        assert!(!is_due(0, 0, false, 0));
        assert!(is_due(1, 0, false, room), "nobody makes one");
        assert!(!is_due(many, 1, false, room));
        assert!(is_due(many + 1, 2, false, room));
        assert!(is_due(many, 1, false, room - 1));
        assert!(!is_due(many, 0, true, room), "it goes with the server");
    }

    #[test]
    fn where_nothing_may_wait_or_there_is_no_room_everything_is_due() {
        for place in [None, Some(PathBuf::from("/nowhere"))] {
            let discards = Discards::new(place);
            let _busy = discards.busy();
            discards.add("one".into());
            assert_eq!(discards.due().as_deref(), Some("one"));
            assert_eq!(discards.due(), None);
        }
    }

    #[test]
    fn who_makes_one_goes_first() {
        let discards = Discards::new(Some(std::env::temp_dir()));
        discards.add("one".into());
        let busy = discards.busy();
        assert_eq!(discards.due(), None);
        drop(busy);
        assert_eq!(discards.due().as_deref(), Some("one"));
    }
}
