//! Server binaries that will not do, and versions that are not there.

use rstest::rstest;
use spanproof_postgres::Source;

use crate::conformance::Kind;
use crate::{chain, own, start};

#[tokio::test]
async fn a_folder_without_binaries_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let error = start(Source::Binaries(Some(folder.path().into())), None).await.unwrap_err();
    let expected =
        format!("`postgres` failed: there are no server binaries in `{}`", folder.path().display());
    assert_eq!(error.to_string(), expected);
}

#[rstest]
#[case::binaries(Kind::Binaries)]
#[case::url(Kind::Url)]
#[cfg_attr(feature = "docker", case::docker(Kind::Docker))]
#[tokio::test]
async fn another_major_version_than_the_wanted_is_refused(#[case] kind: Kind) {
    let (server, database) = own().await;
    let source = match kind {
        Kind::Binaries | Kind::OrdinaryUser => Source::Binaries(None),
        Kind::Url => Source::Url(database.url().to_owned()),
        #[cfg(feature = "docker")]
        Kind::Docker => match crate::test_image() {
            Some(image) => Source::Docker(Some(image)),
            None => return crate::containers::an_absent_image_is_named().await,
        },
    };
    let error = start(source, Some(99)).await.map_err(chain).unwrap_err();
    let expected = "; wanted is 99: install it, or change `version`";
    assert!(error.contains(" is PostgreSQL ") && error.ends_with(expected), "{error}");
    #[cfg(feature = "docker")]
    if kind == Kind::Docker {
        crate::containers::no_container_is_left().await;
    }
    database.close().await.unwrap();
    server.close().await.unwrap();
}

#[tokio::test]
async fn when_no_source_will_do_each_is_named_with_its_reason() {
    let error = start(Source::Auto, Some(99)).await.map_err(chain).unwrap_err();
    assert!(error.starts_with("no Postgres to be had; tried server binaries: "), "{error}");
    let docker =
        if cfg!(feature = "docker") { "Docker " } else { "this build has no Docker source" };
    assert!(error.contains(&format!("; Docker: {docker}")), "{error}");
    assert!(error.contains("to get one: install server binaries"), "{error}");
}

#[cfg(not(all(feature = "docker", feature = "download")))]
#[tokio::test]
async fn a_source_that_the_build_lacks_is_named_with_its_feature() {
    for (lacks, source, what) in [
        (!cfg!(feature = "docker"), Source::Docker(None), "Docker source (feature `docker`)"),
        (
            !cfg!(feature = "download"),
            Source::Download(None),
            "download source (feature `download`)",
        ),
    ] {
        if lacks {
            let error = start(source, None).await.map_err(chain).unwrap_err();
            assert_eq!(error, format!("this build has no {what}"));
        }
    }
}
