//! The services with switchable defects, and how the test runs a service with one defect. Each pair is a
//! row of the table.

use std::io::Write as _;
use std::process::Command;
use std::sync::LazyLock;

use spanproof::{Case, RunOptions, World, WorldBuilder, cases, experiments};
use spanproof_format::{Code, Run};

use crate::program::{program, succeed};
use crate::world::repository;

/// The tracing flag of the service `python-runner`, with fewer values than in its spec.
const PYTHON_FLAG: &str = "[{ name = 'TRACING', tracing = true, values = ['off', 'on'] }]";

/// Installs OpenTelemetry's Python SDK, unless it is installed already.
static SDK: LazyLock<()> = LazyLock::new(|| {
    let install = repository("fixtures/otel-service/install");
    succeed(&mut program(install.to_str().unwrap()));
});

/// A service of this repository that has switchable defects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Service {
    /// In Perl; prints nothing.
    Silent,
    /// In Python, with the SDK of OpenTelemetry.
    Otel,
    /// In Python, with a tracer of its own, and a line for each span.
    Python,
    /// In Rust, this repository's runner.
    Runner,
}

impl Service {
    pub(super) const ALL: [Self; 4] = [Self::Silent, Self::Otel, Self::Python, Self::Runner];

    /// Returns the folder of the service.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Silent => "silent-service",
            Self::Otel => "otel-service",
            Self::Python => "python-runner",
            Self::Runner => "runner",
        }
    }

    /// Returns the command that starts the program with the defects. The variable `DEFECT`, which is unset
    /// here, selects one of them.
    pub(super) fn faulty_command(self) -> Command {
        if self == Self::Otel {
            LazyLock::force(&SDK);
        }
        let perl: &[&str] = &["/usr/bin/perl", "-I.", "faulty.pl"];
        let python: &[&str] = &["/usr/bin/python3", "faulty.py"];
        let words = if self == Self::Silent { perl } else { python };
        let mut command = program(words[0]);
        command.args(&words[1..]).current_dir(repository("fixtures").join(self.name()));
        command.env_remove("DEFECT").env("PYTHONPATH", "packages");
        command.env("PYTHONDONTWRITEBYTECODE", "1");
        command
    }

    /// Returns a builder for running the service with a defect. If `defect` is empty, the service is
    /// started with the command in its spec.
    fn world(self, defect: &str) -> WorldBuilder {
        let (spec, command, variable) = match self {
            Self::Silent => ("silent-service", "['/usr/bin/perl', '-I.', 'faulty.pl']", "DEFECT"),
            Self::Otel => ("otel-service", "['/usr/bin/python3', 'faulty.py']", "DEFECT"),
            Self::Python => ("python-runner", "['/usr/bin/python3', 'faulty.py']", "BUG"),
            Self::Runner => {
                let world = World::new(repository("spanproof.toml"));
                let world = world.binary(env!("CARGO_BIN_EXE_faulty-runner"));
                // Spans are written before the job ends, so a short wait is enough.
                return world.env("FAULT", defect).set("service.flush-ms", "500");
            }
        };
        let mut world = World::new(repository(&format!("fixtures/{spec}/spanproof.toml")));
        if self == Self::Otel {
            LazyLock::force(&SDK);
        }
        if self == Self::Python {
            world = world.set("flag", PYTHON_FLAG);
        }
        if defect.is_empty() {
            return world;
        }
        world.env(variable, defect).set("service.command", command)
    }

    /// Whether the test runs this case. It runs a few cases with tracing on and off, without faults.
    fn selects(self, case: &Case) -> bool {
        case.fault.is_none()
            && match self {
                Self::Silent | Self::Otel => true,
                Self::Python => case.route == "now" && case.upstream == "answers",
                Self::Runner => {
                    case.route == "queued"
                        && case.upstream == "healthy"
                        && case.flag("HYBRID_ROUTER_DISABLE").text().is_none()
                        && [Some("true"), Some("0")]
                            .contains(&case.flag("ENABLE_DB_TRACING").text())
                }
            }
    }
}

/// One service with one defect, and what differs from its spec.
#[derive(Debug, Clone, Copy)]
pub(super) struct Row {
    pub(super) service: Service,
    /// The name of the defect; empty for the service without a defect.
    pub(super) defect: &'static str,
    /// SQL that runs before the service starts.
    sql: &'static str,
    /// Additional environment variables of the service.
    env: &'static [(&'static str, &'static str)],
    /// Values that replace those of the spec.
    spec: &'static [(&'static str, &'static str)],
    /// The right codes for this service, if they differ from those of the kind of loss. For example, a
    /// failed write has a different code if the service reports it.
    pub(super) right: Option<&'static [Code]>,
    /// Codes that may be reported together with a right one.
    pub(super) also: &'static [Code],
    /// Whether the row has a server of its own. It needs one if the service uses other databases of the
    /// server, because rows on a shared server could then not exclude that their own service used these
    /// databases.
    needs_own_server: bool,
}

impl Row {
    pub(super) const fn new(service: Service, defect: &'static str) -> Self {
        Self {
            service,
            defect,
            sql: "",
            env: &[],
            spec: &[],
            right: None,
            also: &[],
            needs_own_server: false,
        }
    }

    pub(super) const fn sql(self, sql: &'static str) -> Self {
        Self { sql, ..self }
    }

    pub(super) const fn env(self, env: &'static [(&'static str, &'static str)]) -> Self {
        Self { env, ..self }
    }

    pub(super) const fn spec(self, spec: &'static [(&'static str, &'static str)]) -> Self {
        Self { spec, ..self }
    }

    pub(super) const fn on_own_server(self) -> Self {
        Self { needs_own_server: true, ..self }
    }

    pub(super) const fn right(self, codes: &'static [Code]) -> Self {
        Self { right: Some(codes), ..self }
    }

    pub(super) const fn also(self, codes: &'static [Code]) -> Self {
        Self { also: codes, ..self }
    }

    /// Runs the cases of the row as `spanproof check` does.
    pub(super) async fn run(self) -> Run {
        let mut seed = tempfile::NamedTempFile::with_suffix(".sql").unwrap();
        seed.write_all(self.sql.as_bytes()).unwrap();
        let mut world = self.service.world(self.defect);
        if !self.needs_own_server {
            world = world.shared_server();
        }
        if !self.sql.is_empty() {
            world = world.seed(seed.path());
        }
        let world = self.env.iter().fold(world, |world, (name, value)| world.env(*name, *value));
        let world = self.spec.iter().fold(world, |world, (key, value)| world.set(key, value));
        let world = world.open().await.unwrap();
        let mut selected = cases(world.spec()).unwrap();
        selected.retain(|case| self.service.selects(case));
        // Of the cases with undeclared faults, only the one that repeats its job can fail.
        let repeated = experiments(world.spec(), &selected).into_iter();
        selected.extend(repeated.filter(|case| case.fault.as_deref() == Some("job-repeated")));
        let evidence = tempfile::tempdir().unwrap();
        let (_cancel, cancelled) = tokio::sync::watch::channel(false);
        let mut options = RunOptions::new(evidence.path(), cancelled);
        options.workers = 2;
        // Extra cases do not change a verdict.
        options.probe = false;
        let result = spanproof::run(&world, &selected, options, |_| {}).await.unwrap();
        result.document(world.spec(), &[], Vec::new())
    }
}
