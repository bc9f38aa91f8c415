//! Converts compressed files, files in UTF-16 and archives of `pg_dump` to text, by the programs of the
//! system. The text is read as a stream.

use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;

/// Number of bytes at the start of a file by which its format is recognised.
const HEAD: usize = 512;
/// Maximum number of conversions of one file. An archive of `pg_dump` that is compressed with gzip needs two.
const MAX_CONVERSIONS: usize = 3;
/// Maximum size of a text, as a multiple of the size of its file. gzip reaches about 1000.
const MAX_RATIO: u64 = 2_000;
/// Maximum number of files of a folder in an error.
const MAX_NAMES: usize = 5;
/// Number of bytes up to which a text may be larger than [`MAX_RATIO`] allows.
const MIN_LIMIT: u64 = 1 << 30;

/// A format that a program of the system converts to text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Packing {
    /// What the file is, for messages.
    pub(super) what: &'static str,
    /// How a user can convert the file, with `FILE` for its name.
    pub(super) by_hand: &'static str,
    /// The program that converts its standard input, and its arguments; empty if only the user can convert
    /// the file.
    command: &'static [&'static str],
    /// The bytes at `offset` by which the format is recognised.
    magic: &'static [u8],
    offset: usize,
}

/// The archive formats of `pg_dump`.
const ARCHIVES: [Packing; 2] = [
    Packing {
        what: "a dump in Postgres's custom format",
        by_hand: "convert it with `pg_restore -f - FILE`",
        command: &[PG_RESTORE, "-f", "-"],
        magic: b"PGDMP",
        offset: 0,
    },
    Packing {
        what: "a dump in a tar archive",
        by_hand: "convert it with `pg_restore -f - FILE`",
        command: &[PG_RESTORE, "-f", "-"],
        magic: b"toc.dat\0",
        offset: 0,
    },
];

/// The program that converts archives of `pg_dump`.
const PG_RESTORE: &str = "pg_restore";

/// The formats of logs and dumps.
const PACKINGS: [Packing; 8] = [
    packing("compressed with gzip", "unpack it with `zcat FILE`", &["gzip", "-dc"], b"\x1f\x8b"),
    packing(
        "compressed with zstd",
        "unpack it with `zstdcat FILE`",
        &["zstd", "-dcq"],
        b"\x28\xb5\x2f\xfd",
    ),
    packing("compressed with xz", "unpack it with `xzcat FILE`", &["xz", "-dc"], b"\xfd7zXZ"),
    packing("compressed with bzip2", "unpack it with `bzcat FILE`", &["bzip2", "-dc"], b"BZh"),
    packing(
        "compressed with lz4",
        "unpack it with `lz4cat FILE`",
        &["lz4", "-dc"],
        b"\x04\x22\x4d\x18",
    ),
    packing("a zip archive", "unpack it with `unzip -p FILE`", &[], b"PK\x03\x04"),
    packing("in UTF-16", "convert it with `iconv -f UTF-16 -t UTF-8 FILE`", ICONV, b"\xff\xfe"),
    packing("in UTF-16", "convert it with `iconv -f UTF-16 -t UTF-8 FILE`", ICONV, b"\xfe\xff"),
];
const ICONV: &[&str] = &["iconv", "-f", "UTF-16", "-t", "UTF-8"];
/// An archive that is not one of `pg_dump`.
const TAR: Packing = Packing {
    offset: 257,
    ..packing("a tar archive", "unpack it with `tar -xOf FILE`", &[], b"ustar")
};

const fn packing(
    what: &'static str,
    by_hand: &'static str,
    command: &'static [&'static str],
    magic: &'static [u8],
) -> Packing {
    Packing { what, by_hand, command, magic, offset: 0 }
}

/// Why a file can't be read as text.
#[derive(Debug, thiserror::Error)]
pub(super) enum UnpackError {
    /// Reading or writing failed.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// The user must convert the file.
    #[error("it is {}{why}; {}", .packing.what, .packing.by_hand)]
    ByHand { packing: Packing, why: String },
    /// A folder is not a dump. The field lists its files, and says what to do.
    #[error("it is a folder without `toc.dat`, so it is not a whole dump of `pg_dump -Fd`; {0}")]
    NoDump(String),
    /// The file was converted too many times.
    #[error("it is packed more than {MAX_CONVERSIONS} times; unpack it by hand")]
    Nested,
}

