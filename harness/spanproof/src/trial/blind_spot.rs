//! Finds the blind spots of the witness. The witness is a set of triggers that log each attempt to insert
//! a span. A blind spot is a part of the database in which an insert can be lost before the triggers run:
//! a rule that replaces the insert, or a function that catches errors or inserts elsewhere. A "place" is
//! a table or view through which spans can be inserted.

use std::collections::{BTreeMap, BTreeSet};

use sqlx::PgConnection;

use super::tally::statement;
use super::trigger;
use crate::identifier;
use crate::json_path::base;
use crate::observation::{BlindSpot, BlindSpotEffect};
use crate::spec::SpanTable;
use spanproof_postgres::LogEntry;

/// Prefix of the log line that the event trigger writes when it can't create a trigger on a table.
const UNWATCHED: &str = "spanproof witness: unwatched ";

/// Selects the names of the tables and views through which spans can be inserted.
const PLACES: &str = "select distinct c.relname::text from spanproof_witness.places() p \
    join pg_class c on c.oid = p.place where p.is_counted";

/// Selects the rules that replace an insert: name, table, definition and whether there is a condition. A
/// view's rule that inserts each row into a table with triggers is not a blind spot.
const RULES: &str = r#"
with place as (select place from spanproof_witness.places() where is_counted),
rule as (
    select r.rulename::text as name, r.ev_class::regclass as place, r.ev_qual <> '<>' as has_condition,
        pg_get_ruledef(r.oid) as definition
    from pg_rewrite r join place on place.place = r.ev_class
    where r.ev_type = '3' and r.is_instead and r.ev_enabled <> 'D'
)
select name, place::text, definition, has_condition from rule
where has_condition or definition !~ 'INSERT INTO .* VALUES \(' or not exists (
    select from place where place.place <> rule.place and place.place =
        to_regclass(substring(definition from 'INSERT INTO ((?:"[^"]*"|[^ (])+)')))
order by 1, 2"#;

/// Selects the functions and procedures of the user: name, definition, and whether a trigger of a table into
/// which no spans are inserted calls it.
const ROUTINES: &str = r"
select p.proname::text, pg_get_functiondef(p.oid),
    exists (select from pg_trigger t where t.tgfoid = p.oid and t.tgenabled <> 'D'
        and t.tgrelid not in (select place from spanproof_witness.places()))
from pg_proc p join pg_namespace n on n.oid = p.pronamespace
where p.prokind in ('f', 'p') and n.nspname not in ('pg_catalog', 'information_schema')
    and n.nspname not like 'spanproof\_%' and not exists (select from pg_depend d
        where d.classid = 'pg_proc'::regclass and d.objid = p.oid and d.deptype = 'e')
order by 1";

/// The words and punctuation marks of a piece of SQL, in lower case and without quotes.
struct Sql(Vec<String>);

/// A function or procedure.
struct Routine {
    name: String,
    body: Sql,
    /// Whether a trigger of a table into which no spans are inserted calls it.
    is_called_elsewhere: bool,
}

/// Finds the blind spots through which the service inserted spans, or may have done so. `entries` are the
/// entries of the database server's log.
pub(super) async fn find(
    connection: &mut PgConnection,
    spans: &SpanTable,
    entries: &[LogEntry],
) -> Result<Vec<BlindSpot>, sqlx::Error> {
    let unwatched = |what| BlindSpot { what, effect: BlindSpotEffect::Unwatched, statements: None };
    if let Some(why) = trigger::missing_triggers(connection).await? {
        return Ok(vec![unwatched(why)]);
    }
    let failures = entries.iter().filter_map(|entry| entry.message.strip_prefix(UNWATCHED));
    let mut spots: Vec<_> = failures
        .map(|why| unwatched(format!("a table without the witness's triggers: {why}")))
        .collect();
    let statements: Vec<Sql> = entries.iter().filter_map(statement).map(Sql::new).collect();
    let mut places: Vec<String> = sqlx::query_scalar(PLACES).fetch_all(&mut *connection).await?;
    // If the span table does not exist, the query does not return it.
    places.push(identifier::parts(&spans.table).1);
    let rules = sqlx::query_as(RULES).fetch_all(&mut *connection).await?;
    spots.extend(rules.into_iter().map(|rule| rule_spot(rule, &places, &statements)));
    let routines: Vec<(String, String, bool)> =
        sqlx::query_as(ROUTINES).fetch_all(&mut *connection).await?;
    let routines: Vec<_> = routines
        .into_iter()
        .map(|(name, body, is_called_elsewhere)| {
            let body = Sql::new(&body);
            Routine { name, body, is_called_elsewhere }
        })
        .collect();
    spots.extend(temporary_table_spot(&places, &statements));
    spots.extend(similar_table_spots(spans, &places, &statements));
    spots.extend(block_spot(&places, &statements));
    spots.extend(routine_spots(&routines, &places, &statements));
    Ok(spots)
}

