//! Tests of `guard --base`, which compares the manifests with those of another commit, such as the base of a
//! pull request.

use rstest::rstest;

use super::storefront::{COMPOSE, StorefrontProject};
use crate::run::Spanproof;

/// Creates a project whose first commit switches on the flag `PRICE_CACHE`.
fn project_with_cache() -> StorefrontProject {
    let project = StorefrontProject::in_production();
    project.write(
        "compose.yaml",
        &COMPOSE.replace("LOG_LEVEL: info", "LOG_LEVEL: info\n      PRICE_CACHE: \"true\""),
    );
    project.commit();
    project
}

#[test]
fn a_flag_that_is_still_on_passes() {
    let project = project_with_cache();
    let (code, output) = project.guard(&["--base", "main"]);
    assert_eq!(code, 0, "{output}");
    assert!(
        output.contains("main had true (compose.yaml:6), which is on, and it is still on"),
        "{output}"
    );
    assert!(output.contains("8 comparisons: 8 ok"), "{output}");
}

#[rstest]
#[case::dropped(
    "      PRICE_CACHE: \"true\"\n",
    "",
    "dropped: main had true (compose.yaml:6), which is on, and now production does not set it"
)]
#[case::renamed("PRICE_CACHE:", "PRICES_CACHE:", "was it renamed to `PRICES_CACHE`?")]
#[case::off(
    "PRICE_CACHE: \"true\"",
    "#PRICE_CACHE: \"true\"",
    "`expect = { PRICE_CACHE = \"off\" }`"
)]
fn a_flag_that_was_on_must_stay_on(#[case] old: &str, #[case] new: &str, #[case] text: &str) {
    let project = project_with_cache();
    project.edit("compose.yaml", old, new);
    let (code, output) = project.guard(&[]);
    assert_eq!(code, 0, "without a base, this flag may be off: {output}");
    let (code, output) = project.guard(&["--base", "main"]);
    assert_eq!(code, 1, "{output}");
    assert!(output.contains(text), "expected {text}\nfound {output}");
}

#[test]
fn a_flag_that_expect_declares_as_off_passes() {
    let project = project_with_cache();
    project.edit("compose.yaml", "      PRICE_CACHE: \"true\"\n", "");
    project.edit(
        "spanproof.toml",
        "files = ['compose.yaml']",
        "files = ['compose.yaml']\nexpect = { PRICE_CACHE = 'off' }",
    );
    let (code, output) = project.guard(&["--base", "main"]);
    assert_eq!(code, 0, "{output}");
}

#[test]
fn the_flags_of_a_removed_or_renamed_manifest_are_reported() {
    let project = project_with_cache();
    project.remove("compose.yaml");
    let (code, output) = project.guard(&["--base", "main"]);
    assert_eq!(code, 1, "{output}");
    assert!(
        output.contains("dropped: main had true (compose.yaml:7), which is on, and now"),
        "{output}"
    );
    assert!(output.contains("could not read the manifest `compose.yaml`"), "{output}");
    project.write("compose.production.yaml", COMPOSE);
    project.edit("spanproof.toml", "'compose.yaml'", "'compose.production.yaml'");
    let (code, output) = project.guard(&["--base", "main"]);
    assert_eq!(code, 1, "the new file does not set PRICE_CACHE: {output}");
    assert!(output.contains("DISABLED  PRICE_CACHE unset, compose.production.yaml"), "{output}");
    project.edit("spanproof.toml", "[manifests.production]", "[manifests.live]");
    let (code, output) = project.guard(&["--base", "main"]);
    assert_eq!(code, 1, "{output}");
    assert!(output.contains("the spec has no `[manifests.production]`"), "{output}");
}

#[test]
fn a_stale_proof_does_not_hide_what_the_base_proved() {
    let project = project_with_cache();
    project.edit("compose.yaml", "TRACING: \"true\"", "TRACING: \"'true'\"");
    project.edit("compose.yaml", "PRICE_CACHE: \"true\"", "COLOUR: blue");
    project.edit("order.json", "order-1", "order-2");
    let (code, output) = project.guard(&["--base", "main"]);
    assert_eq!(code, 1, "{output}");
    assert!(output.contains("dropped: main had true (compose.yaml:6)"), "{output}");
    assert!(output.contains("changed: main had true (compose.yaml:7)"), "{output}");
}

#[test]
fn the_base_is_read_from_a_subfolder_and_with_included_files() {
    let project = StorefrontProject::new("[manifests.production]\nfiles = ['deploy']\n");
    project.write(
        "deploy/compose.yaml",
        &COMPOSE.replace("    environment:", "    env_file: more.env\n    environment:"),
    );
    project.write("deploy/more.env", "PRICE_CACHE=true\n");
    project.commit();
    project.write("deploy/more.env", "COLOUR=blue\n");
    project.write("sub/x", "");
    let script = "spanproof guard --config ../spanproof.toml --base HEAD";
    let output = Spanproof::shell(project.path().join("sub"), script).output();
    assert_eq!(output.code, 1, "{output:?}");
    let text = "dropped: HEAD had true (../deploy/more.env:1), which is on";
    assert!(output.stdout.contains(text), "{output:?}");
}

#[test]
fn the_file_with_names_of_secrets_need_not_be_committed() {
    let project = StorefrontProject::new(
        "[manifests.production]\nfiles = ['fly.toml']\nsecrets = 'secrets'\n",
    );
    project.write("fly.toml", "app = 'storefront'\n[env]\nLOG_LEVEL = 'info'\nTRACING = 'true'\n");
    project.commit();
    project.write("secrets", "NAME\tDIGEST\nAPI_KEY\t1234\n");
    assert_eq!(project.guard(&["--base", "main"]).0, 0);
    project.edit("fly.toml", "TRACING", "TRACE");
    let (code, output) = project.guard(&["--base", "main"]);
    assert_eq!(code, 1, "{output}");
    assert!(output.contains("dropped: main had true (fly.toml:4)"), "{output}");
}

#[test]
fn a_flag_that_the_spec_no_longer_declares_is_reported() {
    let project = project_with_cache();
    project.edit("spanproof.toml", "name = \"OLD_CHECKOUT\"", "name = \"NEW_CHECKOUT\"");
    project.edit("spanproof.toml", "OLD_CHECKOUT = \"true\"", "NEW_CHECKOUT = \"true\"");
    let (_, output) = project.guard(&["--base", "main"]);
    assert!(output.contains("no value is proved"), "{output}");
    let text = "not checked: `OLD_CHECKOUT`, which the spec no longer declares";
    assert!(output.contains(text), "{output}");
}

#[test]
fn a_commit_that_git_does_not_know_is_an_error() {
    let project = StorefrontProject::in_production();
    let (code, output) = project.guard(&["--base", "main"]);
    assert_eq!(code, 2, "{output}");
    assert!(output.contains("`--base` needs a git repository"), "{output}");
    project.commit();
    let (code, output) = project.guard(&["--base", "origin/next"]);
    assert_eq!(code, 2, "{output}");
    assert!(output.contains("git does not know the commit `origin/next`; fetch it, for example with `git fetch origin next`"), "{output}");
}

#[test]
fn with_a_base_that_has_no_spec_no_flag_was_on() {
    let project = StorefrontProject::in_production();
    let script = "git init -q -b main . && git add order.json && \
                  git -c user.name=x -c user.email=x@example.org commit -qm first";
    assert_eq!(Spanproof::shell(project.path(), script).output().code, 0);
    let (code, output) = project.guard(&["--base", "main"]);
    assert_eq!(code, 0, "{output}");
    assert!(output.contains("`main` has no `spanproof.toml`"), "{output}");
}
