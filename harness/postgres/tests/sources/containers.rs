//! Containers: their owners, their platform, and images that will not do.

use std::process::Output;
use std::time::Duration;

use rstest::rstest;
use spanproof_lease::wait::{self, Look};
use spanproof_postgres::{Options, Server, Source};

use crate::{chain, command, docker, said, start, test_image, variable};

/// Without an image to run: what is said about one that can't be had, or about Docker itself.
pub(crate) async fn an_absent_image_is_named() {
    // A name below `.invalid` is never resolved.
    let image = "spanproof.invalid/postgres:15";
    let error = start(Source::Docker(Some(image.into())), None).await.map_err(chain).unwrap_err();
    // An engine that accepts and says nothing would be asked for ever.
    let info = command("timeout".as_ref()).args(["5", "docker", "info"]).output();
    let answers = info.is_ok_and(|output| output.status.success());
    if !answers {
        let place =
            variable("DOCKER_HOST").map_or_else(String::new, |host| format!(" at `{host}`"));
        assert!(error.starts_with(&format!("Docker does not answer{place}: ")), "{error}");
        assert!(error.ends_with("; start it, or say with `DOCKER_HOST` where it is"), "{error}");
        return;
    }
    let start = format!("Docker has no image `{image}` and can't pull it: ");
    let end = format!(
        "; `docker pull {image}` repeats that, and `docker:IMAGE` as the source names one of \
         `docker images`"
    );
    assert!(error.starts_with(&start) && error.ends_with(&end), "{error}");
}

#[tokio::test]
async fn an_image_that_can_not_be_had_is_a_clear_error() {
    an_absent_image_is_named().await;
}

#[tokio::test]
async fn a_platform_that_an_image_does_not_have_is_named() {
    let Some(image) = test_image() else { return an_absent_image_is_named().await };
    let source = Source::Docker(Some(image.clone()));
    let platform = Some("linux/s390x".to_owned());
    let options = Options { source: source.clone(), platform, ..Options::default() };
    let error = Server::start(options).await.map_err(chain).unwrap_err();
    let expected = format!("Docker has no image `{image}` for `linux/s390x` and can't pull it: ");
    assert!(error.starts_with(&expected), "{error}");
    let format = "{{.Os}}/{{.Architecture}}";
    let platform = said(&docker(&["image", "inspect", "--format", format, &image]));
    let options = Options { source, platform: Some(platform), ..Options::default() };
    Server::start(options).await.unwrap().close().await.unwrap();
}

/// An image that Docker takes and can't run: the container is made, and its start fails.
#[tokio::test]
async fn a_container_that_can_not_be_started_is_removed() {
    if test_image().is_none() {
        return an_absent_image_is_named().await;
    }
    let image = format!("spanproof-unstartable:{}", std::process::id());
    let folder = tempfile::tempdir().unwrap();
    let archive = folder.path().join("empty.tar");
    std::fs::write(&archive, [0; 1024]).unwrap();
    let entry = r#"ENTRYPOINT ["/nothing"]"#;
    let made = docker(&["import", "--change", entry, archive.to_str().unwrap(), &image]);
    assert!(made.status.success(), "{made:?}");
    let error = refused_and_removed(&image).await;
    let expected = format!("Docker made a container and can't start it of the image `{image}`: ");
    assert!(error.starts_with(&expected), "{error}");
    assert!(error.contains("/nothing"), "{error}");
    let next = format!("\n  `docker run {image}` repeats that, outside of this program");
    assert!(error.ends_with(&next), "{error}");
}

