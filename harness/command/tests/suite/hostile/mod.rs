//! Tests with input that is meant to break the command: numbers at their limits, control
//! characters, files that can't be written, secrets of every kind.

mod limits;
mod numbers;
mod secrets;
mod space;
mod strangers;
mod terminal;
mod world;