fn rule_spot(
    (name, place, definition, has_condition): (String, String, String, bool),
    places: &[String],
    statements: &[Sql],
) -> BlindSpot {
    let discards = !has_condition && definition.trim_end().ends_with("DO INSTEAD NOTHING;");
    let (does, effect) = if discards {
        ("replaces every insert by nothing", BlindSpotEffect::Discards)
    } else {
        ("replaces inserts", BlindSpotEffect::Unclear)
    };
    let count = statements.iter().filter(|sql| sql.inserts_into(places)).count();
    let what = format!("the rule `{name}` on `{place}` {does}");
    BlindSpot { what, effect, statements: Some(count) }
}

/// Returns a blind spot if the service created a temporary table with the name of the span table. The
/// session then inserts into the temporary table, which is removed at the end of the session.
fn temporary_table_spot(places: &[String], statements: &[Sql]) -> Option<BlindSpot> {
    statements.iter().find(|sql| sql.creates_temporary(places))?;
    let count = statements.iter().filter(|sql| sql.inserts_into(places)).count();
    let what = "a temporary table has the name of the span table".to_owned();
    Some(BlindSpot { what, effect: BlindSpotEffect::Elsewhere, statements: Some(count) })
}

/// Returns a blind spot for each other table that seems to get spans: the table was created like the span
/// table, or inserts into the table name the columns of the span table. Its rows may be copied to the span
/// table later.
fn similar_table_spots(spans: &SpanTable, places: &[String], statements: &[Sql]) -> Vec<BlindSpot> {
    let has_columns = |sql: &Sql| spans.has_columns_in(|column| sql.names(&base(column)));
    let like_spans = |sql: &&Sql| has_columns(sql) || places.iter().any(|place| sql.names(place));
    let created: BTreeSet<&String> =
        statements.iter().filter(like_spans).filter_map(Sql::created_table).collect();
    let reaches_place = statements.iter().any(|sql| sql.inserts_into(places));
    let effect = if reaches_place { BlindSpotEffect::Unclear } else { BlindSpotEffect::Elsewhere };
    let mut counts: BTreeMap<&String, usize> = BTreeMap::new();
    for sql in statements.iter().filter(|sql| !sql.inserts_into(places)) {
        if let Some(table) = sql.insert_target()
            && (has_columns(sql) || created.contains(table))
        {
            *counts.entry(table).or_default() += 1;
        }
    }
    let spot = |(table, count): (&String, usize)| {
        let what = format!("`{table}` gets rows with the columns of spans");
        BlindSpot { what, effect, statements: Some(count) }
    };
    counts.into_iter().map(spot).collect()
}

/// Returns a blind spot if the service ran `DO` blocks that insert into one of the places.
fn block_spot(places: &[String], statements: &[Sql]) -> Option<BlindSpot> {
    let is_block = |sql: &&Sql| sql.0.first().is_some_and(|word| word == "do");
    let blocks = statements.iter().filter(is_block).filter(|sql| sql.inserts_into(places));
    let what = "a `DO` block inserts into the span table".to_owned();
    let effect = BlindSpotEffect::Inserts;
    let count = blocks.count();
    (count > 0).then_some(BlindSpot { what, effect, statements: Some(count) })
}

/// Returns a blind spot for each function that statements or triggers call and that inserts, or may insert,
/// into one of the places.
fn routine_spots(routines: &[Routine], places: &[String], statements: &[Sql]) -> Vec<BlindSpot> {
    let mut spots = Vec::new();
    for (index, calls) in called_routines(routines, statements) {
        let Routine { name, body, .. } = &routines[index];
        let (does, effect) = match calls {
            Some(_) if body.inserts_into(places) => {
                ("inserts into the span table", BlindSpotEffect::Inserts)
            }
            None if body.inserts_into(places) => {
                let does = "inserts into the span table from a trigger of another table";
                (does, BlindSpotEffect::Unclear)
            }
            _ if body.is_dynamic() => {
                ("builds its statements at run time", BlindSpotEffect::Unclear)
            }
            _ => continue,
        };
        let what = format!("the function `{name}` {does}");
        spots.push(BlindSpot { what, effect, statements: calls });
    }
    spots
}

