//! The known ways to break a healthy case on purpose (*sabotages*). The sabotaged case must fail with one
//! of the expected codes.

use crate::identifier::{self, literal};
use crate::json_path::JsonPath;
use crate::spec::{Flag, Spec, Value};
use crate::trial::Overrides;
use spanproof_format::Code;

/// Codes for spans that could not be written.
const WRITE_FAILED: &[Code] = &[Code::WriteFailedReported, Code::WriteFailedSilent];
/// Codes for a job that was not executed.
const NOT_EXECUTED: &[Code] = &[
    Code::JobFailedEarly,
    Code::JobNotPickedUp,
    Code::JobNotFinished,
    // A service that is a command may exit with an error if it can't do its job.
    Code::ProcessCrashed,
];
/// A value of the tracing flag that a service does not know, and so should not read as on.
const UNKNOWN_VALUE: &str = "spanproof";

/// A change that breaks a healthy case, and the codes that count as detecting the change.
#[derive(Debug, Clone)]
pub(super) struct Sabotage {
    pub(super) name: &'static str,
    /// The change, as a sentence.
    pub(super) description: &'static str,
    /// Which cases are changed: cases that record spans (`true`) or cases with tracing off
    /// (`false`).
    pub(super) records: bool,
    /// The expected codes. The first code of the changed case must be one of them.
    pub(super) expected: Vec<Code>,
    /// The change, as overrides of a trial.
    pub(super) overrides: Overrides,
}

/// Returns every sabotage that fits the spec.
pub(super) fn sabotages(spec: &Spec) -> Vec<Sabotage> {
    let mut all = flag_sabotages(spec);
    all.extend(write_sabotages(spec));
    all.extend(row_sabotages(spec));
    all.extend(work_sabotages(spec));
    all
}

/// Creates a sabotage for cases that record spans.
fn sabotage(
    name: &'static str,
    description: &'static str,
    expected: &[Code],
    overrides: Overrides,
) -> Sabotage {
    Sabotage { name, description, records: true, expected: expected.to_vec(), overrides }
}

/// Returns the sabotages that change the value of the tracing flag.
fn flag_sabotages(spec: &Spec) -> Vec<Sabotage> {
    let Some(flag) = spec.tracing_flag() else { return Vec::new() };
    let with_value = |value: Value| Overrides {
        env: [(flag.name.clone(), value)].into(),
        ..Overrides::default()
    };
    // Without a startup line about tracing, a dropped flag looks like a code path without tracing.
    let off_codes: &[Code] = match (spec.probes.has_tracer(), spec.probes.has_attempt()) {
        (true, _) => &[Code::FlagUnset, Code::FlagUnrecognisedValue],
        (false, true) => &[Code::PathNotExecuted],
        (false, false) => &[Code::PathNotExecuted, Code::Undetermined],
    };
    let mut all = Vec::new();
    if !flag.records(&Value::Unset) {
        let description = "the flag never reaches the service";
        all.push(sabotage("flag-dropped", description, off_codes, with_value(Value::Unset)));
    }
    let description = "the service gets an unknown value of the flag";
    let unknown = with_value(Value::Set(UNKNOWN_VALUE.into()));
    all.push(sabotage("flag-misspelt", description, off_codes, unknown));
    if let Some(value) = flag.values.iter().find(|value| flag.records(value))
        && has_off_value(flag)
    {
        let description = "the service gets the flag although the case has tracing off";
        let expected = [Code::LeakedWhileOff];
        let forced = sabotage("flag-forced", description, &expected, with_value(value.clone()));
        all.push(Sabotage { records: false, ..forced });
    }
    all
}

/// Whether the flag has a value that switches tracing off.
fn has_off_value(flag: &Flag) -> bool {
    flag.values.iter().any(|value| !flag.records(value))
}

/// Returns the sabotages that make the server discard or refuse spans.
fn write_sabotages(spec: &Spec) -> Vec<Sabotage> {
    let spans = identifier::table(&spec.tables.spans.table);
    let before = |sql: String| Overrides { sql_before: sql, ..Overrides::default() };
    let discarded = [&[Code::SilentlyDiscarded, Code::Undetermined], WRITE_FAILED].concat();
    let removed = [Code::RemovedLater, Code::Undetermined];
    vec![
        sabotage(
            "write-discarded",
            "a trigger discards every span without an error",
            &discarded,
            before(trigger(&spans, "return null;")),
        ),
        sabotage(
            "write-refused",
            "a trigger refuses every span with an error",
            WRITE_FAILED,
            before(trigger(&spans, "raise exception 'sabotage';")),
        ),
        sabotage(
            "rows-removed",
            "every span is deleted afterwards",
            &removed,
            after_stop(&spans, &format!("delete from {spans}")),
        ),
    ]
}

