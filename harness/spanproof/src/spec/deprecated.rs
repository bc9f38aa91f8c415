//! Former names in a spec. A former name is read like the present name, and causes a warning. Version
//! 0.3 refuses former names.

use regex::Regex;
use serde::de::DeserializeOwned;
use spanproof_format::Code;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::document::{Document, Error};

/// The version that refuses former names.
const REFUSED_IN: &str = "0.3";

/// Renamed keys, each with the path of its table, its former name and its present name.
const KEYS: [(&[&str], &str, &str); 4] = [
    (&["span"], "operation", "name"),
    (&["tables", "spans"], "operation", "name"),
    (&["tables", "spans"], "link", "attributes"),
    (&["tables", "spans"], "open", "not-ended"),
];

/// The renamed group in the pattern `attempt` under `[probes]`: its former and its present name.
const GROUP: (&str, &str) = ("operation", "name");

/// A former name in a spec.
struct FormerName {
    /// The byte offset of the name in the text.
    at: usize,
    old: String,
    new: String,
}

impl FormerName {
    fn new(at: usize, old: impl Into<String>, new: impl Into<String>) -> Self {
        Self { at, old: old.into(), new: new.into() }
    }

    fn warning(&self, document: &Document) -> String {
        let Self { at, old, new } = self;
        let (path, line) = (document.path().display(), document.line(*at));
        format!(
            "{path}:{line}: `{old}` is now called `{new}`; the old name works until \
             {REFUSED_IN}"
        )
    }
}

/// Replaces former names in a document by present names, and parses it. Also returns a warning for
/// each former name, in the order of the lines.
///
/// # Errors
/// If the document is not a `T`, or a table has a key under both names.
pub(super) fn parse<T: DeserializeOwned>(document: &Document) -> Result<(T, Vec<String>), Error> {
    let mut root = document.root()?;
    let mut found = keys(document, root.get_mut())?;
    found.extend(groups(document, root.get_mut())?);
    found.extend(codes(root.get_mut()));
    found.sort_by_key(|former| former.at);
    let warnings = found.iter().map(|former| former.warning(document)).collect();
    Ok((document.decode(root)?, warnings))
}

/// Renames keys with a former name.
fn keys(document: &Document, root: &mut DeTable<'_>) -> Result<Vec<FormerName>, Error> {
    let mut found = Vec::new();
    for (path, former, present) in KEYS {
        for table in tables(root, path) {
            let Some((key, value)) = table.remove_entry(former) else { continue };
            if table.contains_key(present) {
                return Err(document.error_at(key.span(), both_names(former, present)));
            }
            found.push(FormerName::new(key.span().start, former, present));
            table.insert(Spanned::new(key.span(), present.into()), value);
        }
    }
    Ok(found)
}

/// Renames the group with a former name in the pattern `attempt` under `[probes]`.
fn groups(document: &Document, root: &mut DeTable<'_>) -> Result<Vec<FormerName>, Error> {
    let (former, present) = GROUP;
    let mut found = Vec::new();
    for table in tables(root, &["probes"]) {
        let Some(value) = table.get_mut("attempt") else { continue };
        let span = value.span();
        let DeValue::String(pattern) = value.get_mut() else { continue };
        let Ok(regex) = Regex::new(pattern) else { continue };
        let has = |name: &str| regex.capture_names().flatten().any(|group| group == name);
        if !has(former) {
            continue;
        }
        let group = |name: &str| format!("(?<{name}>…)");
        if has(present) {
            return Err(document.error_at(span, both_names(&group(former), &group(present))));
        }
        let renamed = pattern.replace(&format!("<{former}>"), &format!("<{present}>"));
        *pattern = renamed.into();
        found.push(FormerName::new(span.start, group(former), group(present)));
    }
    Ok(found)
}

