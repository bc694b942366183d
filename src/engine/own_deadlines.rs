//! Keys that a writable replica's own clients gave a deadline. The primary does not know them and will not remove them, so
//! the replica does.

use super::table::CommandId;
use super::{ClientIndex, Engine};
use crate::base::ids::DbIndex;
use crate::client::ClientFlags;
use crate::command::Args;
use crate::keyspace::ExpireMode;

/// Most keys that are looked at in a slice of the expirer.
const SLICE: usize = 256;

impl Engine {
    /// Remembers which keys of a command that wrote have a deadline now, if it was no command of the primary.
    #[cold]
    pub(super) fn note_own_deadlines(&mut self, index: ClientIndex, id: CommandId, args: Args<'_>) {
        let caller = self.on_behalf_of(index);
        if self.clients[caller].flags.intersects(ClientFlags::OBEYED) {
            return;
        }
        let db = self.clients[index].db;
        for at in self.key_positions(id, args) {
            let key = args.at(at);
            if self.keyspace.db(db).deadline(key).flatten().is_some() {
                self.following.own_timed.insert((db, key.into()));
            }
        }
    }

    /// Removes those that are due, a few at a time, going round.
    pub(super) fn expire_own_keys(&mut self) {
        let from = std::mem::take(&mut self.following.own_looked_at).unwrap_or((DbIndex(0), Box::default()));
        let due: Vec<_> = self.following.own_timed.range(from..).take(SLICE + 1).cloned().collect();
        self.following.own_looked_at = due.get(SLICE).cloned();
        self.keyspace.expire_mode = ExpireMode::Remove;
        for (db, key) in due.into_iter().take(SLICE) {
            // Looking at a key removes it if its deadline has passed.
            if self.keyspace.db(db).deadline(&key).flatten().is_none() {
                self.following.own_timed.remove(&(db, key));
            }
        }
        self.follow_expire_mode();
        self.settle_internal();
        self.propagate_removals_alone();
    }
}
