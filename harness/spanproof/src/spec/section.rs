//! The sections `[service]`, `[database]`, `[[route]]`, `[[upstream]]`, `[[job]]`,
//! `[matrix]` and `[startup]` of a spec file.

use std::collections::BTreeMap;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Deserialize;

use super::process::{Ready, Stop};
use super::{Condition, Done};

/// `[service]`: how the service is built, started and stopped.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Service {
    /// The name of the service, as its spans contain it.
    pub name: String,
    /// The binary of the cargo workspace to build and start.
    pub cargo: Option<Cargo>,
    /// The command that builds the service, run once.
    #[serde(default)]
    pub build: Vec<String>,
    /// The command that starts the service; empty if `cargo` is given.
    #[serde(default)]
    pub command: Vec<String>,
    /// The environment variables besides the flags. Their values may contain placeholders.
    #[serde(default)]
    pub env: BTreeMap<String, String>,
    /// Variables of spanproof's own environment that the service also gets. A flag is never
    /// inherited.
    #[serde(default)]
    pub inherit: Vec<String>,
    /// Names of variables, flags, headers, columns and JSON fields whose values are secrets, besides
    /// those that spanproof recognises.
    #[serde(default)]
    pub secrets: Vec<String>,
    /// The working folder, relative to the spec; the folder of the spec by default.
    pub cwd: Option<String>,
    /// Files to write to the folder `{dir}` of each case: the name of each file, and the path of its
    /// template, which may contain placeholders.
    #[serde(default)]
    pub files: BTreeMap<String, PathBuf>,
    /// The base URL of the service's HTTP interface.
    #[serde(default = "loopback")]
    pub url: String,
    /// When the service is ready.
    #[serde(default)]
    pub ready: Ready,
    /// Whether the service does its work when it starts, and then exits by itself.
    #[serde(default)]
    pub one_shot: bool,
    /// How the service is stopped.
    #[serde(default)]
    pub stop: Stop,
    /// The time limit of a job, in milliseconds.
    #[serde(default = "ten_seconds")]
    pub settle_ms: u64,
    /// The time limit for the service to write all spans of a job after the job has ended, or to
    /// report that it can't, in milliseconds.
    #[serde(default = "five_seconds")]
    pub flush_ms: u64,
}

/// A binary of a cargo workspace.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Cargo {
    /// The binary's name.
    pub bin: String,
}

/// `[database]`: the disposable Postgres.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub(crate) struct Database {
    /// The folder with the migrations, `migrations` by default.
    pub migrations: Option<PathBuf>,
    /// An SQL file that creates all tables, in place of migrations.
    pub schema: Option<PathBuf>,
    /// A command that migrates an empty database, with placeholders; empty for none.
    pub migrate: Vec<String>,
    /// Patterns for the names of the files that `migrate` reads. While these files are unchanged, the
    /// migrated database is reused.
    pub inputs: Vec<String>,
    /// Whether the service creates or changes tables when it starts.
    pub service_migrates: bool,
    /// The order of migrations that have the same version.
    pub order: Order,
    /// Where the server comes from: `auto`, a URL, `binaries`, `binaries:FOLDER`, `docker`,
    /// `docker:IMAGE`, `download` or `download:VERSION`.
    pub source: String,
    /// The required major version, a number or a string in TOML.
    #[serde(deserialize_with = "major")]
    #[schemars(schema_with = "super::schema::major_version")]
    pub version: Option<u32>,
    /// The platform of a container, such as `linux/amd64`.
    pub platform: Option<String>,
    /// Whether the service connects to a TCP port with a password, instead of a Unix socket.
    pub tcp: bool,
    /// SQL files to run in each case's database before the service starts.
    pub seed: Vec<PathBuf>,
}

/// `order`: how migrations are ordered.
#[derive(Debug, Clone, Copy, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Order {
    /// By version; two migrations with the same version are an error.
    #[default]
    Version,
    /// By version; migrations with the same version by name.
    Name,
}

impl Default for Database {
    fn default() -> Self {
        Self {
            migrations: None,
            schema: None,
            migrate: Vec::new(),
            inputs: Vec::new(),
            service_migrates: false,
            order: Order::default(),
            source: "auto".into(),
            version: None,
            platform: None,
            tcp: false,
            seed: Vec::new(),
        }
    }
}

/// `[[route]]`: one way to submit a job.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Route {
    /// The name of the route.
    pub name: String,
    /// The HTTP path that jobs are sent to, unless they are submitted by SQL or a command.
    pub path: Option<String>,
    /// The HTTP method.
    #[serde(default = "post")]
    pub method: String,
    /// HTTP headers, with placeholders.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// SQL that submits the job. `{job}` (the whole job) and `{job:/pointer}` (a part of the job)
    /// become SQL literals.
    pub sql: Option<String>,
    /// A command that submits the job. `{job.file}` is the path of a file with the job.
    #[serde(default)]
    pub command: Vec<String>,
    /// Whether nothing is submitted, because the service finds its work when it starts.
    #[serde(default)]
    pub at_start: bool,
    /// How to recognise that a job has ended; by default by its status in the table of jobs.
    pub done: Option<Done>,
    /// The JSON body of the request. `"{job}"` stands for the job, and `"{job:/pointer}"` for a part
    /// of the job.
    #[serde(default = "whole_job")]
    pub body: String,
}

