//! The values of placeholders such as `{database.url}`, which a spec uses for the database of a trial (one
//! run of the service).

use spanproof_postgres::Address;

/// Returns the value of the placeholder `name`, which has no braces; `None` if no placeholder about the
/// database has this name, or if the address can't be written in the format of the placeholder.
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
