//! What to do about a search path without schemas.

use crate::deployment::{Error, Session};

/// Returns what to do about objects that are not found because the role's search path has no schema that
/// exists; `None` if it has one.
pub(super) async fn next_step(session: &mut Session) -> Result<Option<String>, Error> {
    let sql = "select to_jsonb(cardinality(current_schemas(false)))";
    let count = session.values("the search path", sql, &[]).await?.accepted_or_default();
    let is_empty = count.first().and_then(serde_json::Value::as_u64) == Some(0);
    Ok(is_empty.then(|| {
        "set the search path of the role, because it names no schema that exists, for instance by \
         `alter role … set search_path = public`"
            .to_owned()
    }))
}
