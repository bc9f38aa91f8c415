//! Finds jobs with their units of work and spans in a dump.

use std::collections::BTreeSet;

use super::contents::Contents;
use super::file::Dump;
use super::relation::{Relation, Unreadable};
use super::rows::read_rows;
use super::scanner::NO_END;
use crate::deployment::lookup::{ROW_LIMIT, ids, texts, too_many};
use crate::deployment::records::Records;
use crate::deployment::required_columns::{generated_column, missing_column, row_security};
use crate::deployment::selection::JobSelection;
use crate::deployment::session::Error;
use crate::deployment::spans::{has_enough_spans, running_window, split_by_unit};
use crate::deployment::window::Window;
use crate::identifier::TableName;
use crate::json_path::Paths;
use crate::observation::{
    self, ConcurrentSpan, OtherTable, Owner, Row, Rows, Table, TableRows, text, time,
};
use crate::spec::{JobTable, Spec};

/// The schema that is used if the spec names a table without a schema and several schemas have such a table:
/// the default of Postgres.
const DEFAULT_SCHEMA: &str = "public";

/// A search in a dump.
struct Search<'a> {
    dump: &'a Dump,
    spec: &'a Spec,
    contents: Contents,
}

impl Dump {
    /// Reads the selected jobs with their units of work and spans.
    pub(in crate::deployment) fn find(
        &self,
        spec: &Spec,
        selection: &JobSelection,
    ) -> Result<Records, Error> {
        let contents = self.contents()?;
        if let Some(reason) = &contents.cut_off {
            return Err(self.error(format!("the dump is truncated: {reason}")));
        }
        let search = Search { dump: self, spec, contents };
        let tables = &spec.tables;
        let jobs = search.jobs(selection)?;
        let job_ids: BTreeSet<_> = texts(jobs.all(), &tables.jobs.id).into_iter().collect();
        let units = search.rows(Table::Units, |row| {
            text(row, &tables.units.job).is_some_and(|job| job_ids.contains(&job))
        })?;
        let is_enough = units.all().len() >= jobs.all().len();
        let units = search.without_hidden(Table::Units, units, is_enough)?;
        // A set, because a dump may have many millions of spans, and a job thousands of units.
        let unit_ids: BTreeSet<String> = ids(units.all(), &tables.units.id).into_iter().collect();
        let window = running_window(spec, units.all()).unwrap_or_default();
        // Only a span that names the job can belong to a job without units.
        let has_units = !units.all().is_empty();
        let is_near = |row: &Row| has_units && is_in_window(row, &tables.spans.started, window);
        // A span that names neither a unit nor a job may belong to these units, if it started while they ran.
        // Whether it does is decided when the rows are judged.
        let is_wanted = |row: &Row| {
            let owner = Owner::from_row(tables, row).is_among(&unit_ids, &job_ids);
            let is_of_job = || Owner::of_job(tables, row).is_among(&unit_ids, &job_ids);
            owner.map_or_else(|| is_near(row), |is_own| is_own || is_of_job() == Some(true))
        };
        let is_of_another_unit = |row: &Row| {
            observation::id(row, &tables.spans.unit).is_some_and(|unit| !unit_ids.contains(&unit))
        };
        let mut others = Vec::new();
        let spans = search.rows(Table::Spans, |row| {
            let is_wanted = is_wanted(row);
            if !is_wanted && others.len() < ROW_LIMIT && is_near(row) && is_of_another_unit(row) {
                others.push(row.clone());
            }
            is_wanted
        })?;
        let (spans, other_spans) = search.with_spans_of_no_unit(spans, others)?;
        let spans = spans.without_orphans(spec);
        let has_enough_spans = has_enough_spans(spec, &units, &spans);
        let spans = search.without_hidden(Table::Spans, spans, has_enough_spans)?;
        let other_tables = match &spans {
            Rows::Found(_) if !has_enough_spans => search.spans_in_other_schemas(&unit_ids)?,
            _ => Vec::new(),
        };
        let tables = TableRows { jobs, units, spans };
        let unread =
            vec!["other databases of the server: only one database of a dump is read".to_owned()];
        Ok(Records { tables, other_tables, concurrent_spans: other_spans, unread })
    }
}

