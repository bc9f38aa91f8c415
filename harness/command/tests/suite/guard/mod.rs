//! Tests of `guard`, which compares the flags in deploy manifests with what `check` proved.

mod base_branch;
mod drift;
mod live;
mod results;
mod storefront;
