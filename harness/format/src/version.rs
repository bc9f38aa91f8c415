//! Versions of documents and stored files. Every minor version of the supported major version can
//! be read.

/// The version of printed JSON documents: the value of their key `schema`.
pub const SCHEMA: u32 = 1;

/// The version of `evidence.json` and `run.json`: the value of their key `format`.
pub const EVIDENCE_FORMAT: &str = "1.3";

/// The version of incident files, also called bundles: the value of the key `format` in their first record.
pub const BUNDLE_FORMAT: &str = "1.1";

/// Whether a file of some version can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compatibility {
    /// The file has the supported major version.
    Readable,
    /// The file has a newer major version.
    Newer,
    /// The file has an older major version, or its version is not `major.minor`.
    Unsupported,
}

/// Compares a file's version with the supported version, both `major.minor`.
pub fn compatibility(found: &str, supported: &str) -> Compatibility {
    let major = |version: &str| version.split('.').next().and_then(|n| n.parse::<u32>().ok());
    match (major(found), major(supported)) {
        (Some(found), Some(supported)) if found == supported => Compatibility::Readable,
        (Some(found), Some(supported)) if found > supported => Compatibility::Newer,
        _ => Compatibility::Unsupported,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_same_major_version_is_readable() {
        for (found, expected) in [
            ("2.0", Compatibility::Readable),
            ("2.99", Compatibility::Readable),
            ("3.0", Compatibility::Newer),
            ("1.9", Compatibility::Unsupported),
            ("none", Compatibility::Unsupported),
            ("", Compatibility::Unsupported),
        ] {
            assert_eq!(compatibility(found, "2.3"), expected, "{found}");
        }
    }
}