impl Search<'_> {
    /// Adds those of the other spans whose unit has no row. Returns these rows, and the other spans that have a
    /// unit.
    fn with_spans_of_no_unit(
        &self,
        spans: Rows,
        others: Vec<Row>,
    ) -> Result<(Rows, Vec<ConcurrentSpan>), Error> {
        let tables = &self.spec.tables;
        let named: BTreeSet<String> = ids(&others, &tables.spans.unit).into_iter().collect();
        let is_named = |row: &Row| {
            observation::id(row, &tables.units.id).is_some_and(|unit| named.contains(&unit))
        };
        let units =
            if named.is_empty() { Rows::default() } else { self.rows(Table::Units, is_named)? };
        Ok(split_by_unit(self.spec, spans, others, &units))
    }

    /// Reads the selected jobs, oldest first.
    fn jobs(&self, selection: &JobSelection) -> Result<Rows, Error> {
        let columns = &self.spec.tables.jobs;
        let mut found: Vec<Row> = Vec::new();
        let limit = if selection.jobs.is_empty() { selection.last.max(1) } else { ROW_LIMIT };
        let paths = Table::Jobs.paths(&self.spec.tables);
        let relations = match self.readable(Table::Jobs)? {
            Ok(relations) => relations,
            Err(why) => return Ok(Rows::Unreadable(why)),
        };
        for relation in relations {
            read_rows(self.dump, relation, &paths, |row| {
                let is_selected = match selection.jobs.as_slice() {
                    [] => is_in_window(&row, &columns.created, selection.window),
                    keys => keys.iter().any(|key| is_named(columns, &row, key)),
                };
                if is_selected {
                    found.push(row);
                    // Sorting now and then keeps the memory small.
                    if found.len() >= 2 * limit.max(500) {
                        keep_newest(columns, &mut found, limit);
                    }
                }
            })?;
        }
        keep_newest(columns, &mut found, limit);
        if selection.jobs.is_empty() {
            let is_enough = !found.is_empty();
            return self.without_hidden(Table::Jobs, Rows::from(found), is_enough);
        }
        let each = selection.jobs.iter().map(|key| self.job(&found, key));
        each.collect()
    }

    /// Returns the job with this id or name.
    fn job(&self, rows: &[Row], key: &str) -> Result<Row, Error> {
        let columns = &self.spec.tables.jobs;
        let matching: Vec<_> = rows.iter().filter(|row| is_named(columns, row, key)).collect();
        match matching.as_slice() {
            [one] => Ok((*one).clone()),
            [] => {
                let mut message =
                    format!("`{}` in `{}` has no job `{key}`", columns.table, self.dump.name());
                let none = Rows::default();
                if let Rows::Unreadable(why) = self.without_hidden(Table::Jobs, none, false)? {
                    message = format!("{message}; {why}");
                }
                Err(Error::NotFound(message))
            }
            many => {
                let ids: Vec<_> = many.iter().filter_map(|row| text(row, &columns.id)).collect();
                let (first, id) = (ids.first().cloned().unwrap_or_default(), &columns.id);
                let message =
                    format!("`{key}` matches {} jobs, with {id} {}", many.len(), ids.join(", "));
                Err(Error::Ambiguous { message, example: format!("{id}={first}") })
            }
        }
    }

    /// Reads the rows of one table for which `is_wanted` returns `true`.
    fn rows(&self, table: Table, is_wanted: impl FnMut(&Row) -> bool) -> Result<Rows, Error> {
        let paths = table.paths(&self.spec.tables);
        let found = match self.readable(table)? {
            Ok(relations) => self.wanted_rows(&relations, &paths, is_wanted)?,
            Err(why) => return Ok(Rows::Unreadable(why)),
        };
        // If only a part of the rows was returned, the others would seem to be missing.
        if found.len() > ROW_LIMIT {
            return Ok(Rows::Unreadable(too_many(self.name(table))));
        }
        Ok(Rows::from(found))
    }

    fn wanted_rows(
        &self,
        relations: &[&Relation],
        paths: &Paths,
        mut is_wanted: impl FnMut(&Row) -> bool,
    ) -> Result<Vec<Row>, Error> {
        let mut found = Vec::new();
        for relation in relations {
            read_rows(self.dump, relation, paths, |row| {
                if is_wanted(&row) && found.len() <= ROW_LIMIT {
                    found.push(row);
                }
            })?;
        }
        Ok(found)
    }

    /// Returns the name of a table in the spec.
    fn name(&self, table: Table) -> &str {
        let tables = &self.spec.tables;
        match table {
            Table::Jobs => &tables.jobs.table,
            Table::Units => &tables.units.table,
            Table::Spans => &tables.spans.table,
        }
    }

    /// Like [`table`](Self::table), but the inner error also says if the table lacks a column that a verdict
    /// needs, or the values of such a column.
    fn readable(&self, table: Table) -> Result<Result<Vec<&Relation>, String>, Error> {
        let relations = match self.table(self.name(table))? {
            Ok(relations) => relations,
            Err(why) => return Ok(Err(why)),
        };
        let any = |column: &str| relations.iter().any(|one| one.has_column(column));
        let is_generated = |column: &str| relations.iter().any(|one| one.is_generated(column));
        let why = generated_column(self.spec, table, is_generated)
            .or_else(|| missing_column(self.spec, table, any));
        Ok(why.map_or(Ok(relations), Err))
    }

    /// Returns the rows, or `Unreadable` if a verdict can't rely on them: there are fewer than expected
    /// (`is_enough` is false), and row security may have hidden rows from the role that made the dump, or the
    /// dump may lack its last rows.
    fn without_hidden(&self, table: Table, rows: Rows, is_enough: bool) -> Result<Rows, Error> {
        if is_enough || matches!(rows, Rows::Unreadable(_)) {
            return Ok(rows);
        }
        let relations = self.table(self.name(table))?.unwrap_or_default();
        let last = self.contents.may_lack_rows.as_ref();
        if let Some(last) = last.filter(|last| relations.iter().any(|one| one.name == **last)) {
            return Ok(Rows::Unreadable(format!(
                "the dump may lack rows of `{last}`: it ends with rows of this table, and {NO_END}"
            )));
        }
        if !self.contents.has_row_security {
            return Ok(rows);
        }
        // A dump that contains only rows does not say which tables have policies.
        let may_have_policies = |one: &&Relation| one.has_policies || one.columns.is_empty();
        let may_hide_rows = relations.iter().any(may_have_policies);
        Ok(if may_hide_rows { Rows::Unreadable(row_security(self.name(table))) } else { rows })
    }

    /// Looks up a table of the spec. Returns it with the tables that contain its rows: its partitions and
    /// children. The inner error says why its rows can't be read.
    fn table(&self, name_in_spec: &str) -> Result<Result<Vec<&Relation>, String>, Error> {
        let Ok(named) = TableName::parse(name_in_spec) else {
            return Ok(Err(format!("`{name_in_spec}` is not the name of a table")));
        };
        let databases = &self.contents.databases;
        let database = |one: &Relation| databases.get(one.database).map_or("", String::as_str);
        let selected = self.dump.database();
        if let Some(name) = selected.filter(|name| !databases.iter().any(|one| one == name)) {
            let found: Vec<_> = databases.iter().filter(|name| !name.is_empty()).cloned().collect();
            let missing = format!("`{}` has no database `{name}`", self.dump.name());
            return Err(Error::NotFound(match found.as_slice() {
                [] => format!("{missing}; it names none"),
                found => format!("{missing}, only {}", found.join(", ")),
            }));
        }
        let fits = |one: &&Relation| {
            let is_schema = named.schema.is_none() || one.name.schema == named.schema;
            let is_database = selected.is_none_or(|name| database(one) == name);
            one.name.name == named.name && is_schema && is_database
        };
        let mut all: Vec<&Relation> = self.contents.relations.iter().filter(fits).collect();
        // A view in another schema is not a second table: it probably shows the rows of a table.
        let is_default = |one: &Relation| one.name.schema.as_deref() == Some(DEFAULT_SCHEMA);
        let is_other_view = |one: &Relation| one.is_view() && !is_default(one);
        if all.iter().any(|one| !one.is_view()) {
            all.retain(|one| !is_other_view(one));
        }
        let Some(first) = all.first() else {
            return Ok(Err(format!("the dump has no table `{name_in_spec}`")));
        };
        if all.iter().any(|one| one.database != first.database) {
            let mut names: Vec<_> = all.iter().map(|one| database(one).to_owned()).collect();
            names.dedup();
            let (dump, table) = (self.dump.name().to_owned(), name_in_spec.to_owned());
            return Err(Error::SeveralDatabases { dump, table, names });
        }
        let root = match all.as_slice() {
            [one] => *one,
            several => *several.iter().find(|one| is_default(one)).ok_or_else(|| {
                let names: Vec<_> = several.iter().map(|one| format!("`{}`", one.name)).collect();
                self.dump.error(format!(
                    "the dump has {}; name one of them in the spec in place of `{name_in_spec}`",
                    names.join(" and ")
                ))
            })?,
        };
        let relations = self.with_parts(root);
        Ok(why_without_rows(&relations).map_or(Ok(relations), Err))
    }

    /// Returns a table with its partitions and children.
    fn with_parts<'a>(&'a self, root: &'a Relation) -> Vec<&'a Relation> {
        let mut all = vec![root];
        let mut next = 0;
        while let Some(parent) = all.get(next).copied() {
            next += 1;
            let is_part = |one: &&Relation| {
                one.database == parent.database && one.parent.as_ref() == Some(&parent.name)
            };
            let parts: Vec<_> = self.contents.relations.iter().filter(is_part).collect();
            all.extend(
                parts
                    .into_iter()
                    .filter(|part| !all.iter().any(|one| one.name == part.name))
                    .collect::<Vec<_>>(),
            );
        }
        all
    }

    /// Finds tables in other schemas that have the span table's name and contain spans of these units.
    /// Returns each table with its spans of these units.
    fn spans_in_other_schemas(
        &self,
        unit_ids: &BTreeSet<String>,
    ) -> Result<Vec<OtherTable>, Error> {
        let tables = &self.spec.tables;
        let Ok(Ok(own)) = self.table(&tables.spans.table) else { return Ok(Vec::new()) };
        let own: Vec<&TableName> = own.iter().map(|one| &one.name).collect();
        let Some(root) = own.first() else { return Ok(Vec::new()) };
        let is_other = |one: &&Relation| one.name.name == root.name && !own.contains(&&one.name);
        let paths = Table::Spans.paths(tables);
        let mut found = Vec::new();
        for relation in self.contents.relations.iter().filter(is_other) {
            let rows = self.wanted_rows(&self.with_parts(relation), &paths, |row| {
                observation::id(row, &tables.spans.unit).is_some_and(|id| unit_ids.contains(&id))
            })?;
            found.extend(OtherTable::new(relation.name.to_string(), &rows, &tables.spans.unit));
        }
        Ok(found)
    }
}

