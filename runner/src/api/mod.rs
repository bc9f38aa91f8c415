//! The HTTP interface: two ways to submit a job, one to look at it, and the health check.

mod reply;
mod routes;
mod tasks;

pub(crate) use routes::routes;
pub(crate) use tasks::Tasks;
