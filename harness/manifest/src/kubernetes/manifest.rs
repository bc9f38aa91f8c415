//! The objects of manifests that are given together, and their processes.

use crate::error::Error;
use crate::format::{Content, Input};
use crate::node::Node;
use crate::process::{Process, Role};
use crate::variable::Place;
use crate::variables::{Setting, Unread, Variables};

use super::objects::Object;
use super::pod::{Container, processes};

/// Where a pod may be in an object. In a Job of Cloud Run it is the deepest.
const PODS: [&str; 6] = [
    "spec.jobTemplate.spec.template.spec",
    "spec.template.spec.template.spec",
    "spec.template.spec",
    "spec.podTemplate.spec",
    "template.spec",
    "spec",
];

/// Whether a document is an object of Kubernetes.
pub(crate) fn is_object(document: &Node) -> bool {
    document.text_at("kind").is_some() && document.text_at("apiVersion").is_some()
}

/// Reads manifests.
pub(crate) fn read(inputs: &[Input<'_>]) -> Result<Content, Error> {
    let mut objects = Vec::new();
    for input in inputs {
        for node in input.documents()? {
            add(node, &input.name, &mut objects);
        }
    }
    let mut found = Vec::new();
    for object in &objects {
        if let Some(pod) = pod(&object.node) {
            let mut processes = processes(pod, object, &objects);
            for process in &mut processes {
                process.group = Some(object.name().to_owned());
                drop_keys(&objects, process);
            }
            found.extend(processes);
        } else if let Some(process) = hidden(object) {
            found.push(process);
        }
    }
    if found.is_empty() {
        found = objects.iter().filter_map(values).collect();
    }
    Ok(Content::Processes(found))
}

/// Adds a document, or the items of a list.
fn add(node: Node, file: &str, objects: &mut Vec<Object>) {
    if node.text_at("kind").is_some_and(|kind| kind == "List" || kind.ends_with("List")) {
        for item in node.get("items").map(Node::items).unwrap_or_default() {
            add(item.clone(), file, objects);
        }
    } else if node.is_map() {
        objects.push(Object { node, file: file.to_owned() });
    }
}

fn pod(node: &Node) -> Option<&Node> {
    PODS.iter().find_map(|path| {
        node.at(path).filter(|pod| pod.get("containers").is_some_and(Node::is_list))
    })
}

/// Records the keys of maps and secrets that a container does not get.
fn drop_keys(objects: &[Object], process: &mut Process) {
    for object in objects.iter().filter(|object| matches!(object.kind(), "ConfigMap" | "Secret")) {
        for key in object.keys() {
            if process.variables.known(&key.name).is_none() {
                let note = format!(
                    "the container gets no variable from this key of the {}",
                    object.kind()
                );
                process.variables.drop_line(&key.name, key.place, &note);
            }
        }
    }
}

/// Returns a process for an object whose pods another program makes.
fn hidden(object: &Object) -> Option<Process> {
    let (why, resolve) = match object.kind() {
        "HelmRelease" | "HelmChart" => {
            ("a chart makes the pods", "`helm template CHART -f VALUES` prints them")
        }
        "Application" | "ApplicationSet" => {
            ("Argo CD makes the pods from another source", "`argocd app manifests APP` prints them")
        }
        "Template" => {
            ("OpenShift makes the pods from a template", "`oc process -f FILE` prints them")
        }
        "Kustomization" => ("kustomize makes the pods", "`kustomize build DIR` prints them"),
        "Instrumentation" => return None,
        _ if ["spec.env", "spec.envFrom"].iter().any(|path| object.node.at(path).is_some()) => (
            "an operator makes the pods from this object",
            "`kubectl exec POD -- env` shows the variables",
        ),
        _ => return None,
    };
    let mut variables = Variables::default();
    variables.open(Unread::new(Place::new(&object.file, object.node.line), why, resolve));
    Some(Process::new(object.name(), Role::Main, variables))
}

/// Returns the values of a `ConfigMap` or Secret that is given without a workload.
fn values(object: &Object) -> Option<Process> {
    let kind = object.kind();
    if !matches!(kind, "ConfigMap" | "Secret") {
        return None;
    }
    let mut variables = Variables::default();
    let location = if kind == "Secret" { "data of the Secret" } else { "data of the ConfigMap" };
    for key in object.keys() {
        variables.set(Setting::new(&key.name, key.value, location, key.place));
    }
    let name = if object.name().is_empty() { kind } else { object.name() };
    Some(Process::new(name, Role::Values, variables))
}

/// Computes the variables of `env` and `envFrom` in a part of a manifest.
pub(crate) fn container_variables(node: &Node, file: &str) -> Variables {
    let workload = Object { node: Node::empty(node.line), file: file.to_owned() };
    Container { node, workload: &workload, objects: &[] }.variables(&Node::empty(node.line))
}
