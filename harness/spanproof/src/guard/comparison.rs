//! Compares the deploy manifests of a spec with the proof, the file with what passing cases showed about each
//! value of each flag. Builds and runs nothing.

use spanproof_format::{Comparison, FlagProof, Freshness, Guard, ProofState};
use spanproof_manifest::Files;

use super::base::{BaseEnvironment, GuardBase};
use super::deployed::read_environment;
use super::environment::{comparisons, judge_all};
use super::{GuardError, fingerprint};
use crate::spec::Spec;

/// The input of a comparison.
#[derive(Debug)]
pub struct GuardInput<'a> {
    /// The spec, with its environments.
    pub spec: &'a Spec,
    /// The files of the manifests.
    pub files: &'a dyn Files,
    /// The proof; `None` if there is none.
    pub proof: Option<&'a FlagProof>,
    /// The path of the proof, for messages.
    pub proof_file: String,
    /// The commit to compare with; `None` for no comparison.
    pub base: Option<&'a GuardBase<'a>>,
}

impl GuardInput<'_> {
    /// Compares every flag in every environment.
    ///
    /// # Errors
    /// If the spec has no flags or no manifests, or a manifest can't be read.
    pub fn compare(&self) -> Result<Guard, GuardError> {
        let Self { spec, files, base, .. } = self;
        if spec.manifests.is_empty() {
            return Err(GuardError::Nothing { missing: "`[manifests.NAME]`" });
        }
        if spec.flags.is_empty() {
            return Err(GuardError::Nothing { missing: "`[[flag]]`" });
        }
        let mut state = proof_state(self)?;
        let fresh = self.proof.filter(|_| state.freshness == Freshness::Fresh);
        let why = state.why.clone();
        let proof = fresh.ok_or(why.as_str());
        let (before, notes) = base.map(|base| base.read(spec)).unwrap_or_default();
        let mut all: Vec<Comparison> = Vec::new();
        for (name, manifests) in &spec.manifests {
            let deployed = read_environment(spec, name, *files);
            if let Ok(deployed) = &deployed {
                state.not_checked.extend(missing_scripts(name, deployed));
                all.extend(comparisons(&judge_all(spec, (name, manifests), deployed, proof)));
            }
            let was = before.iter().find(|before| before.environment == *name);
            let now = deployed.as_deref();
            let with_base = base_comparisons(*base, spec, was, (now, fresh));
            // If a flag was on at the base, manifests that can no longer be read are reported as a
            // comparison. Otherwise they are an error.
            if with_base.is_empty() {
                deployed?;
            }
            all.extend(with_base);
        }
        for was in before.iter().filter(|was| !spec.manifests.contains_key(&was.environment)) {
            all.extend(base_comparisons(*base, spec, Some(was), (Ok(&[]), fresh)));
        }
        state.not_checked.extend(notes);
        state.not_checked.extend(removed_flags(spec, *base));
        Ok(Guard::new(state, base.map(|base| base.name.clone()), all))
    }
}

/// Returns a note for each script that a process of an environment runs but that was not found.
fn missing_scripts(environment: &str, deployed: &[super::deployed::Deployed]) -> Vec<String> {
    let scripts =
        deployed.iter().flat_map(|one| one.missing_scripts.iter().map(move |script| (one, script)));
    let notes = scripts.map(|(one, script)| {
        format!(
            "whether `{script}`, which was not found, changes a flag; `{}` runs it in {environment}",
            one.process
        )
    });
    notes.collect()
}

/// Returns a note for each flag that the spec of the base declares but the current spec does not.
fn removed_flags(spec: &Spec, base: Option<&GuardBase<'_>>) -> Vec<String> {
    let old = base.and_then(|base| base.spec.as_ref());
    let flags = old.into_iter().flat_map(|old| &old.flags);
    let removed = flags.filter(|flag| spec.flags.iter().all(|other| other.name != flag.name));
    removed.map(|flag| format!("`{}`, which the spec no longer declares", flag.name)).collect()
}

/// Compares the current flags of an environment with the base; empty without a base, or if the base lacks the
/// environment.
fn base_comparisons(
    base: Option<&GuardBase<'_>>,
    spec: &Spec,
    was: Option<&BaseEnvironment>,
    (now, fresh): (Result<&[super::deployed::Deployed], &GuardError>, Option<&FlagProof>),
) -> Vec<Comparison> {
    let (Some(base), Some(was)) = (base, was) else { return Vec::new() };
    base.compare(spec, was, now, fresh)
}

/// Checks whether the proof is fresh: made with the current spec and migrations.
fn proof_state(input: &GuardInput<'_>) -> Result<ProofState, GuardError> {
    let file = &input.proof_file;
    let Some(proof) = input.proof else {
        let why = format!("there is no proof `{file}`");
        return Ok(ProofState::new(file, Freshness::Missing, why));
    };
    let migrations = fingerprint::migrations(input.spec)?;
    let mut stale = Vec::new();
    if proof.inputs.spec != fingerprint::spec(input.spec) {
        stale.push("the spec or a file that it names");
    }
    let mut not_checked = Vec::new();
    match (&proof.inputs.migrations, &migrations) {
        (Some(then), Some(now)) if then == now => {}
        (None, None) => not_checked.push(
            "the migrations, because a program creates the tables and the spec does not name its \
             `inputs`"
                .to_owned(),
        ),
        _ => stale.push("the migrations"),
    }
    not_checked.push("the program, because nothing was built".to_owned());
    let mut state = if stale.is_empty() {
        ProofState::new(file, Freshness::Fresh, "")
    } else {
        let why =
            format!("the proof `{file}` is stale: since then {} changed", stale.join(" and "));
        ProofState::new(file, Freshness::Stale, why)
    };
    state.combinations = proof.combinations.len();
    state.not_checked = not_checked;
    Ok(state)
}
