//! Converts a list of flags to a JSON object, and back. The keys are the names of the flags, in the
//! order of the list. A value is a string, or null if the flag is unset.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value as Json};

pub(crate) fn serialize<S: Serializer>(
    flags: &[(String, Option<String>)],
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let object: Map<String, Json> =
        flags.iter().map(|(name, value)| (name.clone(), value.clone().into())).collect();
    object.serialize(serializer)
}

pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Vec<(String, Option<String>)>, D::Error> {
    let object = Map::deserialize(deserializer)?;
    let flag = |(name, value)| Ok((name, Option::deserialize(value)?));
    object
        .into_iter()
        .map(flag)
        .collect::<Result<_, serde_json::Error>>()
        .map_err(serde::de::Error::custom)
}
