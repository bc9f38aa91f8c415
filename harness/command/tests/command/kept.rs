//! What `--keep` keeps, `doctor` tells and `clean` removes. Each test cleans what it has kept
//! itself: whoever runs these tests may have kept something, too.

use sqlx::{Connection, PgConnection};

use crate::project::Project;

/// The URLs in the lines `kept ID: psql 'URL'`.
fn urls(said: &str) -> Vec<String> {
    let commands = said.lines().filter(|line| line.starts_with("kept "));
    commands.map(|line| line.split('\'').nth(1).unwrap().to_owned()).collect()
}

/// The answer of a database that may be gone.
fn ask(url: &str, sql: &'static str) -> Result<i64, sqlx::Error> {
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        let mut connection = PgConnection::connect(url).await?;
        let answer = sqlx::query_scalar(sql).fetch_one(&mut connection).await;
        connection.close().await?;
        answer
    })
}

#[test]
fn a_kept_database_can_be_opened_until_clean() {
    let project = Project::new("obedient");
    let (_, results, said) = project.run(&["check", "--keep"]);
    let urls = urls(&said);
    assert_eq!(urls.len(), 1, "{results}{said}");
    assert!(said.contains("`spanproof clean` removes what is kept"), "{said}");
    assert_eq!(ask(&urls[0], "select count(*) from trace_spans").unwrap(), 0);
    let (_, told, _) = project.run(&["doctor"]);
    assert!(told.contains("`spanproof clean` removes it"), "{told}");
    let folder = urls[0].split_once("?host=").unwrap().1;
    let (code, would, _) = project.run(&["clean", "--dry-run"]);
    assert_eq!(code, 0);
    assert!(would.contains(&format!("would remove {folder}\n")), "{would}");
    ask(&urls[0], "select 1::int8").unwrap();
    let (code, removed, said) = project.run(&["clean", folder]);
    assert_eq!(code, 0, "{said}");
    assert_eq!(removed, format!("removed {folder}\n"));
    ask(&urls[0], "select 1::int8").unwrap_err();
    assert!(!std::path::Path::new(folder).exists(), "{folder} is left");
    let (code, _, said) = project.run(&["clean", folder]);
    assert_eq!((code, said), (2, format!("error: nothing named `{folder}` is kept\n")));
}

#[test]
fn on_failure_only_what_failed_is_kept() {
    let project = Project::new("fails-when-on");
    project.append("[[flag]]\nname = \"TRACE\"\ntracing = true\nvalues = [\"true\", \"false\"]");
    project.append("[[flag]]\nname = \"MODE\"\nvalues = [\"exits\"]");
    let (code, results, said) = project.run(&["check", "--keep-on-failure"]);
    assert_ne!(code, 0, "{results}");
    let failed = results.lines().filter(|line| line.starts_with("FAIL ")).count();
    let kept = urls(&said);
    assert!(failed > 0 && !kept.is_empty(), "{results}{said}");
    for line in said.lines().filter(|line| line.starts_with("kept ")) {
        let id = line.split([' ', ':']).nth(1).unwrap();
        let row = results.lines().find(|line| line.starts_with(id)).unwrap();
        assert!(!row.contains("  pass"), "{row}");
    }
    let (code, _, said) = project.run(&["clean", kept[0].split_once("?host=").unwrap().1]);
    assert_eq!(code, 0, "{said}");
}

#[test]
fn on_a_given_server_what_is_kept_stays_under_its_own_name_until_clean() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let (host, database) = runtime.block_on(async {
        let options = spanproof_postgres::Options::default();
        let host = spanproof_postgres::Server::start(options).await.unwrap();
        let database = host.empty().await.unwrap();
        (host, database)
    });
    let project = Project::new("obedient");
    let run = |args: &[&str]| {
        let output =
            project.spanproof(args).env("SPANPROOF_POSTGRES", database.url()).output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (text(&output.stdout), text(&output.stderr))
    };
    let ours = "select count(*) from pg_database where datname like 'spanproof%' \
                and datname <> current_database() and datname not like 'spanproof\\_ready\\_%' \
                and datname not like 'spanproof\\_template\\_%'";
    let (results, said) = run(&["check", "--keep"]);
    let kept = urls(&said);
    assert_eq!(kept.len(), 1, "{results}{said}");
    assert!(kept[0].contains("/spanproof_kept_"), "{said}");
    assert_eq!(ask(&kept[0], "select count(*) from trace_spans").unwrap(), 0);
    assert_eq!(ask(database.url(), ours).unwrap(), 1, "all else is gone");
    let name = kept[0].split('?').next().unwrap().rsplit('/').next().unwrap();
    let (removed, said) = run(&["clean", name]);
    assert_eq!(removed, format!("removed {name}\n"), "{said}");
    assert_eq!(ask(database.url(), ours).unwrap(), 0);
    runtime.block_on(async {
        database.close().await.unwrap();
        host.close().await.unwrap();
    });
}

#[test]
fn doctor_tries_each_source_and_ends_with_3_when_none_will_do() {
    let project = Project::new("obedient");
    let (code, told, _) = project.run(&["doctor"]);
    assert_eq!(code, 0, "{told}");
    assert!(told.contains("is used; a database in "), "{told}");
    assert!(told.contains("cache     /"), "{told}");
    project.append("[database]\nsource = \"binaries\"\nversion = 99");
    let (code, told, _) = project.run(&["doctor"]);
    assert_eq!(code, 3, "{told}");
    assert!(told.contains("no  binaries ") && told.contains("wanted is 99"), "{told}");
}

#[test]
fn clean_empties_the_cache_only_when_told_to() {
    let project = Project::new("obedient");
    let caches = project.path().join("caches");
    let run = |args: &[&str]| {
        let output = project.spanproof(args).env("XDG_CACHE_HOME", &caches).output().unwrap();
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    run(&["check"]);
    let entries = || spanproof_postgres::Cache::at(caches.join("spanproof/postgres")).entries();
    assert_eq!(entries().len(), 1);
    let would = run(&["clean", "--dry-run"]);
    assert!(!would.contains("cached"), "{would}");
    let would = run(&["clean", "--dry-run", "--cache"]);
    assert!(would.contains(" with 1 migrations of "), "{would}");
    assert_eq!(entries().len(), 1);
    let removed = run(&["clean", "--cache", &entries()[0].key]);
    assert!(removed.contains(" with 1 migrations of "), "{removed}");
    assert_eq!(entries().len(), 0);
}
