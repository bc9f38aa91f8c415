//! `ConfigMaps` and Secrets.

use crate::node::{Node, Scalar};
use crate::variable::{Place, Reason, Value};

use super::base64;

/// A document of a manifest, with its file.
#[derive(Debug, Clone)]
pub(super) struct Object {
    pub(super) node: Node,
    pub(super) file: String,
}

/// A key of a `ConfigMap` or Secret.
#[derive(Debug, Clone)]
pub(super) struct Key {
    pub(super) name: String,
    pub(super) value: Value,
    pub(super) place: Place,
}

impl Object {
    pub(super) fn kind(&self) -> &str {
        self.node.text_at("kind").unwrap_or_default()
    }

    pub(super) fn name(&self) -> &str {
        self.node.text_at("metadata.name").unwrap_or_default()
    }

    fn namespace(&self) -> &str {
        self.node.text_at("metadata.namespace").unwrap_or_default()
    }

    /// Whether a pod of a workload can refer to this object: their namespaces are the same, or one of them is
    /// not known.
    fn is_reachable(&self, workload: &Self) -> bool {
        let (own, other) = (self.namespace(), workload.namespace());
        own == other || own.is_empty() || other.is_empty()
    }

    /// Returns the keys. A later value of a key replaces an earlier one.
    pub(super) fn keys(&self) -> Vec<Key> {
        let is_secret = self.kind() == "Secret";
        let mut keys: Vec<Key> = Vec::new();
        let sections: &[(&str, bool)] =
            if is_secret { &[("data", true), ("stringData", false)] } else { &[("data", false)] };
        for (section, encoded) in sections {
            for entry in self.node.get(section).map(Node::entries).unwrap_or_default() {
                let value = if *encoded { decoded(&entry.value) } else { text_value(&entry.value) };
                let place = Place::new(&self.file, entry.value.line.max(entry.line));
                keys.retain(|key| key.name != entry.name);
                keys.push(Key { name: entry.name.clone(), value, place });
            }
        }
        keys
    }
}

/// Returns the `ConfigMap` or Secret with this name to which a workload can refer.
pub(super) fn find<'a>(
    objects: &'a [Object],
    kind: &str,
    name: &str,
    workload: &Object,
) -> Option<&'a Object> {
    objects.iter().rev().find(|object| {
        object.kind() == kind && object.name() == name && object.is_reachable(workload)
    })
}

/// Returns the value of a field that must be a string.
pub(super) fn text_value(node: &Node) -> Value {
    let refused = |text: &str| {
        let why =
            format!("Kubernetes refuses the unquoted value `{text}`, because it is not a string");
        Value::Refused(Reason::new(why, format!("quote it: \"{text}\"")))
    };
    match node.scalar() {
        Some(Scalar::Null) => Value::Literal(String::new()),
        Some(Scalar::Text(text)) if text.contains("{{") => {
            let why = format!("it is a template: `{text}`");
            Value::Unknown(Reason::new(
                why,
                "render it, for example with `helm template`, and give the result",
            ))
        }
        Some(Scalar::Text(text)) if text.contains("${") => {
            let why = format!("it is filled in before the manifest is applied: `{text}`");
            let resolve = "give the manifest after `envsubst` or Flux has filled it in; `kubectl get -o yaml` shows what is applied";
            Value::Unknown(Reason::new(why, resolve))
        }
        // YAML 1.1, as Kubernetes reads it, has more booleans than YAML 1.2.
        Some(Scalar::Text(text)) if is_plain(node) && is_old_boolean(text) => refused(text),
        Some(Scalar::Text(text)) => Value::Literal(text.to_owned()),
        Some(Scalar::Boolean(_) | Scalar::Number(_)) => refused(node.text().unwrap_or_default()),
        None => Value::Refused(Reason::new(
            "Kubernetes refuses a value that is a list or a mapping",
            "write a string",
        )),
    }
}

fn is_plain(node: &Node) -> bool {
    matches!(node.kind, crate::node::Kind::Scalar { plain: true, .. }) && node.tag.is_none()
}

fn is_old_boolean(text: &str) -> bool {
    ["yes", "Yes", "YES", "no", "No", "NO", "on", "On", "ON", "off", "Off", "OFF"].contains(&text)
}

fn decoded(node: &Node) -> Value {
    let text = match text_value(node) {
        Value::Literal(text) => text,
        other => return other,
    };
    match base64::decode(&text).map(String::from_utf8) {
        Some(Ok(text)) => Value::Literal(text),
        Some(Err(_)) => Value::Unknown(Reason::new(
            "its value in the Secret is not UTF-8",
            "decode it with `base64 -d`",
        )),
        None => {
            let why = format!(
                "Kubernetes refuses `{text}` under `data` of a Secret, because it is not base64"
            );
            Value::Refused(Reason::new(why, "use `stringData`, or encode it"))
        }
    }
}
