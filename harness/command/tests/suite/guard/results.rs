//! Tests of the results of `guard` without a base, and of its errors.

use rstest::rstest;
use serde_json::json;

use super::storefront::{COMPOSE, StorefrontProject};

#[test]
fn a_healthy_deployment_passes_and_every_comparison_is_counted() {
    let project = StorefrontProject::in_production();
    let (code, output) = project.guard(&[]);
    assert_eq!(code, 0, "{output}");
    assert!(
        output.contains("5 comparisons: 5 ok, 0 disabled, 0 enabled, 0 unproven, 0 unknown"),
        "{output}"
    );
    assert!(output.contains("compose.yaml:6 set: true"), "{output}");
    assert!(output.contains("not checked: the program, because nothing was built"), "{output}");
    assert!(!output.contains("hunter2"), "a variable that is not a flag is printed: {output}");
}

#[test]
fn the_report_of_a_spelling_that_records_nothing_names_the_spans_and_the_case() {
    let project = StorefrontProject::in_production();
    project.edit("compose.yaml", "TRACING: \"true\"", "TRACING: \"True\"");
    let (code, output) = project.guard(&[]);
    assert_eq!(code, 1, "{output}");
    for line in [
        "`price` spans need TRACING=true|1; production sets True (compose.yaml:6), which records nothing (proved by case 4579b5e4 and 3 more)",
        "next: set TRACING to one of: true, 1",
    ] {
        assert!(output.contains(line), "expected {line}\nfound {output}");
    }
}

#[test]
fn the_document_has_the_value_of_a_flag_its_processes_and_its_lines() {
    let project = StorefrontProject::in_production();
    project.edit("compose.yaml", "      TRACING", "      TRACING: ''\n      XTRACING");
    let output = project.run(&["guard", "--format", "json"]);
    assert_eq!(output.code, 8, "{output:?}");
    let document = output.json();
    assert_eq!((&document["schema"], &document["unproven"]), (&json!(1), &json!(1)));
    let comparison = &document["comparisons"][0];
    assert_eq!(comparison["value"], json!({ "set": "" }));
    assert_eq!(comparison["result"], json!("unproven"));
    assert_eq!(comparison["processes"], json!(["storefront"]));
    assert_eq!(
        comparison["steps"],
        json!([{ "file": "compose.yaml", "line": 6, "text": "set: \"\"" }])
    );
}

/// Each test case has an edit of the compose file, and expected lines of the output.
#[rstest]
#[case::inert("LOG_LEVEL: info", "LOG_LEVEL: info\n      OLD_CHECKOUT: \"true\"", 1, &[
    "production sets true (compose.yaml:6), which is printed and changes nothing else that can be observed",
])]
#[case::needs_another_flag("LOG_LEVEL: info", "LOG_LEVEL: info\n      CACHE_WARMUP: \"true\"", 1, &[
    "production sets true (compose.yaml:6), which changes nothing that can be observed",
    "next: it needs PRICE_CACHE=true",
])]
#[case::never_together("LOG_LEVEL: info\n      TRACING: \"true\"", "LOG_LEVEL: debug\n      TRACING: \"1\"", 8, &[
    "and no case tried it together with PRICE_CACHE=unset and CACHE_WARMUP=unset and OLD_CHECKOUT=unset and LOG_LEVEL=debug",
])]
#[case::untried("TRACING: \"true\"", "TRACING: \"yes please\"", 8, &[
    "production sets \"yes please\" (compose.yaml:6), and no case tried it; cases tried unset, false, true, 1, True, \"true \", '\"true\"'",
    "next: add the value to `values` of the flag and run `spanproof check --write-proof`, or use one of: true, 1",
])]
#[case::another_flag_untried("LOG_LEVEL: info", "LOG_LEVEL: trace", 8, &[
    "production sets true (compose.yaml:6), which records spans in every combination that was tried (proved by case",
])]
#[case::not_set("      TRACING: \"true\"\n", "", 1, &[
    "`price` spans need TRACING=true|1; production does not set it, which records nothing",
])]
#[case::in_another_process("      TRACING: \"true\"\n", "  db:\n    image: db\n    environment:\n      TRACING: \"true\"\n", 1, &[
    "next: set TRACING to one of: true, 1; TRACING is set in another process: `db` (compose.yaml:9)",
])]
#[case::not_known("TRACING: \"true\"", "TRACING: \"${TRACING}\"", 8, &["unknown   TRACING not known"])]
fn a_value_that_is_not_proved_to_be_on_does_not_pass(
    #[case] old: &str,
    #[case] new: &str,
    #[case] expected: i32,
    #[case] lines: &[&str],
) {
    let project = StorefrontProject::in_production();
    project.edit("compose.yaml", old, new);
    let (code, output) = project.guard(&[]);
    assert_eq!(code, expected, "{output}");
    for line in lines {
        assert!(output.contains(line), "expected {line}\nfound {output}");
    }
}

