//! Runs a parser with damaged files in a process of its own, so that a stack overflow and exhausted memory
//! are found, too.

use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant, SystemTime};

use super::mutation::{Random, damaged};
use super::parser::{Parser, parser};

/// The variable with the number of seconds for each parser; 2 by default.
const SECONDS: &str = "SPANPROOF_FUZZ_SECONDS";
/// The variable with the seed of the damage. The seed is 1 by default, so that the test has the same result
/// each time; `random` takes a different seed each time.
const SEED: &str = "SPANPROOF_FUZZ_SEED";
/// The variable with the number of the only input to run.
const INPUT: &str = "SPANPROOF_FUZZ_INPUT";
/// The variable with the name of the parser, for the inner process.
const PARSER: &str = "SPANPROOF_FUZZ_PARSER";
/// The variable with the path of a file to which the inner process writes the number of its current input.
const PROGRESS: &str = "SPANPROOF_FUZZ_PROGRESS";
/// Address space of the inner process, in KiB.
const MEMORY: u32 = 2 * 1024 * 1024;
/// CPU time limit for one input. Other work on the machine does not count.
const INPUT_TIME: Duration = Duration::from_secs(2);
/// Time limit for one input, in which a parser may also wait without using CPU time.
const INPUT_WAIT: Duration = Duration::from_mins(2);
/// Interval between checks of the time of the running input.
const INTERVAL: Duration = Duration::from_millis(200);
/// Microseconds per clock tick of `/proc`.
const TICK: u64 = 10_000;

/// Returns the number in an environment variable; `None` if the variable is unset.
#[expect(clippy::disallowed_methods, reason = "options of a test")]
fn number(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name} is `{text}`, expected a number")))
}

#[expect(clippy::disallowed_methods, reason = "an option of a test")]
fn seed() -> u64 {
    if std::env::var(SEED).is_ok_and(|seed| seed == "random") {
        let clock = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        return u64::from(clock.unwrap().subsec_nanos());
    }
    number(SEED).unwrap_or(1)
}

/// Runs a parser in a process with limited memory. If this process panics, is killed or takes too long,
/// panics with the command that repeats the failure.
#[expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "starts this program once more"
)]
pub(super) fn run_parser(name: &str) {
    let folder = tempfile::tempdir().unwrap();
    let progress = folder.path().join("progress");
    let seed = seed();
    let mut command = std::process::Command::new("sh");
    command.args(["-c", &format!("ulimit -v {MEMORY}; ulimit -c 0; exec \"$@\""), "sh"]);
    command.arg(std::env::current_exe().unwrap());
    command.args(["--exact", "fuzz::run_the_parser_that_a_variable_names", "--nocapture"]);
    command.env(PARSER, name).env(PROGRESS, &progress).env(SEED, seed.to_string());
    let output = command.output().unwrap();
    let stdout = String::from_utf8_lossy(&output.stdout);
    let is_summary = |line: &&str| line.starts_with(&format!("{name}: "));
    let summary = stdout.lines().find(is_summary);
    if let (true, Some(summary)) = (output.status.success(), summary) {
        println!("{summary}");
        return;
    }
    let text = std::fs::read_to_string(&progress).unwrap_or_default();
    let saved = text.trim().parse().ok().map(|input| (input, save(name, seed, input)));
    let stderr = String::from_utf8_lossy(&output.stderr);
    let (lines, status) = (stderr.lines().take(40).collect::<Vec<_>>().join("\n"), output.status);
    let Some((input, path)) = saved else {
        panic!("{name} did not start: {status}\n{lines}\n{stdout}")
    };
    panic!(
        "the parser `{name}` does not survive {}: {status}\n{lines}\nrepeat it with\n  {SEED}={seed} {INPUT}={input} \
         cargo test -p spanproof-cli --test suite {name} -- --nocapture",
        path.display()
    );
}

/// Writes an input to a file.
fn save(name: &str, seed: u64, input: u64) -> PathBuf {
    let folder = tempfile::tempdir().unwrap();
    let parser = parser(name, folder.path());
    let (_, bytes) = make_input(&parser, seed, input);
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("fuzz-{name}-{seed}-{input}"));
    std::fs::write(&path, bytes).unwrap();
    path
}

