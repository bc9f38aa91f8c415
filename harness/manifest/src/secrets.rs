//! Secrets: variables that the platform sets, outside the manifest.

use super::format::Input;
use super::variable::{Place, Reason, Value};
use super::variables::{Setting, Unread, Variables};

/// Applies the secrets of a platform, which override the manifest. If the names of the secrets are not
/// known, each variable that the manifest does not set becomes unknown, because it may be a secret.
/// `resolve` says how to get the names.
pub(crate) fn apply(input: &Input<'_>, variables: &mut Variables, resolve: &str) {
    let Some(secrets) = &input.options.secrets else {
        let why = "the manifest does not set it, but a secret of the platform may set it";
        variables.add_unread_fallback(Unread::new(Place::new(&input.name, 1), why, resolve));
        return;
    };
    for (name, line) in &secrets.names {
        let reason = Reason::new(
            "it is set outside the manifest, as a secret or setting of the platform",
            "read it in the running process: `printenv`",
        );
        let place = Place::new(&secrets.file, *line);
        variables.set(Setting::new(name, Value::Elsewhere(reason), "", place));
    }
}
