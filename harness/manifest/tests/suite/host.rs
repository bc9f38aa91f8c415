//! Tests of systemd units and of `.env` files, which several programs read in different ways. Most expected
//! texts have the form `VALUE @ FILE:LINE`, with `-` for an unset variable and `?…` for a value that is not
//! known.

use crate::shape::{flag, flag_of, manifests};

#[test]
fn a_unit_sets_variables() {
    for (lines, expected) in [
        ("Environment=FLAG=true", "true @ app.service:2"),
        ("Environment=\"A=1\" \"FLAG=tr ue\" B=2", "tr ue @ app.service:2"),
        ("Environment=FLAG=\"true\"", "true @ app.service:2"),
        ("Environment='FLAG=true'", "true @ app.service:2"),
        ("Environment=FLAG=a\nEnvironment=FLAG=b", "b @ app.service:3"),
        ("Environment=FLAG=a\nEnvironment=", "-"),
        ("Environment=FLAG=a\nUnsetEnvironment=FLAG", "- @ app.service:3"),
        ("UnsetEnvironment=FLAG=x\nEnvironment=FLAG=a", "a @ app.service:3"),
        ("Environment=A=1 \\\n  FLAG=2", "2 @ app.service:2"),
        ("#Environment=FLAG=true\n;Environment=FLAG=true", "-"),
        ("Environment=FLAG=%i", "?unknown @ app.service:2"),
        ("Environment=FLAG=1%%", "1% @ app.service:2"),
        ("PassEnvironment=FLAG", "?elsewhere @ app.service:2"),
        ("PassEnvironment=FLAG\nEnvironment=FLAG=a", "a @ app.service:3"),
        ("EnvironmentFile=/etc/x", "?unknown @ app.service:2"),
        ("EnvironmentFile=-/etc/x\nEnvironment=FLAG=a", "?unknown @ app.service:2"),
        ("EnvironmentFile=/etc/x\nEnvironmentFile=", "-"),
        ("EnvironmentFile=x.env", "-"),
        ("ExecStart=/bin/sh -c 'FLAG=1 exec app'", "1 @ app.service:2"),
        ("ExecStart=-/usr/bin/env FLAG=1 app", "1 @ app.service:2"),
        ("ExecStartPre=/usr/bin/env FLAG=1 app", "-"),
        ("[Unit]\nEnvironment=FLAG=1", "-"),
        ("Environment = FLAG=1", "1 @ app.service:2"),
    ] {
        let text = format!("[Service]\n{lines}\n");
        assert_eq!(flag(&[("app.service", &text)], "app"), expected, "{lines}");
    }
}

#[test]
fn drop_ins_override_the_unit_and_environment_files_override_both() {
    let unit = "[Service]\nEnvironment=FLAG=unit\nEnvironmentFile=/etc/default/app\n";
    let root = "m/etc/systemd/system";
    let path = |name: &str| format!("{root}/{name}");
    let (service, first, second) =
        (path("app.service"), path("app.service.d/10.conf"), path("app.service.d/20.conf"));
    let one = |text: &'static str| {
        flag(
            &[(service.as_str(), unit), (first.as_str(), text), ("m/etc/default/app", "A=1\n")],
            "app",
        )
    };
    assert_eq!(one("[Service]\nEnvironment=FLAG=dropin\n"), format!("dropin @ {first}:2"));
    assert_eq!(one("[Service]\nEnvironment=\n"), "-");
    let files = [
        (service.as_str(), unit),
        (first.as_str(), "[Service]\nEnvironment=FLAG=10\n"),
        (second.as_str(), "[Service]\nEnvironment=FLAG=20\n"),
        ("m/etc/default/app", "# c\n FLAG = \"file\" \n"),
    ];
    assert_eq!(flag(&files, "app"), "file @ m/etc/default/app:2");
    assert_eq!(flag(&files[..3], "app"), format!("?unknown @ {service}:3"));
    let files = [
        ("app.service", "[Service]\n"),
        ("extra.service.d/x.conf", "[Service]\nEnvironment=FLAG=x\n"),
    ];
    assert_eq!(
        flag_of(&files, &["app.service", "extra.service.d/x.conf"], "app"),
        "x @ extra.service.d/x.conf:2"
    );
}

#[test]
fn a_dotenv_file_has_a_process_for_each_reader() {
    let found = manifests(&[(".env", "FLAG=\"true\"\n")], &[".env"]);
    let values: Vec<_> = found[0]
        .processes
        .iter()
        .map(|process| {
            format!("{}={}", process.name, process.variable("FLAG").value.literal().unwrap_or("-"))
        })
        .collect();
    let expected = [
        "compose=true",
        "node=true",
        "python-dotenv=true",
        "docker run=\"true\"",
        "systemd=true",
        "foreman=true",
    ];
    assert_eq!(values, expected);
}
