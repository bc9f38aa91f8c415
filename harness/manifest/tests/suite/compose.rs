//! Tests of Docker Compose files. The expected values are those of `docker compose config` in version 2.40,
//! in the form `VALUE @ FILE:LINE`, with `-` for an unset variable and `?…` for a value that is not known.

use crate::shape::{flag, flag_of, manifests};
use spanproof_manifest::{Event, Value};

#[test]
fn a_service_gets_its_environment() {
    for (body, expected) in [
        ("environment: {FLAG: 'on'}", "on @ compose.yaml:4"),
        ("environment: {FLAG: yes}", "yes @ compose.yaml:4"),
        ("environment: {FLAG: True}", "true @ compose.yaml:4"),
        ("environment: {FLAG: 010}", "8 @ compose.yaml:4"),
        ("environment: {FLAG: 1.0}", "1 @ compose.yaml:4"),
        ("environment: {FLAG: \"\"}", " @ compose.yaml:4"),
        ("environment: {FLAG: a$$b}", "a$b @ compose.yaml:4"),
        ("environment: [A=1, FLAG=True]", "True @ compose.yaml:4"),
        ("environment:\n      - A=1\n      - FLAG=\"q\"", "\"q\" @ compose.yaml:6"),
        ("environment: [{FLAG: 1}]", "?refused @ compose.yaml:4"),
        ("environment: [FLAG=]", " @ compose.yaml:4"),
        ("environment: [FLAG]", "?elsewhere @ compose.yaml:4"),
        ("environment: {FLAG: }", "?elsewhere @ compose.yaml:4"),
        ("environment: {FLAG: \"${FLAG:-true}\"}", "?unknown @ compose.yaml:4"),
        ("environment: {FLAG: $OTHER}", "?elsewhere @ compose.yaml:4"),
        ("environment: {FLAG: \"${FLAG:?required}\"}", "?elsewhere @ compose.yaml:4"),
        ("environment: {FLAG: \"a$\"}", "?refused @ compose.yaml:4"),
        ("environment: {FLAG: \"{{.Node.Hostname}}\"}", "?unknown @ compose.yaml:4"),
        ("env_file: none.env", "?unknown @ compose.yaml:4"),
        ("env_file: none.env\n    environment: [FLAG=1]", "1 @ compose.yaml:5"),
        ("env_file: [{path: none.env, required: false}]", "?unknown @ compose.yaml:4"),
        ("build: {args: {FLAG: 1}}", "-"),
        ("labels: [FLAG=1]", "-"),
        ("command: sh -c 'FLAG=1 exec app'", "1 @ compose.yaml:4"),
        ("command: [sh, -c, \"FLAG=$$X exec app\"]\n    environment: {X: 7}", "7 @ compose.yaml:4"),
        ("command: sh -c \"FLAG=$X exec app\"", "?unknown @ compose.yaml:4"),
        ("entrypoint: [env, FLAG=1]\n    command: [app]", "1 @ compose.yaml:5"),
        ("command: app FLAG=1", "-"),
        ("environment: {FLAG: 1}\n    command: [env, -u, FLAG, app]", "- @ compose.yaml:5"),
        ("extends: {service: base}", "base @ compose.yaml:8"),
        ("extends: {service: base}\n    environment: {FLAG: own}", "own @ compose.yaml:5"),
        ("extends: {file: none.yaml, service: base}", "?unknown @ compose.yaml:4"),
    ] {
        let text = format!(
            "services:\n  app:\n    image: x\n    {body}\n  base:\n    image: y\n    environment:\n{}",
            "      FLAG: base\n"
        );
        let text =
            if body.contains("service: base") { text } else { text.replace("FLAG: base", "B: 1") };
        // The line of `base` depends on the number of lines in `body`.
        let base_line =
            text.lines().position(|line| line.contains("FLAG: base")).map(|line| line + 1);
        let expected = match base_line {
            Some(line) if expected.starts_with("base") => format!("base @ compose.yaml:{line}"),
            _ => expected.to_owned(),
        };
        assert_eq!(flag(&[("compose.yaml", &text)], "app"), expected, "{body}");
    }
}

