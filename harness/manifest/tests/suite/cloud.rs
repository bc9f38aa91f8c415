//! Tests of manifests of platforms (Fly, Heroku, AWS, GitHub Actions), and of files that contain only
//! values. Most expected texts have the form `VALUE @ FILE:LINE`, with `-` for an unset variable and `?…`
//! for a value that is not known.

use std::path::PathBuf;

use spanproof_manifest::{MemoryFiles, Options, Secrets, Value, read};

use crate::shape::flag;

/// Returns the value of `FLAG` in a process, with these secrets of the platform: `-` if it is unset, and `?`
/// with the reason if it is set elsewhere.
fn with_secrets(file: &str, text: &str, secrets: &str, process: &str) -> String {
    let files = MemoryFiles::default().with(file, text);
    let options = Options { secrets: Some(Secrets::parse("secrets", secrets)) };
    let found = read(&files, &[PathBuf::from(file)], &options).unwrap();
    match found[0].named(process)[0].variable("FLAG").value {
        Value::Literal(text) => text,
        Value::Unset => "-".to_owned(),
        Value::Elsewhere(reason) => format!("?{}", reason.why),
        other => format!("{other:?}"),
    }
}

#[test]
fn fly_has_one_environment_for_all_processes_and_secrets_override_it() {
    let text = "app = 'a'\n[build.args]\nFLAG = 'built'\n[env]\nFLAG = 'true '\n[processes]\nweb = 'app'\njob = 'env FLAG=2 app'\n";
    assert_eq!(flag(&[("fly.toml", text)], "web"), "true  @ fly.toml:5");
    assert_eq!(flag(&[("fly.toml", text)], "a/job"), "2 @ fly.toml:8");
    let without = "app = 'a'\n[env]\nB = 1\n";
    assert_eq!(flag(&[("fly.toml", without)], "a"), "?unknown @ fly.toml:1");
    let docker = [("fly.toml", without), ("Dockerfile", "FROM x\nENV FLAG=image\n")];
    assert_eq!(flag(&docker, "a"), "image @ Dockerfile:2");
    let secrets = "NAME\tDIGEST\tCREATED AT\nFLAG\tabc\t1m ago\n";
    assert_eq!(
        with_secrets("fly.toml", text, secrets, "web"),
        "?it is set outside the manifest, as a secret or setting of the platform"
    );
    assert_eq!(with_secrets("fly.toml", without, "NAME\tDIGEST\nB\tabc\n", "a"), "-");
}

#[test]
fn a_step_names_the_section_of_fly_toml_that_exists_only_during_the_build() {
    for section in ["build.args", "build.secrets"] {
        let text = format!("app = 'a'\n[{section}]\nFLAG = 'x'\n");
        let files = MemoryFiles::default().with("fly.toml", text);
        let found = read(&files, &[PathBuf::from("fly.toml")], &Options::default()).unwrap();
        let steps = found[0].named("a")[0].variable("FLAG").steps;
        let expected = format!(
            "fly.toml:3 not for the process: `{section}` exist only while the image is built"
        );
        assert_eq!(steps[0].to_string(), expected);
    }
}

#[test]
fn secrets_are_parsed_from_the_output_of_commands() {
    for (text, expected) in [
        ("NAME            DIGEST  \nFLAG  \t 1234\nB\t12\n", &["FLAG", "B"][..]),
        ("=== app Config Vars\n\nFLAG:  true\nNAME: x\n", &["FLAG", "NAME"]),
        ("FLAG=true\nB='x'\n", &["FLAG", "B"]),
        ("FLAG\nB\n", &["FLAG", "B"]),
        ("[{\"Name\": \"FLAG\"}, {\"name\": \"B\"}]", &["FLAG", "B"]),
        ("{\"FLAG\": \"x\"}", &["FLAG"]),
    ] {
        let names: Vec<_> =
            Secrets::parse("f", text).names.into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, expected, "{text}");
    }
}