/// At once there is no port to be asked for; later there is one that nobody answers at.
#[rstest]
#[case::at_once("0")]
#[case::a_moment_later("1")]
#[tokio::test]
async fn a_server_that_ends_is_told_with_its_last_lines(#[case] seconds: &str) {
    let Some(base) = test_image() else { return an_absent_image_is_named().await };
    let image = format!("spanproof-brief-{seconds}:{}", std::process::id());
    let made = docker(&["create", &base]);
    let id = said(&made);
    let script = format!("sleep {seconds}; echo no room for data >&2; exit 3");
    let entry = format!(r#"ENTRYPOINT ["/bin/sh", "-c", "{script}"]"#);
    let committed = docker(&["commit", "--change", &entry, &id, &image]);
    docker(&["rm", "-v", &id]);
    assert!(committed.status.success(), "{committed:?}");
    let error = refused_and_removed(&image).await;
    let expected = format!(
        "no server came up in a container of the image `{image}`: it ended with exit code \
         3\n    no room for data\n  `docker run -e POSTGRES_PASSWORD=secret {image}` repeats that; \
         the image should behave like the official `postgres`"
    );
    assert_eq!(error, expected);
}

/// The error of an image, whose container must be gone; the image goes too.
async fn refused_and_removed(image: &str) -> String {
    let error = start(Source::Docker(Some(image.into())), None).await.map_err(chain).unwrap_err();
    let filter = format!("ancestor={image}");
    let left = said(&docker(&["ps", "--all", "--quiet", "--filter", &filter]));
    docker(&["rmi", "--force", image]);
    assert_eq!(left, "", "the container is left: {error}");
    error
}

/// What identifies a process of this machine, as the labels of a container say it.
#[derive(Debug, Clone)]
struct Owner {
    pid: u32,
    started: String,
    boot: String,
}

impl Owner {
    fn of(pid: u32) -> Self {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
        let started = stat.rsplit_once(") ").unwrap().1.split(' ').nth(19).unwrap().to_owned();
        let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap();
        Self { pid, started, boot: boot.trim().to_owned() }
    }

    /// A container with this owner's labels, never started.
    fn container(&self, image: &str) -> String {
        let namespace = std::fs::read_link("/proc/self/ns/pid").unwrap();
        let labels = [
            format!("org.spanproof.pid={}", self.pid),
            format!("org.spanproof.started={}", self.started),
            format!("org.spanproof.boot={}", self.boot),
            format!("org.spanproof.namespace={}", namespace.display()),
        ];
        let mut arguments = vec!["create"];
        arguments.extend(labels.iter().flat_map(|label| ["--label", label]));
        arguments.push(image);
        created(&docker(&arguments))
    }
}

fn created(output: &Output) -> String {
    assert!(output.status.success(), "{output:?}");
    said(output)
}

fn exists(id: &str) -> bool {
    docker(&["inspect", id]).status.success()
}

#[tokio::test]
async fn containers_of_dead_owners_are_swept_and_no_others() {
    let Some(image) = test_image() else { return an_absent_image_is_named().await };
    let mut child = command("true".as_ref()).spawn().unwrap();
    let ended = Owner::of(child.id());
    child.wait().unwrap();
    let living = Owner::of(1);
    let dead = [ended.clone(), Owner { started: "1".into(), ..living.clone() }];
    let dead = dead.map(|owner| owner.container(&image));
    // Newer ones come first: when the dead ones are gone, these were looked at.
    let kept = [
        living.container(&image),
        Owner { boot: "another".into(), ..ended.clone() }.container(&image),
        created(&docker(&[
            "create",
            "--label",
            &format!("org.spanproof.pid={}", ended.pid),
            &image,
        ])),
        created(&docker(&["create", &image])),
    ];
    let server = start(Source::Docker(Some(image)), None).await.unwrap();
    let swept =
        wait::until("the end of the dead's containers", Duration::from_secs(30), || async {
            match dead.iter().find(|id| exists(id)) {
                Some(id) => Look::NotYet(format!("{id} is left")),
                None => Look::Done(()),
            }
        })
        .await;
    let left: Vec<bool> = kept.iter().map(|id| exists(id)).collect();
    for id in dead.iter().chain(&kept) {
        docker(&["rm", "--force", "--volumes", id]);
    }
    server.close().await.unwrap();
    swept.unwrap();
    assert_eq!(left, [true; 4], "living, of another boot, without an owner, a stranger's");
}

/// A refused container goes while this process goes on; another case may have one for a moment.
pub(crate) async fn no_container_is_left() {
    let label = format!("label=org.spanproof.pid={}", std::process::id());
    wait::until("the end of every container of ours", Duration::from_secs(30), || async {
        let left = said(&docker(&["ps", "--all", "--quiet", "--filter", &label]));
        if left.is_empty() { Look::Done(()) } else { Look::NotYet(left) }
    })
    .await
    .unwrap();
}
