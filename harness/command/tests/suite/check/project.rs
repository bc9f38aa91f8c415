//! A project (a folder with a spec and the files that the spec names) in a temporary folder.

use std::path::Path;

use crate::run::{Output, Spanproof};

/// A folder with a spec, a migration, a job and a behaviour file of the fake upstream. Dropping this
/// value removes the folder.
#[derive(Debug)]
pub(crate) struct Project {
    folder: tempfile::TempDir,
}

/// The spec of a new project; `SERVICE` stands for the path of its service.
pub(crate) const SPEC: &str = r#"schema = 1
[service]
name = "example"
command = ["SERVICE"]
ready = { line = "^ready$", timeout-ms = 1500 }
stop = { grace-ms = 300 }
[[route]]
name = "direct"
path = "/jobs"
[[upstream]]
name = "healthy"
file = "upstream.toml"
[[job]]
name = "one"
file = "job.json"
units = 1
[[span]]
name = "work"
"#;

/// SQL that creates the tables that a spec without `[tables]` needs.
const TABLES: &str = "create table jobs (status text);
create table executions (id bigint, job_id bigint, region text, model_id text, question_id text,
    status text, output jsonb);
create table trace_spans (trace_id uuid, span_id uuid, parent_span_id uuid, service text,
    operation text, started_at timestamptz, completed_at timestamptz, duration_ms bigint,
    status text, job_id bigint, execution_id bigint, model_id text, region text);
";

impl Project {
    /// Creates a project whose service is one of `fixtures/faulty-services`. The service `accepts-no-job`
    /// is ready at once and stops on SIGTERM. It does not listen on its port, so every case fails, and
    /// `check` exits with 1.
    pub(crate) fn new(service: &str) -> Self {
        let folder = tempfile::Builder::new().prefix("project-").tempdir().unwrap();
        let services = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/faulty-services");
        let service = services.canonicalize().unwrap().join(format!("{service}.sh"));
        let project = Self { folder };
        project.write("spanproof.toml", &SPEC.replace("SERVICE", service.to_str().unwrap()));
        project.write("migrations/0001_work.up.sql", TABLES);
        project.write("job.json", "{}");
        project
            .write("upstream.toml", "about = \"x\"\n[[reply]]\nmethod = \"GET\"\npath = \"/\"\n");
        project
    }

    /// Returns the project's folder.
    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Writes a file and creates the folders above it.
    pub(crate) fn write(&self, name: &str, text: &str) {
        let path = self.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    /// Replaces `old` in the spec with `new`.
    pub(crate) fn edit(&self, old: &str, new: &str) {
        let text = std::fs::read_to_string(self.path().join("spanproof.toml")).unwrap();
        assert!(text.contains(old), "no `{old}` in the spec");
        self.write("spanproof.toml", &text.replace(old, new));
    }

    /// Appends a line to the spec.
    pub(crate) fn append(&self, more: &str) {
        let text = std::fs::read_to_string(self.path().join("spanproof.toml")).unwrap();
        self.write("spanproof.toml", &format!("{text}{more}\n"));
    }

    /// Creates the command `spanproof ARGS`, to run in this project.
    pub(crate) fn spanproof(&self, args: &[&str]) -> Spanproof {
        Spanproof::new(self.path(), args)
    }

    /// Runs `spanproof ARGS` in this project.
    pub(crate) fn run(&self, args: &[&str]) -> Output {
        self.spanproof(args).output()
    }
}