/// Returns overrides that run SQL after the service stopped. Before that, the constraints of the table
/// are dropped, because they could make the SQL fail.
fn after_stop(table: &str, sql: &str) -> Overrides {
    let name = literal(table);
    let drop_constraints = format!(
        "create function pg_temp.drop_constraints() returns void language plpgsql as $$
        declare rule name;
        begin
          for rule in select conname from pg_constraint
            where conrelid = to_regclass({name}) and contype = 'c'
          loop
            execute format('alter table %s drop constraint %I', {name}, rule);
          end loop;
          for rule in select attname from pg_attribute a
            where attrelid = to_regclass({name}) and attnum > 0 and attnotnull and attidentity = ''
              and not exists (select from pg_index i where i.indrelid = a.attrelid
                and i.indisprimary and a.attnum = any (i.indkey::smallint[]))
          loop
            execute format('alter table %s alter column %I drop not null', {name}, rule);
          end loop;
        end $$;
        select pg_temp.drop_constraints();"
    );
    Overrides { sql_after: format!("{drop_constraints} {sql}"), ..Overrides::default() }
}

/// Returns SQL that creates a trigger which runs before each insert into a table.
fn trigger(table: &str, body: &str) -> String {
    format!(
        "create schema spanproof_sabotage; \
         create function spanproof_sabotage.on_insert() returns trigger language plpgsql as \
         $$ begin {body} return new; end $$; \
         create trigger spanproof_sabotage before insert on {table} \
         for each row execute function spanproof_sabotage.on_insert();"
    )
}

/// Returns the sabotages that change stored rows of spans. Leaves out sabotages that would have to
/// change a value inside JSON.
fn row_sabotages(spec: &Spec) -> Vec<Sabotage> {
    let table = &spec.tables.spans;
    let spans = identifier::table(&table.table);
    let change = |names: &[&String], one: Sabotage, columns: String| {
        let sql = format!("update {spans} set {columns}");
        are_columns(names).then(|| Sabotage { overrides: after_stop(&spans, &sql), ..one })
    };
    let unchanged =
        |name, description, code| sabotage(name, description, &[code], Overrides::default());
    let [status, completed, started, duration] =
        [&table.status, &table.completed, &table.started, &table.duration]
            .map(|name| identifier::name(name));
    let unit: Vec<&String> = table.unit.columns().iter().collect();
    let no_unit: Vec<_> =
        unit.iter().map(|name| format!("{} = null", identifier::name(name))).collect();
    let not_ended = table.not_ended.first().map_or("null".to_owned(), |text| literal(text));
    let no_duration = match table.duration.as_str() {
        "" => String::new(),
        _ => format!(", {duration} = null"),
    };
    let mut all = vec![
        change(
            &unit,
            unchanged("links-blanked", "no span refers to its unit", Code::Unlinked),
            no_unit.join(", "),
        ),
        change(
            &[&table.status, &table.completed, &table.duration],
            unchanged("never-completed", "no span has ended", Code::NotFinished),
            format!("{status} = {not_ended}, {completed} = null{no_duration}"),
        ),
        are_columns(&[&table.completed, &table.started]).then(|| {
            let sql = after_stop(&spans, &reverse_times(&spans, &completed, &started));
            let description = "every span ends before it starts";
            sabotage("time-reversed", description, &[Code::ImpossibleTimes], sql)
        }),
        are_columns(&[&table.id, &table.name]).then(|| {
            let sql = after_stop(&spans, &duplicate_roots(spec));
            sabotage("recorded-twice", "every root span is stored twice", &[Code::Duplicate], sql)
        }),
    ];
    if table.attributes.contains_key(&table.status) {
        let description = "every span has a status that differs from its unit's";
        let one = unchanged("status-changed", description, Code::StatusDisagrees);
        all.push(change(&[&table.status], one, format!("{status} = 'sabotaged'")));
    }
    if spec.spans.iter().any(|rule| !rule.parents.is_empty()) {
        let parent = identifier::name(&table.parent);
        let one = unchanged("parent-cut", "no span refers to its parent", Code::BrokenTree);
        all.push(change(&[&table.parent], one, format!("{parent} = null")));
    }
    if let Some(header) = &table.header {
        let cut = Overrides { drop_header: Some(header.clone()), ..Overrides::default() };
        let description = "requests to the upstream have no trace header";
        all.push(Some(sabotage("header-cut", description, &[Code::BrokenTree], cut)));
    }
    all.into_iter().flatten().collect()
}

