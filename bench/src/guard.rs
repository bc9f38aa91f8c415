//! Measures the row `guard` of the printed table: the time to compare 200 deploy manifests with the
//! proof of a spec, in a child process of this program.

use std::fmt::Write as _;
use std::path::Path;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use spanproof::{GuardInput, Spec};
use spanproof_format::{FlagProof, parse};
use spanproof_manifest::DiskFiles;

use crate::part::{SideCommand, report};
use crate::place::Place;
use crate::stats::{Times, milliseconds_since};
use crate::table::{Outcome, Row};

/// The service, with five flags and its proof.
const SERVICE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../fixtures/storefront");
/// The files of the service that the proof depends on.
const FILES: [&str; 5] = [
    "spanproof.toml",
    "spanproof.proof.json",
    "order.json",
    "prices.toml",
    "migrations/0001_tables.sql",
];
/// Number of manifests, each in an environment of its own.
const MANIFESTS: usize = 200;
/// Goal for the median time, in milliseconds.
const GOAL: f64 = 200.0;
/// The formats that the manifests have in turn: a file name and the contents of the file.
const FORMATS: [(&str, &str); 4] = [
    (
        "compose.yaml",
        "x-common: &common\n  LOG_LEVEL: info\nservices:\n  storefront:\n    image: shop/storefront\n    \
         environment:\n      <<: *common\n      TRACING: \"true\"\n  db:\n    image: postgres\n",
    ),
    (
        "deployment.yaml",
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: { name: shop }\nspec:\n  template:\n    spec:\n      \
         containers:\n        - name: storefront\n          image: shop/storefront\n          env:\n            \
         - { name: TRACING, value: \"true\" }\n            - { name: LOG_LEVEL, value: info }\n",
    ),
    (
        "storefront.service",
        "[Service]\nEnvironment=TRACING=true \"LOG_LEVEL=info\"\nExecStart=/opt/storefront\n",
    ),
    ("Dockerfile", "FROM debian\nENV TRACING=true LOG_LEVEL=info\nCMD [\"/opt/storefront\"]\n"),
];

/// Measures the guard, compared with reading the same files.
pub fn measure(place: &Place, samples: usize) -> Result<Outcome> {
    let folder = place.path("guarded");
    write_project(&folder)?;
    let name = folder.to_str().context("the path of the folder is not UTF-8")?;
    let (mut ours, mut reading) = (Vec::new(), Vec::new());
    for _ in 0..samples {
        let start = Instant::now();
        let found = SideCommand::new(place, &["guard", name]).run()?;
        ours.push(milliseconds_since(start));
        ensure!(
            found.texts("ok") == [(5 * MANIFESTS).to_string()],
            "expected {} good comparisons, found {:?}",
            5 * MANIFESTS,
            found.texts("ok")
        );
        let start = Instant::now();
        for number in 0..MANIFESTS {
            std::fs::read(folder.join(manifest(number)))?;
        }
        reading.push(milliseconds_since(start));
    }
    let (ours, reading) = (Times::new(ours), Times::new(reading));
    Ok(Outcome {
        row: Row::Guard,
        ours: ours.to_text(),
        other: reading.to_text(),
        ratio: "-".to_owned(),
        goal: String::new(),
        reached: true,
        notes: vec![format!("{MANIFESTS} manifests, {} comparisons", 5 * MANIFESTS)],
    }
    .with_goal(ours.median() <= GOAL, &format!("<= {GOAL} ms")))
}

/// Compares the manifests of a project and reports the number of good comparisons. Only the child
/// process calls this.
pub fn compare(folder: &Path) -> Result<()> {
    let spec = Spec::read(&folder.join("spanproof.toml"))?;
    let file = folder.join("spanproof.proof.json");
    let proof: FlagProof = parse(&std::fs::read_to_string(&file)?)?;
    let input = GuardInput {
        spec: &spec,
        files: &DiskFiles,
        proof: Some(&proof),
        proof_file: file.display().to_string(),
        base: None,
    };
    report("ok", input.compare()?.ok);
    Ok(())
}

fn write_project(folder: &Path) -> Result<()> {
    std::fs::create_dir_all(folder.join("migrations"))?;
    for name in FILES {
        std::fs::copy(Path::new(SERVICE).join(name), folder.join(name))?;
    }
    let mut sections = String::new();
    for number in 0..MANIFESTS {
        let file = manifest(number);
        let path = folder.join(&file);
        std::fs::create_dir_all(path.parent().context("the file has no folder")?)?;
        std::fs::write(path, FORMATS[number % FORMATS.len()].1)?;
        write!(sections, "\n[manifests.e{number}]\nfiles = ['{file}']\n")?;
    }
    let path = folder.join("spanproof.toml");
    let spec = std::fs::read_to_string(&path)?;
    Ok(std::fs::write(path, spec + &sections)?)
}

fn manifest(number: usize) -> String {
    format!("e{number}/{}", FORMATS[number % FORMATS.len()].0)
}
