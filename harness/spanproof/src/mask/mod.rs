//! Masks secrets in text before it is stored or printed.
//!
//! A secret is recognised by its name, by the syntax around it, by the form that its issuer gave it, or by
//! its value if a variable in the service's environment has this value.
//!
//! Masking takes time proportional to the length of a text, whatever the text contains.

mod assignment;
mod name;
mod pem;
mod secrets;
mod shape;
#[cfg(test)]
pub(crate) mod tests;
mod text;
mod token;
mod url;

pub(crate) use name::is_secret;
pub(crate) use pem::PemLines;
pub(crate) use secrets::Secrets;
pub use text::text;
pub(crate) use text::{secrets_in, variable};

/// The replacement for a secret.
pub(crate) const MASK: &str = "***";