/// Returns the indexes of the routines that statements or triggers call, directly or through other
/// routines. The value is the number of statements that call the routine, or the routine through which it is
/// called; `None` if only a trigger calls it.
fn called_routines(routines: &[Routine], statements: &[Sql]) -> BTreeMap<usize, Option<usize>> {
    let mut called = BTreeMap::new();
    for (index, Routine { name, is_called_elsewhere, .. }) in routines.iter().enumerate() {
        let count = statements.iter().filter(|sql| sql.calls(name)).count();
        if count > 0 || *is_called_elsewhere {
            called.insert(index, (count > 0).then_some(count));
        }
    }
    let mut waiting: Vec<usize> = called.keys().copied().collect();
    while let Some(caller) = waiting.pop() {
        for (index, Routine { name, .. }) in routines.iter().enumerate() {
            if !called.contains_key(&index) && routines[caller].body.calls(name) {
                called.insert(index, called[&caller]);
                waiting.push(index);
            }
        }
    }
    called
}

impl Sql {
    fn new(text: &str) -> Self {
        let is_part = |letter: char| letter.is_alphanumeric() || letter == '_' || letter == '$';
        let mut words: Vec<String> = Vec::new();
        let mut is_open = false;
        for letter in text.chars() {
            match words.last_mut().filter(|_| is_open && is_part(letter)) {
                Some(word) => word.extend(letter.to_lowercase()),
                None if letter.is_whitespace() || letter == '"' => {}
                None => words.push(letter.to_lowercase().collect()),
            }
            is_open = is_part(letter);
        }
        Self(words)
    }

    /// Whether the SQL inserts into one of the tables. Text in quotes counts, because it may be run as SQL.
    fn inserts_into(&self, tables: &[String]) -> bool {
        (0..self.0.len()).any(|start| {
            let words = &self.0[start..];
            let verbs: [&[&str]; 3] = [&["insert", "into"], &["merge", "into"], &["copy"]];
            let verb = verbs.into_iter().find(|verb| words.iter().take(verb.len()).eq(*verb));
            let Some(mut rest) = verb.map(|verb| &words[verb.len()..]) else { return false };
            if rest.first().is_some_and(|word| word == "only") {
                rest = &rest[1..];
            }
            if rest.get(1).is_some_and(|sign| sign == ".") {
                rest = &rest[2..];
            }
            let is_named = |table: &String| {
                let Sql(name) = Self::new(table);
                !name.is_empty() && rest.starts_with(&name)
            };
            tables.iter().any(is_named)
        })
    }

    /// Whether the SQL contains this name.
    fn names(&self, name: &str) -> bool {
        let Sql(name) = Self::new(name);
        !name.is_empty() && self.0.windows(name.len()).any(|words| words == name)
    }

    /// Returns the table that the SQL inserts or copies into, without its schema; `None` for other SQL.
    fn insert_target(&self) -> Option<&String> {
        let words: Vec<&str> = self.0.iter().map(String::as_str).collect();
        let start = match words[..] {
            ["insert" | "merge", "into", ..] => 2,
            ["copy", ..] if words.contains(&"from") => 1,
            _ => return None,
        };
        let is_qualified = words.get(start + 1) == Some(&".");
        self.0.get(if is_qualified { start + 2 } else { start })
    }

    /// Returns the table that the SQL creates, without its schema; `None` for other SQL.
    fn created_table(&self) -> Option<&String> {
        let table = self.0.iter().position(|word| word == "table")?;
        let skipped = ["if", "not", "exists"];
        let mut names = self.0[table + 1..].iter().filter(|word| !skipped.contains(&word.as_str()));
        let first = names.next()?;
        let name = if names.next().is_some_and(|sign| sign == ".") { names.next()? } else { first };
        (self.0.first()? == "create").then_some(name)
    }

    /// Whether the SQL creates a temporary table with one of these names.
    fn creates_temporary(&self, tables: &[String]) -> bool {
        let skipped = ["global", "local", "if", "not", "exists"];
        let words: Vec<&str> =
            self.0.iter().map(String::as_str).filter(|word| !skipped.contains(word)).collect();
        let is_temporary = matches!(words[..], ["create", "temp" | "temporary", "table", ..]);
        let names =
            |table: &String| words.get(3).is_some_and(|word| Self::new(table).0.iter().eq([word]));
        is_temporary && tables.iter().any(names)
    }

