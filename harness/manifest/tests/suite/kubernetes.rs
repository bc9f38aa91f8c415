//! Tests of Kubernetes manifests. Expected texts have the form `VALUE @ FILE:LINE`, with `-` for an unset
//! variable and `?…` for a value that is not known.

use crate::shape::{flag, flag_of, manifests};

const CONFIG: &str =
    "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\ndata: {FLAG: map, X: x}\n";
const SECRET: &str = "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\ndata:\n  FLAG: dHJ1ZQ==\n  BOTH: YQ==\nstringData:\n  BOTH: b\n";

/// Returns a Deployment whose container `app` has these fields. They start on line 9.
fn deployment(fields: &str) -> String {
    format!(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: d}}\nspec:\n  template:\n    spec:\n      containers:\n      - name: app\n        {fields}\n"
    )
}

#[test]
fn a_container_gets_its_own_variables() {
    for (fields, expected) in [
        ("env: [{name: FLAG, value: 'on'}]", "on @ k.yaml:9"),
        ("env: [{name: FLAG, value: ''}]", " @ k.yaml:9"),
        ("env: [{name: FLAG}]", " @ k.yaml:9"),
        ("env: [{name: FLAG, value: true}]", "?refused @ k.yaml:9"),
        ("env: [{name: FLAG, value: yes}]", "?refused @ k.yaml:9"),
        ("env: [{name: FLAG, value: 1}]", "?refused @ k.yaml:9"),
        ("env: [{name: FLAG, value: a}, {name: FLAG, value: b}]", "b @ k.yaml:9"),
        ("env: [{name: A, value: a}, {name: FLAG, value: $(A)}]", "a @ k.yaml:9"),
        ("env: [{name: FLAG, value: $(A)}, {name: A, value: a}]", "$(A) @ k.yaml:9"),
        ("env: [{name: A, value: a}, {name: FLAG, value: $$(A)}]", "$(A) @ k.yaml:9"),
        ("env: [{name: FLAG, value: http://$(X_SERVICE_HOST)}]", "?unknown @ k.yaml:9"),
        ("env: [{name: FLAG, value: \"{{ .Values.x }}\"}]", "?unknown @ k.yaml:9"),
        (
            "env: [{name: FLAG, valueFrom: {fieldRef: {fieldPath: metadata.name}}}]",
            "?elsewhere @ k.yaml:9",
        ),
        ("env: [{name: FLAG, valueFrom: {configMapKeyRef: {name: c, key: X}}}]", "x @ k.yaml:9"),
        (
            "env: [{name: FLAG, valueFrom: {configMapKeyRef: {name: c, key: NONE}}}]",
            "?refused @ k.yaml:9",
        ),
        (
            "env: [{name: FLAG, valueFrom: {configMapKeyRef: {name: c, key: NONE, optional: true}}}]",
            "- @ k.yaml:9",
        ),
        ("env: [{name: FLAG, valueFrom: {secretKeyRef: {name: s, key: FLAG}}}]", "true @ k.yaml:9"),
        ("env: [{name: FLAG, valueFrom: {secretKeyRef: {name: s, key: BOTH}}}]", "b @ k.yaml:9"),
        (
            "env: [{name: FLAG, valueFrom: {secretKeyRef: {name: other, key: k}}}]",
            "?elsewhere @ k.yaml:9",
        ),
        ("envFrom: [{configMapRef: {name: c}}]", "map @ k.yaml:14"),
        ("envFrom: [{configMapRef: {name: c}}, {secretRef: {name: s}}]", "true @ k.yaml:20"),
        ("envFrom: [{secretRef: {name: s}}, {configMapRef: {name: c}}]", "map @ k.yaml:14"),
        ("envFrom: [{secretRef: {name: s}}, {configMapRef: {name: none}}]", "?unknown @ k.yaml:9"),
        ("envFrom: [{configMapRef: {name: none}}, {secretRef: {name: s}}]", "true @ k.yaml:20"),
        ("envFrom: [{configMapRef: {name: none}, prefix: A_}]", "-"),
        ("envFrom: [{configMapRef: {name: c}, prefix: A_}]", "-"),
        ("envFrom: [{configMapRef: {name: none, optional: true}}]", "?unknown @ k.yaml:9"),
        (
            "env: [{name: FLAG, value: env}]\n        envFrom: [{configMapRef: {name: c}}]",
            "env @ k.yaml:9",
        ),
        ("command: [sh, -c]\n        args: ['export FLAG=1; exec app']", "1 @ k.yaml:9"),
        ("command: [app, $(FLAG)]", "-"),
    ] {
        let text = format!("{}---\n{CONFIG}---\n{SECRET}", deployment(fields));
        assert_eq!(flag(&[("k.yaml", &text)], "app"), expected, "{fields}");
    }
}