/// Returns why the dump does not have the rows of a table and its partitions; `None` if it has them.
fn why_without_rows(relations: &[&Relation]) -> Option<String> {
    let unreadable = relations.iter().find_map(|one| Some(no_rows(one, one.unreadable.as_ref()?)));
    if unreadable.is_some() {
        return unreadable;
    }
    let left_out = relations.iter().filter(|one| !one.is_partitioned && !one.has_data);
    let left_out: Vec<_> = left_out.map(|one| format!("`{}`", one.name)).collect();
    (!left_out.is_empty()).then(|| {
        format!(
            "the dump has no rows of {}, not even an empty list: they were left out when it was made",
            left_out.join(", ")
        )
    })
}

/// Returns why the rows of a table can't be read, and what to do.
fn no_rows(relation: &Relation, why: &Unreadable) -> String {
    let name = &relation.name;
    match why {
        Unreadable::View => format!(
            "`{name}` is a view, and a dump has no rows of a view; name the table from which the view reads in the spec, \
             or give the database itself, with `--database`"
        ),
        Unreadable::Format(options) => format!(
            "the rows of `{name}` are written by `COPY … FROM stdin {options}`, and only the text format of `pg_dump` is \
             read; make the dump with `pg_dump`, or load this one into a database and give it with `--database`"
        ),
    }
}