#[test]
fn the_key_expect_requires_flags_to_be_on_or_off() {
    let project = StorefrontProject::new(
        "[manifests.preview]\nfiles = ['compose.yaml']\n\
         expect = { TRACING = 'off', PRICE_CACHE = 'on' }\n",
    );
    let (code, output) = project.guard(&[]);
    assert_eq!(code, 1, "{output}");
    assert!(output.contains("ENABLED   TRACING \"true\""), "{output}");
    assert!(output.contains("DISABLED  PRICE_CACHE unset"), "{output}");
    project.edit(
        "compose.yaml",
        "TRACING: \"true\"",
        "TRACING: \"false\"\n      PRICE_CACHE: \"true\"",
    );
    let (code, output) = project.guard(&[]);
    assert_eq!(code, 0, "{output}");
}

#[test]
fn a_flag_in_the_list_of_secrets_has_an_unknown_value() {
    let fly = "app = 'storefront'\n[env]\nLOG_LEVEL = 'info'\n";
    let section = "[manifests.production]\nfiles = ['fly.toml']\nsecrets = 'secrets'\n";
    let project = StorefrontProject::new(section);
    project.write("fly.toml", fly);
    project.write("secrets", "NAME\tDIGEST\nTRACING\t1234\n");
    let (code, output) = project.guard(&[]);
    assert_eq!(code, 8, "{output}");
    assert!(
        output.contains(
            "production: it is set outside the manifest, as a secret or setting of the platform"
        ),
        "{output}"
    );
    project.write("secrets", "NAME\tDIGEST\nAPI_KEY\t1234\n");
    let (code, output) = project.guard(&[]);
    assert_eq!(code, 1, "without the secret, it is off: {output}");
    project.remove("secrets");
    let (code, output) = project.guard(&[]);
    assert_eq!(code, 2, "{output}");
    assert!(output.contains("could not read `secrets` of `[manifests.production]`"), "{output}");
}

#[test]
fn if_several_processes_could_run_the_service_the_result_is_unknown() {
    let project = StorefrontProject::in_production();
    let two = COMPOSE.replace("storefront", "web").replace("shop/web", "shop/app")
        + "  jobs:\n    image: shop/app:1\n    environment: { LOG_LEVEL: info }\n";
    project.write("compose.yaml", &two);
    let (code, output) = project.guard(&[]);
    assert_eq!(code, 8, "{output}");
    assert!(output.contains("it depends on the process"), "{output}");
    assert!(
        output.contains("name it in the spec, for example with `process = \"web\"`"),
        "{output}"
    );
    project.edit(
        "spanproof.toml",
        "files = ['compose.yaml']",
        "files = ['compose.yaml']\nprocess = 'web'",
    );
    assert_eq!(project.guard(&[]).0, 0);
}

