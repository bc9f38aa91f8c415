//! Verdicts on the contracts of flags: what a flag must leave behind if it is on, and must not leave
//! behind if it is off. A check that something did not appear needs a control:
//! evidence that it would have been seen.

use super::super::{ContractCheck, contract_checks};
use super::*;
use spanproof_format::RowGain;

/// The spec with these keys in its second flag, which switches the router off.
fn spec_with(keys: &str) -> Spec {
    let name = "name = \"HYBRID_ROUTER_DISABLE\"\n";
    example(|text| {
        assert!(text.contains(name));
        text.replace(name, &format!("{name}{keys}\n"))
    })
}

/// The codes of a case in which the flag is unset, and the checks that were not made.
fn judge_with(
    keys: &str,
    change: impl FnOnce(&mut TrialParts),
) -> (Vec<String>, Vec<ContractCheck>) {
    let spec = spec_with(keys);
    let mut parts = recording_case();
    change(&mut parts);
    let observation = parts.observation();
    let codes = judge(&spec, &observation).codes().iter().map(ToString::to_string).collect();
    (codes, checks_not_made(&spec, &observation))
}

/// The checks that were not made.
fn checks_not_made(spec: &Spec, observation: &Observation) -> Vec<ContractCheck> {
    let checks = contract_checks(spec, observation).into_iter();
    checks.filter(|check| check.obstacle.is_some()).collect()
}

fn add_line(text: &'static str) -> impl FnOnce(&mut TrialParts) {
    move |parts| parts.output.lines.push(line(Stream::Stdout, text))
}

fn switch_on(parts: &mut TrialParts) {
    parts.case.flags[1].1 = Value::Set("true".into());
}

#[rstest]
#[case::line("on = { log = '^router is off$' }", add_line("router is off"))]
#[case::span("on = { spans = ['hybrid_router_call'] }", |_: &mut TrialParts| {})]
#[case::request("on = { requests = '^/infer' }", |_: &mut TrialParts| {})]
#[case::off_effect("off = { requests = true }", switch_on)]
#[case::unmet_need(
    "on = { log = '^router is off$' }\nneeds = { ENABLE_DB_TRACING = 'false' }",
    |parts: &mut TrialParts| { switch_on(parts); add_line("router is off")(parts); }
)]
fn an_effect_that_must_not_appear_is_reported(
    #[case] keys: &str,
    #[case] change: impl FnOnce(&mut TrialParts),
) {
    let (codes, _) = judge_with(keys, change);
    assert_eq!(codes, ["flag-effect-while-off"]);
}

#[rstest]
#[case::line("off = { log = '^router is on$' }")]
#[case::startup("off = { startup = '^router is on$' }")]
#[case::span("off = { spans = ['route'] }")]
#[case::request("off = { requests = '^/other' }")]
fn a_missing_effect_is_reported(#[case] keys: &str) {
    assert_eq!(judge_with(keys, |_| {}), (vec!["flag-without-effect".to_owned()], Vec::new()));
    // The added line is the effect that only the key `log` expects.
    assert_eq!(
        judge_with(keys, add_line("router is on")).0.len(),
        usize::from(!keys.contains("log"))
    );
}

#[test]
fn a_contract_that_is_kept_passes_and_its_checks_are_counted() {
    let keys =
        "on = { log = '^router is off$', startup = '^no router' }\noff = { requests = true }";
    assert_eq!(judge_with(keys, |_| {}), (Vec::new(), Vec::new()));
    let count = |spec: &Spec| judge(spec, &healthy()).assertions;
    assert_eq!(count(&spec_with(keys)), count(&spec()) + 3);
}

#[rstest]
#[case::no_other_line("on = { startup = 'DBTracer' }", "no other startup line was read")]
#[case::no_other_request("on = { requests = '^/x' }", "no other request arrived")]
#[case::not_counted("on = { rows = 'router_calls' }", "its rows were not counted")]
fn without_a_control_the_check_is_not_made(#[case] keys: &str, #[case] why: &str) {
    let without = |parts: &mut TrialParts| {
        parts.exchanges.clear();
        parts.output.lines[0].stream = Stream::Stdout;
        parts.output.lines.retain(|line| line.stream == Stream::Stdout);
    };
    let (codes, unchecked) = judge_with(keys, without);
    assert!(!codes.iter().any(|code| code.starts_with("flag-")), "{codes:?}");
    assert_eq!(unchecked.len(), 1, "{unchecked:?}");
    assert!(unchecked[0].obstacle.as_ref().unwrap().contains(why), "{unchecked:?}");
}

