//! Tests of containers: their owner labels, their platform, and errors about images.
//!
//! Most of these tests need the image that [`test_image`] returns. Without an image they check the
//! error of [`check_unusable_image_error`] instead, which needs none.

use std::process::Output;
use std::time::Duration;

use rstest::rstest;
use spanproof_lease::wait::{self, Attempt};
use spanproof_postgres::{Options, Server, Source};

use crate::{chain, command, docker, start, stdout, test_image, variable};

/// Checks the error about an image that can't be pulled. If Docker does not answer, checks the
/// error about Docker instead. Tests that need an image do this if no image is set.
pub(crate) async fn check_unusable_image_error() {
    // The domain `.invalid` never exists.
    let image = "spanproof.invalid/postgres";
    let error = start(Source::Docker(Some(image.into()))).await.map_err(chain).unwrap_err();
    // `docker info` waits forever for an engine that accepts connections and sends nothing.
    let info = command("timeout".as_ref()).args(["5", "docker", "info"]).output();
    let answers = info.is_ok_and(|output| output.status.success());
    if !answers {
        let host = variable("DOCKER_HOST").map_or_else(String::new, |host| format!(" at `{host}`"));
        assert!(error.starts_with(&format!("Docker does not answer{host}: ")), "{error}");
        let next = "; start it, allow this user to use it, or set `DOCKER_HOST` to its address";
        assert!(error.ends_with(next), "{error}");
        return;
    }
    let start = format!("Docker has no image `{image}` and can't pull it: ");
    let end = format!(
        "; try `docker pull {image}`, or use an image that `docker images` lists: `docker:IMAGE`"
    );
    assert!(error.starts_with(&start) && error.ends_with(&end), "{error}");
}

#[tokio::test]
async fn an_unusable_image_is_reported() {
    check_unusable_image_error().await;
}

#[tokio::test]
async fn a_missing_platform_is_reported() {
    let Some(image) = test_image() else { return check_unusable_image_error().await };
    let source = Source::Docker(Some(image.clone()));
    let platform = Some("linux/s390x".to_owned());
    let options = Options { source: source.clone(), platform, ..Options::default() };
    let error = Server::start(options).await.map_err(chain).unwrap_err();
    let expected = format!("Docker has no image `{image}` for `linux/s390x` and can't pull it: ");
    assert!(error.starts_with(&expected), "{error}");
    let format = "{{.Os}}/{{.Architecture}}";
    let platform = stdout(&docker(&["image", "inspect", "--format", format, &image]));
    let options = Options { source, platform: Some(platform), ..Options::default() };
    Server::start(options).await.unwrap().close().await.unwrap();
}

/// The program of the image does not exist, so Docker can create a container of the image, but
/// can't start it.
#[tokio::test]
async fn a_container_that_cannot_start_is_reported_and_removed() {
    if test_image().is_none() {
        return check_unusable_image_error().await;
    }
    let image = format!("spanproof-unstartable:{}", std::process::id());
    let folder = tempfile::tempdir().unwrap();
    let archive = folder.path().join("empty.tar");
    std::fs::write(&archive, [0; 1024]).unwrap();
    let entry = r#"ENTRYPOINT ["/nothing"]"#;
    let imported = docker(&["import", "--change", entry, archive.to_str().unwrap(), &image]);
    assert!(imported.status.success(), "{imported:?}");
    let error = start_error(&image).await;
    let expected = format!("Docker can't start a container of the image `{image}`: ");
    assert!(error.starts_with(&expected), "{error}");
    assert!(error.contains("/nothing"), "{error}");
    let next = format!("\n  try `docker run {image}`");
    assert!(error.ends_with(&next), "{error}");
}

