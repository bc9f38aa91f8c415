//! The user that a server runs as: Postgres refuses to be root.

use nix::unistd::{Uid, User};

use super::Error;

/// The users a root process runs the server as, in this order.
const USERS: [&str; 2] = ["postgres", "nobody"];

/// The user to run the server as when we are root; nobody else changes users.
pub(super) fn unprivileged() -> Result<Option<User>, Error> {
    pick(Uid::effective().is_root(), |name| User::from_name(name).ok().flatten())
}

fn pick(root: bool, lookup: impl Fn(&str) -> Option<User>) -> Result<Option<User>, Error> {
    if !root {
        return Ok(None);
    }
    // A user of that name that is root itself would be refused as well.
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
    fn root_runs_the_server_as_the_first_user_that_there_is() {
        let both = pick(true, |name| Some(user(name, 7))).unwrap();
        assert_eq!(both.map(|user| user.name).as_deref(), Some("postgres"));
        let one = pick(true, |name| (name == "nobody").then(|| user(name, 7))).unwrap();
        assert_eq!(one.map(|user| user.name).as_deref(), Some("nobody"));
    }

    #[test]
    fn an_ordinary_user_stays_who_it_is() {
        assert!(pick(false, |name| Some(user(name, 7))).unwrap().is_none());
    }

    #[test]
    fn root_without_an_unprivileged_user_is_told_how_to_make_one() {
        let expected = "running as root, and Postgres refuses to; found none of the users \
                        `postgres`, `nobody` to run it as; create one: `useradd --system postgres`";
        for id in [None, Some(0)] {
            let error = pick(true, |name| id.map(|id| user(name, id))).unwrap_err().to_string();
            assert_eq!(error, expected, "users with the id {id:?}");
        }
    }
}
