//! Tests of the errors about missing binaries, wrong versions and missing cargo features.
//!
//! A source is where a Postgres server comes from: server binaries, a URL, Docker or a download.

use rstest::rstest;
use spanproof_postgres::{Options, Source};

use crate::conformance::TestSource;
use crate::{chain, server_and_database, start, start_with};

#[tokio::test]
async fn a_folder_without_binaries_is_reported() {
    let folder = tempfile::tempdir().unwrap();
    let error = start(Source::Binaries(Some(folder.path().into()))).await.unwrap_err();
    let expected =
        format!("`postgres` failed: there are no server binaries in `{}`", folder.path().display());
    assert_eq!(error.to_string(), expected);
}

/// Returns options that require version 99, which no server has.
fn version_99(source: Source) -> Options {
    Options { source, version: Some(99), ..Options::default() }
}

#[rstest]
#[case::binaries(TestSource::Binaries)]
#[case::url(TestSource::Url)]
#[cfg_attr(feature = "docker", case::docker(TestSource::Docker))]
#[tokio::test]
async fn rejects_a_server_of_another_version(#[case] case: TestSource) {
    let (server, database) = server_and_database().await;
    let source = match case {
        TestSource::Binaries | TestSource::BinariesAsOrdinaryUser => Source::Binaries(None),
        TestSource::Url => Source::Url(database.url().to_owned()),
        #[cfg(feature = "docker")]
        TestSource::Docker => match crate::test_image() {
            Some(image) => Source::Docker(Some(image)),
            // Without an image no server starts, so only an error about Docker can be tested.
            None => return crate::containers::check_unusable_image_error().await,
        },
    };
    let error = start_with(version_99(source)).await.map_err(chain).unwrap_err();
    let expected = "; expected 99: install it, or change `version`";
    assert!(error.contains(" is PostgreSQL ") && error.ends_with(expected), "{error}");
    #[cfg(feature = "docker")]
    if case == TestSource::Docker {
        crate::containers::await_no_container().await;
    }
    database.close().await.unwrap();
    server.close().await.unwrap();
}

#[tokio::test]
async fn if_no_source_works_the_error_has_a_reason_for_each() {
    let error = start_with(version_99(Source::Auto)).await.map_err(chain).unwrap_err();
    assert!(error.starts_with("no Postgres found; tried server binaries: "), "{error}");
    let docker =
        if cfg!(feature = "docker") { "Docker " } else { "this build has no Docker source" };
    assert!(error.contains(&format!("; Docker: {docker}")), "{error}");
    assert!(error.contains("to get one: install server binaries"), "{error}");
}

#[cfg(not(all(feature = "docker", feature = "download")))]
#[tokio::test]
async fn a_source_that_is_not_built_in_is_reported_with_its_cargo_feature() {
    for (is_missing, source, missing) in [
        (
            !cfg!(feature = "docker"),
            Source::Docker(None),
            "Docker source; build it with the Cargo feature `docker`",
        ),
        (
            !cfg!(feature = "download"),
            Source::Download(None),
            "download source; build it with the Cargo feature `download`",
        ),
    ] {
        if is_missing {
            let error = start(source).await.map_err(chain).unwrap_err();
            assert_eq!(error, format!("this build has no {missing}"));
        }
    }
}
