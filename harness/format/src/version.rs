//! Versions of stored formats: a reader understands every minor version of its own major one.

/// Version of the JSON documents that commands print: the value of their key `schema`.
pub const SCHEMA: u32 = 1;

/// Version of the evidence folders that are written.
pub const EVIDENCE_FORMAT: &str = "1.3";

/// Version of the incidents that are written.
pub const BUNDLE_FORMAT: &str = "1.1";

/// How the version of a file compares with the version that is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Age {
    /// The same major version: the file can be read.
    Readable,
    /// A newer major version.
    Newer,
    /// An older major version, or no version at all.
    Strange,
}

/// Compares the version of a file, `major.minor`, with the version that is read.
pub fn age(found: &str, own: &str) -> Age {
    let major = |version: &str| version.split('.').next().and_then(|n| n.parse::<u32>().ok());
    match (major(found), major(own)) {
        (Some(found), Some(own)) if found == own => Age::Readable,
        (Some(found), Some(own)) if found > own => Age::Newer,
        _ => Age::Strange,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn minor_versions_are_readable_and_major_ones_are_not() {
        for (found, expected) in [
            ("2.0", Age::Readable),
            ("2.99", Age::Readable),
            ("3.0", Age::Newer),
            ("1.9", Age::Strange),
            ("none", Age::Strange),
            ("", Age::Strange),
        ] {
            assert_eq!(age(found, "2.3"), expected, "{found}");
        }
    }
}