/// Renames former codes under `[[expected]]`.
fn codes(root: &mut DeTable<'_>) -> Vec<FormerName> {
    let mut found = Vec::new();
    for table in tables(root, &["expected"]) {
        let Some(value) = table.get_mut("code") else { continue };
        let at = value.span().start;
        let DeValue::String(text) = value.get_mut() else { continue };
        if let Ok(code) = text.parse::<Code>()
            && code.text() != text.as_ref()
        {
            found.push(FormerName::new(at, text.as_ref(), code.text()));
            *text = code.text().into();
        }
    }
    found
}

/// Returns the message of the error that the spec uses a former name and the present one together.
fn both_names(old: &str, new: &str) -> String {
    format!("`{old}` is the old name of `{new}`, and both are given; remove `{old}`")
}

/// Returns the tables at a path. If the path leads to a list of tables, returns each of them.
fn tables<'t, 'a>(table: &'t mut DeTable<'a>, path: &[&str]) -> Vec<&'t mut DeTable<'a>> {
    let Some((first, rest)) = path.split_first() else { return vec![table] };
    let inner = match table.get_mut(*first).map(Spanned::get_mut) {
        Some(DeValue::Table(inner)) => vec![inner],
        Some(DeValue::Array(items)) => {
            let inner = items.iter_mut().filter_map(|item| match item.get_mut() {
                DeValue::Table(inner) => Some(inner),
                _ => None,
            });
            inner.collect()
        }
        _ => Vec::new(),
    };
    inner.into_iter().flat_map(|inner| tables(inner, rest)).collect()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use crate::document::Document;
    use crate::spec::{Overlay, Spec};

    fn path() -> std::path::PathBuf {
        std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../spanproof.toml")
    }

    /// Reads this repository's spec, with `former` in place of the first `present`.
    fn read(present: &str, former: &str) -> Result<Spec, String> {
        let text = std::fs::read_to_string(path()).unwrap();
        assert!(text.contains(present), "{present}");
        let text = text.replacen(present, former, 1);
        let document = Document::new("spanproof.toml", text);
        Spec::from_document(&document).map_err(|error| error.to_string())
    }

    /// Returns the number (from 1) of the line with this text in this repository's spec.
    fn line(text: &str) -> usize {
        let spec = std::fs::read_to_string(path()).unwrap();
        spec.lines().position(|line| line.contains(text)).unwrap() + 1
    }

    #[rstest]
    #[case::span(
        "name = \"execute_question\"",
        "operation = \"execute_question\"",
        "`operation`",
        "`name`",
        0
    )]
    #[case::quoted(
        "name = \"execute_question\"",
        "'operation' = \"execute_question\"",
        "`operation`",
        "`name`",
        0
    )]
    #[case::group("(?<name>", "(?<operation>", "`(?<operation>…)`", "`(?<name>…)`", 0)]
    #[case::group_in_python_syntax(
        "(?<name>",
        "(?P<operation>",
        "`(?<operation>…)`",
        "`(?<name>…)`",
        0
    )]
    #[case::column(
        "[tables.spans]\n",
        "[tables.spans]\noperation = \"operation\"\n",
        "`operation`",
        "`name`",
        1
    )]
    #[case::status(
        "[tables.spans]\n",
        "[tables.spans]\nopen = [\"started\"]\n",
        "`open`",
        "`not-ended`",
        1
    )]
    #[case::attributes(
        "[tables.spans]\n",
        "[tables.spans]\n# why\nlink.job_id = \"job_id\"\nlink.model_id = \"model_id\"\nlink.region = \"region\"\nlink.status = \"status\"\n",
        "`link`",
        "`attributes`",
        2
    )]
    #[case::table(
        "[tables.spans]\n",
        "[tables.spans.link]\njob_id = \"job_id\"\nmodel_id = \"model_id\"\nregion = \"region\"\nstatus = \"status\"\n[tables.spans]\n",
        "`link`",
        "`attributes`",
        0
    )]
    fn a_former_name_warns_with_its_line_and_gives_the_same_spec(
        #[case] present: &str,
        #[case] former: &str,
        #[case] old: &str,
        #[case] new: &str,
        #[case] lines_below: usize,
    ) {
        let spec = read(present, former).unwrap();
        let line = line(present.trim_end()) + lines_below;
        let warning = format!(
            "spanproof.toml:{line}: {old} is now called {new}; the old name works until 0.3"
        );
        assert_eq!(spec.warnings(), [warning]);
        let mut today = read(present, present).unwrap();
        assert_eq!(today.warnings(), [""; 0]);
        today.warnings.extend_from_slice(spec.warnings());
        // In some cases, the changed spec has a key that this repository's spec leaves at its default.
        today.canonical.clone_from(&spec.canonical);
        // `(?P<` and `(?<` start the same kind of group.
        let text = |spec: &Spec| format!("{spec:?}").replace("(?P<", "(?<");
        assert_eq!(text(&spec), text(&today));
    }

    #[rstest]
    #[case::span(
        "name = \"execute_question\"",
        "name = \"execute_question\"\noperation = \"x\"",
        "`operation` is the old name of `name`"
    )]
    #[case::column(
        "[tables.spans]\n",
        "[tables.spans]\nname = \"x\"\noperation = \"x\"\n",
        "`operation` is the old name of `name`"
    )]
    #[case::status(
        "[tables.spans]\n",
        "[tables.spans]\nnot-ended = []\nopen = []\n",
        "`open` is the old name of `not-ended`"
    )]
    #[case::attributes(
        "[tables.spans]\n",
        "[tables.spans]\nattributes = {}\nlink = {}\n",
        "`link` is the old name of `attributes`"
    )]
    #[case::group(
        "(?<name>",
        "(?<operation>x)?(?<name>",
        "`(?<operation>…)` is the old name of `(?<name>…)`"
    )]
    fn both_names_at_once_are_refused(
        #[case] present: &str,
        #[case] changed: &str,
        #[case] message: &str,
    ) {
        let error = read(present, changed).unwrap_err();
        assert!(error.contains(&format!("{message}, and both are given; remove `")), "{error}");
    }

    #[test]
    fn a_former_code_warns_and_is_read_as_the_present_code() {
        let rule =
            "[[expected]]\ncode = 'left-processes'\nreason = 'r'\nuntil = 2999-12-31\n\n[startup]";
        let spec = read("[startup]", rule).unwrap();
        assert_eq!(spec.expected[0].code, spanproof_format::Code::ProcessesLeft);
        let line = line("[startup]") + 1;
        let warning = format!(
            "spanproof.toml:{line}: `left-processes` is now called `processes-left`; the old name works until 0.3"
        );
        assert_eq!(spec.warnings(), [warning]);
    }

    #[test]
    fn warnings_are_sorted_by_line() {
        let path = path().with_file_name("fixtures/format-1/spec/spanproof.toml");
        let spec = Spec::read(&path).unwrap();
        let line = |warning: &String| {
            let line = warning.strip_prefix(&format!("{}:", path.display())).unwrap();
            line.split_once(": `").unwrap().0.parse::<usize>().unwrap()
        };
        let lines: Vec<_> = spec.warnings().iter().map(line).collect();
        assert!(lines.len() > 3 && lines.is_sorted(), "{lines:?}");
        assert_eq!(spec.spans[0].name, "execute_question");
    }

    #[test]
    fn an_overlay_may_have_former_names() {
        let overlays = [
            Overlay::new("tables.spans.link", "{ job = 'job_id' }"),
            Overlay::new("span", "[{ operation = 'a' }]"),
        ];
        let spec = Spec::read_with(&path(), &overlays).unwrap();
        assert_eq!(spec.tables.spans.attributes.keys().collect::<Vec<_>>(), ["job"]);
        assert_eq!(spec.spans[0].name, "a");
        let at = "a value that overrides the spec:1";
        assert_eq!(
            spec.warnings(),
            [
                format!("{at}: `link` is now called `attributes`; the old name works until 0.3"),
                format!("{at}: `operation` is now called `name`; the old name works until 0.3"),
            ]
        );
    }

    #[test]
    fn former_names_are_removed_in_0_3() {
        let minor: u32 = env!("CARGO_PKG_VERSION_MINOR").parse().unwrap();
        assert!(minor < 3, "remove this module: specs may no longer use former names");
    }
}
