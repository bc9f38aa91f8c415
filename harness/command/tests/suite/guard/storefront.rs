//! A project with the service of `fixtures/storefront/`, its proof and a deploy manifest.

use std::path::Path;

use tempfile::TempDir;

use crate::repository::root;
use crate::run::{Output, Spanproof};

/// A compose file in which every flag has a value that is proved.
pub(super) const COMPOSE: &str = "\
services:
  storefront:
    image: shop/storefront:1
    environment:
      LOG_LEVEL: info
      TRACING: \"true\"
      DATABASE_PASSWORD: hunter2
";

/// A copy of the service in a temporary folder.
#[derive(Debug)]
pub(super) struct StorefrontProject {
    folder: TempDir,
}

impl StorefrontProject {
    /// Creates the project. `manifests` are sections of the spec.
    pub(super) fn new(manifests: &str) -> Self {
        let project = Self { folder: tempfile::Builder::new().prefix("shop-").tempdir().unwrap() };
        let fixture = root().join("fixtures/storefront");
        let text = |name: &str| std::fs::read_to_string(fixture.join(name)).unwrap();
        let spec = text("spanproof.toml");
        let spec = spec.split("\n[manifests").next().unwrap();
        project.write("spanproof.toml", &format!("{spec}\n{manifests}"));
        for name in [
            "spanproof.proof.json",
            "storefront.py",
            "order.json",
            "prices.toml",
            "migrations/0001_tables.sql",
        ] {
            project.write(name, &text(name));
        }
        project.write("compose.yaml", COMPOSE);
        project
    }

    /// Creates the project with `compose.yaml` as the manifest of production.
    pub(super) fn in_production() -> Self {
        Self::new("[manifests.production]\nfiles = ['compose.yaml']\n")
    }

    pub(super) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Writes a file and creates the folders above it.
    pub(super) fn write(&self, name: &str, text: &str) {
        let path = self.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    pub(super) fn remove(&self, name: &str) {
        std::fs::remove_file(self.path().join(name)).unwrap();
    }

    /// Replaces a string in a file.
    pub(super) fn edit(&self, name: &str, old: &str, new: &str) {
        let text = std::fs::read_to_string(self.path().join(name)).unwrap();
        assert!(text.contains(old), "`{name}` has no `{old}`");
        self.write(name, &text.replacen(old, new, 1));
    }

    /// Runs `spanproof ARGS` in the project.
    pub(super) fn run(&self, args: &[&str]) -> Output {
        Spanproof::new(self.path(), args).output()
    }

    /// Runs `guard ARGS`, and returns the exit code and standard output followed by standard error.
    pub(super) fn guard(&self, args: &[&str]) -> (i32, String) {
        let Output { code, stdout, stderr } = self.run(&[&["guard"], args].concat());
        (code, stdout + &stderr)
    }

    /// Creates a git repository with the project's files as its first commit, `main`.
    pub(super) fn commit(&self) {
        let script = "git init -q -b main . && git add -A && \
                      git -c user.name=x -c user.email=x@example.org commit -qm first";
        let output = Spanproof::shell(self.path(), script).output();
        assert_eq!(output.code, 0, "{output:?}");
    }
}
