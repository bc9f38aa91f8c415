//! Versions of stored formats: a reader understands every minor version of its own major one.

/// How a version that was found stands to the one that is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Age {
    /// It can be read.
    Readable,
    /// It is from a newer major version.
    Newer,
    /// It is from an older major version, or no version at all.
    Strange,
}

/// Compares a version, `major.minor`, with our own.
pub(crate) fn age(found: &str, own: &str) -> Age {
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
    fn only_the_major_version_counts() {
        for (found, expected) in [
            ("2.0", Age::Readable),
            ("2.9", Age::Readable),
            ("3.0", Age::Newer),
            ("1.9", Age::Strange),
            ("none", Age::Strange),
            ("", Age::Strange),
        ] {
            assert_eq!(age(found, "2.3"), expected, "{found}");
        }
    }
}
