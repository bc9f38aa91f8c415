//! Columns whose values together are an id.

use std::fmt;

use serde::de::{self, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

/// The column of an id, or several columns whose values together are an id. As text, the values are
/// joined by `/`. The id is unknown if one of the values is null.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Columns(Vec<String>);

impl Columns {
    /// Creates an id of one column. An empty name means that the table has no column for this id.
    pub(crate) fn new(column: &str) -> Self {
        Self(if column.is_empty() { Vec::new() } else { vec![column.to_owned()] })
    }

    /// Returns the columns; an empty list if the table has no column for this id.
    pub(crate) fn columns(&self) -> &[String] {
        &self.0
    }
}

impl fmt::Display for Columns {
    /// Writes the names of the columns, joined by `/` like the values of an id.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("/"))
    }
}

impl<'de> Deserialize<'de> for Columns {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ColumnsVisitor;

        impl<'de> Visitor<'de> for ColumnsVisitor {
            type Value = Columns;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the name of a column, or a list of columns")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Columns, E> {
                Ok(Columns::new(text))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Columns, A::Error> {
                let mut columns: Vec<String> = Vec::new();
                while let Some(column) = seq.next_element::<String>()? {
                    if column.is_empty() || columns.contains(&column) {
                        let message = match column.as_str() {
                            "" => "a column of an id has an empty name; name the column".to_owned(),
                            _ => format!("`{column}` occurs twice in this id; remove one"),
                        };
                        return Err(de::Error::custom(message));
                    }
                    columns.push(column);
                }
                Ok(Columns(columns))
            }
        }

        deserializer.deserialize_any(ColumnsVisitor)
    }
}
