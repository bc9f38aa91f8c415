//! Tests of Docker engines at the address in `DOCKER_HOST`: an engine that answers is used, and an
//! engine that does not answer is reported.

use std::io::copy;
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::unix::net::UnixStream;

use crate::containers::check_unusable_image_error;
use crate::{all_output, assert_passed, single_test, test_image, variable};

const SOCKET: &str = "/var/run/docker.sock";
/// The test that starts a server in a container.
const SERVER_TEST: &str =
    "conformance::a_server_of_each_source_works_and_is_removed::case_4_docker";
/// The test that starts a server from an image that can't be pulled. If no engine answers, it
/// checks the error about the engine instead.
const ERROR_TEST: &str = "containers::an_unusable_image_is_reported";

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

/// Forwards one connection in both directions.
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
async fn an_engine_at_a_tcp_address_is_used() {
    if test_image().is_none() {
        // No server can start without an image, so only the error about an image that can't be pulled
        // is tested.
        return check_unusable_image_error().await;
    }
    let host = variable("DOCKER_HOST");
    assert_eq!(host, None, "this test needs an engine at {SOCKET}: unset DOCKER_HOST");
    let mut command = single_test(&std::env::current_exe().unwrap(), SERVER_TEST);
    command.env("DOCKER_HOST", format!("tcp://127.0.0.1:{}", forward_port()));
    assert_passed(&command.output().unwrap());
}

/// Runs [`ERROR_TEST`] in another process, with the address of an engine that does not answer.
#[test]
fn an_engine_that_does_not_answer_is_reported() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let silent = format!("tcp://{}", silent.local_addr().unwrap());
    for host in ["unix:///nowhere.sock", "tcp://127.0.0.1:1", &silent] {
        let mut command = single_test(&std::env::current_exe().unwrap(), ERROR_TEST);
        let output = command.env("DOCKER_HOST", host).output().unwrap();
        assert_passed(&output);
        assert!(!all_output(&output).contains("panicked"), "{output:?}");
    }
}
