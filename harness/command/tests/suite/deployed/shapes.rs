//! Tests that the commands which read an existing system give the same answers for the same rows,
//! whatever the shape of their tables: plain columns, paths into JSON, names that need quotes, and
//! ids of several columns.

use rstest::rstest;
use serde_json::{Value as Json, json};

use super::production::{LOG, Production};
use crate::run::{Output, Spanproof};

/// SQL that inserts spans. Job 469 has spans for every unit (a row of `executions`), job 470 for half of its
/// units, and job 472 has none. The spans of job 471 do not name their units. One span of another service
/// names neither a job nor a unit.
const SPANS: &str = "
insert into trace_spans (trace_id, span_id, parent_span_id, service, operation, started_at, completed_at, duration_ms,
    status, job_id, execution_id, model_id, region)
select md5('t' || e.id)::uuid, md5(o || e.id)::uuid,
    case o when 'hybrid_router_call' then md5('execute_question' || e.id)::uuid end, 'runner', o,
    e.started_at at time zone 'UTC' + e.id * interval '1 microsecond', e.completed_at at time zone 'UTC', 10, e.status, e.job_id,
    case when e.job_id <> 471 then e.id end, e.model_id, e.region
from executions e, unnest(array['execute_question', 'hybrid_router_call']) o
where e.job_id in (469, 471) or e.job_id = 470 and e.id % 2 = 0;
insert into trace_spans (trace_id, span_id, service, operation, started_at, completed_at, duration_ms, status)
values (md5('t')::uuid, md5('s')::uuid, 'other', 'x', '2025-01-01', '2025-01-01', 0, 'completed');
alter table executions add position integer;
update executions e set position = n from
    (select id, row_number() over (partition by job_id order by id) n from executions) x where x.id = e.id;
alter table trace_spans add position integer;
update trace_spans s set position = e.position from executions e where e.id = s.execution_id;";

/// A shape: SQL that changes the tables, and the section `[tables]` that describes them.
struct Shape {
    sql: &'static str,
    /// The id of the first unit of job 469.
    unit: &'static str,
    tables: &'static str,
}

/// The shape of the tables in production.
const PLAIN: Shape = Shape { sql: "", unit: "2101", tables: "" };

/// Fields of objects, in columns of the types `jsonb` and `json`.
const OBJECTS: Shape = Shape {
    sql: "
alter table trace_spans add attributes jsonb;
update trace_spans set attributes = jsonb_build_object('run', jsonb_build_object('unit', execution_id), 'job', job_id,
    'name', operation, 'began', started_at, 'it''s', region);
alter table trace_spans drop execution_id, drop job_id, drop operation, drop started_at, drop region;
alter table executions add refs json;
update executions set refs = json_build_object('ids', json_build_array(job_id, id));
alter table executions drop job_id, drop id;
alter table jobs add doc jsonb;
update jobs set doc = jsonb_build_object('id', id, 'name', jobspec_id, 'status', status);
alter table executions alter refs set not null; alter table jobs drop id cascade, drop jobspec_id, drop status",
    unit: "2101",
    tables: r#"
[tables.jobs]
id = "doc->>'id'"
name = "doc->>'name'"
status = "doc->>'status'"
[tables.units]
id = "refs->'ids'->>1"
job = "refs->'ids'->>0"
[tables.spans]
name = "attributes->>'name'"
started = "attributes->>'began'"
unit = "attributes->'run'->>'unit'"
[tables.spans.attributes]
"attributes->>'job'" = "refs->'ids'->>0"
model_id = "model_id"
"attributes->>'it''s'" = "region"
status = "status"
"#,
};

/// Attributes as a JSON list, in the form of OpenTelemetry, which writes numbers as strings.
const ATTRIBUTES: Shape = Shape {
    sql: "
alter table trace_spans add attributes jsonb;
update trace_spans set attributes = jsonb_build_array(
    jsonb_build_object('key', 'unit.id', 'value', jsonb_build_object('intValue', execution_id::text)),
    jsonb_build_object('key', 'job.id', 'value', jsonb_build_object('stringValue', job_id)));
alter table trace_spans drop execution_id, drop job_id",
    unit: "2101",
    tables: r#"
[tables.spans]
unit = "attributes->>'unit.id'"
[tables.spans.attributes]
"attributes->>'job.id'" = "job_id"
model_id = "model_id"
region = "region"
status = "status"
"#,
};

/// JSON in a column of type `text`. One row has a value that is not JSON.
const TEXTS: Shape = Shape {
    sql: "
alter table trace_spans add attributes text;
update trace_spans set attributes = case service when 'other' then 'no JSON'
    else json_build_object('unit', execution_id, 'job', job_id)::text end;
alter table trace_spans drop execution_id, drop job_id",
    unit: "2101",
    tables: r#"
[tables.spans]
unit = "attributes->>'unit'"
[tables.spans.attributes]
"attributes->>'job'" = "job_id"
model_id = "model_id"
region = "region"
status = "status"
"#,
};

