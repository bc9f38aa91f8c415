//! The user that a server runs as: Postgres refuses to run as root.

use nix::unistd::{Uid, User};

use super::Error;

/// If we are root, a server runs as the first of these users that exists.
const USERS: [&str; 2] = ["postgres", "nobody"];

/// Returns the user that a server must run as because we are root; `None` if we are not root.
pub(super) fn server_user() -> Result<Option<User>, Error> {
    choose(Uid::effective().is_root(), |name| User::from_name(name).ok().flatten())
}

fn choose(is_root: bool, lookup: impl Fn(&str) -> Option<User>) -> Result<Option<User>, Error> {
    if !is_root {
        return Ok(None);
    }
    // A user of that name may have root's id, and Postgres would refuse that user, too.
    let found = USERS.iter().filter_map(|name| lookup(name)).find(|user| !user.uid.is_root());
    match found {
        Some(user) => Ok(Some(user)),
        None => Err(Error::NoUser { tried: USERS.map(|name| format!("`{name}`")).join(", ") }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(name: &str, id: u32) -> User {
        let root = User::from_uid(Uid::from_raw(0)).unwrap().unwrap();
        User { name: name.to_owned(), uid: Uid::from_raw(id), ..root }
    }

    #[test]
    fn root_chooses_the_first_user_that_exists() {
        let both = choose(true, |name| Some(user(name, 7))).unwrap();
        assert_eq!(both.map(|user| user.name).as_deref(), Some("postgres"));
        let one = choose(true, |name| (name == "nobody").then(|| user(name, 7))).unwrap();
        assert_eq!(one.map(|user| user.name).as_deref(), Some("nobody"));
    }

    #[test]
    fn an_ordinary_user_needs_no_other_user() {
        assert!(choose(false, |name| Some(user(name, 7))).unwrap().is_none());
    }

    #[test]
    fn reports_how_to_create_a_missing_user() {
        let expected = "Postgres refuses to run as root, and none of the users `postgres`, `nobody` \
                        exists; create one: `useradd --system postgres`";
        for id in [None, Some(0)] {
            let error = choose(true, |name| id.map(|id| user(name, id))).unwrap_err().to_string();
            assert_eq!(error, expected, "users with the id {id:?}");
        }
    }
}
