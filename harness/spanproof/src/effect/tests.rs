//! Effects of flags in handmade cases.

use std::hash::{Hash as _, Hasher as _};

use rstest::rstest;
use spanproof_format as format;

use super::flag_effect::ChangeKind;
use super::{CaseEffect, Change, Effect, ValueEffect, case_effects, flag_effects};
use crate::matrix::Case;
use crate::observation::Observation;
use crate::spec::{Spec, Value, example};

/// A handmade case: its inputs, and the number of its trial.
struct Inputs {
    limit: Option<&'static str>,
    router_off: bool,
    route: &'static str,
    number: usize,
}

/// What a service leaves: lines at startup, later lines, spans and requests. If `hangs` is true, the job
/// does not end.
#[derive(Default)]
struct Evidence {
    startup: Vec<String>,
    log: Vec<String>,
    spans: Vec<&'static str>,
    requests: usize,
    hangs: bool,
}

fn spec() -> Spec {
    let flag = "\n[[flag]]\nname = 'LIMIT'\nvalues = [{ unset = true }, '5', '7']\n";
    example(|text| text + flag)
}

/// Runs a made-up service under every combination of inputs, `trials` times.
fn run(
    routes: &[&'static str],
    trials: usize,
    service: impl Fn(&Inputs) -> Evidence,
) -> (Spec, Vec<Observation>) {
    let spec = spec();
    let mut all = Vec::new();
    for number in 0..trials {
        for limit in [None, Some("5"), Some("7")] {
            for router_off in [false, true] {
                for route in routes {
                    let inputs = Inputs { limit, router_off, route, number };
                    all.push(observation(&spec, &inputs, service(&inputs)));
                }
            }
        }
    }
    (spec, all)
}

fn observation(spec: &Spec, inputs: &Inputs, evidence: Evidence) -> Observation {
    let set = |text: &str| Value::Set(text.to_owned());
    let flags = vec![
        ("ENABLE_DB_TRACING".to_owned(), set("true")),
        (
            "HYBRID_ROUTER_DISABLE".to_owned(),
            if inputs.router_off { set("true") } else { Value::Unset },
        ),
        ("LIMIT".to_owned(), inputs.limit.map_or(Value::Unset, set)),
    ];
    let case = Case::new(spec, flags, [inputs.route, "healthy", "four-units"]);
    let exit = format::ProcessExit::new(format::Ending::Code(0));
    let mut stored = format::Observation::new(case.into(), format::WaitResult::Reached, exit);
    stored.startup.stdout = evidence.startup.len();
    let lines = evidence.startup.into_iter().chain(evidence.log);
    let line = |text: String| format::OutputLine::new(format::Stream::Stdout, 0, text);
    stored.output.lines = lines.map(line).collect();
    let not_ended = format::WaitResult::NotReached("running".into());
    stored.settled = Some(if evidence.hangs { not_ended } else { format::WaitResult::Reached });
    let span = |name: &&str| {
        let row = serde_json::json!({"operation": name, "status": "completed"});
        row.as_object().unwrap().clone()
    };
    stored.spans = evidence.spans.iter().map(span).collect::<Vec<_>>().into();
    let answer = format::Answer::Status(200);
    let request = || format::Exchange::new(1, "POST", "/inference", answer.clone());
    stored.exchanges = (0..evidence.requests).map(|_| request()).collect();
    stored.into()
}

/// Returns the effect of `LIMIT=5`.
fn limit(run: &(Spec, Vec<Observation>)) -> ValueEffect {
    let all: Vec<_> = run.1.iter().collect();
    let effects = flag_effects(&run.0, &all);
    let limit = effects.into_iter().find(|effects| effects.name == "LIMIT").unwrap();
    limit.values.into_iter().find(|value| value.value == Value::Set("5".into())).unwrap()
}

/// Returns the distinct effects of `LIMIT=5` in cases with the router on, and with the router off.
fn limit_by_router((spec, all): &(Spec, Vec<Observation>)) -> [Vec<CaseEffect>; 2] {
    let effects = case_effects(spec, &all.iter().collect::<Vec<_>>());
    let flag = spec.flags.iter().position(|flag| flag.name == "LIMIT").unwrap();
    ["unset", "true"].map(|router| {
        let mut found: Vec<CaseEffect> = Vec::new();
        for (one, effect) in all.iter().zip(&effects[flag]) {
            let value = |name: &str| one.case.flag(name).text().unwrap_or("unset").to_owned();
            let is_wanted = value("LIMIT") == "5" && value("HYBRID_ROUTER_DISABLE") == router;
            if is_wanted && !found.contains(effect) {
                found.push(effect.clone());
            }
        }
        found
    })
}

const TWO_ROUTES: &[&str] = &["queued", "cross-region"];

/// Returns a pseudo-random number for a trial.
fn random(inputs: &Inputs) -> usize {
    let Inputs { limit, router_off, route, number } = inputs;
    let limit = limit.map_or(3, str::len) + limit.map_or(0, |text| text.as_bytes()[0] as usize);
    (limit * 31 + usize::from(*router_off) * 17 + route.len() * 7 + number * 101) % 997
}

#[test]
fn a_flag_that_nothing_reads_does_nothing() {
    let run = run(TWO_ROUTES, 1, |_| Evidence { spans: vec!["a"], ..Evidence::default() });
    let ValueEffect { effect, pairs, .. } = limit(&run);
    assert!(matches!(effect, Effect::Nothing(_)), "{effect:?}");
    assert_eq!(pairs, 4);
}

#[test]
fn a_change_that_every_pair_shows_is_an_effect() {
    let run = run(TWO_ROUTES, 1, |inputs| Evidence {
        requests: if inputs.limit == Some("5") { 5 } else { 2 },
        ..Evidence::default()
    });
    let Effect::Effective(changes) = limit(&run).effect else { panic!("{:?}", limit(&run)) };
    let [Change { kind, text, .. }] = changes.as_slice() else { panic!("{changes:?}") };
    assert_eq!(
        (*kind, text.as_str()),
        (ChangeKind::Requests, "request POST /inference: 5 instead of 2")
    );
}

#[test]
fn an_effect_that_one_pair_shows_is_unknown_until_its_cases_run_again() {
    let service = |inputs: &Inputs| Evidence {
        log: vec![if inputs.limit == Some("5") { "low".into() } else { "high".into() }],
        ..Evidence::default()
    };
    let once = limit(&run(&["queued"], 1, service));
    assert!(
        matches!(&once.effect, Effect::Unknown(why) if why.contains("too few trials")),
        "{once:?}"
    );
    assert!(once.repeat.is_some());
    let repeated = limit(&run(&["queued"], 3, service));
    assert!(matches!(repeated.effect, Effect::Effective(_)), "{repeated:?}");
}

#[test]
fn what_varies_at_random_is_not_an_effect() {
    let service = |inputs: &Inputs| Evidence {
        startup: vec![format!("seed {}", random(inputs))],
        log: vec![format!("took {} steps", random(inputs)), "done".into()],
        ..Evidence::default()
    };
    let once = limit(&run(&["queued"], 1, service));
    assert!(matches!(once.effect, Effect::Unknown(_)), "{once:?}");
    let repeated = limit(&run(&["queued"], 2, service));
    assert!(matches!(repeated.effect, Effect::Nothing(_)), "{repeated:?}");
}

#[test]
fn a_line_that_comes_and_goes_is_not_an_effect() {
    for trials in 1..=3 {
        let run = run(TWO_ROUTES, trials, |inputs| Evidence {
            log: if random(inputs).is_multiple_of(2) {
                vec!["retrying".into()]
            } else {
                Vec::new()
            },
            requests: 1 + random(inputs) % 3 / 2,
            ..Evidence::default()
        });
        let effect = limit(&run).effect;
        assert!(!matches!(effect, Effect::Effective(_)), "{trials} trials: {effect:?}");
    }
}

/// If many lines come and go at random, a few of them look like an effect in all pairs of a few cases.
#[test]
fn many_lines_that_come_and_go_are_not_an_effect() {
    for seed in 0..40 {
        for (routes, trials) in [(1, 1), (2, 1), (3, 1), (2, 2)] {
            let routes = &["queued", "cross-region", "third"][..routes];
            let run = run(routes, trials, |inputs| {
                let flicker = |line: u8| {
                    let mut hash = std::hash::DefaultHasher::new();
                    let Inputs { limit, router_off, route, number } = inputs;
                    (seed, line, limit, router_off, route, number).hash(&mut hash);
                    hash.finish().is_multiple_of(2)
                };
                let lines = (0..60).filter(|line| flicker(*line));
                let name = |line: u8| format!("worker {} joined", char::from(b'A' + line));
                Evidence { log: lines.map(name).collect(), ..Evidence::default() }
            });
            let effect = limit(&run).effect;
            assert!(!matches!(effect, Effect::Effective(_)), "{seed}, {trials}: {effect:?}");
        }
    }
}

#[test]
fn a_flag_that_another_flag_disables_is_reported_with_that_flag() {
    let run = run(TWO_ROUTES, 1, |inputs| {
        let calls = if inputs.limit == Some("5") { 5 } else { 2 };
        Evidence { requests: if inputs.router_off { 0 } else { calls }, ..Evidence::default() }
    });
    let ValueEffect { effect, inert_under, .. } = limit(&run);
    assert!(matches!(effect, Effect::Unknown(_)), "two pairs are too few: {effect:?}");
    assert_eq!(inert_under, []);
    let run = self::run(TWO_ROUTES, 2, |inputs| {
        let calls = if inputs.limit == Some("5") { 5 } else { 2 };
        Evidence { requests: if inputs.router_off { 0 } else { calls }, ..Evidence::default() }
    });
    let ValueEffect { effect, inert_under, .. } = limit(&run);
    assert!(matches!(effect, Effect::Effective(_)), "{effect:?}");
    let disabling = ("HYBRID_ROUTER_DISABLE".to_owned(), Value::Set("true".into()));
    assert_eq!(inert_under, [disabling]);
}

#[test]
fn a_flag_with_a_remaining_effect_is_not_disabled() {
    let run = run(TWO_ROUTES, 2, |inputs| {
        let calls = if inputs.limit == Some("5") { 5 } else { 2 };
        let line = if inputs.router_off { format!("{calls} calls saved") } else { "calls".into() };
        Evidence {
            requests: if inputs.router_off { 0 } else { calls },
            log: vec![line],
            ..Evidence::default()
        }
    });
    let ValueEffect { effect, inert_under, .. } = limit(&run);
    assert!(matches!(effect, Effect::Effective(_)), "{effect:?}");
    assert_eq!(inert_under, []);
}

#[test]
fn a_value_that_is_only_printed_has_no_other_effect() {
    let run = run(TWO_ROUTES, 1, |inputs| Evidence {
        startup: vec![format!("config LIMIT={}", inputs.limit.unwrap_or("<unset>"))],
        ..Evidence::default()
    });
    let Effect::Printed(changes) = limit(&run).effect else { panic!("{:?}", limit(&run)) };
    assert_eq!(changes[0].text, "line `config LIMIT=5`");
}

#[test]
fn a_line_at_startup_depends_on_flags_only() {
    let run = run(&["queued", "cross-region", "third"], 1, |inputs| Evidence {
        startup: if inputs.limit.is_some() { vec!["limited".into()] } else { Vec::new() },
        ..Evidence::default()
    });
    let Effect::Effective(changes) = limit(&run).effect else { panic!("{:?}", limit(&run)) };
    assert_eq!(changes[0].text, "startup line `limited` appears");
}

/// If only a line at startup changes, no case shows whether the service does what the line says.
#[rstest]
#[case::a_line_at_startup(0, true)]
#[case::also_requests(2, false)]
fn a_flag_that_changes_only_a_line_at_startup_is_recognized(
    #[case] requests: usize,
    #[case] expected: bool,
) {
    let routes = ["queued", "cross-region", "third"];
    let (spec, all) = run(&routes, 2, |inputs| Evidence {
        startup: vec![if inputs.limit.is_some() { "limited" } else { "unlimited" }.into()],
        requests: if inputs.limit.is_some() { requests } else { 0 },
        ..Evidence::default()
    });
    let effects = flag_effects(&spec, &all.iter().collect::<Vec<_>>());
    let limit = effects.iter().find(|effects| effects.name == "LIMIT").unwrap();
    assert_eq!(limit.changes_only_startup(), expected, "{limit:?}");
}

#[test]
fn cases_whose_jobs_do_not_end_have_an_unknown_effect() {
    let run = run(TWO_ROUTES, 1, |_| Evidence { hangs: true, ..Evidence::default() });
    let ValueEffect { effect, pairs, .. } = limit(&run);
    assert!(
        matches!(&effect, Effect::Unknown(why) if why.contains("a job that ended")),
        "{effect:?}"
    );
    assert_eq!(pairs, 0);
}

#[test]
fn the_effect_in_a_case_depends_on_its_other_flags() {
    let run = run(TWO_ROUTES, 2, |inputs| {
        let calls = if inputs.limit == Some("5") { 5 } else { 2 };
        Evidence { requests: if inputs.router_off { 0 } else { calls }, ..Evidence::default() }
    });
    let changes = CaseEffect::Changes([ChangeKind::Requests].into());
    let nothing = CaseEffect::Nothing { printed: false };
    assert_eq!(limit_by_router(&run), [vec![changes], vec![nothing]]);
}

#[test]
fn a_change_that_too_few_trials_show_is_an_unknown_effect() {
    let run = run(&["queued"], 1, |inputs| Evidence {
        requests: if inputs.limit == Some("5") && !inputs.router_off { 5 } else { 2 },
        ..Evidence::default()
    });
    let nothing = CaseEffect::Nothing { printed: false };
    assert_eq!(limit_by_router(&run), [vec![CaseEffect::Unknown], vec![nothing]]);
}

#[test]
fn a_case_whose_job_did_not_end_has_an_unknown_effect() {
    let run =
        run(TWO_ROUTES, 1, |inputs| Evidence { hangs: inputs.router_off, ..Evidence::default() });
    let nothing = CaseEffect::Nothing { printed: false };
    assert_eq!(limit_by_router(&run), [vec![nothing], vec![CaseEffect::Unknown]]);
}

#[test]
fn a_case_that_only_prints_the_value_has_no_other_effect() {
    let run = run(TWO_ROUTES, 1, |inputs| Evidence {
        startup: vec![format!("config LIMIT={}", inputs.limit.unwrap_or("<unset>"))],
        ..Evidence::default()
    });
    let printed = vec![CaseEffect::Nothing { printed: true }];
    assert_eq!(limit_by_router(&run), [printed.clone(), printed]);
}

#[test]
fn the_baseline_is_unset_or_off_unless_the_spec_declares_it_as_on() {
    let baseline = |keys: &str| {
        let flag = format!("\n[[flag]]\nname = 'FAST'\n{keys}\n");
        example(|text| text + &flag).flags.last().unwrap().baseline()
    };
    let set = |text: &str| Value::Set(text.to_owned());
    assert_eq!(baseline("values = ['on', 'off', { unset = true }]"), Value::Unset);
    assert_eq!(baseline("values = ['on', 'off']\ndefault = 'on'"), set("off"));
    assert_eq!(baseline("values = ['fast', 'slow']"), set("fast"));
    let on = "values = ['off', { unset = true }]\nenables = [{ unset = true }]";
    assert_eq!(baseline(on), set("off"));
}
