//! Commands of the keys family.

use crate::command::{Bound, DataHandler};

/// The family's commands.
pub const COMMANDS: &[Bound<DataHandler>] = &[];