/// Whether a job has this id or name, or `key` is `column=value` with one of them.
fn is_named(columns: &JobTable, row: &Row, key: &str) -> bool {
    [&columns.id, &columns.name].into_iter().any(|column| {
        let value = text(row, column);
        value.as_deref() == Some(key)
            || value.is_some_and(|value| *key == format!("{column}={value}"))
    })
}

/// Keeps the newest jobs, oldest first. Jobs without a time, or with the same time, are ordered by their
/// ids as numbers.
fn keep_newest(columns: &JobTable, jobs: &mut Vec<Row>, count: usize) {
    let number = |row: &Row| text(row, &columns.id).and_then(|id| id.parse::<i128>().ok());
    jobs.sort_by_key(|row| (time(row, &columns.created), number(row)));
    jobs.drain(..jobs.len().saturating_sub(count));
}

/// Whether the time in a column is in the window; `true` if the row has no time there.
fn is_in_window(row: &Row, column: &str, window: Window) -> bool {
    time(row, column).is_none_or(|at| window.contains(at))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use rstest::rstest;
    use serde_json::{Value as Json, json};

    use super::*;

    const DUMP: &str = "--
CREATE TABLE public.other (
    id bigint NOT NULL
);
CREATE TABLE public.jobs (
    id bigint NOT NULL,
    \"jobspec_id\" character varying(255),
    created_at timestamp without time zone,
    status character varying(50) DEFAULT 'queued'::character varying,
    spec jsonb,
    done boolean
);
COPY public.other (id) FROM stdin;
1
\\.
COPY public.jobs (id, \"jobspec_id\", created_at, status, spec, done) FROM stdin;
470\tb\\tias\t2025-10-22 12:00:01\tfailed\t{\"a\": \"x\\\\ny\"}\tt
469\t\\N\t2025-10-22 12:00:00\tfailed\t{}\tf
\\.
";

    fn spec() -> Spec {
        Spec::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../../spanproof.toml")).unwrap()
    }

    /// Reads all rows of a table.
    fn rows(spec: &Spec, text: &str, table: Table) -> Result<Rows, Error> {
        let dump = Dump::with_text(text);
        let contents = dump.contents()?;
        Search { dump: &dump, spec, contents }.rows(table, |_| true)
    }

    fn find(text: &str, jobs: &[&str], last: usize) -> Result<Records, Error> {
        let jobs = jobs.iter().map(|job| (*job).to_owned()).collect();
        let selection = JobSelection { jobs, last, ..JobSelection::default() };
        Dump::with_text(text).find(&spec(), &selection)
    }

    fn job_ids(found: &Records) -> Vec<String> {
        texts(found.tables.jobs.all(), "id")
    }

    #[test]
    fn rows_are_converted_to_the_json_that_postgres_returns() {
        let rows = rows(&spec(), DUMP, Table::Jobs).unwrap();
        let expected = json!({"id": 470, "jobspec_id": "b\tias",
            "created_at": "2025-10-22T12:00:01", "status": "failed",
            "spec": {"a": "x\ny"}, "done": true});
        assert_eq!(Json::from(rows.all()[0].clone()), expected);
        assert_eq!(rows.all()[1]["jobspec_id"], Json::Null);
    }

    #[test]
    fn the_error_about_an_ambiguous_job_has_an_example_that_selects_one() {
        let text = "CREATE TABLE public.jobs (\n    id bigint,\n    jobspec_id text\n);\n\
                    COPY public.jobs (id, jobspec_id) FROM stdin;\n7\t8\n8\tbias\n\\.\n";
        let error = find(text, &["8"], 1).unwrap_err().to_string();
        assert!(
            error.ends_with("matches 2 jobs, with id 7, 8; name one job, for instance `id=7`"),
            "{error}"
        );
    }

    /// `pg_dump` puts a name in double quotes if it contains a space, comma or parenthesis.
    #[test]
    fn quoted_names_are_read() {
        let spec = crate::spec::example(|text| {
            let table = "\n[tables.jobs]\ntable = 'audit.Public (Jobs)'\nid = 'job, id'\n";
            let table = format!("{table}status = 'weird \"name\"'\n");
            text.replace("\n[tables.jobs]\n", &table)
        });
        let text = r#"CREATE TABLE audit."Public (Jobs)" (
    "job, id" bigint NOT NULL,
    "weird ""name""" jsonb
);
CREATE TABLE public."Public (Jobs)" (
    "job, id" bigint NOT NULL
);
COPY audit."Public (Jobs)" ("job, id", "weird ""name""") FROM stdin;
7	{"a": 1}
\.
COPY public."Public (Jobs)" ("job, id") FROM stdin;
8
\.
"#;
        let rows = rows(&spec, text, Table::Jobs).unwrap();
        let expected = json!({"job, id": 7, "weird \"name\"": {"a": 1}});
        assert_eq!(Json::from(rows.all()), Json::from(vec![expected]));
    }

    #[test]
    fn a_missing_table_and_a_damaged_dump_are_reported() {
        let found = rows(&spec(), DUMP, Table::Units).unwrap();
        assert_eq!(found, Rows::Unreadable("the dump has no table `executions`".into()));
        let error = find(DUMP.trim_end_matches("\\.\n"), &[], 1).unwrap_err().to_string();
        assert!(error.contains("the dump is truncated"), "{error}");
        let damaged = DUMP.replace("\t{}\tf", "");
        let error = rows(&spec(), &damaged, Table::Jobs).unwrap_err().to_string();
        assert!(error.contains("line 18: a row of `public.jobs` has 4 values for 6"), "{error}");
    }

    #[test]
    fn jobs_are_found_by_id_or_name_and_default_to_the_newest() {
        assert_eq!(job_ids(&find(DUMP, &["469"], 1).unwrap()), ["469"]);
        assert_eq!(job_ids(&find(DUMP, &["b\tias", "id=469"], 1).unwrap()), ["470", "469"]);
        assert_eq!(job_ids(&find(DUMP, &[], 1).unwrap()), ["470"]);
        assert!(find(DUMP, &["471"], 1).unwrap_err().to_string().contains("has no job `471`"));
    }

    /// Regression test: jobs after the 10,000th row were not found, and the last row of the file was taken
    /// for the newest job.
    #[test]
    fn the_newest_job_has_the_latest_time_however_many_jobs_there_are() {
        let row = |id: u32, at: &str| format!("{id}\tn\t{at}\tfailed\t{{}}\tf\n");
        let old: String = (1000..12_000).map(|id| row(id, "2024-01-01 00:00:00")).collect();
        let head = &DUMP[..DUMP.find("470").unwrap()];
        let newest = row(470, "2025-10-22 12:00:00") + &row(469, "2025-10-22 13:00:00");
        let text = format!("{head}{old}{newest}{}\\.\n", row(7, "2024-01-01 00:00:00"));
        assert_eq!(job_ids(&find(&text, &[], 2).unwrap()), ["470", "469"]);
        assert_eq!(job_ids(&find(&text, &["7"], 1).unwrap()), ["7"]);
    }

    /// Regression test: of more than 10,000 rows only the first 10,000 were read, and the others were
    /// reported as missing.
    #[test]
    fn a_table_with_more_matching_rows_than_the_limit_is_unreadable() {
        let head = "COPY public.executions (id, job_id) FROM stdin;\n";
        let text = |count: usize| format!("{head}{}\\.\n", "1\t469\n".repeat(count));
        let all = rows(&spec(), &text(ROW_LIMIT), Table::Units).unwrap();
        assert_eq!(all.all().len(), ROW_LIMIT);
        let more = rows(&spec(), &text(ROW_LIMIT + 1), Table::Units).unwrap();
        assert_eq!(more, Rows::Unreadable(too_many("executions")));
    }

    const PARTS: &str = "CREATE TABLE public.jobs (
    id bigint NOT NULL
)
PARTITION BY LIST (id);
CREATE TABLE old.jobs_1 (
    id bigint NOT NULL
);
ALTER TABLE ONLY public.jobs ATTACH PARTITION old.jobs_1 DEFAULT;
CREATE TABLE archive.jobs (
    id bigint NOT NULL
);
COPY archive.jobs (id) FROM stdin;
2
\\.
";

    #[test]
    fn rows_are_read_from_partitions_and_not_from_another_schema() {
        let data = "COPY old.jobs_1 (id) FROM stdin;\n1\n\\.\n";
        let found = rows(&spec(), &format!("{PARTS}{data}"), Table::Jobs).unwrap();
        assert_eq!(Json::from(found.all()), json!([{"id": 1}]));
        let data = "INSERT INTO old.jobs_1 VALUES (1), (3);\n";
        let found = rows(&spec(), &format!("{PARTS}{data}"), Table::Jobs).unwrap();
        assert_eq!(Json::from(found.all()), json!([{"id": 1}, {"id": 3}]));
    }

    #[rstest]
    #[case::left_out(PARTS, "the dump has no rows of `old.jobs_1`")]
    #[case::two_schemas(
        "CREATE TABLE a.jobs (\n);\nCREATE TABLE b.jobs (\n);\n",
        "the dump has `a.jobs` and `b.jobs`; name one"
    )]
    #[case::two_databases(
        "CREATE TABLE public.jobs (\n);\n\\connect b\nCREATE TABLE public.jobs (\n);\n",
        "several databases of `x.sql` have a table `jobs`: , b"
    )]
    fn a_table_without_rows_or_with_several_meanings_is_not_read(
        #[case] text: &str,
        #[case] part: &str,
    ) {
        let found = match rows(&spec(), text, Table::Jobs) {
            Ok(Rows::Unreadable(why)) => why,
            Ok(Rows::Found(rows)) => panic!("{rows:?}"),
            Err(error) => error.to_string(),
        };
        assert!(found.contains(part), "{found}");
    }
}
