//! Tests of spanproof together with services under test, mostly the runner of this repository. Each module
//! tests one behaviour. Tests start in the order of their names: `accuracy`, which takes the longest, comes
//! first.
#![expect(clippy::unwrap_used, reason = "a test stops at the first failure")]

mod accuracy;
mod agreement;
mod contracts;
mod databases;
mod diagnostics;
mod example;
mod faults;
mod incidents;
mod job_end;
mod migrations;
mod modes;
mod names;
mod one_shot;
mod overrides;
mod peers;
mod processes;
mod program;
mod prove;
mod python;
mod reasons;
mod recording;
mod secrets;
mod shutdown;
mod startup;
mod submission;
mod upstreams;
mod witness;
mod world;
