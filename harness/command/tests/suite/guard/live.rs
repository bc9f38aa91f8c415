//! Tests that run the service: the proof, the cases of environments, and `guard --run`.

use serde_json::Value as Json;

use super::storefront::StorefrontProject;
use crate::repository::read;
use crate::run::Spanproof;

/// Returns a proof without the hash of the program, which depends on the machine.
fn without_program(text: &str) -> Json {
    let mut proof: Json = serde_json::from_str(text).unwrap();
    proof["inputs"]["program"] = Json::Null;
    proof
}

#[test]
fn a_passing_run_writes_the_same_proof_each_time() {
    let project = StorefrontProject::in_production();
    project.remove("spanproof.proof.json");
    let output = project.run(&["check", "--write-proof", "--no-faults"]);
    assert_eq!(output.code, 0, "{output:?}");
    assert!(output.stderr.contains("proof written: spanproof.proof.json"), "{output:?}");
    let written = std::fs::read_to_string(project.path().join("spanproof.proof.json")).unwrap();
    let kept = read("fixtures/storefront/spanproof.proof.json");
    assert_eq!(without_program(&written), without_program(&kept));
    assert_eq!(project.guard(&[]).0, 0);
}

#[test]
fn no_proof_is_written_if_cases_are_left_out_or_fail() {
    let project = StorefrontProject::in_production();
    project.remove("spanproof.proof.json");
    for args in [&["--filter", "TRACING=true"][..], &["--case", "d30a110f"]] {
        let output = project.run(&[&["check", "--write-proof"], args].concat());
        assert_eq!(output.code, 2, "{output:?}");
    }
    let in_ci =
        Spanproof::new(project.path(), &["check", "--write-proof"]).env("CI", "true").output();
    assert_eq!(in_ci.code, 2, "{in_ci:?}");
    assert!(in_ci.stderr.contains("`--write-proof` is refused"), "{in_ci:?}");
    project.edit("storefront.py", "in {\"true\", \"1\"}", "in {\"true\"}");
    let output = project.run(&["check", "--write-proof", "--no-faults"]);
    assert_eq!(output.code, 1, "{output:?}");
    assert!(
        output.stderr.contains("no proof was written, because the run did not pass"),
        "{output:?}"
    );
    assert!(!project.path().join("spanproof.proof.json").exists());
    let (code, output) = project.guard(&["--run"]);
    assert_eq!(code, 1, "{output}");
    assert!(output.contains("nothing was compared, because the run did not pass"), "{output}");
}

/// Each value has an effect in one pair of cases only, so all of these cases must run again before the effect
/// is known.
#[test]
fn a_proof_has_the_effect_of_every_value() {
    let project = StorefrontProject::in_production();
    let spec = std::fs::read_to_string(project.path().join("spanproof.toml")).unwrap();
    let (start, rest) = spec.split_once("# With it, the price").unwrap();
    let (_, end) = rest.split_once("[[span]]").unwrap();
    let values: Vec<_> = (1..8).map(|number| format!("\"{number}\"")).collect();
    let values = values.join(", ");
    let flag = format!(
        "[[flag]]\nname = \"PRELOAD\"\nkind = \"number\"\nvalues = [\"0\", {values}]\n\n[matrix]\n\
         exclude = [{{ TRACING = [{{ unset = true }}, \"false\", \"1\", \"True\", \"true \", '\"true\"'], \
         PRELOAD = [{values}] }}]\n\n"
    );
    project.write("spanproof.toml", &format!("{start}{flag}[[span]]{end}"));
    project.edit(
        "storefront.py",
        "            for number, article in",
        "            for _ in range(int(os.environ[\"PRELOAD\"])):\n                \
         price(\"tea\")\n            for number, article in",
    );
    let output = project.run(&["check", "--write-proof", "--no-faults"]);
    assert_eq!(output.code, 0, "{output:?}");
    let proof = std::fs::read_to_string(project.path().join("spanproof.proof.json")).unwrap();
    let proof: Json = serde_json::from_str(&proof).unwrap();
    let effect = |value: &Json| value["effects"][0]["effect"].as_str().unwrap().to_owned();
    let effects: Vec<_> =
        proof["flags"][1]["values"].as_array().unwrap().iter().map(effect).collect();
    assert_eq!(effects, [vec!["baseline"], vec!["changes"; 7]].concat());
}

#[test]
fn check_as_an_environment_runs_a_case_with_its_flags() {
    let project = StorefrontProject::in_production();
    project.edit(
        "compose.yaml",
        "TRACING: \"true\"",
        "TRACING: \"1\"\n      OLD_CHECKOUT: \"perhaps\"",
    );
    let args = ["check", "--as", "production", "--filter", "OLD_CHECKOUT=perhaps"];
    let output = project.run(&args);
    assert_eq!(output.code, 0, "{output:?}");
    assert!(output.stdout.contains("TRACING=1 OLD_CHECKOUT=perhaps LOG_LEVEL=info"), "{output:?}");
    assert!(output.stdout.contains("1 passed, 0 failed: 1 case"), "{output:?}");
    assert!(output.stderr.contains("passes with 2 spans"), "{output:?}");
}

#[test]
fn an_environment_that_records_no_spans_fails() {
    let project = StorefrontProject::in_production();
    project.edit("compose.yaml", "TRACING: \"true\"", "TRACING: \"yes\"");
    let output = project.run(&["check", "--as", "production", "--filter", "TRACING=yes"]);
    assert_eq!(output.code, 1, "{output:?}");
    let text = "no spans are recorded, but tracing must be on there";
    assert!(output.stderr.contains(text), "{output:?}");
}

#[test]
fn an_unknown_value_cannot_be_run() {
    let project = StorefrontProject::in_production();
    project.edit("compose.yaml", "TRACING: \"true\"", "TRACING: \"${TRACING}\"");
    let output = project.run(&["check", "--as", "production"]);
    assert_eq!(output.code, 2, "{output:?}");
    assert!(
        output.stderr.contains(
            "`production` can't be run as a case, because the value of a flag is not known: `TRACING`: "
        ),
        "{output:?}"
    );
    let output = project.run(&["check", "--as", "producton"]);
    assert_eq!(output.code, 2, "{output:?}");
    let text = "the spec has no `[manifests.producton]`; did you mean `production`?";
    assert!(output.stderr.contains(text), "{output:?}");
}

#[test]
fn guard_run_builds_a_proof_in_memory() {
    let project = StorefrontProject::in_production();
    project.remove("spanproof.proof.json");
    project.edit(
        "compose.yaml",
        "LOG_LEVEL: info",
        "LOG_LEVEL: info\n      OLD_CHECKOUT: \"perhaps\"",
    );
    let output = project.run(&["guard", "--run", "--format", "json"]);
    assert_eq!(output.code, 1, "the value was tried, and does nothing: {output:?}");
    let document = output.json();
    assert_eq!((&document["ok"], &document["disabled"]), (&4.into(), &1.into()), "{document}");
    let inert = &document["comparisons"][3];
    assert_eq!(inert["value"]["set"], "perhaps");
    assert_eq!(inert["result"], "disabled");
    assert!(output.stderr.contains("production: case "), "{output:?}");
    assert!(!project.path().join("spanproof.proof.json").exists(), "the proof stays in memory");
}