/// Whether all names are columns, and none is a path into JSON.
fn are_columns(names: &[&String]) -> bool {
    names.iter().all(|name| JsonPath::find(name).is_none())
}

/// Returns SQL that sets the end of every span before its start. The columns contain timestamps, or Unix
/// times as numbers.
fn reverse_times(spans: &str, completed: &str, started: &str) -> String {
    format!(
        "do $$ begin
          update {spans} set {completed} = {started} - interval '1 second';
        exception when undefined_function then
          update {spans} set {completed} = {started} - 1;
        end $$"
    )
}

/// Returns SQL that inserts a copy of the root span of each unit. The copy has a new id. Other columns with a
/// unique index are left out, so they get their defaults.
fn duplicate_roots(spec: &Spec) -> String {
    let table = &spec.tables.spans;
    let (spans, id) = (identifier::table(&table.table), identifier::name(&table.id));
    let roots: Vec<_> = spec.unit_spans().map(|rule| literal(&rule.name)).collect();
    let (name_column, roots) =
        (literal(&identifier::name(&table.name)), literal(&roots.join(", ")));
    let (name, column) = (literal(&spans), literal(&table.id));
    format!(
        "create function pg_temp.duplicate_roots() returns void language plpgsql as $$
        declare copied text; new_id text;
        begin
          select string_agg(quote_ident(a.attname), ', ') into copied from pg_attribute a
          where a.attrelid = to_regclass({name}) and a.attnum > 0 and not a.attisdropped
            and a.attgenerated = '' and a.attidentity = '' and a.attname <> {column}
            and not exists (select from pg_index i where i.indrelid = a.attrelid
              and i.indisunique and a.attnum = any (i.indkey::smallint[]));
          select case a.atttypid when 'uuid'::regtype then 'md5(%2$s::text)::uuid'
            else 'left(md5(%2$s::text), length(%2$s::text))' end into new_id from pg_attribute a
          where a.attrelid = to_regclass({name}) and a.attname = {column};
          execute format('insert into %3$s (%1$s, %2$s) select %1$s, ' || new_id
            || ' from %3$s where %4$s in (%5$s)', copied, {quoted_id}, {name}, {name_column}, {roots});
        end $$;
        select pg_temp.duplicate_roots();",
        quoted_id = literal(&id),
    )
}

/// Returns the sabotages that make jobs and units of work fail, or change their outcome.
fn work_sabotages(spec: &Spec) -> Vec<Sabotage> {
    let units = identifier::table(&spec.tables.units.table);
    let before = Overrides {
        sql_before: trigger(&units, "raise exception 'sabotage';"),
        ..Overrides::default()
    };
    let killed = Overrides { kill_after_submit: true, ..Overrides::default() };
    let mut all = vec![
        sabotage("work-refused", "a trigger refuses every unit of work", NOT_EXECUTED, before),
        sabotage(
            "killed",
            "the service is killed while the job runs",
            &[Code::ProcessCrashed],
            killed,
        ),
    ];
    let outcome = &spec.tables.units.outcome;
    if !outcome.is_empty()
        && are_columns(&[outcome])
        && spec.tracing_flag().is_some_and(has_off_value)
    {
        let column = identifier::name(outcome);
        let sql = format!("update {units} set {column} = null");
        let description = "the results of the work are missing with tracing on";
        let expected = [Code::OutcomeChangedByTracing];
        all.push(sabotage("outcome-changed", description, &expected, after_stop(&units, &sql)));
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::example;

    /// Regression test: the part of a column's name before a dot was read as the name of a table.
    #[test]
    fn a_column_name_may_contain_a_dot() {
        let columns = "\n[tables.spans]\nstatus = \"span.status\"\nparent = \"span.parent\"\n";
        let spec = example(|text| text.replace("\n[tables.spans]\n", columns));
        assert_eq!(spec.tables.spans.status, "span.status");
        let sql: String =
            sabotages(&spec).iter().map(|one| format!("{:?}", one.overrides)).collect();
        assert!(sql.contains(r#"\"span.status\""#) && sql.contains(r#"\"span.parent\""#), "{sql}");
        assert!(!sql.contains(r#"\"span\".\"status\""#), "{sql}");
    }
}
