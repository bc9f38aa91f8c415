//! Other processes on the machine that use what belongs to a case.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use crate::check::project::Project;
use crate::run::Output;
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
fn requests_of_another_process_to_the_upstream_are_no_evidence() {
    let project = Project::new("obedient");
    let spec = std::fs::read_to_string(project.path().join("spanproof.toml")).unwrap();
    let command = spec.lines().find(|line| line.starts_with("command")).unwrap();
    let address = project.path().join("address");
    // Moved, so that it is complete at once. The job ends when the file is gone.
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
    assert!(answer.contains("does not belong to it"), "{answer}");
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
