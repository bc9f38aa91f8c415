//! The kinds of loss. Each kind names the codes that are right for what the defect does.

mod content;
mod database;
mod enabled;
mod sent;
mod stored;
mod work;

use spanproof_format::Code;

use super::Kind;

/// The service reports at its start that tracing is on, which is not true of the rows.
pub(super) const CLAIM: &[Code] = &[Code::BannerContradicts];

/// All kinds of loss, in the order of the funnel.
pub(super) const KINDS: &[&[Kind]] =
    &[enabled::KINDS, work::KINDS, sent::KINDS, database::KINDS, stored::KINDS, content::KINDS];
