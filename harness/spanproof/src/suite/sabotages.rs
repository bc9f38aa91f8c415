//! The known ways in which a healthy world is sabotaged, and what must be told of each.

use crate::identifier;
use crate::spec::{Flag, Spec, Value};
use crate::trial::Overrides;
use spanproof_format::Code;

/// Codes that are right where the server refuses or loses a write.
const REFUSED: &[Code] = &[Code::WriteFailedReported, Code::WriteFailedSilent];
/// Codes that are right where the work is not done.
const UNDONE: &[Code] = &[Code::JobFailedEarly, Code::JobNotPickedUp, Code::JobNotFinished];
/// A value that no service takes for on.
const NONSENSE: &str = "spanproof";

/// One thing that is done to a healthy world, and the codes of which one must be found.
#[derive(Debug, Clone)]
pub(super) struct Sabotage {
    pub(super) name: &'static str,
    pub(super) what: &'static str,
    /// Whether it is done to a case with tracing on, or to one with tracing off.
    pub(super) on: bool,
    pub(super) right: Vec<Code>,
    pub(super) overrides: Overrides,
}

/// Every sabotage that the spec has a place for.
pub(super) fn sabotages(spec: &Spec) -> Vec<Sabotage> {
    let mut all = flag(spec);
    all.extend(writes(spec));
    all.extend(rows(spec));
    all.extend(work(spec));
    all
}

fn sabotage(
    name: &'static str,
    what: &'static str,
    right: &[Code],
    overrides: Overrides,
) -> Sabotage {
    Sabotage { name, what, on: true, right: right.to_vec(), overrides }
}

/// What the service hears of its flag.
fn flag(spec: &Spec) -> Vec<Sabotage> {
    let Some(flag) = spec.tracing_flag() else { return Vec::new() };
    let with = |value: Value| Overrides {
        env: [(flag.name.clone(), value)].into(),
        ..Overrides::default()
    };
    // Without a tracer line nothing tells a dropped flag from a path that is not traced.
    let unheard: &[Code] = match (spec.probes.knows_tracer(), spec.probes.knows_attempts()) {
        (true, _) => &[Code::FlagUnset, Code::FlagUnrecognisedValue],
        (false, true) => &[Code::PathNotExecuted],
        (false, false) => &[Code::PathNotExecuted, Code::Undetermined],
    };
    let mut all = Vec::new();
    if !flag.records(&Value::Unset) {
        let what = "the flag never reaches the service";
        all.push(sabotage("flag-dropped", what, unheard, with(Value::Unset)));
    }
    let what = "the service gets a value that means nothing";
    all.push(sabotage("flag-misspelt", what, unheard, with(Value::Set(NONSENSE.into()))));
    if let Some(value) = flag.values.iter().find(|value| flag.records(value))
        && has_off(flag)
    {
        let what = "the service gets the flag although the case has tracing off";
        let leaked = sabotage("flag-forced", what, &[Code::LeakedWhileOff], with(value.clone()));
        all.push(Sabotage { on: false, ..leaked });
    }
    all
}

/// Whether there is a value by which tracing is off.
pub(super) fn has_off(flag: &Flag) -> bool {
    flag.values.iter().any(|value| !flag.records(value))
}

/// What the server does with writes.
fn writes(spec: &Spec) -> Vec<Sabotage> {
    let spans = identifier::table(&spec.tables.spans.table);
    let before = |sql: String| Overrides { before: sql, ..Overrides::default() };
    let discarded = [&[Code::SilentlyDiscarded, Code::Undetermined], REFUSED].concat();
    let removed = [&[Code::RolledBack, Code::Undetermined], REFUSED].concat();
    vec![
        sabotage(
            "write-discarded",
            "a trigger takes every span and keeps none",
            &discarded,
            before(trigger(&spans, "return null;")),
        ),
        sabotage(
            "write-refused",
            "a trigger refuses every span",
            REFUSED,
            before(trigger(&spans, "raise exception 'sabotage';")),
        ),
        sabotage(
            "rows-removed",
            "every span is deleted",
            &removed,
            after(&spans, &format!("delete from {spans}")),
        ),
    ]
}

/// SQL on a table whose own rules are taken off first: they would only keep the sabotage out.
fn after(table: &str, sql: &str) -> Overrides {
    let name = literal(table);
    let bare = format!(
        "create function pg_temp.bare() returns void language plpgsql as $$
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
        select pg_temp.bare();"
    );
    Overrides { after: format!("{bare} {sql}"), ..Overrides::default() }
}

/// A trigger before each row of a table.
fn trigger(table: &str, body: &str) -> String {
    format!(
        "create schema spanproof_sabotage; \
         create function spanproof_sabotage.strike() returns trigger language plpgsql as \
         $$ begin {body} return new; end $$; \
         create trigger spanproof_sabotage before insert on {table} \
         for each row execute function spanproof_sabotage.strike();"
    )
}

