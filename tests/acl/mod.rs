//! Users: who may do what, what happens to those who may no longer, and where users are kept.

mod checks;
mod connections;
mod files;
