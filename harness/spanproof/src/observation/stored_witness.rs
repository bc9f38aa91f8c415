//! Converts the evidence of the witness to its stored form in [`spanproof_format`], and back. The witness
//! is a set of triggers that log each attempt to insert a span.

use spanproof_format as format;

use super::{BlindSpot, BlindSpotEffect, Failure, RunningStatement, Witness};

impl From<Witness> for format::Witness {
    fn from(witness: Witness) -> Self {
        let Witness {
            statements,
            attempted_rows,
            written_rows,
            removed_rows,
            overwritten_rows,
            rollbacks,
            failures,
            blind_spots,
            other_tables,
            unattributed,
        } = witness;
        let mut stored = Self::default();
        stored.statements = statements;
        stored.attempted_rows = attempted_rows;
        stored.written_rows = written_rows;
        (stored.removed_rows, stored.overwritten_rows) = (removed_rows, overwritten_rows);
        stored.rollbacks = rollbacks;
        stored.failures = failures.into_iter().map(Into::into).collect();
        stored.blind_spots = blind_spots.into_iter().map(Into::into).collect();
        (stored.other_tables, stored.unattributed) = (other_tables, unattributed);
        stored
    }
}

impl From<BlindSpot> for format::BlindSpot {
    fn from(spot: BlindSpot) -> Self {
        let BlindSpot { what, effect, statements } = spot;
        let effect = match effect {
            BlindSpotEffect::Discards => format::BlindSpotEffect::Discards,
            BlindSpotEffect::Inserts => format::BlindSpotEffect::Inserts,
            BlindSpotEffect::Unclear => format::BlindSpotEffect::Unclear,
            BlindSpotEffect::Elsewhere => format::BlindSpotEffect::Elsewhere,
            BlindSpotEffect::Unwatched => format::BlindSpotEffect::Unwatched,
        };
        Self::new(what, effect, statements)
    }
}

impl From<format::BlindSpot> for BlindSpot {
    fn from(stored: format::BlindSpot) -> Self {
        let effect = match stored.effect {
            format::BlindSpotEffect::Discards => BlindSpotEffect::Discards,
            format::BlindSpotEffect::Inserts => BlindSpotEffect::Inserts,
            format::BlindSpotEffect::Elsewhere => BlindSpotEffect::Elsewhere,
            format::BlindSpotEffect::Unwatched => BlindSpotEffect::Unwatched,
            _ => BlindSpotEffect::Unclear,
        };
        Self { what: stored.what, effect, statements: stored.statements }
    }
}

impl From<format::Witness> for Witness {
    fn from(stored: format::Witness) -> Self {
        Self {
            statements: stored.statements,
            attempted_rows: stored.attempted_rows,
            written_rows: stored.written_rows,
            removed_rows: stored.removed_rows,
            overwritten_rows: stored.overwritten_rows,
            rollbacks: stored.rollbacks,
            failures: stored.failures.into_iter().map(Into::into).collect(),
            blind_spots: stored.blind_spots.into_iter().map(Into::into).collect(),
            other_tables: stored.other_tables,
            unattributed: stored.unattributed,
        }
    }
}

impl From<Failure> for format::Failure {
    fn from(failure: Failure) -> Self {
        let Failure { state, message, statement } = failure;
        let mut stored = Self::new(state, message);
        stored.statement = statement;
        stored
    }
}

impl From<format::Failure> for Failure {
    fn from(stored: format::Failure) -> Self {
        let format::Failure { state, message, statement, .. } = stored;
        Self { state, message, statement }
    }
}

impl From<RunningStatement> for format::RunningStatement {
    fn from(running: RunningStatement) -> Self {
        let RunningStatement { statement, running_ms, blocked_by } = running;
        let mut stored = Self::new(statement, running_ms);
        stored.blocked_by = blocked_by;
        stored
    }
}

impl From<format::RunningStatement> for RunningStatement {
    fn from(stored: format::RunningStatement) -> Self {
        let format::RunningStatement { statement, running_ms, blocked_by, .. } = stored;
        Self { statement, running_ms, blocked_by }
    }
}
