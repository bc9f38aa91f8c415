//! Systems that are already there: a database or a dump, and a log.
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod live;
mod logs;
mod observations;
mod scene;
