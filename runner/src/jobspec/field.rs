//! Reading fields out of JSON with errors that name the field.

use serde_json::Value as Json;

/// A field is missing or holds something it can't.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{field}` {reason}")]
pub struct Invalid {
    /// The path of the field, such as `models[0].id`.
    pub field: String,
    /// What is wrong with it.
    pub reason: String,
}

impl Invalid {
    pub(super) fn new(field: &str, reason: impl Into<String>) -> Self {
        Self { field: field.to_owned(), reason: reason.into() }
    }
}

/// A text that is neither empty, longer than `limit` characters, nor impossible in Postgres.
pub(super) fn text(value: Option<&Json>, field: &str, limit: usize) -> Result<String, Invalid> {
    let text = match value {
        None | Some(Json::Null) => return Err(Invalid::new(field, "is missing")),
        Some(Json::String(text)) => text,
        Some(other) => return Err(Invalid::new(field, format!("must be a text, is {other}"))),
    };
    if text.trim().is_empty() {
        return Err(Invalid::new(field, "is empty"));
    }
    let length = text.chars().count();
    if length > limit {
        return Err(Invalid::new(field, format!("has {length} characters, {limit} are allowed")));
    }
    if text.contains('\0') {
        return Err(Invalid::new(field, "has the character U+0000, which can't be stored"));
    }
    Ok(text.clone())
}

/// The items of a list; no list at all is `None`.
pub(super) fn list<'a>(
    value: Option<&'a Json>,
    field: &str,
) -> Result<Option<&'a [Json]>, Invalid> {
    match value {
        None | Some(Json::Null) => Ok(None),
        Some(Json::Array(items)) => Ok(Some(items)),
        Some(other) => Err(Invalid::new(field, format!("must be a list, is {other}"))),
    }
}

/// A list of different texts, none of them empty.
pub(super) fn texts(
    value: Option<&Json>,
    field: &str,
    limit: usize,
) -> Result<Vec<String>, Invalid> {
    let items = list(value, field)?.unwrap_or_default();
    let mut texts = Vec::with_capacity(items.len());
    for (index, item) in items.iter().enumerate() {
        let field = format!("{field}[{index}]");
        let text = text(Some(item), &field, limit)?;
        if texts.contains(&text) {
            return Err(Invalid::new(&field, format!("`{text}` is there twice")));
        }
        texts.push(text);
    }
    Ok(texts)
}

/// Like [`texts`], with at least one.
pub(super) fn some_texts(
    value: Option<&Json>,
    field: &str,
    limit: usize,
) -> Result<Vec<String>, Invalid> {
    let texts = texts(value, field, limit)?;
    if texts.is_empty() {
        return Err(Invalid::new(field, "is missing or empty: the job could never execute"));
    }
    Ok(texts)
}

/// A share between 0 and 1, when there is one.
pub(super) fn share(value: Option<&Json>, field: &str) -> Result<Option<f64>, Invalid> {
    match value {
        None | Some(Json::Null) => Ok(None),
        Some(value) => match value.as_f64().filter(|share| (0.0..=1.0).contains(share)) {
            Some(share) => Ok(Some(share)),
            None => Err(Invalid::new(field, format!("must be a number from 0 to 1, is {value}"))),
        },
    }
}

/// A count, when there is one.
pub(super) fn count(value: Option<&Json>, field: &str) -> Result<Option<u64>, Invalid> {
    match value {
        None | Some(Json::Null) => Ok(None),
        Some(value) => match value.as_u64() {
            Some(count) => Ok(Some(count)),
            None => Err(Invalid::new(field, format!("must be a whole number, is {value}"))),
        },
    }
}

/// Whether U+0000 is anywhere in it, which `jsonb` can't hold.
pub(super) fn has_nul(value: &Json) -> bool {
    match value {
        Json::String(text) => text.contains('\0'),
        Json::Array(items) => items.iter().any(has_nul),
        Json::Object(map) => map.iter().any(|(key, value)| key.contains('\0') || has_nul(value)),
        _ => false,
    }
}