/// A container that exits at once never has a port. A container that exits a moment later has a
/// port, but nothing answers at this port.
#[rstest]
#[case::at_once("0")]
#[case::a_moment_later("1")]
#[tokio::test]
async fn a_container_that_exits_is_reported_with_its_log(#[case] seconds: &str) {
    let Some(base) = test_image() else { return check_unusable_image_error().await };
    let image = format!("spanproof-brief-{seconds}:{}", std::process::id());
    let created = docker(&["create", &base]);
    let id = stdout(&created);
    let script = format!("sleep {seconds}; echo no room for data >&2; exit 3");
    let entry = format!(r#"ENTRYPOINT ["/bin/sh", "-c", "{script}"]"#);
    let committed = docker(&["commit", "--change", &entry, &id, &image]);
    docker(&["rm", "-v", &id]);
    assert!(committed.status.success(), "{committed:?}");
    let error = start_error(&image).await;
    let expected = format!(
        "no server started in a container of the image `{image}`: it ended with exit code \
         3\n    no room for data\n  try `docker run -e POSTGRES_PASSWORD=secret {image}`; the image \
         should behave like the official `postgres`"
    );
    assert_eq!(error, expected);
}

/// Starts a server from an image and returns the error. Checks that the container is removed, and
/// removes the image.
async fn start_error(image: &str) -> String {
    let error = start(Source::Docker(Some(image.into()))).await.map_err(chain).unwrap_err();
    let filter = format!("ancestor={image}");
    let left = stdout(&docker(&["ps", "--all", "--quiet", "--filter", &filter]));
    docker(&["rmi", "--force", image]);
    assert_eq!(left, "", "the container is left: {error}");
    error
}

/// A process that owns a container. The labels of the container have these properties of the
/// process.
#[derive(Debug, Clone)]
struct Owner {
    pid: u32,
    /// In clock ticks since the boot.
    start_time: String,
    /// The id of the boot.
    boot: String,
}

impl Owner {
    fn read(pid: u32) -> Self {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
        let start_time = stat.rsplit_once(") ").unwrap().1.split(' ').nth(19).unwrap().to_owned();
        let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap();
        Self { pid, start_time, boot: boot.trim().to_owned() }
    }

    /// Creates a container with this owner's labels and does not start it.
    fn create_container(&self, image: &str) -> String {
        let namespace = std::fs::read_link("/proc/self/ns/pid").unwrap();
        let labels = [
            format!("org.spanproof.pid={}", self.pid),
            format!("org.spanproof.started={}", self.start_time),
            format!("org.spanproof.boot={}", self.boot),
            format!("org.spanproof.namespace={}", namespace.display()),
        ];
        let mut arguments = vec!["create"];
        arguments.extend(labels.iter().flat_map(|label| ["--label", label]));
        arguments.push(image);
        container_id(&docker(&arguments))
    }
}

fn container_id(output: &Output) -> String {
    assert!(output.status.success(), "{output:?}");
    stdout(output)
}

fn exists(id: &str) -> bool {
    docker(&["inspect", id]).status.success()
}

#[tokio::test]
async fn only_containers_of_dead_owners_are_removed_when_a_container_starts() {
    let Some(image) = test_image() else { return check_unusable_image_error().await };
    let mut child = command("true".as_ref()).spawn().unwrap();
    let ended = Owner::read(child.id());
    child.wait().unwrap();
    // Process 1 always runs.
    let living = Owner::read(1);
    let dead = [ended.clone(), Owner { start_time: "1".into(), ..living.clone() }];
    let dead = dead.map(|owner| owner.create_container(&image));
    // Docker lists newer containers first, so these containers are checked before the dead owners'
    // containers are removed.
    let kept = [
        living.create_container(&image),
        Owner { boot: "another".into(), ..ended.clone() }.create_container(&image),
        container_id(&docker(&[
            "create",
            "--label",
            &format!("org.spanproof.pid={}", ended.pid),
            &image,
        ])),
        container_id(&docker(&["create", &image])),
    ];
    let server = start(Source::Docker(Some(image))).await.unwrap();
    let swept = wait::until(
        "the removal of the dead owners' containers",
        Duration::from_secs(30),
        || async {
            match dead.iter().find(|id| exists(id)) {
                Some(id) => Attempt::NotYet(format!("{id} is left")),
                None => Attempt::Done(()),
            }
        },
    )
    .await;
    let left: Vec<bool> = kept.iter().map(|id| exists(id)).collect();
    for id in dead.iter().chain(&kept) {
        docker(&["rm", "--force", "--volumes", id]);
    }
    server.close().await.unwrap();
    swept.unwrap();
    let kept_names = "a live owner, an owner of another boot, incomplete labels, no labels";
    assert_eq!(left, [true; 4], "containers that must stay: those with {kept_names}");
}

/// Waits until this process has no container. Another test, which runs at the same time in this
/// process, may still have a container.
pub(crate) async fn await_no_container() {
    let label = format!("label=org.spanproof.pid={}", std::process::id());
    wait::until("the removal of this process's containers", Duration::from_secs(30), || async {
        let left = stdout(&docker(&["ps", "--all", "--quiet", "--filter", &label]));
        if left.is_empty() { Attempt::Done(()) } else { Attempt::NotYet(left) }
    })
    .await
    .unwrap();
}
