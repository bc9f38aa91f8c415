//! Tests of `guard`, which compares the flags in deploy manifests with what `check` proved.

mod base;
mod drift;
mod live;
mod results;
mod shop;