/// Names with dots, capitals, spaces and quotes, in several schemas.
const NAMES: Shape = Shape {
    sql: r#"
create schema audit; create schema "my.schema";
alter table jobs rename to "Public Jobs"; alter table "Public Jobs" rename id to "jobId";
alter table "Public Jobs" rename jobspec_id to "weird ""name""";
alter table executions rename to "Order Lines"; alter table "Order Lines" set schema audit;
alter table audit."Order Lines" rename id to "orderId"; alter table audit."Order Lines" rename job_id to "job, (id)";
alter table trace_spans rename to "my.table"; alter table "my.table" set schema "my.schema";
alter table "my.schema"."my.table" rename span_id to "span.id";
alter table "my.schema"."my.table" rename execution_id to "Order Id";
create table "my.table" (note text); create table audit."Public Jobs" (note text);"#,
    unit: "2101",
    tables: r#"
[tables.jobs]
table = "Public Jobs"
id = "jobId"
name = 'weird "name"'
[tables.units]
table = "audit.Order Lines"
id = "orderId"
job = "job, (id)"
[tables.spans]
table = '"my.schema"."my.table"'
id = "span.id"
unit = "Order Id"
[tables.spans.attributes]
job_id = "job, (id)"
model_id = "model_id"
region = "region"
status = "status"
"#,
};

/// Units without an id of their own: the job and the position in the job identify a unit.
const POSITIONS: Shape = Shape {
    sql: "
alter table trace_spans drop execution_id;
alter table executions drop id cascade",
    unit: "469/1",
    tables: r#"
[tables.units]
id = ["job_id", "position"]
[tables.spans]
unit = ["job_id", "position"]
"#,
};

/// Like [`POSITIONS`], but spans have the position inside a JSON column.
const POSITIONS_IN_JSON: Shape = Shape {
    sql: "
alter table trace_spans add attributes jsonb;
update trace_spans set attributes = jsonb_build_object('position', position);
alter table trace_spans drop execution_id, drop position;
alter table executions drop id cascade",
    unit: "469/1",
    tables: r#"
[tables.units]
id = ["job_id", "position"]
[tables.spans]
unit = ["job_id", "attributes->>'position'"]
"#,
};

impl Shape {
    /// Creates the database of the incident with [`SPANS`], and with this shape.
    async fn production(&self) -> Production {
        let production = Production::new(&format!("{SPANS} {}", self.sql)).await;
        std::fs::write(production.folder.path().join("spanproof.toml"), self.spec()).unwrap();
        production
    }

    /// Returns the spec of this repository with the tables of this shape.
    fn spec(&self) -> String {
        let spec = std::fs::read_to_string(crate::run::SPEC).unwrap();
        let tables = spec.find("[tables.jobs]").unwrap();
        format!("{}{}", &spec[..tables], self.tables)
    }
}

/// Runs a command in the folder of a spec.
async fn run(production: &Production, args: &[&str]) -> Output {
    Spanproof::new(production.folder.path(), args).output_async().await
}

/// Returns the results of a diagnosis, without the names of tables and columns and the ids of units.
fn findings(output: &Output) -> Json {
    let Output { code, stdout, stderr } = output;
    assert_eq!(*code, 1, "{stdout}{stderr}");
    let json = output.json();
    let all = json["diagnoses"].as_array().unwrap().iter().map(|one| {
        let judgement = &one["judgement"];
        let codes = judgement["verdict"]["fail"].as_array().into_iter().flatten();
        let codes: Vec<_> = codes.map(|finding| finding["code"].clone()).collect();
        json!({"jobs": one["jobs"], "codes": codes, "funnel": judgement["funnel"],
            "spans": judgement["spans"], "assertions": judgement["assertions"]})
    });
    json!({"jobs": json["jobs"], "diagnoses": all.collect::<Vec<_>>()})
}

/// Removes the values that depend on the names of columns and the ids of units, from every object.
/// `unread` lists the diagnostic functions, which need a number as the id of a unit.
fn without_columns(json: &mut Json) {
    match json {
        Json::Object(fields) => {
            fields.retain(|name, _| {
                !["attributes", "execution", "executions", "unread"].contains(&name.as_str())
            });
            fields.values_mut().for_each(without_columns);
        }
        Json::Array(items) => items.iter_mut().for_each(without_columns),
        _ => {}
    }
}

/// Writes a dump of the database to the folder.
#[expect(clippy::disallowed_methods, reason = "`pg_dump` is a user's program")]
fn dump(production: &Production) {
    let file = production.folder.path().join("dump.sql");
    let dumped = std::process::Command::new("pg_dump")
        .args(["--dbname", production.database.url(), "--file"])
        .arg(file)
        .status();
    assert!(dumped.unwrap().success());
}

/// The results of the commands for one database.
#[derive(Debug, PartialEq)]
struct Answers {
    diagnosis: Json,
    diagnosis_of_dump: Json,
    traces: [Json; 3],
    watch: Vec<String>,
    incidents: [String; 2],
    preflight: Vec<[String; 2]>,
}

