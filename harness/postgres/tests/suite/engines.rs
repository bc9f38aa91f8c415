//! Docker engines at other addresses: `DOCKER_HOST` is used, and a silent engine is reported.

use std::io::copy;
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::unix::net::UnixStream;

use crate::containers::check_missing_image;
use crate::{all_output, assert_passed, single_test, test_image, variable};

const SOCKET: &str = "/var/run/docker.sock";
const DOCKER_CASE: &str = "conformance::a_source_keeps_every_promise::case_4_docker";
/// The test that checks the error if no engine answers.
const NO_ENGINE_TEST: &str = "containers::a_missing_image_is_reported";

/// Forwards a TCP port to the engine's socket until this process ends.
fn forward_port() -> u16 {
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
        return check_missing_image().await;
    }
    let host = variable("DOCKER_HOST");
    assert_eq!(host, None, "unset DOCKER_HOST: this test uses {SOCKET}");
    let mut command = single_test(&std::env::current_exe().unwrap(), DOCKER_CASE);
    command.env("DOCKER_HOST", format!("tcp://127.0.0.1:{}", forward_port()));
    assert_passed(&command.output().unwrap());
}

/// The test that is run checks the error.
#[test]
fn an_engine_that_does_not_answer_is_reported() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let silent = format!("tcp://{}", silent.local_addr().unwrap());
    for host in ["unix:///nowhere.sock", "tcp://127.0.0.1:1", &silent] {
        let mut command = single_test(&std::env::current_exe().unwrap(), NO_ENGINE_TEST);
        let output = command.env("DOCKER_HOST", host).output().unwrap();
        assert_passed(&output);
        assert!(!all_output(&output).contains("panicked"), "{output:?}");
    }
}