impl Packing {
    /// Recognises a format by the first bytes of a file; `None` for text. Archives of `pg_dump` are
    /// recognised only if `archives` is true.
    fn find(head: &[u8], archives: bool) -> Option<Self> {
        let fits = |one: &&Self| head.get(one.offset..).is_some_and(|at| at.starts_with(one.magic));
        let archive = ARCHIVES.iter().filter(|_| archives).find(fits);
        archive.or_else(|| PACKINGS.iter().find(fits)).or(Some(&TAR).filter(fits)).copied()
    }

    /// Returns the programs that can convert the format, in the order in which to try them.
    fn programs(&self) -> Vec<PathBuf> {
        match self.command.first() {
            Some(&PG_RESTORE) => spanproof_postgres::client_programs(PG_RESTORE),
            Some(program) => vec![PathBuf::from(program)],
            None => Vec::new(),
        }
    }

    /// Creates the error that asks the user to convert the file. `why` is empty, or begins with `, and`.
    fn by_hand(self, why: &str) -> UnpackError {
        UnpackError::ByHand { packing: self, why: why.to_owned() }
    }
}

/// Returns the text of a log, which may be compressed. The text is read as a stream.
///
/// # Errors
/// If it can't be converted.
pub(super) fn unpacked_stream(
    log: impl Read + Send + 'static,
) -> Result<Box<dyn Read>, UnpackError> {
    let mut stream: Box<dyn Read + Send> = Box::new(log);
    for _ in 0..=MAX_CONVERSIONS {
        let mut head = Vec::new();
        stream.by_ref().take(HEAD as u64).read_to_end(&mut head)?;
        let Some(packing) = Packing::find(&head, false) else {
            return Ok(Box::new(io::Cursor::new(head).chain(stream)));
        };
        let whole = io::Cursor::new(head).chain(stream);
        let program = packing.programs().into_iter().next().ok_or_else(|| packing.by_hand(""))?;
        let child = Conversion::from_stream(packing, &program, whole);
        stream = Box::new(child.map_err(|error| not_started(packing, &error))?);
    }
    Err(UnpackError::Nested)
}

/// Returns the text of a dump as an unnamed temporary file, or the file itself if it is text.
///
/// # Errors
/// If it can't be converted.
pub(super) fn unpacked_file(mut file: File) -> Result<File, UnpackError> {
    for _ in 0..=MAX_CONVERSIONS {
        let mut head = Vec::new();
        file.rewind()?;
        (&file).take(HEAD as u64).read_to_end(&mut head)?;
        file.rewind()?;
        let Some(packing) = Packing::find(&head, true) else { return Ok(file) };
        file = converted(packing, |program| {
            let copy = file.try_clone()?;
            (&copy).rewind()?;
            Conversion::from_file(packing, program, copy)
        })?;
    }
    Err(UnpackError::Nested)
}

/// Returns the text of a dump in a folder, as `pg_dump -Fd` makes it.
///
/// # Errors
/// If it can't be converted.
pub(super) fn unpacked_folder(folder: &Path) -> Result<File, UnpackError> {
    let has_contents = ["toc.dat", "toc.dat.gz", "toc.dat.lz4", "toc.dat.zst"]
        .iter()
        .any(|name| folder.join(name).is_file());
    if !has_contents {
        return Err(UnpackError::NoDump(file_names(folder)));
    }
    let [archive, ..] = ARCHIVES;
    let what = "a dump in a folder";
    let packing = Packing { what, by_hand: "convert it with `pg_restore -f - FOLDER`", ..archive };
    converted(packing, |program| Conversion::from_folder(packing, program, folder))
}

/// Lists the first files of a folder by name, and says what to do.
pub(super) fn file_names(folder: &Path) -> String {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let is_file = |entry: &std::fs::DirEntry| entry.path().is_file();
    let names = entries.filter(is_file).map(|entry| entry.file_name().display().to_string());
    let mut names: Vec<_> = names.map(|name| format!("`{name}`")).collect();
    names.sort();
    let (count, shown) = (names.len(), names.len().min(MAX_NAMES));
    names.truncate(shown);
    match count {
        0 => "it contains no file".to_owned(),
        count if count > shown => {
            format!("name one of its files: {}, and {} more", names.join(", "), count - shown)
        }
        _ => format!("name one of its files: {}", names.join(", ")),
    }
}

