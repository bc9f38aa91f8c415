//! Reads and checks the files and programs of a spec, before any process or server is started.

use std::path::{Path, PathBuf};

use spanproof_postgres::{Migrations, Options};

use super::files::Files;
use super::problems::Problems;
use super::{Error, migrate, program_check};
use crate::spec::Spec;

/// The files of a spec, and the options of the database server.
#[derive(Debug)]
pub(super) struct Inputs {
    pub(super) files: Files,
    pub(super) migrations: Migrations,
    /// The options of the database server, with the migrations.
    pub(super) options: Options,
}

impl Inputs {
    /// Reads and checks every file that the spec names, and checks that its programs exist. If there is a
    /// `binary`, it replaces the program of the service. Starts and builds nothing.
    ///
    /// # Errors
    /// When a file or a program is missing or wrong. The error lists all of them.
    pub(super) fn read(
        spec: &Spec,
        seeds: Vec<PathBuf>,
        binary: Option<&Path>,
    ) -> Result<Self, Error> {
        let mut problems = Problems::default();
        let files = Files::read(spec, seeds, &mut problems);
        let migrations = problems.keep(migrate::migrations(spec)).unwrap_or_else(Migrations::none);
        let options = problems.keep(spec.postgres_options()).unwrap_or_default();
        program_check::check(spec, binary, &mut problems);
        problems.into_result()?;
        let options = Options { migrations: Some(migrations.clone()), ..options };
        Ok(Self { files, migrations, options })
    }
}
