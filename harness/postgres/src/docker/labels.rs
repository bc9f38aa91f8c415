//! Labels that identify the owner of a container, the process that started it. Removes containers
//! whose owner has ended.

use std::collections::HashMap;
use std::path::Path;

use testcontainers::bollard::Docker;
use testcontainers::bollard::query_parameters::{
    ListContainersOptionsBuilder, RemoveContainerOptionsBuilder,
};

use crate::Prefix;
use crate::process::Process;

/// Label with the owner's process id.
const PID: &str = "pid";
/// Label with the owner's start time, because process ids are reused.
const STARTED: &str = "started";
/// Label with the owner's namespace of process ids.
const NAMESPACE: &str = "namespace";
/// Label with the boot id of the owner's machine.
const BOOT: &str = "boot";
/// Label with the folder of the lease on the container. When every process that uses the container
/// has ended, a helper process, the reaper, removes the container and the folder, unless the
/// container is kept.
const FOLDER: &str = "folder";

/// Returns the full name of a label.
fn label(prefix: &Prefix, name: &str) -> String {
    format!("org.{prefix}.{name}")
}

/// Returns the labels of a container of this process with the lease on `folder`.
pub(super) fn labels(prefix: &Prefix, folder: &Path) -> Vec<(String, String)> {
    let mut labels = match Process::current() {
        Some(owner) => vec![
            (PID, owner.pid.to_string()),
            (STARTED, owner.start_time),
            (NAMESPACE, owner.namespace),
            (BOOT, owner.boot),
        ],
        // Without the other labels, other processes can't know whether the owner has ended, so they do
        // not remove the container.
        None => vec![(PID, std::process::id().to_string())],
    };
    labels.push((FOLDER, folder.display().to_string()));
    labels.into_iter().map(|(name, value)| (label(prefix, name), value)).collect()
}

/// Removes the containers whose owners are known to have ended. Leaves a container whose lease still has
/// its folder, since other processes may use it, or the reaper will remove it.
pub(super) async fn sweep(client: &Docker, prefix: &Prefix) {
    let filters = HashMap::from([("label", vec![label(prefix, PID)])]);
    let ours = ListContainersOptionsBuilder::new().all(true).filters(&filters).build();
    let Ok(containers) = client.list_containers(Some(ours)).await else { return };
    for container in containers {
        let labels = container.labels.unwrap_or_default();
        let dead = owner(prefix, &labels).is_some_and(|owner| owner.is_dead());
        let in_use =
            labels.get(&label(prefix, FOLDER)).is_some_and(|folder| Path::new(folder).exists());
        if let (true, Some(id)) = (dead && !in_use, container.id) {
            remove(client, &id).await;
        }
    }
}

/// Removes a container with its volumes, if it exists.
pub(super) async fn remove(client: &Docker, name: &str) {
    let options = RemoveContainerOptionsBuilder::new().force(true).v(true).build();
    let _removed = client.remove_container(name, Some(options)).await;
}

/// Returns the owner in a container's labels; `None` if a label is missing.
fn owner(prefix: &Prefix, labels: &HashMap<String, String>) -> Option<Process> {
    let value = |name| labels.get(&label(prefix, name)).cloned();
    let pid = value(PID)?.parse().ok()?;
    let (boot, namespace) = (value(BOOT)?, value(NAMESPACE)?);
    Some(Process { boot, namespace, start_time: value(STARTED)?, pid })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_labels_identify_this_process_only_together() {
        let prefix = Prefix::default();
        let labels: HashMap<_, _> = labels(&prefix, Path::new("/nowhere")).into_iter().collect();
        assert_eq!(owner(&prefix, &labels), Process::current());
        assert_eq!(owner(&Prefix::new("acme").unwrap(), &labels), None);
        for name in ["pid", "started", "namespace", "boot"] {
            let mut fewer = labels.clone();
            fewer.remove(&format!("org.spanproof.{name}"));
            assert_eq!(owner(&prefix, &fewer), None, "without {name}");
        }
    }
}