#[test]
fn a_key_of_a_config_map_that_the_container_does_not_use_is_a_step_of_the_variable() {
    let text = format!("{}---\n{CONFIG}", deployment("image: x"));
    assert_eq!(flag(&[("k.yaml", &text)], "app"), "-");
    let found = manifests(&[("k.yaml", &text)], &["k.yaml"]);
    let steps = found[0].processes[0].variable("FLAG").steps;
    assert_eq!(steps[0].place.to_string(), "k.yaml:14");
}

#[test]
fn variables_of_generated_pods_are_unknown() {
    for (kind, spec) in [
        ("HelmRelease", "{}"),
        ("Application", "{}"),
        ("Template", "{}"),
        ("Broker", "{env: [{name: FLAG, value: 'on'}]}"),
    ] {
        let text =
            format!("apiVersion: x/v1\nkind: {kind}\nmetadata: {{name: app}}\nspec: {spec}\n");
        assert_eq!(flag(&[("k.yaml", &text)], "app"), "?unknown @ k.yaml:1", "{kind}");
    }
}

#[test]
fn a_prefix_is_part_of_the_name() {
    let config = CONFIG.replace("FLAG: map", "AG: map");
    let text =
        format!("{}---\n{config}", deployment("envFrom: [{configMapRef: {name: c}, prefix: FL}]"));
    assert_eq!(flag(&[("k.yaml", &text)], "app"), "map @ k.yaml:14");
    let text = deployment("envFrom: [{configMapRef: {name: none}, prefix: FL}]");
    assert_eq!(flag(&[("k.yaml", &text)], "app"), "?unknown @ k.yaml:9");
}

#[test]
fn the_pod_is_found_in_each_kind_of_workload() {
    let pod = "{containers: [{name: app, env: [{name: FLAG, value: 'on'}]}]}";
    for (kind, spec) in [
        ("Pod", format!("spec: {pod}")),
        ("StatefulSet", format!("spec: {{template: {{spec: {pod}}}}}")),
        ("Job", format!("spec: {{template: {{spec: {pod}}}}}")),
        ("CronJob", format!("spec: {{jobTemplate: {{spec: {{template: {{spec: {pod}}}}}}}}}")),
        ("Rollout", format!("spec: {{template: {{spec: {pod}}}}}")),
    ] {
        let text = format!("apiVersion: v1\nkind: {kind}\nmetadata: {{name: x}}\n{spec}\n");
        assert_eq!(flag(&[("k.yaml", &text)], "app"), "on @ k.yaml:4", "{kind}");
        let list = format!(
            "apiVersion: v1\nkind: List\nitems:\n- {}\n",
            text.trim_end().replace('\n', "\n  ")
        );
        assert_eq!(flag(&[("k.yaml", &list)], "app"), "on @ k.yaml:7", "{kind}");
    }
}

#[test]
fn a_config_map_may_be_in_another_file_of_the_same_namespace() {
    let text = deployment("envFrom: [{configMapRef: {name: c}}]");
    let files = [("k/d.yaml", text.as_str()), ("k/c.yaml", CONFIG)];
    assert_eq!(flag_of(&files, &["k/d.yaml", "k/c.yaml"], "app"), "map @ k/c.yaml:4");
    assert_eq!(flag_of(&files, &["k"], "app"), "map @ k/c.yaml:4");
    assert_eq!(flag_of(&files, &["k/d.yaml"], "app"), "?unknown @ k/d.yaml:9");
    let other = CONFIG.replace("{name: c}", "{name: c, namespace: b}");
    let text = text.replace("{name: d}", "{name: d, namespace: a}");
    let files = [("k/d.yaml", text.as_str()), ("k/c.yaml", &other)];
    assert_eq!(flag_of(&files, &["k"], "app"), "?unknown @ k/d.yaml:9");
}

#[test]
fn a_config_map_or_secret_without_a_workload_is_a_process() {
    assert_eq!(flag(&[("s.yaml", SECRET)], "s"), "true @ s.yaml:5");
    assert_eq!(flag(&[("c.yaml", CONFIG)], "c"), "map @ c.yaml:4");
    let refused = SECRET.replace("dHJ1ZQ==", "true!");
    assert_eq!(flag(&[("s.yaml", &refused)], "s"), "?refused @ s.yaml:5");
    let boolean = CONFIG.replace("FLAG: map", "FLAG: true");
    assert_eq!(flag(&[("c.yaml", &boolean)], "c"), "?refused @ c.yaml:4");
}

#[test]
fn init_containers_and_sidecars_are_separate_processes() {
    let text = deployment(
        "image: a\n      - name: side\n        env: [{name: FLAG, value: side}]\n      initContainers:\n      - name: init\n        env: [{name: FLAG, value: init}]",
    );
    assert_eq!(flag(&[("k.yaml", &text)], "app"), "-");
    assert_eq!(flag(&[("k.yaml", &text)], "d/side"), "side @ k.yaml:11");
    assert_eq!(flag(&[("k.yaml", &text)], "init"), "init @ k.yaml:14");
}
