//! The values of placeholders about a trial's database, such as `{database.url}` in the spec.

use spanproof_postgres::Address;

/// Returns the value of a placeholder; `None` if it is not about the database, or does not exist.
pub(super) fn address_value(address: &Address, url: &str, name: &str) -> Option<String> {
    Some(match name.strip_prefix("database.")? {
        "url" => url.to_owned(),
        "host" => address.host.clone(),
        "port" => address.port.to_string(),
        "name" => address.database.clone(),
        "user" => address.user.clone(),
        "password" => address.password.clone(),
        "jdbc" => address.jdbc()?,
        "dotnet" => address.dotnet(),
        _ => return None,
    })
}
