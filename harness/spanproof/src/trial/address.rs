//! The placeholders of a database.

use spanproof_postgres::Address;

/// Returns the value of a placeholder of the database; `None` for any other one.
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