#[test]
fn the_check_is_not_made_for_a_job_that_did_not_end() {
    let (_, unchecked) = judge_with("on = { log = '^router is off$' }", |parts| {
        parts.settled = Some(WaitResult::NotReached("running".into()));
    });
    let what = "that HYBRID_ROUTER_DISABLE=unset leaves no line that matches `^router is off$`";
    assert_eq!(unchecked[0].what, what);
    assert!(unchecked[0].obstacle.as_ref().unwrap().contains("did not end"), "{unchecked:?}");
}

/// Two cases differ only in a flag with a contract.
#[rstest]
#[case::same(|_: &mut TrialParts| {}, true)]
#[case::other_requests(|parts: &mut TrialParts| parts.exchanges.clear(), false)]
fn a_flag_with_a_contract_must_have_an_effect(
    #[case] change: impl FnOnce(&mut TrialParts),
    #[case] is_ignored: bool,
) {
    let spec = spec_with("on = { log = '^router is off$' }");
    let mut on = recording_case();
    switch_on(&mut on);
    on.case.id = "on".into();
    change(&mut on);
    let judged = judge_all(&spec, &[healthy(), on.observation()]);
    assert_eq!(judged[0].verdict, Verdict::Pass);
    let codes = judged[1].codes().to_strings();
    assert_eq!(codes.contains(&"flag-ignored".to_owned()), is_ignored, "{codes:?}");
}

#[rstest]
#[case::added(Some(0), Some(2), &["flag-effect-while-off"], 0)]
#[case::same(Some(2), Some(2), &[], 0)]
#[case::unreadable(Some(2), None, &[], 1)]
fn rows_are_counted_before_and_after(
    #[case] before: Option<u64>,
    #[case] after: Option<u64>,
    #[case] expected: &[&str],
    #[case] not_made: usize,
) {
    let spec = spec_with("on = { rows = 'select 1 from calls' }");
    let mut observation = healthy();
    let mut gain = RowGain::new(crate::spec::rows_hash("select 1 from calls"));
    (gain.before, gain.after) = (before, after);
    let Origin::Trial(trial) = &mut observation.origin else { panic!("not a trial") };
    trial.row_gains = vec![gain];
    assert_eq!(judge(&spec, &observation).codes().to_strings(), expected);
    assert_eq!(checks_not_made(&spec, &observation).len(), not_made);
}

trait Texts {
    fn to_strings(&self) -> Vec<String>;
}

impl Texts for Vec<spanproof_format::Code> {
    fn to_strings(&self) -> Vec<String> {
        self.iter().map(ToString::to_string).collect()
    }
}

/// If the variable is unset or not a number, the service uses its default, which may equal a listed number.
#[rstest]
#[case::unset(Value::Unset)]
#[case::empty(Value::Set(String::new()))]
#[case::word(Value::Set("many".into()))]
fn a_default_may_have_the_effect_of_a_listed_number(#[case] value: Value) {
    let flag = "\n[[flag]]\nname = 'LIMIT'\nkind = 'number'\nvalues = [{ unset = true }, '', 'many', '4', '40']\n\
                each = { log = '^limit={value}$' }\n";
    let spec = example(|spec| spec + flag);
    let mut parts = recording_case();
    parts.case.flags.push(("LIMIT".into(), value));
    add_line("limit=4")(&mut parts);
    assert_eq!(judge(&spec, &parts.observation()).codes().to_strings(), <[&str; 0]>::default());
}

/// The line of each number must appear only with this number.
#[rstest]
#[case::kept("limit=4", &[])]
#[case::missing("no limit", &["flag-without-effect"])]
#[case::line_of_another_number("limit=40", &["flag-without-effect", "flag-effect-while-off"])]
fn each_number_leaves_its_own_line(#[case] text: &'static str, #[case] expected: &[&str]) {
    let flag = "\n[[flag]]\nname = 'LIMIT'\nkind = 'number'\nvalues = ['4', '40']\n\
                each = { log = '^limit={value}$' }\n";
    let spec = example(|spec| spec + flag);
    let mut parts = recording_case();
    parts.case.flags.push(("LIMIT".into(), Value::Set("4".into())));
    add_line(text)(&mut parts);
    let mut codes = judge(&spec, &parts.observation()).codes().to_strings();
    codes.sort_unstable_by(|one, other| other.cmp(one));
    assert_eq!(codes, expected);
}
