//! Drifts (edits that lose or change a flag), which `guard` must find, and healthy edits, which it must
//! accept. Each file of `fixtures/drifts/` has manifests and edits. The base is the unedited manifests.
//!
//! Prints the score: `cargo test -p spanproof-cli --test suite guard::drift -- --nocapture`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use spanproof::{GuardBase, GuardInput, Spec};
use spanproof_format::{Comparison, FlagProof, Guard, GuardResult, parse};
use spanproof_manifest::MemoryFiles;

use crate::repository::{files, read, root};

/// Manifests and their edits.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ManifestSet {
    /// The keys of `[manifests.production]`.
    manifests: String,
    /// The contents of the manifests, by their paths.
    files: BTreeMap<String, String>,
    edits: Edits,
}

/// The edits that `guard` must find, and the edits that it must accept.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Edits {
    drift: Vec<Edit>,
    healthy: Vec<Edit>,
}

/// One edit.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Edit {
    name: String,
    /// The file to edit; the first file of `manifests` by default.
    file: Option<String>,
    old: String,
    new: String,
    /// The file of a second edit; `file` by default.
    also_file: Option<String>,
    /// A second edit: the old text and the new text.
    also: Option<[String; 2]>,
    /// Files to add.
    add: BTreeMap<String, String>,
    /// Texts to append to files.
    add_to: BTreeMap<String, String>,
    /// Files to remove.
    remove: Vec<String>,
    /// Other keys of `[manifests.production]`, also for the base.
    manifests: Option<String>,
    /// The flag that the edit concerns; `TRACING` by default.
    flag: String,
    /// The result that `guard` must have for this flag; `disabled` by default.
    want: GuardResult,
}

impl Default for Edit {
    fn default() -> Self {
        Self {
            name: String::new(),
            file: None,
            old: String::new(),
            new: String::new(),
            also_file: None,
            also: None,
            add: BTreeMap::new(),
            add_to: BTreeMap::new(),
            remove: Vec::new(),
            manifests: None,
            flag: "TRACING".to_owned(),
            want: GuardResult::Disabled,
        }
    }
}

/// The service whose flags the manifests set, with its proof.
struct Storefront {
    folder: PathBuf,
    spec: String,
    proof: FlagProof,
}

impl Storefront {
    fn read() -> Self {
        let folder = root().join("fixtures/storefront");
        let text = |name: &str| std::fs::read_to_string(folder.join(name)).unwrap();
        let proof = parse(&text("spanproof.proof.json")).unwrap();
        // The manifests of the fixture are not used: each file of `fixtures/drifts/` has its own.
        let spec = text("spanproof.toml").split("\n[manifests").next().unwrap().to_owned();
        Self { folder, spec, proof }
    }

    fn spec(&self, manifests: &str) -> Spec {
        let text = format!("{}\n[manifests.production]\n{manifests}\n", self.spec);
        Spec::parse(&self.folder.join("spanproof.toml"), text).unwrap()
    }

    fn files(&self, texts: &BTreeMap<String, String>) -> MemoryFiles {
        let add = |files: MemoryFiles, (name, text): (&String, &String)| {
            files.with(self.folder.join(name), text.as_str())
        };
        texts.iter().fold(MemoryFiles::default(), add)
    }

    /// Compares the edited files `now` with the proof, and with the files `before`, those of the base. `Err`
    /// is the text of the error.
    fn guard(
        &self,
        manifests: &str,
        now: &BTreeMap<String, String>,
        before: Option<&BTreeMap<String, String>>,
    ) -> Result<Guard, String> {
        let spec = self.spec(manifests);
        let old = self.files(before.unwrap_or(now));
        let base = GuardBase {
            name: "main".to_owned(),
            spec: Some(spec.clone()),
            files: &old,
            proof: Some(self.proof.clone()),
        };
        let input = GuardInput {
            spec: &spec,
            files: &self.files(now),
            proof: Some(&self.proof),
            proof_file: "spanproof.proof.json".to_owned(),
            base: before.map(|_| &base),
        };
        input.compare().map_err(|error| format!("{error:?}"))
    }
}

/// Replaces a string in a file, which must contain it.
fn replace(texts: &mut BTreeMap<String, String>, file: &str, [old, new]: [&str; 2]) {
    if old.is_empty() {
        return;
    }
    let text = texts.get_mut(file).unwrap_or_else(|| panic!("no file `{file}`"));
    assert!(text.contains(old), "`{file}` has no `{old}`");
    *text = text.replace(old, new);
}

