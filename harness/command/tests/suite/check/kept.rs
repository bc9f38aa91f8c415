//! Tests that `--keep` keeps databases, and that `doctor` lists and `clean` removes them. Each test
//! removes only its own databases, because the user of this machine could have kept other databases.

use sqlx::{Connection, PgConnection};

use super::project::Project;
use crate::run::Output;

/// Returns the URLs in the lines `kept the database of case ID: psql 'URL'`.
fn urls(stderr: &str) -> Vec<String> {
    let commands = stderr.lines().filter(|line| line.starts_with("kept "));
    commands.map(|line| line.split('\'').nth(1).unwrap().to_owned()).collect()
}

/// Returns the result of a query; `Err` if the database does not exist.
fn query(url: &str, sql: &'static str) -> Result<i64, sqlx::Error> {
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        let mut connection = PgConnection::connect(url).await?;
        let answer = sqlx::query_scalar(sql).fetch_one(&mut connection).await;
        connection.close().await?;
        answer
    })
}

#[test]
fn a_kept_database_can_be_opened_until_clean_removes_it() {
    let project = Project::new("accepts-no-job");
    let Output { stdout, stderr, .. } = project.run(&["check", "--keep"]);
    let urls = urls(&stderr);
    assert_eq!(urls.len(), 1, "{stdout}{stderr}");
    assert!(stderr.contains("`spanproof clean` removes kept databases"), "{stderr}");
    assert_eq!(query(&urls[0], "select count(*) from trace_spans").unwrap(), 0);
    let doctor = project.run(&["doctor"]).stdout;
    assert!(doctor.contains("`spanproof clean` removes it"), "{doctor}");
    let folder = urls[0].split_once("?host=").unwrap().1;
    let Output { code, stdout, .. } = project.run(&["clean", "--dry-run"]);
    assert_eq!(code, 0);
    assert!(stdout.contains(&format!("would remove {folder}\n")), "{stdout}");
    query(&urls[0], "select 1::int8").unwrap();
    let Output { code, stdout, stderr } = project.run(&["clean", folder]);
    assert_eq!(code, 0, "{stderr}");
    assert_eq!(stdout, format!("removed {folder}\n"));
    query(&urls[0], "select 1::int8").unwrap_err();
    assert!(!std::path::Path::new(folder).exists(), "{folder} is left");
    let Output { code, stderr, .. } = project.run(&["clean", folder]);
    assert_eq!(
        (code, stderr),
        (
            2,
            format!(
                "error: nothing named `{folder}` to remove; `spanproof clean --dry-run --cache` lists the names, and \
                 keys of the cache need `--cache`\n"
            )
        )
    );
}

#[test]
fn keep_on_failure_keeps_only_databases_of_failed_cases() {
    let project = Project::new("fails-when-on");
    project.append("[[flag]]\nname = \"TRACE\"\ntracing = true\nvalues = [\"true\", \"false\"]");
    project.append("[[flag]]\nname = \"MODE\"\nvalues = [\"exits\"]");
    let Output { code, stdout, stderr } = project.run(&["check", "--keep-on-failure"]);
    assert_ne!(code, 0, "{stdout}");
    let failed = stdout.lines().filter(|line| line.starts_with("FAIL ")).count();
    let kept = urls(&stderr);
    assert!(failed > 0 && !kept.is_empty(), "{stdout}{stderr}");
    for line in stderr.lines().filter(|line| line.starts_with("kept ")) {
        let (id, _) = line["kept the database of case ".len()..].split_once(':').unwrap();
        let row = stdout.lines().find(|line| line.starts_with(id)).unwrap();
        assert!(!row.contains("  pass"), "{row}");
    }
    let Output { code, stderr, .. } =
        project.run(&["clean", kept[0].split_once("?host=").unwrap().1]);
    assert_eq!(code, 0, "{stderr}");
}