#[test]
fn a_merge_key_adds_only_keys_that_the_mapping_does_not_have() {
    for (text, expected) in [
        ("x: &x {FLAG: a}\nservices:\n  app:\n    environment: *x\n", "a @ compose.yaml:1"),
        (
            "x: &x {FLAG: a}\nservices:\n  app:\n    environment:\n      FLAG: b\n      <<: *x\n",
            "b @ compose.yaml:5",
        ),
        (
            "x: &x {FLAG: a}\ny: &y {FLAG: b}\nservices:\n  app:\n    environment: {<<: [*x, *y]}\n",
            "a @ compose.yaml:1",
        ),
        ("x: &x\n  environment: {FLAG: a}\nservices:\n  app:\n    <<: *x\n", "a @ compose.yaml:2"),
        (
            "x: &x\n  environment: {FLAG: a}\nservices:\n  app:\n    <<: *x\n    environment: {B: 1}\n",
            "-",
        ),
        ("x-flag: {FLAG: a}\nservices:\n  app: {image: x}\n", "-"),
    ] {
        assert_eq!(flag(&[("compose.yaml", text)], "app"), expected, "{text}");
    }
}

#[test]
fn later_env_files_override_earlier_ones_and_environment_overrides_all() {
    let files = |body: &str| -> String {
        let text = format!("services:\n  app:\n{body}");
        flag(
            &[
                ("d/compose.yaml", &text),
                ("d/.env", "P=project\nNAME=b.env\n"),
                (".env", "P=wrong\n"),
                ("d/a.env", "FLAG=a\nX=1\n"),
                ("d/b.env", "# c\nFLAG=\"b-${X}\" # c\n"),
                ("d/c.env", "FLAG=${P}\n"),
                ("d/raw.env", "FLAG=\"q\" # c\n"),
                ("d/bare.env", "FLAG\nP\n"),
            ],
            "app",
        )
    };
    for (body, expected) in [
        ("    env_file: a.env\n", "a @ d/a.env:1"),
        ("    env_file: ./a.env\n", "a @ d/a.env:1"),
        ("    env_file: [a.env, b.env]\n", "b-1 @ d/b.env:2"),
        ("    env_file: [b.env, a.env]\n", "a @ d/a.env:1"),
        ("    env_file: [b.env]\n    environment: {X: 2}\n", "b-2 @ d/b.env:2"),
        ("    env_file: [c.env]\n", "project @ d/c.env:1"),
        ("    env_file: [{path: raw.env, format: raw}]\n", "\"q\" # c @ d/raw.env:1"),
        ("    env_file: [{path: raw.env}]\n", "q @ d/raw.env:1"),
        ("    env_file: ${NAME}\n    environment: [X=3]\n", "b-3 @ d/b.env:2"),
        ("    env_file: [a.env, none.env]\n", "?unknown @ d/compose.yaml:3"),
        ("    env_file: [none.env, a.env]\n", "a @ d/a.env:1"),
        ("    env_file: a.env\n    environment: [FLAG]\n", "?elsewhere @ d/compose.yaml:4"),
        ("    env_file: bare.env\n", "?elsewhere @ d/bare.env:1"),
        ("    environment: {FLAG: $P}\n", "project @ d/compose.yaml:3"),
        ("    environment: {FLAG: '${P}-${Q:-q}'}\n", "project-q @ d/compose.yaml:3"),
        ("    environment: {FLAG: $Q}\n", "?elsewhere @ d/compose.yaml:3"),
    ] {
        assert_eq!(files(body), expected, "{body}");
    }
    let text = "services:\n  app:\n    environment: [P]\n";
    let found = manifests(&[("compose.yaml", text), (".env", "P=1\n")], &["compose.yaml"]);
    assert_eq!(found[0].processes[0].variable("P").value.literal(), Some("1"));
}

#[test]
fn later_files_override_single_variables() {
    let base =
        "services:\n  app:\n    environment: {FLAG: a, B: 1}\n    env_file: x.env\n    image: x\n";
    for (later, expected) in [
        ("environment: {FLAG: b}", "b @ o.yaml:3"),
        ("environment: [FLAG=b]", "b @ o.yaml:3"),
        ("environment: {B: 2}", "a @ b.yaml:3"),
        ("environment: !override {B: 2}", "file @ x.env:1"),
        ("environment: {FLAG: !reset null}", "file @ x.env:1"),
        ("environment: !reset {}\n    env_file: !reset []", "-"),
        ("environment: {FLAG: }", "?elsewhere @ o.yaml:3"),
        ("environment: !override []\n    env_file: [y.env, x.env]", "later @ y.env:1"),
        ("command: [env, FLAG=c, app]", "c @ o.yaml:3"),
    ] {
        let other = format!("services:\n  app:\n    {later}\n");
        let files = [
            ("b.yaml", base),
            ("o.yaml", &other),
            ("x.env", "FLAG=file\n"),
            ("y.env", "FLAG=later\n"),
        ];
        assert_eq!(flag_of(&files, &["b.yaml", "o.yaml"], "app"), expected, "{later}");
    }
}

