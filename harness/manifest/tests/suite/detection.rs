//! Tests that the format of a file is recognised, also if this crate does not read it.

use spanproof_manifest::Format;

use crate::shape::manifests;

#[test]
fn a_format_is_recognised_by_name_and_content() {
    let kubernetes =
        "apiVersion: v1\nkind: Pod\nmetadata: {name: x}\nspec: {containers: [{name: a}]}\n";
    for (file, text, expected) in [
        ("compose.prod.yml", "services: {a: {image: x}}\n", Format::Compose),
        ("stack.yaml", "services: {a: {image: x}}\n", Format::Compose),
        ("a.yaml", kubernetes, Format::Kubernetes),
        (
            "a.json",
            r#"{"apiVersion": "v1", "kind": "Pod", "spec": {"containers": [{"name": "a"}]}}"#,
            Format::Kubernetes,
        ),
        ("x.env", "A=1", Format::DotEnv),
        (".env.production", "A=1", Format::DotEnv),
        ("etc/default/app", "A=1\n", Format::DotEnv),
        ("Dockerfile.prod", "FROM x\n", Format::Dockerfile),
        ("Containerfile", "FROM x\n", Format::Dockerfile),
        ("image", "FROM x\nENV A=1\n", Format::Dockerfile),
        ("fly.staging.toml", "app = 'x'\n", Format::Fly),
        ("config.toml", "app = 'x'\n[env]\nA = 1\n", Format::Fly),
        ("Procfile.dev", "web: x\n", Format::Procfile),
        ("x.service", "[Service]\n", Format::Systemd),
        ("unit", "[Unit]\n[Service]\nEnvironment=A=1\n", Format::Systemd),
        ("ci.yml", "on: push\njobs: {a: {runs-on: x, steps: []}}\n", Format::Workflow),
        ("t.json", r#"{"containerDefinitions": [{"name": "x"}]}"#, Format::Ecs),
        ("app.json", "{\"env\": {}}", Format::AppJson),
        ("v.yaml", "A: 1\n", Format::Values),
    ] {
        let found = manifests(&[(file, text)], &[file]);
        assert_eq!(found[0].format, expected, "{file}");
        assert!(found[0].unresolved.is_none(), "{file}: {:?}", found[0].unresolved);
    }
}

#[test]
fn a_format_that_is_not_read_has_a_reason_with_a_resolution() {
    for (file, text, part) in [
        (
            "deployment.yaml",
            "kind: X\nvalue: {{ .Values.x | quote }}\n{{- with .y }}\n",
            "helm template",
        ),
        (
            "deployment.yaml",
            "apiVersion: v1\nkind: Pod\nmetadata:\n  name: {{ .x }}\n",
            "helm template",
        ),
        ("values.yaml", "env: {FLAG: true}\n", "helm template"),
        ("prod-values.yaml", "env: {FLAG: true}\n", "helm template"),
        ("values-prod.yaml", "env: {FLAG: true}\n", "helm template"),
        (
            "kustomization.yaml",
            "configMapGenerator: [{name: c, envs: [a.env]}]\n",
            "kustomize build",
        ),
        ("k.yaml", "kind: Kustomization\n", "kustomize build"),
        ("main.tf", "x", "terraform"),
        ("prod.tfvars", "x", "terraform"),
        ("app.nomad", "job \"x\" {}", "nomad"),
        ("supervisord.conf", "[program:x]\n", "supervisor"),
        ("app.conf", "[program:x]\nenvironment=FLAG=1\n", "supervisor"),
        ("crontab", "FLAG=1\n* * * * * x\n", "cron"),
        ("ecosystem.config.js", "x", "pm2"),
        ("play.yml", "- hosts: all\n  tasks: []\n", "ansible"),
        ("run.sh", "export FLAG=1\n", "printenv"),
        ("app.env.j2", "FLAG=1\n", "render it"),
        ("other.yaml", "a: {b: c}\n", "printenv"),
        ("netlify.toml", "[build.environment]\nFLAG = '1'\n", "netlify"),
        (".env.example", "FLAG=1\n", "deployed"),
        ("application.properties", "FLAG=1\n", "starts the process"),
        (".envrc", "export FLAG=1\n", "printenv"),
    ] {
        let found = manifests(&[(file, text)], &[file]);
        let reason = found[0].unresolved.clone().unwrap_or_else(|| panic!("{file} is read"));
        assert!(reason.resolve.contains(part), "{file}: {reason:?}");
    }
}