/// What the rows of spans say.
fn rows(spec: &Spec) -> Vec<Sabotage> {
    let table = &spec.tables.spans;
    let spans = identifier::table(&table.table);
    let [unit, status, completed, started] =
        [&table.unit, &table.status, &table.completed, &table.started]
            .map(|name| identifier::name(name));
    let set = |what: String| after(&spans, &format!("update {spans} set {what}"));
    let open = table.open.first().map_or("null".to_owned(), |open| literal(open));
    let duration = identifier::name(&table.duration);
    let unlasting =
        if table.duration.is_empty() { String::new() } else { format!(", {duration} = null") };
    let mut all = vec![
        sabotage(
            "links-blanked",
            "no span names its unit",
            &[Code::Unlinked],
            set(format!("{unit} = null")),
        ),
        sabotage(
            "never-completed",
            "every span is as if it had never ended",
            &[Code::NotFinished],
            set(format!("{status} = {open}, {completed} = null{unlasting}")),
        ),
        sabotage(
            "time-reversed",
            "every span ends before it starts",
            &[Code::ImpossibleTimes],
            set(format!("{completed} = {started} - interval '1 second'")),
        ),
        sabotage(
            "recorded-twice",
            "every outermost span is there twice",
            &[Code::Duplicate],
            after(&spans, &twice(spec)),
        ),
    ];
    if table.link.contains_key(&table.status) {
        let what = "every span has a status that its unit does not have";
        let code = [Code::StatusDisagrees];
        all.push(sabotage("status-changed", what, &code, set(format!("{status} = 'sabotaged'"))));
    }
    if spec.spans.iter().any(|rule| rule.parent.is_some()) {
        let parent = identifier::name(&table.parent);
        let what = "no inner span names its parent";
        all.push(sabotage(
            "parent-cut",
            what,
            &[Code::BrokenTree],
            set(format!("{parent} = null")),
        ));
    }
    if let Some(header) = &table.header {
        let cut = Overrides { forget: Some(header.clone()), ..Overrides::default() };
        let what = "the upstream is not told the trace";
        all.push(sabotage("header-cut", what, &[Code::BrokenTree], cut));
    }
    all
}

/// A second row for each outermost span: the same but for its id and for what must be unique.
fn twice(spec: &Spec) -> String {
    let table = &spec.tables.spans;
    let (spans, id) = (identifier::table(&table.table), identifier::name(&table.id));
    let outermost = match table.parent.as_str() {
        "" => "true".to_owned(),
        parent => format!("{} is null", identifier::name(parent)),
    };
    let (name, column) = (literal(&spans), literal(&table.id));
    format!(
        "create function pg_temp.twice() returns void language plpgsql as $$
        declare others text; fresh text;
        begin
          select string_agg(quote_ident(a.attname), ', ') into others from pg_attribute a
          where a.attrelid = to_regclass({name}) and a.attnum > 0 and not a.attisdropped
            and a.attgenerated = '' and a.attidentity = '' and a.attname <> {column}
            and not exists (select from pg_index i where i.indrelid = a.attrelid
              and i.indisunique and a.attnum = any (i.indkey::smallint[]));
          select case a.atttypid when 'uuid'::regtype then 'md5(%2$s::text)::uuid'
            else 'left(md5(%2$s::text), length(%2$s::text))' end into fresh from pg_attribute a
          where a.attrelid = to_regclass({name}) and a.attname = {column};
          execute format('insert into {spans} (%1$s, %2$s) select %1$s, ' || fresh
            || ' from {spans} where {outermost}', others, {quoted_id});
        end $$;
        select pg_temp.twice();",
        quoted_id = literal(&id),
    )
}

/// A text as an SQL literal.
fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// What becomes of the work.
fn work(spec: &Spec) -> Vec<Sabotage> {
    let units = identifier::table(&spec.tables.units.table);
    let before = Overrides {
        before: trigger(&units, "raise exception 'sabotage';"),
        ..Overrides::default()
    };
    let killed = Overrides { kill: true, ..Overrides::default() };
    let mut all = vec![
        sabotage("work-refused", "no unit of work can be begun", UNDONE, before),
        sabotage(
            "killed",
            "the service is killed while the job runs",
            &[Code::ProcessCrashed],
            killed,
        ),
    ];
    let outcome = &spec.tables.units.outcome;
    if !outcome.is_empty() && spec.tracing_flag().is_some_and(has_off) {
        let column = identifier::name(outcome);
        let sql = format!("update {units} set {column} = '{{\"sabotaged\": true}}'");
        let what = "the work gives something else with tracing on";
        all.push(sabotage(
            "outcome-changed",
            what,
            &[Code::OutcomeChangedByTracing],
            after(&units, &sql),
        ));
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::example;

    /// A name of a column with a dot in it was taken for a schema and a table.
    #[test]
    fn a_dot_in_a_column_is_a_part_of_its_name() {
        let named = "\n[tables.spans]\nstatus = \"span.status\"\nparent = \"span.parent\"\n";
        let spec = example(|text| text.replace("\n[tables.spans]\n", named));
        assert_eq!(spec.tables.spans.status, "span.status");
        let sql: String =
            sabotages(&spec).iter().map(|one| format!("{:?}", one.overrides)).collect();
        assert!(sql.contains(r#"\"span.status\""#) && sql.contains(r#"\"span.parent\""#), "{sql}");
        assert!(!sql.contains(r#"\"span\".\"status\""#), "{sql}");
    }
}