#[test]
fn an_override_file_is_applied_only_if_compose_finds_the_files_itself() {
    let base = "services:\n  app:\n    environment: {FLAG: a}\n";
    let other = "services:\n  app:\n    environment: {FLAG: b}\n";
    let same = "services:\n  app:\n    environment: {FLAG: a}\n    ports: ['1:1']\n";
    let files = [("d/compose.yaml", base), ("d/compose.override.yaml", other)];
    assert_eq!(flag_of(&files, &["d/compose.yaml"], "app"), "?unknown @ d/compose.override.yaml:3");
    let unknown = |files: &[(&str, &str)]| match manifests(files, &["d/compose.yaml"])[0].processes
        [0]
    .variable("FLAG")
    .value
    {
        Value::Unknown(reason) => reason,
        known => panic!("the value is known: {known:?}"),
    };
    let reason = unknown(&files);
    assert!(reason.why.starts_with("it is `b` with `d/compose.override.yaml`"), "{reason:?}");
    assert!(reason.why.ends_with("and `a` without that file"), "{reason:?}");
    assert!(reason.resolve.ends_with(" (`--manifest` for each)"), "{reason:?}");
    let listed = [
        ("d/compose.yaml", base),
        ("d/b.yaml", other),
        ("d/c.yaml", other),
        ("d/.env", "COMPOSE_FILE=compose.yaml:b.yaml:c.yaml\n"),
    ];
    let reason = unknown(&listed);
    assert!(reason.why.starts_with("it is `b` with `d/b.yaml`, `d/c.yaml`"), "{reason:?}");
    assert!(reason.why.ends_with("and `a` without those files"), "{reason:?}");
    assert_eq!(flag_of(&files, &["d"], "app"), "b @ d/compose.override.yaml:3");
    assert_eq!(
        flag_of(&files, &["d/compose.yaml", "d/compose.override.yaml"], "app"),
        "b @ d/compose.override.yaml:3"
    );
    let files = [("d/compose.yaml", base), ("d/compose.override.yaml", same)];
    assert_eq!(flag_of(&files, &["d/compose.yaml"], "app"), "a @ d/compose.yaml:3");
    let part = [("compose.prod.yaml", "services: {app: {command: x}}\n")];
    assert_eq!(flag(&part, "app"), "?unknown @ compose.prod.yaml:1");
    let files = [("d/prod.yaml", base), ("d/compose.override.yaml", other)];
    assert_eq!(flag_of(&files, &["d/prod.yaml"], "app"), "a @ d/prod.yaml:3");
    let files = [
        ("d/compose.yaml", base),
        ("d/prod.yaml", other),
        ("d/compose.override.yaml", same),
        ("d/.env", "COMPOSE_FILE=compose.yaml:prod.yaml\n"),
    ];
    assert_eq!(flag_of(&files, &["d"], "app"), "b @ d/prod.yaml:3");
    assert_eq!(flag_of(&files, &["d/compose.yaml"], "app"), "?unknown @ d/prod.yaml:3");
    let files =
        [("d/docker-compose.yml", other), ("d/docker-compose.yaml", base), ("d/compose.yml", base)];
    assert_eq!(flag_of(&files, &["d"], "app"), "a @ d/compose.yml:3");
}

#[test]
fn the_env_file_of_the_project_overrides_that_of_an_included_project() {
    let text = "include:\n  - inc/compose.yaml\n  - {path: [two/c.yaml], env_file: two/my.env}\nservices: {}\n";
    let included =
        "services:\n  one:\n    environment: {FLAG: '$BOTH-$ONLY'}\n    env_file: i.env\n";
    let second = "services:\n  two:\n    environment: {FLAG: '$BOTH-$MY'}\n";
    let files = [
        ("compose.yaml", text),
        (".env", "BOTH=root\n"),
        ("inc/compose.yaml", included),
        ("inc/.env", "BOTH=inc\nONLY=inc\n"),
        ("inc/i.env", "I=1\n"),
        ("two/c.yaml", second),
        ("two/my.env", "BOTH=two\nMY=my\n"),
    ];
    assert_eq!(flag(&files, "one"), "root-inc @ inc/compose.yaml:3");
    assert_eq!(flag(&files, "two"), "root-my @ two/c.yaml:3");
    let remote = "include: [oci://x/y]\nservices: {app: {image: x}}\n";
    assert_eq!(flag(&[("compose.yaml", remote)], "app"), "-");
}

