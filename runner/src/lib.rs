//! The job runner: the system under test.