#[test]
fn a_process_of_a_procfile_gets_the_variables_that_its_command_sets() {
    let text = "web: FLAG=true ./app\nworker: ./app work\nrelease: export FLAG=1; ./migrate\n";
    assert_eq!(flag(&[("Procfile", text)], "web"), "true @ Procfile:1");
    assert_eq!(flag(&[("Procfile", text)], "worker"), "?unknown @ Procfile:1");
    assert_eq!(flag(&[("Procfile", text)], "release"), "1 @ Procfile:3");
    assert_eq!(with_secrets("Procfile", text, "FLAG: x", "web"), "true");
    assert_eq!(with_secrets("Procfile", text, "B: x", "worker"), "-");
}

#[test]
fn a_variable_of_app_json_is_a_value_or_an_object() {
    for (env, expected) in [
        (r#"{"FLAG": "true"}"#, "true @ app.json:1"),
        (r#"{"FLAG": {"description": "x", "value": "true"}}"#, "true @ app.json:1"),
        (r#"{"FLAG": {"required": true}}"#, "?elsewhere @ app.json:1"),
        (r#"{"FLAG": {"generator": "secret"}}"#, "?elsewhere @ app.json:1"),
        (r#"{"B": "1"}"#, "?unknown @ app.json:1"),
    ] {
        let text = format!(r#"{{"name": "a", "env": {env}}}"#);
        assert_eq!(flag(&[("app.json", &text)], "a"), expected, "{env}");
    }
}

#[test]
fn a_container_of_an_ecs_task_gets_its_variables() {
    let task =
        |fields: &str| format!("{{\"containerDefinitions\": [{{\"name\": \"app\",\n{fields}}}]}}");
    for (fields, expected) in [
        (r#""environment": [{"name": "FLAG", "value": "true"}]"#, "true @ t.json:2"),
        (r#""environment": [{"name": "FLAG", "value": true}]"#, "?refused @ t.json:2"),
        (r#""environment": [{"name": "FLAG", "value": "${flag}"}]"#, "?unknown @ t.json:2"),
        (r#""secrets": [{"name": "FLAG", "valueFrom": "arn:x"}]"#, "?elsewhere @ t.json:2"),
        (r#""environmentFiles": [{"value": "arn:x", "type": "s3"}]"#, "?unknown @ t.json:2"),
        (
            r#""environmentFiles": [{"value": "arn:x"}], "environment": [{"name": "FLAG", "value": "1"}]"#,
            "1 @ t.json:2",
        ),
        (r#""dockerLabels": {"FLAG": "true"}"#, "-"),
        (r#""command": ["sh", "-c", "FLAG=2 exec app"]"#, "2 @ t.json:2"),
    ] {
        assert_eq!(flag(&[("t.json", &task(fields))], "app"), expected, "{fields}");
    }
}

#[test]
fn cloudformation_evaluates_functions_at_deployment() {
    for (value, expected) in [
        ("'true'", "true @ t.yaml:7"),
        ("!Ref P", "?unknown @ t.yaml:7"),
        ("{Ref: P}", "?unknown @ t.yaml:7"),
        ("!Sub '${P}'", "?unknown @ t.yaml:7"),
        ("'{{resolve:ssm:x}}'", "?elsewhere @ t.yaml:7"),
    ] {
        let text = format!(
            "Resources:\n  T:\n    Type: AWS::ECS::TaskDefinition\n    Properties:\n      ContainerDefinitions:\n      - Name: app\n        Environment: [{{Name: FLAG, Value: {value}}}]\n"
        );
        assert_eq!(flag(&[("t.yaml", &text)], "app"), expected, "{value}");
    }
    for (environment, expected) in [
        ("!If [Prod, [{Name: FLAG, Value: a}], !Ref AWS::NoValue]", "?unknown @ t.yaml:7"),
        ("[!If [Prod, {Name: FLAG, Value: a}, !Ref AWS::NoValue]]", "?unknown @ t.yaml:7"),
        (
            "[!If [Prod, {Name: B, Value: a}, !Ref AWS::NoValue], {Name: FLAG, Value: b}]",
            "b @ t.yaml:7",
        ),
    ] {
        let text = format!(
            "Resources:\n  T:\n    Type: AWS::ECS::TaskDefinition\n    Properties:\n      ContainerDefinitions:\n      - Name: app\n        Environment: {environment}\n"
        );
        assert_eq!(flag(&[("t.yaml", &text)], "app"), expected, "{environment}");
    }
    let other = "Resources: {R: {Type: AWS::AppRunner::Service}}\n";
    assert_eq!(flag(&[("t.yaml", other)], "R"), "?unknown @ t.yaml:1");
    let lambda = "Globals: {Function: {Environment: {Variables: {FLAG: a}}}}\nResources:\n  F:\n    Type: AWS::Serverless::Function\n    Properties: {Environment: {Variables: {FLAG: b}}}\n";
    assert_eq!(flag(&[("t.yaml", lambda)], "F"), "b @ t.yaml:5");
}

#[test]
fn a_workflow_sets_variables_at_three_levels() {
    let text = "on: push\nenv: {FLAG: a, B: b}\njobs:\n  one:\n    env: {FLAG: '${{ env.B }}'}\n    steps:\n    - run: x\n    - {name: s, run: x, env: {FLAG: c}}\n    - {name: t, run: FLAG=d x}\n    - {name: u, run: 'if x; then export FLAG=$(y); fi'}\n    - {name: v, run: docker build --build-arg A=1 .}\n  two:\n    steps:\n    - run: echo \"FLAG=x\" >> $GITHUB_ENV\n    - {name: later, run: y, env: {B: 1}}\n  three:\n    uses: ./.github/workflows/x.yml\n  four:\n    steps: [{run: 'echo \"OTHER=x\" >> $GITHUB_ENV'}]\n  five:\n    env: {FLAG: '${{ vars.F }}'}\n    steps: [{run: x}]\n  six:\n    env: {FLAG: true}\n    steps: [{run: x}]\n  seven:\n    steps: [{run: cat x >> $GITHUB_ENV}]\n";
    for (process, expected) in [
        ("one", "b @ w.yml:5"),
        ("one/s", "c @ w.yml:8"),
        ("one/t", "d @ w.yml:9"),
        ("one/u", "?unknown @ w.yml:10"),
        ("two", "?unknown @ w.yml:14"),
        ("two/later", "?unknown @ w.yml:14"),
        ("three", "?unknown @ w.yml:17"),
        ("four", "a @ w.yml:2"),
        ("five", "?elsewhere @ w.yml:21"),
        ("six", "true @ w.yml:24"),
        ("seven", "?unknown @ w.yml:27"),
    ] {
        assert_eq!(flag(&[("w.yml", text)], process), expected, "{process}");
    }
}

#[test]
fn values_keep_their_spelling() {
    for (file, text, expected) in [
        ("v.json", r#"{"env": {"FLAG": true}}"#, "true @ v.json:1"),
        ("v.json", r#"{"env": [{"name": "FLAG", "value": "1"}]}"#, "1 @ v.json:1"),
        ("v.json", r#"{"FLAG": "true", "B": 1}"#, "true @ v.json:1"),
        ("v.json", r#"[{"name": "FLAG", "value": "x"}]"#, "x @ v.json:1"),
        ("v.yaml", "env:\n- name: FLAG\n  value: yes\n", "yes @ v.yaml:3"),
        (
            "v.yaml",
            "env:\n- name: FLAG\n  valueFrom: {secretKeyRef: {name: s, key: k}}\n",
            "?elsewhere @ v.yaml:3",
        ),
        ("v.yaml", "env: {FLAG: on}\n", "on @ v.yaml:1"),
        ("v.yaml", "env: [FLAG=1]\n", "1 @ v.yaml:1"),
        ("v.yaml", "FLAG: ${X}\n", "?unknown @ v.yaml:1"),
        ("v.yaml", "env: {B: 1}\n", "-"),
        ("v.yaml", "envFrom: [{configMapRef: {name: c}}]\n", "?unknown @ v.yaml:1"),
    ] {
        assert_eq!(flag(&[(file, text)], file), expected, "{text}");
    }
}