impl Answers {
    /// Runs every command on tables of a shape.
    async fn for_shape(shape: &Shape) -> Self {
        let production = shape.production().await;
        dump(&production);
        let url = production.database.url();
        let json = ["--last", "4", "--format", "json"];
        let diagnose = |source: [&'static str; 1], name: String| {
            let production = &production;
            async move {
                let args = ["diagnose", "--log", LOG, source[0], &name];
                findings(&run(production, &[&args[..], &json].concat()).await)
            }
        };
        let incidents = [
            incident(&production, ["--database", url]).await,
            incident(&production, ["--dump", "dump.sql"]).await,
        ];
        let watch = ["watch", "--last", "4", "--for", "1s", "--database", url];
        let answers = Self {
            diagnosis: diagnose(["--database"], url.to_owned()).await,
            diagnosis_of_dump: diagnose(["--dump"], "dump.sql".to_owned()).await,
            traces: [
                traces(&production, &["--job", "bias-detection-1761131160"]).await,
                traces(&production, &["--execution", shape.unit]).await,
                traces(&production, &["--last", "3"]).await,
            ],
            watch: lines(&run(&production, &watch).await.stdout),
            incidents,
            preflight: preflight(&production).await,
        };
        production.close().await;
        answers
    }
}

/// Runs `traces`, and returns its document without the parts that depend on the names of columns.
async fn traces(production: &Production, args: &[&str]) -> Json {
    let start = ["traces", "--format", "json", "--database", production.database.url()];
    let output = run(production, &[&start, args].concat()).await;
    assert_eq!(output.code, 0, "{}{}", output.stdout, output.stderr);
    let mut json = output.json();
    without_columns(&mut json);
    json
}

/// Returns the lines of `watch` without the time and the name of the table.
fn lines(output: &str) -> Vec<String> {
    let line =
        |line: &str| line.split_once("  ").unwrap().1.replace("audit.Order Lines", "executions");
    output.lines().map(line).collect()
}

/// Runs `preflight`. Returns the result of each check that does not depend on the names of columns.
async fn preflight(production: &Production) -> Vec<[String; 2]> {
    let args = ["preflight", "--format", "json", "--database", production.database.url()];
    let json = run(production, &args).await.json();
    let checks = json["checks"].as_array().unwrap().iter();
    let text = |check: &Json, key: &str| check[key].as_str().unwrap().to_owned();
    let all = checks.map(|check| [text(check, "name"), text(check, "outcome")]);
    let names = ["columns", "privileges", "a span, written and undone"];
    all.filter(|[name, _]| names.contains(&name.as_str())).collect()
}

/// Captures job 471 to a file and judges the masked rows of this file again. Returns the funnel,
/// the line that counts how many units reached each stage.
async fn incident(production: &Production, source: [&str; 2]) -> String {
    let capture = ["capture", "--log", LOG, "--job", "471", "-oout.jsonl"];
    let Output { code, stdout, stderr } = run(production, &[&capture[..], &source].concat()).await;
    assert_eq!(code, 0, "{stdout}{stderr}");
    let Output { code, stdout, stderr } =
        run(production, &["replay", "out.jsonl", "--assert-only"]).await;
    assert_eq!(code, 0, "{stdout}{stderr}");
    assert!(stdout.contains("    unlinked: 8 of 8 spans have no id of a unit"), "{stdout}");
    std::fs::remove_file(production.folder.path().join("out.jsonl")).unwrap();
    stdout.lines().find(|line| line.contains("funnel: ")).unwrap().to_owned()
}

#[rstest]
#[case::objects(&OBJECTS)]
#[case::attributes(&ATTRIBUTES)]
#[case::texts(&TEXTS)]
#[case::names(&NAMES)]
#[case::positions(&POSITIONS)]
#[case::positions_in_json(&POSITIONS_IN_JSON)]
#[tokio::test]
async fn answers_do_not_depend_on_the_shape_of_the_tables(#[case] shape: &Shape) {
    let (plain, other) = (Answers::for_shape(&PLAIN).await, Answers::for_shape(shape).await);
    let codes: Vec<_> =
        plain.diagnosis["diagnoses"].as_array().unwrap().iter().map(|one| &one["codes"]).collect();
    // Half of the units of job 470 have spans without a line about their start, so the absence of such
    // lines proves nothing, neither there nor for job 472.
    let expected = json!([[], ["undetermined"], ["unlinked"]]);
    assert_eq!(json!(codes), expected, "of jobs 469, 470 with 472, and 471");
    assert_eq!(
        plain.traces.each_ref().map(|one| one["traces"].as_array().unwrap().len()),
        [4, 1, 3]
    );
    let ends: Vec<_> =
        plain.watch.iter().map(|line| line.split_once("spans: ").unwrap().1).collect();
    assert_eq!(ends, ["8", "4", "8", "0  NO SPANS"], "{:?}", plain.watch);
    assert_eq!(plain, other);
}
