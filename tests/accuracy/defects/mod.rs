//! The kinds of loss: ways in which a service can lose spans, each with the codes that are right and the
//! services that have such a defect.

mod content;
mod database;
mod enabled;
mod sent;
mod stored;
mod work;

use spanproof_format::Code;

use super::Kind;

/// The code that is also right if a service reports at startup that tracing is on, and records no spans.
pub(super) const BANNER_CONTRADICTS: &[Code] = &[Code::BannerContradicts];

/// All kinds of loss, in the order of the stages from a submitted job to a complete span.
pub(super) const KINDS: &[&[Kind]] =
    &[enabled::KINDS, work::KINDS, sent::KINDS, database::KINDS, stored::KINDS, content::KINDS];