/// Returns an input, with the number of the sample from which it was made. The first inputs are the samples.
fn make_input(parser: &Parser, seed: u64, input: u64) -> (usize, Vec<u8>) {
    let samples = &parser.samples;
    if let Some(sample) = usize::try_from(input).ok().filter(|input| *input < samples.len()) {
        return (sample, samples[sample].bytes.clone());
    }
    let mut random = Random::new(seed, input);
    let sample = random.below(samples.len());
    let others: Vec<_> = samples.iter().map(|sample| &sample.bytes).collect();
    (sample, damaged(&samples[sample].bytes, &others, &mut random))
}

/// The results of the thread that runs the inputs.
#[derive(Debug, Default)]
struct Summary {
    inputs: u64,
    accepted: u64,
    /// The longest time of an input, with its number.
    slowest: (Duration, u64),
}

/// Runs the parser that the variable names; does nothing without the variable. The caller limits the memory.
#[expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "the outer process says which parser"
)]
pub(super) fn run_named_parser() {
    let (Ok(name), Ok(progress)) = (std::env::var(PARSER), std::env::var(PROGRESS)) else { return };
    let (sender, receiver) = channel();
    let progress = PathBuf::from(progress);
    let thread = {
        let (name, progress) = (name.clone(), progress.clone());
        std::thread::spawn(move || {
            // `/proc/thread-self` is `PID/task/TID`.
            sender
                .send(Path::new("/proc").join(std::fs::read_link("/proc/thread-self").unwrap()))
                .unwrap();
            inputs(&name, &progress)
        })
    };
    watch(&receiver, &progress);
    let Ok(Summary { inputs, accepted, slowest }) = thread.join() else {
        panic!("the parser panicked")
    };
    let (time, number) = slowest;
    println!("{name}: {inputs} inputs, {accepted} accepted; the slowest, {number}, took {time:?}");
}

/// Runs inputs until the time is up.
fn inputs(name: &str, progress: &Path) -> Summary {
    let folder = tempfile::tempdir().unwrap();
    let mut parser = parser(name, folder.path());
    let progress = std::fs::File::create(progress).unwrap();
    let (seed, only) = (seed(), number(INPUT));
    let limit = Duration::from_secs(number(SECONDS).unwrap_or(2));
    let (start, mut summary) = (Instant::now(), Summary::default());
    let samples = u64::try_from(parser.samples.len()).unwrap();
    for input in only.map_or(0..=u64::MAX, |only| only..=only) {
        if start.elapsed() > limit && input >= samples {
            break;
        }
        progress.write_all_at(format!("{input:<20}").as_bytes(), 0).unwrap();
        let (sample, bytes) = make_input(&parser, seed, input);
        let began = Instant::now();
        let accepted = (parser.read)(&parser.samples[sample].name, &bytes);
        summary.slowest = summary.slowest.max((began.elapsed(), input));
        summary.inputs += 1;
        summary.accepted += u64::from(accepted);
        let is_whole = input < samples && parser.samples[sample].is_valid;
        assert!(accepted || !is_whole, "{} is not accepted", parser.samples[sample].name);
    }
    summary
}

/// Waits for the end of a thread. Panics if one input takes too much time.
fn watch(receiver: &Receiver<PathBuf>, progress: &Path) {
    let task = receiver.recv().unwrap();
    let (mut number, mut ticks, mut since) = (String::new(), 0, Instant::now());
    while receiver.recv_timeout(INTERVAL) == Err(RecvTimeoutError::Timeout) {
        let now = std::fs::read_to_string(progress).unwrap_or_default();
        let used = processor_ticks(&task);
        if now != number {
            (number, ticks, since) = (now, used, Instant::now());
        }
        let time = Duration::from_micros(used.saturating_sub(ticks) * TICK);
        assert!(time < INPUT_TIME, "the input took {time:?} of CPU time");
        assert!(since.elapsed() < INPUT_WAIT, "the input took {:?}", since.elapsed());
    }
}

/// Returns the CPU time of a thread; 0 if it has ended.
fn processor_ticks(task: &Path) -> u64 {
    let stat = std::fs::read_to_string(task.join("stat")).unwrap_or_default();
    let fields = stat.rsplit_once(')').map_or("", |(_, fields)| fields).split_whitespace();
    fields.skip(11).take(2).filter_map(|ticks| ticks.parse::<u64>().ok()).sum()
}
