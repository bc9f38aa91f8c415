//! Reads fields of JSON. Each error names the field.

use serde_json::Value as Json;

/// A field is missing or has an invalid value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{field}` {reason}")]
pub struct InvalidField {
    /// The path of the field, such as `models[0].id`.
    pub field: String,
    /// What is wrong with the value.
    pub reason: String,
}

impl InvalidField {
    pub(super) fn new(field: &str, reason: impl Into<String>) -> Self {
        Self { field: field.to_owned(), reason: reason.into() }
    }
}

/// Reads a non-empty string of at most `limit` characters without U+0000.
pub(super) fn text(
    value: Option<&Json>,
    field: &str,
    limit: usize,
) -> Result<String, InvalidField> {
    let text = match value {
        None | Some(Json::Null) => return Err(InvalidField::new(field, "is missing")),
        Some(Json::String(text)) => text,
        Some(other) => {
            return Err(InvalidField::new(field, format!("must be a string, found {other}")));
        }
    };
    if text.trim().is_empty() {
        return Err(InvalidField::new(field, "is empty"));
    }
    let length = text.chars().count();
    if length > limit {
        return Err(InvalidField::new(
            field,
            format!("has {length} characters, {limit} are allowed"),
        ));
    }
    if text.contains('\0') {
        return Err(InvalidField::new(field, "contains U+0000, which Postgres can't store"));
    }
    Ok(text.clone())
}

/// Reads the items of a list; `None` if the field is missing or null.
pub(super) fn list<'a>(
    value: Option<&'a Json>,
    field: &str,
) -> Result<Option<&'a [Json]>, InvalidField> {
    match value {
        None | Some(Json::Null) => Ok(None),
        Some(Json::Array(items)) => Ok(Some(items)),
        Some(other) => Err(InvalidField::new(field, format!("must be a list, found {other}"))),
    }
}

/// Reads a list of distinct strings, each with the checks of [`text`]. Returns an empty list if the
/// field is missing or null.
pub(super) fn texts(
    value: Option<&Json>,
    field: &str,
    limit: usize,
) -> Result<Vec<String>, InvalidField> {
    let items = list(value, field)?.unwrap_or_default();
    let mut texts = Vec::with_capacity(items.len());
    for (index, item) in items.iter().enumerate() {
        let field = format!("{field}[{index}]");
        let text = text(Some(item), &field, limit)?;
        if texts.contains(&text) {
            return Err(InvalidField::new(&field, format!("is a duplicate of `{text}`")));
        }
        texts.push(text);
    }
    Ok(texts)
}

/// Like [`texts`], but rejects an empty list.
pub(super) fn non_empty_texts(
    value: Option<&Json>,
    field: &str,
    limit: usize,
) -> Result<Vec<String>, InvalidField> {
    let texts = texts(value, field, limit)?;
    if texts.is_empty() {
        return Err(InvalidField::new(field, "is missing or empty: the job could never execute"));
    }
    Ok(texts)
}

/// Reads a number from 0 to 1; `None` if the field is missing or null.
pub(super) fn fraction(value: Option<&Json>, field: &str) -> Result<Option<f64>, InvalidField> {
    match value {
        None | Some(Json::Null) => Ok(None),
        Some(value) => match value.as_f64().filter(|fraction| (0.0..=1.0).contains(fraction)) {
            Some(fraction) => Ok(Some(fraction)),
            None => Err(InvalidField::new(
                field,
                format!("must be a number from 0 to 1, found {value}"),
            )),
        },
    }
}

/// Reads a whole number that is not negative; `None` if the field is missing or null.
pub(super) fn count(value: Option<&Json>, field: &str) -> Result<Option<u64>, InvalidField> {
    match value {
        None | Some(Json::Null) => Ok(None),
        Some(value) => match value.as_u64() {
            Some(count) => Ok(Some(count)),
            None => Err(InvalidField::new(
                field,
                format!("must be a whole number that is not negative, found {value}"),
            )),
        },
    }
}

/// Returns whether a key or a string contains U+0000, which `jsonb` can't store.
pub(super) fn has_nul(value: &Json) -> bool {
    match value {
        Json::String(text) => text.contains('\0'),
        Json::Array(items) => items.iter().any(has_nul),
        Json::Object(map) => map.iter().any(|(key, value)| key.contains('\0') || has_nul(value)),
        _ => false,
    }
}