    /// Whether the SQL calls this function or procedure.
    fn calls(&self, routine: &str) -> bool {
        let Sql(mut call) = Self::new(routine);
        call.push("(".to_owned());
        self.0.windows(call.len()).any(|words| words == call)
    }

    /// Whether the SQL is the definition of a function that may build `INSERT` statements at run time: it
    /// contains the words `insert` and `execute`, or it contains `insert` and is written in a language other
    /// than SQL and PL/pgSQL.
    fn is_dynamic(&self) -> bool {
        let has = |word: &str| self.0.iter().any(|other| other == word);
        let is_sql = self
            .0
            .windows(2)
            .any(|words| words[0] == "language" && ["sql", "plpgsql"].contains(&words[1].as_str()));
        has("insert") && (!is_sql || has("execute"))
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::plain("INSERT INTO spans VALUES (1)", true)]
    #[case::schema("with x as (insert into \"app\".\"spans\" (id) select 1) select", true)]
    #[case::copy("copy app . spans from stdin", true)]
    #[case::in_a_text("begin execute 'insert into spans values (1)'; end", true)]
    #[case::other("insert into old_spans select * from spans", false)]
    #[case::longer("insert into spans_old values (1)", false)]
    #[case::read("select * from spans", false)]
    fn inserts_into_the_span_table_are_recognized(#[case] text: &str, #[case] inserts: bool) {
        assert_eq!(Sql::new(text).inserts_into(&["spans".to_owned()]), inserts);
    }

    #[rstest]
    #[case::plain("create temp table spans (id int)", true)]
    #[case::like("CREATE LOCAL TEMPORARY TABLE IF NOT EXISTS \"spans\" (like public.spans)", true)]
    #[case::permanent("create table spans (id int)", false)]
    #[case::other("create temporary table old_spans as select * from spans", false)]
    fn a_temporary_table_with_the_name_of_the_span_table_is_recognized(
        #[case] text: &str,
        #[case] creates: bool,
    ) {
        assert_eq!(Sql::new(text).creates_temporary(&["spans".to_owned()]), creates);
    }

    #[rstest]
    #[case::columns("insert into stage (t, s, n) values (1)", &["`stage` gets rows with the columns of spans; 1"])]
    #[case::like("create temp table if not exists w (like app.spans);; copy w from stdin",
        &["`w` gets rows with the columns of spans; 1"])]
    #[case::few_columns("insert into jobs (t, n) values (1)", &[])]
    #[case::copy_out("copy spans (t, s, n) to stdout", &[])]
    fn another_table_that_gets_spans_is_found(#[case] sql: &str, #[case] expected: &[&str]) {
        let spans: SpanTable = toml::from_str(
            "table = 'spans'\ntrace = 't'\nid = 's'\nparent = 'p'\nname = 'n'\nunit = 'u'\n\
             service = ''\nduration = ''\nstarted = 'b'\ncompleted = 'e'\nstatus = 'x'",
        )
        .unwrap();
        let statements: Vec<_> = sql.split(";;").map(|text| Sql::new(text.trim())).collect();
        let found = similar_table_spots(&spans, &["spans".to_owned()], &statements);
        let texts: Vec<_> = found
            .iter()
            .map(|spot| format!("{}; {}", spot.what, spot.statements.unwrap()))
            .collect();
        assert_eq!(texts, expected);
        assert!(found.iter().all(|spot| spot.effect == BlindSpotEffect::Elsewhere));
    }

    #[test]
    fn finds_routines_that_are_called_directly_or_through_another_routine_or_by_a_trigger() {
        let routine = |name: &str, body: &str, is_called_elsewhere| Routine {
            name: name.to_owned(),
            body: Sql::new(body),
            is_called_elsewhere,
        };
        let routines = [
            routine("outer_one", "select inner_one(1)", false),
            routine("inner_one", "select 1", false),
            routine("unused", "select inner_one(2)", false),
            routine("fired", "select deep ()", true),
            routine("deep", "select 1", false),
        ];
        let statements = [Sql::new("call Outer_one('x')"), Sql::new("select un_used(1)")];
        let found: Vec<_> = called_routines(&routines, &statements).into_iter().collect();
        assert_eq!(found, [(0, Some(1)), (1, Some(1)), (3, None), (4, None)]);
    }
}