/// Copies the text of a dump to an unnamed temporary file. Tries the next program if one fails, because an
/// older `pg_restore` can't read the archives of a newer version.
fn converted(
    packing: Packing,
    start: impl Fn(&Path) -> io::Result<Conversion>,
) -> Result<File, UnpackError> {
    let mut reason = String::new();
    for program in packing.programs() {
        let mut text = tempfile::tempfile()?;
        let copied = start(&program).and_then(|mut child| io::copy(&mut child, &mut text));
        match copied {
            Ok(_) => {
                text.rewind()?;
                return Ok(text);
            }
            Err(error) if error.kind() == io::ErrorKind::StorageFull => {
                let folder = std::env::temp_dir().display().to_string();
                let why = format!(", and its text does not fit into `{folder}`");
                return Err(packing.by_hand(&why));
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => reason = format!(", and {error}"),
        }
    }
    match packing.command.first() {
        Some(program) if reason.is_empty() => Err(packing.by_hand(&no_program(program))),
        _ => Err(packing.by_hand(&reason)),
    }
}

/// Returns an error about a program that does not start.
fn not_started(packing: Packing, error: &io::Error) -> UnpackError {
    let program = packing.command.first().unwrap_or(&"");
    packing.by_hand(&match error.kind() {
        io::ErrorKind::NotFound => no_program(program),
        _ => format!(", and `{program}` does not start: {error}"),
    })
}

fn no_program(program: &str) -> String {
    format!(", and there is no program `{program}`")
}

/// A running program that converts its input to text, which is read from this reader.
struct Conversion {
    child: Child,
    /// The program and its arguments.
    command: String,
    /// What the program printed on standard error, in an unnamed file.
    errors: File,
    /// Copies the input to the program; `None` if the program reads a file.
    input: Option<JoinHandle<io::Result<()>>>,
    /// Number of bytes of the input so far.
    input_bytes: Arc<AtomicU64>,
    /// Number of bytes of the text so far.
    bytes: u64,
}

impl Conversion {
    /// Starts a program that reads a stream.
    fn from_stream(
        packing: Packing,
        program: &Path,
        mut stream: impl Read + Send + 'static,
    ) -> io::Result<Self> {
        let mut conversion = Self::start(packing, program, &[], Stdio::piped())?;
        let Some(mut stdin) = conversion.child.stdin.take() else {
            return Err(io::Error::other("the program has no standard input"));
        };
        let counted = Arc::clone(&conversion.input_bytes);
        conversion.input = Some(std::thread::spawn(move || {
            let mut buffer = vec![0; 128 * 1024];
            loop {
                let read = stream.read(&mut buffer)?;
                // If the program ended early, `finish` reports why.
                if read == 0 || stdin.write_all(&buffer[..read]).is_err() {
                    return Ok(());
                }
                counted.fetch_add(read as u64, Ordering::Relaxed);
            }
        }));
        Ok(conversion)
    }

    /// Starts a program that reads a file from its start.
    fn from_file(packing: Packing, program: &Path, file: File) -> io::Result<Self> {
        let size = file.metadata()?.len();
        let conversion = Self::start(packing, program, &[], Stdio::from(file))?;
        conversion.input_bytes.store(size, Ordering::Relaxed);
        Ok(conversion)
    }

    /// Starts a program that reads a folder. A folder has no size, so the size of the text is not limited.
    fn from_folder(packing: Packing, program: &Path, folder: &Path) -> io::Result<Self> {
        let conversion = Self::start(packing, program, &[folder], Stdio::null())?;
        conversion.input_bytes.store(u64::MAX / MAX_RATIO, Ordering::Relaxed);
        Ok(conversion)
    }

    #[expect(clippy::disallowed_methods, reason = "a filter between a file and this process")]
    fn start(packing: Packing, program: &Path, paths: &[&Path], stdin: Stdio) -> io::Result<Self> {
        let errors = tempfile::tempfile()?;
        let child = Command::new(program)
            .args(&packing.command[1..])
            .args(paths)
            .stdin(stdin)
            .stdout(Stdio::piped())
            .stderr(errors.try_clone()?)
            .spawn()?;
        let command = packing.command.join(" ");
        let (input, input_bytes) = (None, Arc::default());
        Ok(Self { child, command, errors, input, input_bytes, bytes: 0 })
    }

    /// Checks how the program ended, after its whole output was read.
    fn finish(&mut self) -> io::Result<()> {
        let status = self.child.wait()?;
        if !status.success() {
            let mut text = String::new();
            self.errors.rewind()?;
            (&self.errors).take(64 * 1024).read_to_string(&mut text)?;
            let last = text.lines().rfind(|line| !line.trim().is_empty()).unwrap_or_default();
            let reason = format!("`{}` ended with {status}: {last}", self.command);
            return Err(io::Error::other(reason));
        }
        match self.input.take().map(JoinHandle::join) {
            Some(Ok(copied)) => copied,
            Some(Err(_)) => Err(io::Error::other("copying the input failed")),
            None => Ok(()),
        }
    }
}

impl Read for Conversion {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let Some(stdout) = &mut self.child.stdout else { return Ok(0) };
        let read = stdout.read(buffer)?;
        if read == 0 && !buffer.is_empty() {
            self.finish()?;
        }
        self.bytes += read as u64;
        let limit = self.input_bytes.load(Ordering::Relaxed).saturating_mul(MAX_RATIO);
        if self.bytes > limit.max(MIN_LIMIT) {
            let reason = format!("its text is more than {MAX_RATIO} times as large as the file");
            return Err(io::Error::other(reason));
        }
        Ok(read)
    }
}

