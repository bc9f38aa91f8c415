//! Docker engines elsewhere: `DOCKER_HOST` is honoured, and one that does not answer is named.

use std::io::copy;
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::unix::net::UnixStream;

use crate::containers::an_absent_image_is_named;
use crate::{both, once_more, passed, test_image, variable};

const SOCKET: &str = "/var/run/docker.sock";
const DOCKER: &str = "conformance::a_source_keeps_every_promise::case_4_docker";
/// The case that is run where no engine answers: there it checks what is said.
const ABSENT: &str = "containers::an_image_that_can_not_be_had_is_a_clear_error";

/// A way to the engine's socket over TCP, for as long as this process lives.
fn bridge() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for client in listener.incoming().flatten() {
            let engine = UnixStream::connect(SOCKET).unwrap();
            forward(client, engine);
        }
    });
    port
}

fn forward(client: TcpStream, engine: UnixStream) {
    let (mut from, mut to) = (client.try_clone().unwrap(), engine.try_clone().unwrap());
    std::thread::spawn(move || {
        let _sent = copy(&mut from, &mut to);
        let _closed = to.shutdown(Shutdown::Write);
    });
    let (mut from, mut to) = (engine, client);
    std::thread::spawn(move || {
        let _sent = copy(&mut from, &mut to);
        let _closed = to.shutdown(Shutdown::Both);
    });
}

#[tokio::test]
async fn an_engine_at_a_tcp_address_keeps_every_promise() {
    if test_image().is_none() {
        return an_absent_image_is_named().await;
    }
    let named = variable("DOCKER_HOST");
    assert_eq!(named, None, "unset DOCKER_HOST: this test leads to {SOCKET}");
    let mut command = once_more(&std::env::current_exe().unwrap(), DOCKER);
    command.env("DOCKER_HOST", format!("tcp://127.0.0.1:{}", bridge()));
    passed(&command.output().unwrap());
}

/// The error itself is looked at by the case that is run.
#[test]
fn an_engine_that_does_not_answer_is_named() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let silent = format!("tcp://{}", silent.local_addr().unwrap());
    for host in ["unix:///nowhere.sock", "tcp://127.0.0.1:1", &silent] {
        let mut command = once_more(&std::env::current_exe().unwrap(), ABSENT);
        let output = command.env("DOCKER_HOST", host).output().unwrap();
        passed(&output);
        assert!(!both(&output).contains("panicked"), "{output:?}");
    }
}