#[rstest]
#[case::missing("compose.yaml", "", "could not read the manifest `compose.yaml`")]
#[case::unparsable("compose.yaml", "services: [", "could not parse the manifest `compose.yaml`")]
#[case::process(
    "spanproof.toml",
    "process",
    "`process` of `[manifests.production]` is `api`, and `compose.yaml` has no such process; it has `storefront`"
)]
#[case::proof("spanproof.proof.json", "{", "is not a proof of this version")]
fn an_error_in_an_input_file_is_reported_with_the_line_of_the_spec(
    #[case] file: &str,
    #[case] text: &str,
    #[case] message: &str,
) {
    let project = StorefrontProject::in_production();
    match text {
        "" => project.remove(file),
        "process" => {
            project.edit(
                file,
                "files = ['compose.yaml']",
                "files = ['compose.yaml']\nprocess = 'api'",
            );
        }
        text => project.write(file, text),
    }
    let (code, output) = project.guard(&[]);
    assert_eq!(code, 2, "{output}");
    assert!(output.contains(message), "expected {message}\nfound {output}");
    let is_proof = file.ends_with("json");
    assert!(
        is_proof || output.contains("spanproof.toml:75: "),
        "the place of the section: {output}"
    );
}

#[test]
fn nothing_to_compare_is_an_error() {
    let project = StorefrontProject::new("");
    let (code, output) = project.guard(&[]);
    assert_eq!(
        (code, output.as_str()),
        (4, "error: nothing to compare: the spec has no `[manifests.NAME]`\n")
    );
}

#[test]
fn a_stale_or_missing_proof_proves_nothing() {
    let project = StorefrontProject::in_production();
    let all_unproven = "5 comparisons: 0 ok, 0 disabled, 0 enabled, 5 unproven, 0 unknown";
    project.edit("migrations/0001_tables.sql", "status text not null);", "status text);");
    let (code, output) = project.guard(&[]);
    assert_eq!(code, 8, "{output}");
    assert!(output.contains("is stale: since then the migrations changed"), "{output}");
    assert!(output.contains(all_unproven), "{output}");
    let project = StorefrontProject::in_production();
    project.edit("order.json", "order-1", "order-2");
    project.edit("spanproof.toml", "flush-ms = 500", "flush-ms = 501");
    let (_, output) = project.guard(&[]);
    assert!(output.contains("since then the spec or a file that it names changed"), "{output}");
    assert!(output.contains(all_unproven), "{output}");
    project.remove("spanproof.proof.json");
    let (code, output) = project.guard(&[]);
    assert_eq!(code, 8, "{output}");
    assert!(output.contains("there is no proof `spanproof.proof.json`"), "{output}");
    assert!(
        output.contains("next: run `spanproof check --write-proof` and commit the file"),
        "{output}"
    );
}

#[test]
fn comments_and_manifests_do_not_make_a_proof_stale() {
    let project = StorefrontProject::in_production();
    project.edit("spanproof.toml", "# Exactly", "# More than one word. Exactly");
    project.edit("spanproof.toml", "[manifests.production]", "[manifests.live]");
    let (code, output) = project.guard(&[]);
    assert_eq!(code, 0, "{output}");
}

#[test]
fn a_variable_in_the_value_of_a_flag_is_printed_without_its_own_value() {
    let project = StorefrontProject::in_production();
    project.edit("compose.yaml", "TRACING: \"true\"", "TRACING: \"${SWITCH}\"");
    project.write(".env", "SWITCH=true\n");
    let (code, output) = project.guard(&[]);
    assert_eq!(code, 0, "{output}");
    let steps = ".env:1 filled in: `SWITCH`\n              compose.yaml:6 set: true\n";
    assert!(output.contains(steps), "{output}");
}

#[test]
fn a_secret_is_never_printed() {
    let project = StorefrontProject::in_production();
    let flag = "[[flag]]\nname = 'ADMIN_TOKEN'\nvalues = ['hunter3', 'hunter4']\n\n[matrix]";
    project.edit("spanproof.toml", "[matrix]", flag);
    project.edit(
        "compose.yaml",
        "    environment:",
        "    env_file: a.env\n    environment:\n      ADMIN_TOKEN: hunter5",
    );
    project.write("a.env", "ADMIN_TOKEN=hunter6\n");
    for args in [&[][..], &["--format", "json"]] {
        let (code, output) = project.guard(args);
        assert_eq!(code, 8, "{output}");
        assert!(output.contains("ADMIN_TOKEN"), "{output}");
        assert!(!output.contains("hunter"), "{output}");
    }
}
