//! Tests of commands that read an existing system: a database or a dump, and a log.

mod archives;
mod dump_text;
mod dumps;
mod job_dump;
mod jobless;
mod jobs;
mod live;
mod locks;
mod logs;
mod missing_lines;
mod neighbours;
mod observations;
mod processes;
mod production;
mod quotations;
mod shapes;
