//! Downloaded binaries: from a mirror to a server that answers.

use std::path::Path;

use sha2::{Digest, Sha256};
use spanproof_postgres::Source;
use wiremock::matchers::path_regex;
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::{ask, command, once_more, own, passed, start, variable};

const CASE: &str = "download::the_archive_of_a_mirror_becomes_a_server";

/// Runs itself with a mirror named in its environment, which no process may change for itself.
#[tokio::test]
async fn the_archive_of_a_mirror_becomes_a_server() {
    if variable("SPANPROOF_DOWNLOAD_MIRROR").is_some() {
        return a_server_comes_from_the_download().await;
    }
    let folder = tempfile::tempdir().unwrap();
    set_mode(folder.path(), 0o755);
    let mirror = MockServer::start().await;
    let archive = archive(folder.path()).await;
    let sum = format!("{:x}", Sha256::digest(&archive));
    for (ending, reply) in [
        ("sha256", ResponseTemplate::new(200).set_body_string(format!("{sum}  archive\n"))),
        ("gz", ResponseTemplate::new(200).set_body_bytes(archive)),
    ] {
        let asked =
            path_regex(format!(r"^/15\.13\.0/postgresql-15\.13\.0-[a-z0-9_-]+\.tar\..*{ending}$"));
        Mock::given(asked).respond_with(reply).expect(1).mount(&mirror).await;
    }
    let cache = folder.path().join("cache");
    let mut again = once_more(&std::env::current_exe().unwrap(), CASE);
    again.env("SPANPROOF_DOWNLOAD_MIRROR", mirror.uri()).env("XDG_CACHE_HOME", &cache);
    passed(&tokio::task::spawn_blocking(move || again.output().unwrap()).await.unwrap());
    assert!(cache.join("spanproof/download/15.13.0/bin/initdb").is_file());
    mirror.verify().await;
}

async fn a_server_comes_from_the_download() {
    let cache = variable("XDG_CACHE_HOME").unwrap();
    // The second one finds what the first one left.
    for _ in 0..2 {
        let server = start(Source::Download(Some("15".into())), None).await.unwrap();
        let place = server.origin().to_string();
        let expected = format!("server binaries in {cache}/spanproof/download/15.13.0/bin");
        assert!(place.ends_with(&expected), "{place}");
        let database = server.empty().await.unwrap();
        assert_eq!(ask::<i32>(&database, "select 1").await, 1);
        database.close().await.unwrap();
        server.close().await.unwrap();
    }
}

/// This machine's binaries in the layout of the archives: they look for their libraries beside
/// them, and have the place of their other files built in.
async fn archive(folder: &Path) -> Vec<u8> {
    let (server, database) = own().await;
    let sql = |name| format!("select setting from pg_config where name = '{name}'");
    let bin = ask::<String>(&database, &sql("BINDIR")).await;
    let libraries = ask::<String>(&database, &sql("PKGLIBDIR")).await;
    database.close().await.unwrap();
    server.close().await.unwrap();
    let whole = folder.join("postgresql-15.13.0");
    std::fs::create_dir_all(whole.join("bin")).unwrap();
    for program in ["postgres", "initdb"] {
        std::fs::copy(Path::new(&bin).join(program), whole.join("bin").join(program)).unwrap();
    }
    std::os::unix::fs::symlink(libraries, whole.join("lib")).unwrap();
    let mut tar = command("tar".as_ref());
    tar.arg("-C").arg(folder).args(["-czf", "archive", "postgresql-15.13.0"]);
    assert!(tar.current_dir(folder).status().unwrap().success());
    std::fs::read(folder.join("archive")).unwrap()
}

fn set_mode(path: &Path, mode: u32) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}
