//! Dockerfiles.
//!
//! Source: <https://docs.docker.com/reference/dockerfile/>. `ENV` reaches the container, `ARG` exists
//! only while the image is built. All variables of one `ENV` are filled in with the values before it.
//! `ENV NAME value` takes the whole rest of the line. `ENV` wins over an `ARG` with its name. An `ARG`
//! before the first `FROM` is empty in a stage that does not declare it again. Only the last stage
//! counts, with the stages from which it begins.

mod image;
mod instruction;
mod word;

pub(crate) use image::{Image, image, read};
