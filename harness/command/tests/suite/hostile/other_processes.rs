//! Tests with other processes on the machine that use the fake upstream or a port of a case.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use rstest::rstest;

use crate::check::project::Project;
use crate::run::{Output, Running};
use crate::wait::wait_until;

/// Sends a request, and returns the answer.
fn request(address: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(b"GET /admin HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn requests_of_another_process_to_the_upstream_are_not_evidence() {
    let project = Project::new("accepts-no-job");
    let spec = std::fs::read_to_string(project.path().join("spanproof.toml")).unwrap();
    let command = spec.lines().find(|line| line.starts_with("command")).unwrap();
    let address = project.path().join("address");
    // The file is moved into place, so that it is complete when it appears. The service exits when the
    // test has removed the file.
    let script = format!(
        "echo $UPSTREAM > {path}.new; mv {path}.new {path}; echo ready; \
         while [ -e {path} ]; do sleep 0.05; done; exit 7",
        path = address.display()
    );
    project.edit(command, &format!("command = [\"/bin/sh\", \"-c\", {script:?}]"));
    project.edit("path = \"/jobs\"", "sql = \"insert into jobs (status) values ('queued')\"");
    project.edit("ready = {", "settle-ms = 60000\nready = {");
    project.append("[service.env]\nUPSTREAM = \"{upstream.url}\"\nPATH = \"/usr/bin:/bin\"");
    project.append("[tables.jobs]\nstatus = \"status\"");
    let arguments = ["check", "--no-faults", "--no-probe", "--evidence", "run"];
    let running = project.spanproof(&arguments).spawn();
    let url = wait_until("the upstream", Duration::from_mins(1), || {
        std::fs::read_to_string(&address).map_err(|error| error.to_string())
    });
    let answer = request(url.trim().trim_start_matches("http://"));
    assert!(answer.starts_with("HTTP/1.1 403 "), "{answer}");
    assert!(answer.contains("is not part of it"), "{answer}");
    std::fs::remove_file(&address).unwrap();
    let Output { code, stdout, stderr } = running.output();
    assert_eq!(code, 1, "{stdout}{stderr}");
    assert!(!stdout.contains("unexpected-request"), "{stdout}{stderr}");
    let warning = "1 request to the fake upstream came from the process";
    assert!(stdout.contains(warning), "{stdout}{stderr}");
    assert!(stdout.contains(&format!(" {} (", std::process::id())), "{stdout}{stderr}");
    let report = project.run(&["report", "run"]);
    assert!(report.stdout.contains(warning), "{}", report.stdout);
}

/// The start of a service's script: it writes its port to a file, and waits until the test, which may have
/// taken the port, creates the file `go-PORT`.
const WAIT_FOR_TEST: &str = "echo $PORT > PATH/port.new; mv PATH/port.new PATH/port; \
     while [ ! -e PATH/go-$PORT ]; do sleep 0.05; done; ";

/// Takes the first `count` ports that the service of a project gets, answers every request there with 404,
/// and returns these ports when the run has ended.
fn take_ports(project: &Project, running: &Running, count: usize) -> Vec<u16> {
    let mut taken = Vec::new();
    let mut last = String::new();
    let stat = format!("/proc/{}/stat", running.id());
    loop {
        let next =
            wait_until("a start of the service, or the exit", Duration::from_mins(1), || {
                let port = std::fs::read_to_string(project.path().join("port")).unwrap_or_default();
                let has_ended = std::fs::read_to_string(&stat).unwrap_or_default().contains(") Z ");
                if has_ended {
                    return Ok(None);
                }
                if port.is_empty() || port == last { Err("the same port") } else { Ok(Some(port)) }
            });
        let Some(port) = next else { return taken };
        last.clone_from(&port);
        let port: u16 = port.trim().parse().unwrap();
        if taken.len() < count {
            let listener = TcpListener::bind(("127.0.0.1", port)).unwrap();
            std::thread::spawn(move || {
                for mut stream in listener.incoming().flatten() {
                    let _read = stream.read(&mut [0; 4096]);
                    let answer = b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n";
                    let _written = stream.write_all(answer);
                }
            });
            taken.push(port);
        }
        project.write(&format!("go-{port}"), "");
    }
}

#[rstest]
#[case::once("", 1, 1, "the service refused the job")]
#[case::always("", 9, 3, "which does not belong to the case, listens on port ")]
#[case::always_after_it_was_ready(
    "echo ready; ",
    9,
    3,
    "which does not belong to the case, listens on port "
)]
#[case::ready_without_listening(
    "[ -e PATH/again ] || { touch PATH/again; echo ready; exec sleep 600; }; ",
    1,
    1,
    "501"
)]
fn a_port_that_another_process_takes_is_replaced_or_breaks_the_case(
    #[case] first: &str,
    #[case] count: usize,
    #[case] expected_count: usize,
    #[case] expected: &str,
) {
    let project = Project::new("accepts-no-job");
    let spec = std::fs::read_to_string(project.path().join("spanproof.toml")).unwrap();
    let command = spec.lines().find(|line| line.starts_with("command")).unwrap();
    let server = "exec python3 -u -m http.server --bind 127.0.0.1 $PORT";
    let script = format!("{WAIT_FOR_TEST}{first}{server}");
    let script = script.replace("PATH", project.path().to_str().unwrap());
    project.edit(command, &format!("command = [\"/bin/sh\", \"-c\", {script:?}]"));
    project.edit(
        "line = \"^ready$\", timeout-ms = 1500",
        "line = \"^ready$|^Serving\", timeout-ms = 20000",
    );
    project.append("[service.env]\nPORT = \"{port}\"");
    let arguments = ["check", "--no-faults", "--no-probe", "-j", "1", "--evidence", "run"];
    let running = project.spanproof(&arguments).spawn();
    let taken = take_ports(&project, &running, count);
    let Output { code, stdout, stderr } = running.output();
    assert_eq!(taken.len(), expected_count, "{stdout}{stderr}");
    assert!(stdout.contains(expected), "{stdout}{stderr}");
    assert!(!stdout.contains("process-crashed") && !stdout.contains("404"), "{stdout}{stderr}");
    assert_eq!(code, if count > 1 { 3 } else { 1 }, "{stdout}{stderr}");
    // Only a case that ran again in the end has a warning. A broken case names the process in its own
    // message.
    let warning = format!(
        "warning: case 65ea64a4: the case ran again with other ports, because the process {} (",
        std::process::id()
    );
    assert_eq!(stdout.contains(&warning), count == 1, "{stdout}{stderr}");
}