/// Returns the files after an edit.
fn apply_edit(set: &ManifestSet, edit: &Edit) -> BTreeMap<String, String> {
    let mut texts = set.files.clone();
    let first: toml::Table = set.manifests.parse().unwrap();
    let first = first["files"][0].as_str().unwrap();
    let any = || texts.keys().next().unwrap().clone();
    let first = if texts.contains_key(first) { first.to_owned() } else { any() };
    let first = edit.file.clone().unwrap_or(first);
    replace(&mut texts, &first, [&edit.old, &edit.new]);
    if let Some([old, new]) = &edit.also {
        replace(&mut texts, edit.also_file.as_ref().unwrap_or(&first), [old, new]);
    }
    texts.retain(|name, _| !edit.remove.contains(name));
    texts.extend(edit.add.clone());
    for (name, text) in &edit.add_to {
        texts.get_mut(name).unwrap().push_str(text);
    }
    texts
}

/// Returns the comparisons whose result is not `ok`, as text.
fn problems(found: &Result<Guard, String>) -> Vec<String> {
    let text = |one: &Comparison| format!("{} {:?}: {}", one.flag, one.result, one.found);
    match found {
        Ok(guard) => {
            let bad = guard.comparisons.iter().filter(|one| one.result != GuardResult::Ok);
            bad.map(text).collect()
        }
        Err(error) => vec![error.clone()],
    }
}

/// Returns whether `guard` has the expected result for the flag of a drift.
fn is_found(edit: &Edit, found: &Result<Guard, String>) -> bool {
    let Ok(guard) = found else { return false };
    guard.comparisons.iter().any(|one| one.flag == edit.flag && one.result == edit.want)
}

fn all_manifests() -> Vec<(String, ManifestSet)> {
    let read = |path: &PathBuf| -> (String, ManifestSet) {
        let text = std::fs::read_to_string(path).unwrap();
        let set =
            toml::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        (Path::new(path).file_stem().unwrap().to_str().unwrap().to_owned(), set)
    };
    files(&root().join("fixtures/drifts"), "toml").iter().map(read).collect()
}

#[test]
fn drifts_are_found_and_healthy_edits_are_accepted() {
    let storefront = Storefront::read();
    let (mut drifts, mut missed) = (0, Vec::new());
    let (mut healthy_edits, mut false_alarms) = (0, Vec::new());
    for (format, set) in all_manifests() {
        let manifests = |edit: &Edit| edit.manifests.clone().unwrap_or(set.manifests.clone());
        for edit in &set.edits.drift {
            let now = apply_edit(&set, edit);
            let found = storefront.guard(&manifests(edit), &now, Some(&set.files));
            drifts += 1;
            if !is_found(edit, &found) {
                let problems = problems(&found).join("\n      ");
                missed.push(format!(
                    "{format}: {}\n    expected {} {:?}, found\n      {problems}",
                    edit.name, edit.flag, edit.want
                ));
            }
        }
        for edit in &set.edits.healthy {
            let now = apply_edit(&set, edit);
            let found = storefront.guard(&manifests(edit), &now, Some(&set.files));
            healthy_edits += 1;
            let problems = problems(&found);
            assert!(found.as_ref().map_or(1, |guard| guard.compared) > 0, "{}", edit.name);
            if !problems.is_empty() {
                false_alarms.push(format!(
                    "{format}: {}\n      {}",
                    edit.name,
                    problems.join("\n      ")
                ));
            }
        }
    }
    let found = drifts - missed.len();
    println!("drifts: {found} of {drifts} found");
    println!("healthy edits: {} of {healthy_edits} reported", false_alarms.len());
    for text in missed
        .iter()
        .map(|text| format!("missed: {text}"))
        .chain(false_alarms.iter().map(|text| format!("false alarm: {text}")))
    {
        println!("{text}");
    }
    let page = read("docs/guard.md").replace('\n', " ");
    for number in [drifts, healthy_edits] {
        assert!(page.contains(&format!("{number} edits")), "docs/guard.md lacks `{number} edits`");
    }
    assert!(drifts >= 60 && healthy_edits >= 60, "{drifts} drifts, {healthy_edits} healthy edits");
    assert!(found * 100 >= drifts * 95, "{found} of {drifts} drifts were found");
    assert!(
        false_alarms.is_empty(),
        "{} of {healthy_edits} healthy edits were reported",
        false_alarms.len()
    );
}
