//! Labels that say whose a container is, and the removal of those whose owner is dead.

use std::collections::HashMap;
use std::path::Path;

use testcontainers::bollard::Docker;
use testcontainers::bollard::query_parameters::{
    ListContainersOptionsBuilder, RemoveContainerOptionsBuilder,
};

use crate::owner::Owner;

/// The owner's process id; who finds a container by hand looks for this.
const PID: &str = "org.spanproof.pid";
const STARTED: &str = "org.spanproof.started";
const NAMESPACE: &str = "org.spanproof.namespace";
const BOOT: &str = "org.spanproof.boot";
/// The folder that it goes with: while that is there it is in use, kept, or about to go.
const FOLDER: &str = "org.spanproof.folder";

/// The labels of a container that goes with `folder`.
pub(super) fn labels(folder: &Path) -> Vec<(&'static str, String)> {
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
    labels
}

/// Removes the containers of owners that are known to be dead; nobody waits for it.
pub(super) async fn sweep(client: &Docker) {
    let filters = HashMap::from([("label", vec![PID])]);
    let ours = ListContainersOptionsBuilder::new().all(true).filters(&filters).build();
    let Ok(containers) = client.list_containers(Some(ours)).await else { return };
    for container in containers {
        let labels = container.labels.unwrap_or_default();
        let dead = owner(&labels).is_some_and(|owner| owner.is_dead());
        let used = labels.get(FOLDER).is_some_and(|folder| Path::new(folder).exists());
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
fn owner(labels: &HashMap<String, String>) -> Option<Owner> {
    let label = |name| labels.get(name).cloned();
    let pid = label(PID)?.parse().ok()?;
    Some(Owner { boot: label(BOOT)?, namespace: label(NAMESPACE)?, started: label(STARTED)?, pid })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_labels_name_this_process_and_without_one_nobody() {
        let labels: HashMap<_, _> = labels(Path::new("/nowhere"))
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value))
            .collect();
        assert_eq!(owner(&labels), Owner::me());
        for name in [PID, STARTED, NAMESPACE, BOOT] {
            let mut fewer = labels.clone();
            fewer.remove(name);
            assert_eq!(owner(&fewer), None, "without {name}");
        }
    }
}
