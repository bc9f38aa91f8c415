//! Tests that the processes that run a service are selected by the service's names.

use crate::shape::manifests;

#[test]
fn the_best_matching_process_is_selected() {
    for (services, expected) in [
        ("a: {image: x}\n  runner: {image: y}", &["runner"][..]),
        ("a: {image: ghcr.io/x/runner:1}\n  b: {image: y}", &["a"]),
        ("a: {image: x, command: /bin/runner --x}\n  b: {image: y}", &["a"]),
        ("a: {image: x, command: [sh, -c, 'FLAG=1 exec runner']}\n  b: {image: runner2}", &["a"]),
        ("a: {image: runner}\n  b: {image: runner}\n  c: {image: y}", &["a", "b"]),
        ("a: {image: x, command: psql -h runner}\n  b: {image: y, command: /bin/runner}", &["b"]),
        ("a: {image: x, command: [sh, -c, './migrate && exec runner']}\n  b: {image: y}", &["a"]),
        ("a: {image: x, command: python -m runner}\n  b: {image: y}", &["a"]),
        ("a: {image: x}\n  b: {image: y}", &["a", "b"]),
    ] {
        let text = format!("services:\n  {services}\n");
        let found = manifests(&[("compose.yaml", &text)], &["compose.yaml"]);
        let names: Vec<_> = found[0]
            .running(&["runner", "other"])
            .iter()
            .map(|process| process.name.as_str())
            .collect();
        assert_eq!(names, expected, "{services}");
    }
}

#[test]
fn the_image_of_a_container_is_a_better_match_than_its_deployment() {
    let text = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: runner}\nspec: {template: {spec: {containers: [{name: app, image: x}, {name: proxy, image: y}]}}}\n";
    let names = |text: &str| -> Vec<String> {
        let found = manifests(&[("k.yaml", text)], &["k.yaml"]);
        found[0].running(&["runner"]).iter().map(|process| process.name.clone()).collect()
    };
    assert_eq!(names(text), ["app", "proxy"]);
    assert_eq!(names(&text.replace("image: x", "image: r/runner:2")), ["app"]);
}