impl Drop for Conversion {
    fn drop(&mut self) {
        let _already_ended = self.child.kill();
        let _already_waited = self.child.wait();
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    /// Returns what a shell command prints.
    #[expect(clippy::disallowed_methods, reason = "a test makes its input")]
    fn output(script: &str) -> Vec<u8> {
        Command::new("sh").args(["-c", script]).output().unwrap().stdout
    }

    fn file(bytes: &[u8]) -> File {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(bytes).unwrap();
        file
    }

    fn text(mut reader: impl Read) -> io::Result<String> {
        let mut text = String::new();
        reader.read_to_string(&mut text).map(|_| text)
    }

    #[rstest]
    #[case::text("echo a line")]
    #[case::gzip("echo a line | gzip -c")]
    #[case::zstd("echo a line | zstd -cq")]
    #[case::xz("echo a line | xz -c")]
    #[case::bzip2("echo a line | bzip2 -c")]
    #[case::utf16("echo a line | iconv -f UTF-8 -t UTF-16")]
    #[case::nested("echo a line | iconv -f UTF-8 -t UTF-16 | xz -c | gzip -c")]
    #[case::two_members("echo a | tr -d '\\n' | gzip -c; echo ' line' | gzip -c")]
    fn packed_files_and_streams_are_read(#[case] script: &str) {
        let bytes = output(script);
        assert_eq!(text(unpacked_file(file(&bytes)).unwrap()).unwrap(), "a line\n");
        assert_eq!(text(unpacked_stream(io::Cursor::new(bytes)).unwrap()).unwrap(), "a line\n");
    }

    #[test]
    fn a_damaged_file_is_an_error_and_not_a_short_text() {
        let bytes = output("head -c 100000 /dev/urandom | od | gzip -c");
        let cut = bytes[..bytes.len() / 2].to_vec();
        let error = unpacked_file(file(&cut)).unwrap_err().to_string();
        assert!(error.contains("gzip, and `gzip -dc` ended with exit status: 1"), "{error}");
        assert!(error.ends_with("unpack it with `zcat FILE`"), "{error}");
        let error = text(unpacked_stream(io::Cursor::new(cut)).unwrap()).unwrap_err();
        assert!(error.to_string().contains("unexpected end of file"), "{error}");
    }

    #[test]
    fn a_format_that_no_program_converts_is_refused() {
        for bytes in [b"PK\x03\x04x".to_vec(), output("echo a | tar -c -f - /etc/hostname")] {
            let error = unpacked_file(file(&bytes)).unwrap_err();
            assert!(matches!(error, UnpackError::ByHand { .. }), "{error}");
        }
        assert!(
            Packing::find(b"PGDMP", true).is_some() && Packing::find(b"PGDMP", false).is_none()
        );
    }

    #[test]
    fn a_text_that_is_far_too_large_for_its_file_is_an_error() {
        let zeros = output("head -c 1200000000 /dev/zero | zstd -cq --ultra -19");
        let error =
            io::copy(&mut unpacked_stream(io::Cursor::new(zeros)).unwrap(), &mut io::sink());
        assert!(error.unwrap_err().to_string().contains("2000 times as large"));
    }
}
