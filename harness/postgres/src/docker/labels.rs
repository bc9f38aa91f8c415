//! Labels that say whose a container is, and the removal of those whose owner is dead.

use std::collections::HashMap;
use std::path::Path;

use testcontainers::bollard::Docker;
use testcontainers::bollard::query_parameters::{
    ListContainersOptionsBuilder, RemoveContainerOptionsBuilder,
};

use crate::Prefix;
use crate::owner::Owner;

/// The owner's process id; who finds a container by hand looks for this.
const PID: &str = "pid";
const STARTED: &str = "started";
const NAMESPACE: &str = "namespace";
const BOOT: &str = "boot";
/// The folder that it goes with: while that is there it is in use, kept, or about to go.
const FOLDER: &str = "folder";

/// The full name of a label.
fn label(prefix: &Prefix, name: &str) -> String {
    format!("org.{prefix}.{name}")
}

/// The labels of a container that goes with `folder`.
pub(super) fn labels(prefix: &Prefix, folder: &Path) -> Vec<(String, String)> {
    let mut labels = match Owner::me() {
        Some(me) => vec![
            (PID, me.pid.to_string()),
            (STARTED, me.started),
            (NAMESPACE, me.namespace),
            (BOOT, me.boot),
        ],
        // Nobody can tell later whether we live, so nobody but us removes it.
        None => vec![(PID, std::process::id().to_string())],
    };
    labels.push((FOLDER, folder.display().to_string()));
    labels.into_iter().map(|(name, value)| (label(prefix, name), value)).collect()
}

/// Removes the containers of owners that are known to be dead; nobody waits for it.
pub(super) async fn sweep(client: &Docker, prefix: &Prefix) {
    let filters = HashMap::from([("label", vec![label(prefix, PID)])]);
    let ours = ListContainersOptionsBuilder::new().all(true).filters(&filters).build();
    let Ok(containers) = client.list_containers(Some(ours)).await else { return };
    for container in containers {
        let labels = container.labels.unwrap_or_default();
        let dead = owner(prefix, &labels).is_some_and(|owner| owner.is_dead());
        let used =
            labels.get(&label(prefix, FOLDER)).is_some_and(|folder| Path::new(folder).exists());
        if let (true, Some(id)) = (dead && !used, container.id) {
            remove(client, &id).await;
        }
    }
}

/// Removes a container with its volumes; there may be none.
pub(super) async fn remove(client: &Docker, name: &str) {
    let options = RemoveContainerOptionsBuilder::new().force(true).v(true).build();
    let _removed = client.remove_container(name, Some(options)).await;
}

/// The owner in a container's labels, if they tell all of it.
fn owner(prefix: &Prefix, labels: &HashMap<String, String>) -> Option<Owner> {
    let value = |name| labels.get(&label(prefix, name)).cloned();
    let pid = value(PID)?.parse().ok()?;
    Some(Owner { boot: value(BOOT)?, namespace: value(NAMESPACE)?, started: value(STARTED)?, pid })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_labels_name_this_process_and_without_one_nobody() {
        let prefix = Prefix::default();
        let labels: HashMap<_, _> = labels(&prefix, Path::new("/nowhere")).into_iter().collect();
        assert_eq!(owner(&prefix, &labels), Owner::me());
        assert_eq!(owner(&Prefix::new("acme").unwrap(), &labels), None);
        for name in ["pid", "started", "namespace", "boot"] {
            let mut fewer = labels.clone();
            fewer.remove(&format!("org.spanproof.{name}"));
            assert_eq!(owner(&prefix, &fewer), None, "without {name}");
        }
    }
}
