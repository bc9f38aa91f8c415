//! Tests of what a service gets: placeholders in its arguments and variables, a working folder,
//! inherited variables and files.

use rstest::rstest;

use super::project::Project;
use crate::run::Output;

/// A service that prints its arguments, folder, environment and configuration file, and then
/// `ready`.
const SERVICE: &str = r#"#!/bin/sh
echo "arguments $*"
echo "folder $(pwd)"
/usr/bin/env | /usr/bin/sort
/bin/cat "$DIR/app.conf"
trap 'exit 0' TERM
echo ready
while :; do /bin/sleep 600 & wait $!; done
"#;

/// Creates a project with [`SERVICE`]. `settings` replace the `command` of its spec.
fn project(settings: &str) -> Project {
    let project = Project::new("accepts-no-job");
    project.write("print.sh", SERVICE);
    project.write("inner/empty", "");
    project.write("app.conf.in", "listen {port} {port:admin} {unknown}\n");
    let spec = std::fs::read_to_string(project.path().join("spanproof.toml")).unwrap();
    let (start, rest) = spec.split_once("command = ").unwrap();
    let (_, end) = rest.split_once('\n').unwrap();
    project.write("spanproof.toml", &format!("{start}{settings}\n{end}"));
    project
}

/// Runs `check` and returns what the service printed.
fn printed(project: &Project) -> String {
    let output = project.spanproof(&["check", "--evidence", "out"]).env("HOME", "/my/home");
    let Output { stdout, stderr, .. } = output.output();
    let entries = std::fs::read_dir(project.path().join("out")).unwrap().flatten();
    let folder = entries.map(|entry| entry.path()).find(|path| path.is_dir());
    let folder = folder.unwrap_or_else(|| panic!("no evidence: {stdout}{stderr}"));
    std::fs::read_to_string(folder.join("stdout.log")).unwrap()
}

#[test]
fn each_placeholder_is_replaced() {
    let project = project(
        r#"command = ["/bin/sh", "../print.sh", "{port}", "{port:admin}", "{case}", "{print}"]
cwd = "inner"
inherit = ["HOME", "NOT_SET_ANYWHERE"]
files = { "app.conf" = "app.conf.in" }
env = { DIR = "{dir}", PGHOST = "{database.host}", PGPORT = "{database.port}", PGDATABASE = "{database.name}", PGUSER = "{database.user}", ADMIN = "{port:admin}", NET = "{database.dotnet}" }"#,
    );
    let text = printed(&project);
    let line = |start: &str| {
        let found = text.lines().find_map(|line| line.strip_prefix(start));
        found.unwrap_or_else(|| panic!("no line {start}: {text}")).to_owned()
    };
    let arguments = line("arguments ");
    let arguments: Vec<_> = arguments.split(' ').collect();
    let [port, admin, case, other] = arguments[..] else { panic!("{text}") };
    assert_ne!(port.parse::<u16>().unwrap(), admin.parse::<u16>().unwrap());
    assert_eq!(case.len(), 8, "{text}");
    assert_eq!(other, "{print}", "text in braces that is not a placeholder stays");
    assert!(line("folder ").ends_with("/inner"), "{text}");
    assert_eq!(line("HOME="), "/my/home");
    assert!(!text.contains("NOT_SET_ANYWHERE"), "{text}");
    assert_eq!(line("ADMIN="), admin);
    assert_eq!(line("listen "), format!("{port} {admin} {{unknown}}"));
    assert!(line("PGHOST=").starts_with('/') && line("PGDATABASE=").contains("case"), "{text}");
    assert!(line("NET=").starts_with("Host=/"), "{text}");
    let folder = line("DIR=");
    assert!(!std::path::Path::new(&folder).exists(), "{folder} is left behind");
}

/// `PGPASSWORD` is always masked, because it can be the password of a database other than the case's.
#[test]
fn a_password_of_the_service_is_masked_in_its_output() {
    let project = project(
        "command = [\"/bin/sh\", \"print.sh\"]\n\
         env = { DIR = \"/\", PGPASSWORD = \"orange-tractor-9\" }",
    );
    project.write("print.sh", &SERVICE.replace("trap", "echo \"the word is $PGPASSWORD\"\ntrap"));
    let text = printed(&project);
    assert!(text.contains("the word is ") && !text.contains("orange-tractor-9"), "{text}");
}

#[rstest]
#[case::password_in_an_argument(
    r#"command = ["/bin/sh", "print.sh", "{database.password}"]"#,
    "other users of the machine can see a password in an argument; pass `{database.password}` in `env`"
)]
#[case::unknown_in_an_argument(
    r#"command = ["/bin/sh", "{database.urn}"]"#,
    "unknown placeholder `{database.urn}`; did you mean `{database.url}`?"
)]
#[case::unknown_in_a_folder(
    "command = ['/bin/sh']\ncwd = '{dirr}'",
    "unknown placeholder `{dirr}`; did you mean `{dir}`?"
)]
#[case::no_template(
    "command = ['/bin/sh']\nfiles = { 'a' = 'nothing.in' }",
    "template `./nothing.in`: No such file or directory"
)]
#[case::not_in_path(
    "command = ['no-such-program']\nenv = { PATH = '/nowhere:/usr/nothing' }",
    "there is no program `no-such-program` in PATH, which is `/nowhere:/usr/nothing`; install it or name its path"
)]
fn wrong_settings_are_refused(#[case] settings: &str, #[case] expected: &str) {
    let Output { code, stdout, stderr } = project(settings).run(&["check"]);
    assert!([2, 3].contains(&code), "{stdout}{stderr}");
    let text = format!("{stdout}{stderr}");
    assert!(text.contains(expected), "expected {expected}\nfound {text}");
}

#[rstest]
#[case::name(
    "[[process]]\nname = 'My Worker'\ncommand = ['x']",
    "`My Worker` can't be the name of a process; use lowercase letters, digits and `-`"
)]
#[case::command("[[process]]\nname = 'w'\ncommand = []", "the process `w` has an empty `command`")]
#[case::ready(
    "[[process]]\nname = 'w'\ncommand = ['x']\nready = {}",
    "the process `w`: `ready` needs exactly one of `http`, `line`, `sql` and `tcp`"
)]
#[case::twice(
    "[[process]]\nname = 'w'\ncommand = ['x']\n[[process]]\nname = 'w'\ncommand = ['x']",
    "`w` is declared twice; remove one `[[process]]`"
)]
#[case::inherited_flag(
    "[[flag]]\nname = 'TRACE'\nvalues = ['1']\n[[process]]\nname = 'w'\ncommand = ['x']\ninherit = ['TRACE']",
    "`TRACE` is a flag, so each case sets it; remove it from `inherit`"
)]
#[case::fault(
    "[[fault]]\nkind = 'killed-at-exit'\nprocess = 'worker'",
    "there is no `[[process]]` named `worker`"
)]
#[case::helper_that_exits(
    "[[process]]\nname = 'w'\nhelper = true\ncommand = ['/bin/sh', '-c', 'echo no config >&2; exit 3']\nready = { line = 'up' }",
    "the helper `w` did not become ready: it exited before a line that matches `up`\n    stderr: no config"
)]
fn wrong_processes_are_refused(#[case] section: &str, #[case] expected: &str) {
    let project = Project::new("accepts-no-job");
    project.edit("[[route]]", &format!("{section}\n[[route]]"));
    let Output { code, stdout, stderr } = project.run(&["check"]);
    assert!([2, 3].contains(&code), "{stdout}{stderr}");
    let text = format!("{stdout}{stderr}");
    assert!(text.contains(expected), "expected {expected}\nfound {text}");
}