#[test]
fn a_kept_database_on_a_server_given_by_url_stays_until_clean_removes_it() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let (host, database) = runtime.block_on(async {
        let options = spanproof_postgres::Options::default();
        let host = spanproof_postgres::Server::start(options).await.unwrap();
        let database = host.empty_database().await.unwrap();
        (host, database)
    });
    let project = Project::new("accepts-no-job");
    let run =
        |args: &[&str]| project.spanproof(args).env("SPANPROOF_POSTGRES", database.url()).output();
    // Counts the kept databases. Templates, and clones that are ready for the next run, also stay
    // on the server and do not count.
    let count = "select count(*) from pg_database where datname like 'spanproof%' \
                and datname <> current_database() and datname not like 'spanproof\\_ready\\_%' \
                and datname not like 'spanproof\\_template\\_%'";
    let Output { stdout, stderr, .. } = run(&["check", "--keep"]);
    let kept = urls(&stderr);
    assert_eq!(kept.len(), 1, "{stdout}{stderr}");
    assert!(kept[0].contains("/spanproof_kept_"), "{stderr}");
    assert_eq!(query(&kept[0], "select count(*) from trace_spans").unwrap(), 0);
    assert_eq!(query(database.url(), count).unwrap(), 1, "number of databases after the run");
    let name = kept[0].split('?').next().unwrap().rsplit('/').next().unwrap();
    let Output { stdout, stderr, .. } = run(&["clean", name]);
    assert_eq!(stdout, format!("removed {name}\n"), "{stderr}");
    assert_eq!(query(database.url(), count).unwrap(), 0);
    runtime.block_on(async {
        database.close().await.unwrap();
        host.close().await.unwrap();
    });
}

#[test]
fn doctor_tries_each_source_and_exits_with_3_if_none_works() {
    let project = Project::new("accepts-no-job");
    let Output { code, stdout, .. } = project.run(&["doctor"]);
    assert_eq!(code, 0, "{stdout}");
    assert!(stdout.contains("would be used; a new database was ready after "), "{stdout}");
    assert!(stdout.contains("cache     /"), "{stdout}");
    project.append("[database]\nsource = \"binaries\"\nversion = 99");
    let Output { code, stdout, .. } = project.run(&["doctor"]);
    assert_eq!(code, 3, "{stdout}");
    assert!(stdout.contains("no  binaries ") && stdout.contains("expected 99"), "{stdout}");
}

#[test]
fn clean_removes_cache_entries_only_with_the_option_cache() {
    let project = Project::new("accepts-no-job");
    let caches = project.path().join("caches");
    let run =
        |args: &[&str]| project.spanproof(args).env("XDG_CACHE_HOME", &caches).output().stdout;
    run(&["check"]);
    let entries = || spanproof_postgres::Cache::new(caches.join("spanproof/postgres")).entries();
    assert_eq!(entries().len(), 1);
    let plan = run(&["clean", "--dry-run"]);
    assert!(!plan.contains("cached"), "{plan}");
    let plan = run(&["clean", "--dry-run", "--cache"]);
    assert!(plan.contains(" with 1 migration of "), "{plan}");
    assert_eq!(entries().len(), 1);
    let removed = run(&["clean", "--cache", &entries()[0].key]);
    assert!(removed.contains(" with 1 migration of "), "{removed}");
    assert_eq!(entries().len(), 0);
}

#[test]
fn clean_reports_an_entry_in_use_and_each_name_that_it_does_not_find() {
    let project = Project::new("accepts-no-job");
    let caches = project.path().join("caches");
    let run = |args: &[&str]| project.spanproof(args).env("XDG_CACHE_HOME", &caches).output();
    run(&["check"]);
    let folder = caches.join("spanproof/postgres");
    let key = spanproof_postgres::Cache::new(&folder).entries()[0].key.clone();
    let mark = std::fs::File::open(folder.join(&key).join("complete.json")).unwrap();
    mark.lock_shared().unwrap();
    let Output { code, stdout, stderr } = run(&["clean", "--cache", &key]);
    assert_eq!((code, stdout.as_str()), (3, ""), "{stderr}");
    assert_eq!(stderr, format!("{key} is in use and was not removed\n"));
    mark.unlock().unwrap();
    let Output { code, stdout, stderr } = run(&["clean", "--cache", &key, "nowhere"]);
    assert!(stdout.starts_with(&format!("removed cached {key} (")), "{stdout}");
    assert!(stderr.starts_with("error: nothing named `nowhere` to remove; "), "{stderr}");
    assert_eq!(code, 2);
}
