//! The HTTP API: two routes that submit a job, one that returns it, and a health check.

mod reply;
mod routes;
mod tasks;

pub(crate) use routes::routes;
pub(crate) use tasks::Tasks;