#[test]
fn paths_of_an_extended_service_are_relative_to_its_file() {
    let base = "services:\n  base:\n    env_file: e.env\n    environment: {FLAG: $P}\n    extends: {service: deep}\n  deep:\n    environment: {FLAG: deep}\n";
    let text = "services:\n  app:\n    extends: {file: ext/base.yaml, service: base}\n";
    let files = [
        ("compose.yaml", text),
        ("ext/base.yaml", base),
        ("ext/e.env", "FLAG=file\n"),
        (".env", "P=root\n"),
        ("ext/.env", "P=ext\n"),
    ];
    assert_eq!(flag(&files, "app"), "root @ ext/base.yaml:4");
    let cycle = "services:\n  app:\n    extends: {service: app}\n";
    assert_eq!(flag(&[("compose.yaml", cycle)], "app"), "?unknown @ compose.yaml:3");
}

#[test]
fn everything_overrides_a_local_dockerfile() {
    let dockerfile = "FROM x AS dev\nENV FLAG=dev\nFROM x\nARG V=no\nENV FLAG=$V\n";
    for (body, expected) in [
        ("build: .", "no @ Dockerfile:5"),
        ("build: {context: ., args: {V: given}}", "given @ Dockerfile:5"),
        ("build: {context: ., target: dev}", "dev @ Dockerfile:2"),
        ("build: {context: ., args: [V]}", "?unknown @ Dockerfile:5"),
        ("build: .\n    environment: {FLAG: c}", "c @ compose.yaml:4"),
        ("build: .\n    env_file: none.env", "?unknown @ compose.yaml:4"),
        ("build: https://example.com/x.git", "-"),
        ("build: {dockerfile_inline: \"FROM x\\nENV FLAG=in\"}", "in @ compose.yaml:2"),
        ("image: x", "-"),
    ] {
        let text = format!("services:\n  app:\n    {body}\n");
        assert_eq!(
            flag(&[("compose.yaml", &text), ("Dockerfile", dockerfile)], "app")
                .replace("compose.yaml:3", "compose.yaml:2"),
            expected,
            "{body}"
        );
    }
}

#[test]
fn a_line_that_does_not_reach_the_container_is_a_dropped_step() {
    let text = "services: {app: {image: x, labels: [FLAG=2]}}\n";
    let found =
        manifests(&[("compose.yaml", text), (".env", "A=1\nFLAG=true\n")], &["compose.yaml"]);
    let steps = found[0].processes[0].variable("FLAG").steps;
    let places: Vec<_> = steps.iter().map(|step| (step.event, step.place.to_string())).collect();
    let expected = [(Event::Dropped, "compose.yaml:1"), (Event::Dropped, ".env:2")];
    assert_eq!(places, expected.map(|(event, place)| (event, place.to_owned())));
}

#[test]
fn a_swarm_stack_does_not_read_the_env_file_of_the_project() {
    let text = "services: {app: {image: x, environment: {FLAG: '${V:-d}'}}}\n";
    let files = [("docker-stack.yml", text), (".env", "V=true\n"), ("compose.yaml", text)];
    assert_eq!(flag(&files, "app"), "?unknown @ docker-stack.yml:1");
    assert_eq!(flag_of(&files, &["compose.yaml"], "app"), "true @ compose.yaml:1");
}

#[test]
fn the_steps_name_dropped_and_shadowed_lines() {
    let text = "services:\n  app:\n    build: {args: {FLAG: built}}\n    env_file: a.env\n    environment: {FLAG: $V}\n";
    let found = manifests(
        &[("compose.yaml", text), ("a.env", "FLAG=file\n"), (".env", "V=true\n")],
        &["compose.yaml"],
    );
    let variable = found[0].processes[0].variable("FLAG");
    let steps: Vec<_> =
        variable.steps.iter().map(|step| (step.event, step.place.to_string())).collect();
    let expected = [
        (Event::Dropped, "compose.yaml:3"),
        (Event::Shadowed, "a.env:1"),
        (Event::Interpolated, ".env:1"),
        (Event::Set, "compose.yaml:5"),
    ];
    assert_eq!(steps, expected.map(|(event, place)| (event, place.to_owned())));
    assert_eq!(variable.location, "services.app.environment");
}
