//! Dockerfiles.
//!
//! Source: <https://docs.docker.com/reference/dockerfile/>. `ENV` reaches the container; `ARG` exists
//! only while the image is built. One `ENV` fills in variables with the values from before it.
//! `ENV NAME value` takes the whole rest of the line. `ENV` overrides an `ARG` of the same name. An `ARG`
//! before the first `FROM` is empty in a stage that does not declare it again. Only the last stage
//! counts, with the stages on which it is based.

mod image;
mod instruction;
mod word;

pub(crate) use image::{Image, image, read};
