//! The variables of the containers in a pod.

use crate::command;
use crate::node::Node;
use crate::process::{Process, Role};
use crate::variable::{Event, Place, Reason, Step, Value};
use crate::variables::{Scope, Setting, Unread, Variables};

use super::objects::{Object, find, text_value};

/// Computes the processes of a pod.
pub(super) fn processes(pod: &Node, workload: &Object, objects: &[Object]) -> Vec<Process> {
    let mut processes = Vec::new();
    for (section, role) in [("initContainers", Role::Helper), ("containers", Role::Main)] {
        for node in pod.get(section).map(Node::items).unwrap_or_default() {
            let container = Container { node, workload, objects };
            let name = node.text_at("name").unwrap_or(workload.name());
            // An init container that is always restarted is a sidecar.
            let role = match node.text_at("restartPolicy") {
                Some("Always") if role == Role::Helper => Role::Main,
                _ => role,
            };
            let mut process = Process::new(name, role, container.variables(pod));
            process.image = node.text_at("image").map(str::to_owned);
            process.command = container.command().into_iter().map(str::to_owned).collect();
            processes.push(process);
        }
    }
    processes
}

/// A container of a workload.
pub(super) struct Container<'a> {
    pub(super) node: &'a Node,
    pub(super) workload: &'a Object,
    pub(super) objects: &'a [Object],
}

impl Container<'_> {
    fn place(&self, line: usize) -> Place {
        Place::new(&self.workload.file, line)
    }

    fn command(&self) -> Vec<&str> {
        let words = |name: &str| self.node.get(name).map(Node::texts).unwrap_or_default();
        [words("command"), words("args")].concat()
    }

    /// Computes the variables of the container. Annotations of `pod` can add variables.
    pub(super) fn variables(&self, pod: &Node) -> Variables {
        let mut variables = Variables::default();
        for source in self.node.get("envFrom").map(Node::items).unwrap_or_default() {
            self.env_from(source, &mut variables);
        }
        for item in self.node.get("env").map(Node::items).unwrap_or_default() {
            self.env(item, &mut variables);
        }
        self.add_injected(pod, &mut variables);
        let words: Vec<String> = self
            .command()
            .into_iter()
            .map(|word| match expand(word, &variables) {
                (Value::Literal(text), _) => text,
                _ => word.to_owned(),
            })
            .collect();
        let line = self
            .node
            .get("command")
            .or(self.node.get("args"))
            .map_or(self.node.line, |node| node.line);
        command::apply(&words, &self.place(line), &mut variables);
        variables
    }

    /// Adds the variables that an operator injects because of an annotation.
    fn add_injected(&self, pod: &Node, variables: &mut Variables) {
        let annotations = [pod, &self.workload.node].into_iter().filter_map(|node| {
            node.at("metadata.annotations")
                .or_else(|| node.at("spec.template.metadata.annotations"))
        });
        let entries = annotations.flat_map(Node::entries);
        let injects = |name: &str| name.starts_with("instrumentation.opentelemetry.io/inject");
        if let Some(entry) = entries.into_iter().find(|entry| injects(&entry.name)) {
            let why = "an operator adds variables to the container (annotation)";
            let unread =
                Unread::new(self.place(entry.line), why, "`kubectl exec POD -- env` shows them");
            variables.add_unread_fallback(unread.only(Scope::Prefix("OTEL_".to_owned())));
        }
    }

    fn env_from(&self, source: &Node, variables: &mut Variables) {
        let prefix = source.text_at("prefix").unwrap_or_default();
        for (field, kind) in [("configMapRef", "ConfigMap"), ("secretRef", "Secret")] {
            let Some(reference) = source.get(field) else { continue };
            let name = reference.text_at("name").unwrap_or_default();
            let Some(object) = find(self.objects, kind, name, self.workload) else {
                let why = format!(
                    "the {kind} `{name}`, which is not in this manifest, may set it (`envFrom`)"
                );
                let resolve = format!(
                    "also give the file with the {kind} (`kubectl get {} {name} -o yaml`)",
                    kind.to_lowercase()
                );
                let unread = Unread::new(self.place(source.line), why, resolve);
                variables.add_unread(unread.only(Scope::Prefix(prefix.to_owned())));
                continue;
            };
            for key in object.keys() {
                let name = format!("{prefix}{}", key.name);
                let location = format!("data of the {kind} {}", object.name());
                let mut setting = Setting::new(&name, key.value, &location, key.place);
                let note = format!(
                    "`envFrom` of the container `{}`",
                    self.node.text_at("name").unwrap_or_default()
                );
                setting.parts.push(Step::new(self.place(source.line), Event::Interpolated, note));
                variables.set(setting);
            }
        }
    }

    fn env(&self, item: &Node, variables: &mut Variables) {
        let Some(name) = item.text_at("name") else { return };
        let line = item.get("value").or(item.get("valueFrom")).map_or(item.line, |node| node.line);
        let location = self.location();
        let (value, parts) = match (item.get("value"), item.get("valueFrom")) {
            (Some(value), _) => match text_value(value) {
                Value::Literal(text) => expand(&text, variables),
                other => (other, Vec::new()),
            },
            (None, Some(from)) => self.value_from(from),
            (None, None) => (Value::Literal(String::new()), Vec::new()),
        };
        let mut setting = Setting::new(name, value, &location, self.place(line));
        setting.parts = parts;
        variables.set(setting);
    }

    /// Returns the location of `env` of the container.
    fn location(&self) -> String {
        match self.node.text_at("name") {
            Some(name) => format!("env of the container {name}"),
            None => "env".to_owned(),
        }
    }

    fn value_from(&self, from: &Node) -> (Value, Vec<Step>) {
        for (field, kind) in [("configMapKeyRef", "ConfigMap"), ("secretKeyRef", "Secret")] {
            let Some(reference) = from.get(field) else { continue };
            let name = reference.text_at("name").unwrap_or_default();
            let key = reference.text_at("key").unwrap_or_default();
            let Some(object) = find(self.objects, kind, name, self.workload) else {
                let (what, resource) = if kind == "Secret" {
                    ("a secret", "secret")
                } else {
                    ("a config map", "configmap")
                };
                let why = format!(
                    "it comes from {what}: the key `{key}` of the {kind} `{name}`, which is not in this manifest"
                );
                let resolve = format!(
                    "`kubectl get {resource} {name} -o yaml` shows it; or also give the file with the {kind}"
                );
                return (Value::Elsewhere(Reason::new(why, resolve)), Vec::new());
            };
            let optional = reference.text_at("optional") == Some("true");
            return match object.keys().into_iter().find(|one| one.name == key) {
                Some(found) => {
                    let note = format!("the key `{key}` of the {kind} `{name}`");
                    (found.value, vec![Step::new(found.place, Event::Interpolated, note)])
                }
                None if optional => (Value::Unset, Vec::new()),
                None => {
                    let why = format!(
                        "the container does not start, because the {kind} `{name}` has no key `{key}`"
                    );
                    (Value::Refused(Reason::new(why, format!("add the key `{key}`"))), Vec::new())
                }
            };
        }
        let why = "the cluster fills it in from the pod when the pod starts";
        (Value::Elsewhere(Reason::new(why, "`kubectl exec POD -- env` shows it")), Vec::new())
    }
}

