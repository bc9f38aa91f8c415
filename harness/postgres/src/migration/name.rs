//! The names of migration files, as the common tools write them.
//!
//! | tool | names |
//! |---|---|
//! | sqlx, golang-migrate | `0001_name.up.sql` and `0001_name.down.sql`, `0001_name.sql` |
//! | goose, dbmate, sql-migrate, tern | `0001_name.sql` with both parts in one file |
//! | Flyway | `V1.2__name.sql`, `B1.2__name.sql` (baseline), `R__name.sql` (after all others), `U1.2__name.sql` (undo) |
//! | refinery | `V1__name.sql`, `U1__name.sql` (may be applied out of order) |
//! | Prisma, Diesel | folders `20240101_name` with `migration.sql` or `up.sql` |

use std::path::Path;

/// The numbers of a version: `1.2` is `[1, 2]`.
pub(super) type Version = Vec<u64>;

/// The kind of a file, according to its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Name {
    /// A migration with its version.
    Versioned(Version),
    /// Flyway's baseline: replaces all migrations up to its version.
    Baseline(Version),
    /// A name that begins with `U`. In Flyway's folders, the file undoes a version. In refinery's
    /// folders it is a migration, and no other file has its version.
    Undo(Version),
    /// Flyway's repeatable migration: applied after all versions, ordered by name.
    Repeatable,
    /// Undoes a migration; never applied.
    Down,
    /// Not a migration.
    Other,
}

impl Name {
    /// Reads the name of a file in a folder of migrations. `path` is relative to that folder.
    ///
    /// # Errors
    /// A message with the expected names, if the name of an SQL file has no version.
    pub(super) fn parse(path: &Path) -> Result<Self, String> {
        let file = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let lower = file.to_lowercase();
        let folder = path.parent().and_then(Path::file_name).map(|name| name.to_string_lossy());
        // macOS and editors leave hidden files.
        if file.starts_with('.') || Path::new(&lower).extension().is_none_or(|end| end != "sql") {
            return Ok(Self::Other);
        }
        if let Some(folder) = folder {
            return Ok(match (lower.as_str(), leading_version(&folder)) {
                ("up.sql" | "migration.sql", Some(version)) => Self::Versioned(version),
                ("down.sql", Some(_)) => Self::Down,
                _ => Self::Other,
            });
        }
        if lower.ends_with(".down.sql") {
            return Ok(Self::Down);
        }
        if let Some((start, _)) = file.split_once("__") {
            match (start.get(..1), start.get(1..).and_then(dotted_version)) {
                (Some("V" | "v"), Some(version)) => return Ok(Self::Versioned(version)),
                (Some("B" | "b"), Some(version)) => return Ok(Self::Baseline(version)),
                (Some("U" | "u"), Some(version)) => return Ok(Self::Undo(version)),
                (Some("R" | "r"), None) if start.len() == 1 => return Ok(Self::Repeatable),
                _ => {}
            }
        }
        leading_version(&file).map(Self::Versioned).ok_or_else(|| {
            format!(
                "`{file}` has no version; expected a name such as `0001_name.sql`, \
                 `0001_name.up.sql` or `V1__name.sql`"
            )
        })
    }
}

/// Returns the digits at the start of a name; dashes between digits, as in `2024-01-31-120000_x`,
/// are skipped.
fn leading_version(name: &str) -> Option<Version> {
    let end = name.find(|c: char| !c.is_ascii_digit() && c != '-').unwrap_or(name.len());
    let digits: String = name[..end].chars().filter(char::is_ascii_digit).collect();
    let next = name[end..].chars().next();
    let ends_a_version =
        next.is_none_or(|c| matches!(c, '_' | '.' | ' ' | '-')) || name[..end].ends_with('-');
    Some(vec![digits.parse().ok().filter(|_| ends_a_version)?])
}

/// Parses `1`, `1.2` or `1_2`.
fn dotted_version(text: &str) -> Option<Version> {
    text.split(['.', '_']).map(|part| part.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::sqlx("0001_jobs.sql", Name::Versioned(vec![1]))]
    #[case::up("20240131120000_jobs.up.sql", Name::Versioned(vec![20_240_131_120_000]))]
    #[case::down("0001_jobs.down.sql", Name::Down)]
    #[case::upper_case("0001_JOBS.SQL", Name::Versioned(vec![1]))]
    #[case::spaces("3 add spans.sql", Name::Versioned(vec![3]))]
    #[case::dash("0004-add-spans.sql", Name::Versioned(vec![4]))]
    #[case::only_a_number("7.sql", Name::Versioned(vec![7]))]
    #[case::flyway("V1.2__jobs.sql", Name::Versioned(vec![1, 2]))]
    #[case::flyway_underscore("V2_1__jobs.sql", Name::Versioned(vec![2, 1]))]
    #[case::baseline("B3__all.sql", Name::Baseline(vec![3]))]
    #[case::undo("U3__all.sql", Name::Undo(vec![3]))]
    #[case::repeatable("R__views.sql", Name::Repeatable)]
    #[case::prisma("20240131_jobs/migration.sql", Name::Versioned(vec![20_240_131]))]
    #[case::diesel("2024-01-31-120000_jobs/up.sql", Name::Versioned(vec![20_240_131_120_000]))]
    #[case::diesel_down("2024-01-31-120000_jobs/down.sql", Name::Down)]
    #[case::other_folder("seeds/0001_data.sql", Name::Other)]
    #[case::hidden("._0001_jobs.sql", Name::Other)]
    #[case::text("README.md", Name::Other)]
    #[case::lock("migration_lock.toml", Name::Other)]
    fn the_file_names_of_common_tools_are_recognised(#[case] path: &str, #[case] expected: Name) {
        assert_eq!(Name::parse(Path::new(path)), Ok(expected));
    }

    #[rstest]
    #[case::word("init.sql")]
    #[case::letter("1a_jobs.sql")]
    #[case::version("Vx__jobs.sql")]
    fn a_name_without_a_version_is_refused(#[case] name: &str) {
        let error = Name::parse(Path::new(name)).unwrap_err();
        assert!(error.starts_with(&format!("`{name}` has no version; expected")), "{error}");
    }
}
