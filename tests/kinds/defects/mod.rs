//! The kinds of loss. Each kind names the codes that are right for what the defect does.

mod content;
mod database;
mod enabled;
mod sent;
mod stored;
mod work;

use super::Kind;

/// All kinds of loss, in the order of the funnel.
pub(super) const KINDS: &[&[Kind]] = &[
    enabled::KINDS,
    work::KINDS,
    sent::KINDS,
    database::KINDS,
    stored::KINDS,
    content::KINDS,
];
