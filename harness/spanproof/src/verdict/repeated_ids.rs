//! Finds span ids that two processes of the service made: a generator with a fixed start makes the same ids after
//! each restart. Trace ids are not compared, because the client that submits a job may choose them.

use std::collections::BTreeMap;

use super::propagation::normalize;
use crate::observation::{Observation, text};
use crate::spec::Spec;
use spanproof_format::count_phrase;

/// Minimum number of hexadecimal digits of a random id without leading zeros; OpenTelemetry's have 16 with them.
/// Shorter ids may come from a sequence of the database, and each trial (one run of the service) has its own.
const MIN_DIGITS: usize = 12;

/// Returns the index of the first observation whose span ids were also made in an earlier one, and a remark
/// about it; `None` if there is none. This is no proof of a defect: ids may be derived from the ids of jobs,
/// which are the same in each trial.
pub(crate) fn repeated_ids<'a>(
    spec: &Spec,
    observations: impl Iterator<Item = Option<&'a Observation>>,
) -> Option<(usize, String)> {
    let column = &spec.tables.spans.id;
    let mut first_case: BTreeMap<String, &str> = BTreeMap::new();
    for (index, observation) in observations.enumerate() {
        let Some(observation) = observation.filter(|one| one.trial().is_some()) else { continue };
        let ids = observation.tables.spans.all().iter().filter_map(|row| text(row, column));
        let mut ids: Vec<String> = ids
            .map(|id| normalize(id.trim_start_matches("\\x")))
            .filter(|id| is_random(id))
            .collect();
        ids.sort();
        ids.dedup();
        let repeated: Vec<_> = ids.iter().filter_map(|id| first_case.get(id)).collect();
        if let Some(case) = repeated.first() {
            let spans = count_phrase(repeated.len(), "span has", "spans have");
            return Some((
                index,
                format!(
                    "{spans} the id of a span of another case, such as {case}, although another process of the service \
                     made it: unless ids are derived from the job, they repeat after each restart"
                ),
            ));
        }
        first_case.extend(ids.into_iter().map(|id| (id, observation.case.id.as_str())));
    }
    None
}

/// Whether an id has the form of a random one.
fn is_random(id: &str) -> bool {
    id.len() >= MIN_DIGITS && id.bytes().all(|byte| byte.is_ascii_hexdigit())
}