/// Fills in `$(NAME)`. It stays unchanged if the variable is not set.
fn expand(text: &str, variables: &Variables) -> (Value, Vec<Step>) {
    let mut result = String::new();
    let mut steps = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        result.push_str(&rest[..at]);
        let after = &rest[at + 1..];
        if let Some(escaped) = after.strip_prefix('$') {
            result.push('$');
            rest = escaped;
        } else if let Some((name, next)) =
            after.strip_prefix('(').and_then(|inside| inside.split_once(')'))
        {
            let variable = variables.get(name);
            match &variable.value {
                Value::Literal(value) => {
                    result.push_str(value);
                    let place = variable.place().cloned();
                    steps.extend(place.map(|place| Step::filled_in(place, name, value)));
                }
                Value::Unset
                    if name.ends_with("_SERVICE_HOST")
                        || name.contains("_SERVICE_PORT")
                        || name.contains("_PORT") =>
                {
                    let why = format!("the cluster may fill in `{name}`, the address of a service");
                    return (
                        Value::Unknown(Reason::new(why, "`kubectl exec POD -- env` shows it")),
                        steps,
                    );
                }
                Value::Unset => {
                    result.push_str("$(");
                    result.push_str(name);
                    result.push(')');
                }
                Value::Elsewhere(reason) | Value::Unknown(reason) | Value::Refused(reason) => {
                    let why = format!("it is filled in from `{name}`, and {}", reason.why);
                    return (Value::Unknown(Reason::new(why, &reason.resolve)), steps);
                }
            }
            rest = next;
        } else {
            result.push('$');
            rest = after;
        }
    }
    (Value::Literal(result + rest), steps)
}