/// `[[upstream]]`: one behaviour of the fake upstream.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct UpstreamRule {
    /// The name of the upstream.
    pub name: String,
    /// The file that describes how the upstream answers.
    pub file: PathBuf,
}

/// `[[job]]`: one job to submit.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Job {
    /// The name of the job.
    pub name: String,
    /// The JSON file with the job.
    pub file: PathBuf,
    /// The number of units (parts that must leave spans) that the job has.
    pub units: usize,
    /// The JSON pointer to the job's id in the file. After a fault, a second job is submitted with a
    /// different id there. By default the second job is an exact copy.
    pub id: Option<String>,
}

/// `[matrix]`: the combinations of flag values, routes, upstreams and jobs to run.
#[derive(Debug, Clone)]
pub(crate) struct Matrix {
    /// The maximum number of cases.
    pub limit: usize,
    /// Conditions on the cases to leave out.
    pub exclude: Vec<Condition>,
    /// A condition that all cases must meet.
    pub pin: Condition,
}

/// `[startup]`: the output of the service until it is ready.
#[derive(Debug, Clone, Default)]
pub(crate) struct Startup {
    /// The folder of snapshots, one for each combination of flag values.
    pub snapshots: Option<PathBuf>,
    /// Output that varies from run to run, to replace with placeholders.
    pub redact: Vec<Redaction>,
}

/// Output that varies from run to run, and its placeholder.
#[derive(Debug, Clone)]
pub(crate) struct Redaction {
    /// Matches the output.
    pub pattern: regex::Regex,
    /// The name of the placeholder, printed as `[NAME]`.
    pub name: String,
}

/// Deserializes a major version, `16` or `"16"`.
fn major<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<u32>, D::Error> {
    struct MajorVisitor;
    impl serde::de::Visitor<'_> for MajorVisitor {
        type Value = u32;

        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("a major version of PostgreSQL, such as `16` or `\"16\"`")
        }

        fn visit_i64<E: serde::de::Error>(self, number: i64) -> Result<u32, E> {
            let unexpected = serde::de::Unexpected::Signed(number);
            u32::try_from(number).map_err(|_| E::invalid_value(unexpected, &self))
        }

        fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<u32, E> {
            let unexpected = serde::de::Unexpected::Str(text);
            text.parse().map_err(|_| E::invalid_value(unexpected, &self))
        }
    }
    deserializer.deserialize_any(MajorVisitor).map(Some)
}

impl super::Spec {
    /// Returns the variables besides the flags that the service gets in each case.
    pub fn fixed_variables(&self) -> impl Iterator<Item = &str> {
        self.service.env.keys().chain(&self.service.inherit).map(String::as_str)
    }

    /// Returns the route with this name; `None` if there is none.
    pub(crate) fn route(&self, name: &str) -> Option<&Route> {
        self.routes.iter().find(|route| route.name == name)
    }

    /// Whether the spec, or a template of `[service.files]`, has the placeholder of the URL for JDBC. A template
    /// that can't be read counts as one without it.
    pub(super) fn uses_jdbc(&self) -> bool {
        let has = |text: &str| text.contains("{database.jdbc}");
        let templates = self.service.files.values();
        let mut templates =
            templates.filter_map(|path| std::fs::read_to_string(self.path(path)).ok());
        let mut texts = self.texts().chain(self.database.migrate.iter().map(String::as_str));
        texts.any(has) || templates.any(|text| has(&text))
    }
}

fn loopback() -> String {
    "http://127.0.0.1:{port}".into()
}

fn post() -> String {
    "POST".into()
}

fn whole_job() -> String {
    "\"{job}\"".into()
}

/// Returns the default delay of OpenTelemetry's batch span processor, in milliseconds.
fn five_seconds() -> u64 {
    5_000
}

fn ten_seconds() -> u64 {
    10_000
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn a_version_is_a_number_or_a_string() {
        let version = |text: &str| toml::from_str::<Database>(text).unwrap().version;
        assert_eq!(version("version = 16"), Some(16));
        assert_eq!(version("version = \"16\""), Some(16));
        assert_eq!(version(""), None);
    }

    #[test]
    fn a_url_for_jdbc_in_a_migration_command_or_a_template_needs_a_tcp_port() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("spanproof.toml");
        std::fs::write(folder.path().join("app.properties"), "url={database.jdbc}\n").unwrap();
        std::fs::write(folder.path().join("other.properties"), "url={database.url}\n").unwrap();
        let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../spanproof.toml");
        let example = std::fs::read_to_string(example).unwrap();
        let has_port = |old: &str, new: &str| {
            let spec = super::super::Spec::parse(&path, example.replace(old, new)).unwrap();
            spec.postgres_options().unwrap().tcp
        };
        let migrate = |url: &str| format!("migrate = [\"flyway\", \"-url={url}\", \"migrate\"]");
        let files = |name: &str| format!("name = \"runner\"\nfiles = {{ a = \"{name}\" }}");
        assert!(has_port("migrations = \"migrations\"", &migrate("{database.jdbc}")));
        assert!(!has_port("migrations = \"migrations\"", &migrate("{database.url}")));
        assert!(has_port("name = \"runner\"", &files("app.properties")));
        assert!(!has_port("name = \"runner\"", &files("other.properties")));
    }
}
