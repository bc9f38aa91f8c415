//! Tests that a server starts from binaries that are downloaded from a mirror.

use std::path::Path;

use sha2::{Digest, Sha256};
use spanproof_postgres::Source;
use wiremock::matchers::path_regex;
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::{assert_passed, command, query, server_and_database, single_test, start, variable};

/// The test that runs itself in a second process.
const TEST: &str = "download::a_server_starts_from_downloaded_binaries";
/// Environment variable with the version that the second process downloads.
const VERSION_VARIABLE: &str = "SPANPROOF_TEST_DOWNLOAD_VERSION";

/// The first process starts a mirror and runs this test again. The second process downloads from
/// the mirror, whose URL it has in its environment.
#[tokio::test]
async fn a_server_starts_from_downloaded_binaries() {
    if let Some(version) = variable(VERSION_VARIABLE) {
        return start_twice(&version).await;
    }
    let folder = tempfile::tempdir().unwrap();
    set_mode(folder.path(), 0o755);
    let mirror = MockServer::start().await;
    let (version, archive) = archive(folder.path()).await;
    let sum = format!("{:x}", Sha256::digest(&archive));
    for (suffix, reply) in [
        ("sha256", ResponseTemplate::new(200).set_body_string(format!("{sum}  archive\n"))),
        ("gz", ResponseTemplate::new(200).set_body_bytes(archive)),
    ] {
        let v = version.replace('.', r"\.");
        let request = path_regex(format!(r"^/{v}/postgresql-{v}-[a-z0-9_-]+\.tar\..*{suffix}$"));
        Mock::given(request).respond_with(reply).expect(1).mount(&mirror).await;
    }
    let cache = folder.path().join("cache");
    let mut second = single_test(&std::env::current_exe().unwrap(), TEST);
    second.env("SPANPROOF_DOWNLOAD_MIRROR", mirror.uri()).env("XDG_CACHE_HOME", &cache);
    second.env(VERSION_VARIABLE, &version);
    assert_passed(&tokio::task::spawn_blocking(move || second.output().unwrap()).await.unwrap());
    let initdb = format!("spanproof/download/{version}/bin/initdb");
    assert!(cache.join(initdb).is_file());
    mirror.verify().await;
}

async fn start_twice(version: &str) {
    let cache = variable("XDG_CACHE_HOME").unwrap();
    // The second server uses what was downloaded for the first: the mirror expects each request
    // only once.
    for _ in 0..2 {
        let server = start(Source::Download(Some(version.to_owned()))).await.unwrap();
        let origin = server.origin().to_string();
        let expected = format!("server binaries in {cache}/spanproof/download/{version}/bin");
        assert!(origin.ends_with(&expected), "{origin}");
        let database = server.empty_database().await.unwrap();
        assert_eq!(query::<i32>(&database, "select 1").await, 1);
        database.close().await.unwrap();
        server.close().await.unwrap();
    }
}

/// Packs this machine's server binaries as the mirror packs its archives. Returns the version under
/// which the mirror offers the archive, and the bytes of the archive. The archive contains programs
/// and libraries only: the paths of all other files are built into the programs.
async fn archive(folder: &Path) -> (String, Vec<u8>) {
    let (server, database) = server_and_database().await;
    let version = format!("{}.0.0", server.origin().version);
    let sql = |name| format!("select setting from pg_config where name = '{name}'");
    let bin = query::<String>(&database, &sql("BINDIR")).await;
    let libraries = query::<String>(&database, &sql("PKGLIBDIR")).await;
    database.close().await.unwrap();
    server.close().await.unwrap();
    let name = format!("postgresql-{version}");
    let root = folder.join(&name);
    std::fs::create_dir_all(root.join("bin")).unwrap();
    for program in ["postgres", "initdb"] {
        std::fs::copy(Path::new(&bin).join(program), root.join("bin").join(program)).unwrap();
    }
    std::os::unix::fs::symlink(libraries, root.join("lib")).unwrap();
    let mut tar = command("tar".as_ref());
    tar.arg("-C").arg(folder).args(["-czf", "archive", &name]);
    assert!(tar.current_dir(folder).status().unwrap().success());
    (version, std::fs::read(folder.join("archive")).unwrap())
}

fn set_mode(path: &Path, mode: u32) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}
