//! Conversions of output and exits to and from [`spanproof_format`].

use spanproof_format as format;

use super::{Ending, Exit, Line, Output, Stream};

impl From<Output> for format::Output {
    fn from(output: Output) -> Self {
        let Output { lines, invalid_lines, dropped_bytes } = output;
        let mut stored = Self::default();
        stored.lines = lines.into_iter().map(Into::into).collect();
        (stored.invalid_lines, stored.dropped_bytes) = (invalid_lines, dropped_bytes);
        stored
    }
}

impl From<format::Output> for Output {
    fn from(stored: format::Output) -> Self {
        Self {
            lines: stored.lines.into_iter().map(Into::into).collect(),
            invalid_lines: stored.invalid_lines,
            dropped_bytes: stored.dropped_bytes,
        }
    }
}

impl From<Line> for format::OutputLine {
    fn from(line: Line) -> Self {
        let Line { stream, at_ms, text, process } = line;
        let stream = match stream {
            Stream::Stdout => format::Stream::Stdout,
            Stream::Stderr => format::Stream::Stderr,
        };
        let mut stored = Self::new(stream, at_ms, text);
        stored.process = process.map(|name| name.to_string());
        stored
    }
}

impl From<format::OutputLine> for Line {
    fn from(stored: format::OutputLine) -> Self {
        let stream = match stored.stream {
            format::Stream::Stdout => Stream::Stdout,
            // A run of the service has no lines of a log file; only an existing system has.
            format::Stream::Stderr | format::Stream::Log => Stream::Stderr,
        };
        let process = stored.process.map(Into::into);
        Self { stream, at_ms: stored.at_ms, text: stored.text, process }
    }
}

impl From<Exit> for format::ProcessExit {
    fn from(exit: Exit) -> Self {
        let Exit { ending, stop_requested, killed, at_ms, stop_ms, strays, process } = exit;
        let mut stored = Self::new(ending.into());
        (stored.stop_requested, stored.killed) = (stop_requested, killed);
        (stored.at_ms, stored.stop_ms) = (at_ms, stop_ms);
        (stored.strays, stored.process) = (strays, process);
        stored
    }
}

impl From<format::ProcessExit> for Exit {
    fn from(stored: format::ProcessExit) -> Self {
        let format::ProcessExit {
            ending,
            stop_requested,
            killed,
            at_ms,
            stop_ms,
            strays,
            process,
            ..
        } = stored;
        Self { ending: ending.into(), stop_requested, killed, at_ms, stop_ms, strays, process }
    }
}

impl From<Ending> for format::Ending {
    fn from(ending: Ending) -> Self {
        match ending {
            Ending::Code(code) => Self::Code(code),
            Ending::Signal(signal) => Self::Signal(signal),
        }
    }
}

impl From<format::Ending> for Ending {
    fn from(stored: format::Ending) -> Self {
        match stored {
            format::Ending::Code(code) => Self::Code(code),
            format::Ending::Signal(signal) => Self::Signal(signal),
            // A run of the service has an exit; only the exit of an existing system may be unseen.
            format::Ending::Unseen => Self::Code(0),
        }
    }
}
