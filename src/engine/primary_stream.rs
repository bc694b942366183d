//! The primary's stream at work: its requests run as any other's, nothing is answered, and the bytes of those that took
//! effect are counted and passed on to this server's own replicas as they came.
//!
//! Promise: the offset never lies within what took effect as one (a MULTI), so that whoever goes on from it misses nothing and
//! sees nothing twice.

use super::table::CommandId;
use super::{Ask, ClientIndex, Engine};
use crate::base::ids::DbIndex;
use crate::client::ClientFlags;
use crate::command::{Args, CommandError};
use crate::config::Key;
use crate::keyspace::ExpireMode;
use crate::replication::link::LinkState;

/// Room that is kept for the bytes of a turn.
const KEPT_BYTES: usize = 64 * 1024;

impl Engine {
    /// How far the primary's stream has taken effect.
    pub fn applied_offset(&self) -> u64 {
        self.history.offset + self.following.passed.len() as u64
    }

    /// The database that what the primary sends next is for, unless it says otherwise.
    pub(super) fn stream_db(&self) -> Option<DbIndex> {
        self.following.client.map(|index| self.clients[index].db).or(self.following.resume_in)
    }

    /// Whether a client is the primary.
    #[inline]
    pub fn is_primary(&self, index: ClientIndex) -> bool {
        self.following.client == Some(index)
    }

    /// Runs a request of the primary, which came as these bytes. Whatever its keys' deadlines: it is for the primary to say
    /// what has expired.
    pub fn execute_from_primary(&mut self, index: ClientIndex, args: Args<'_>, known: CommandId, frame: &[u8]) {
        self.keyspace.expire_mode = ExpireMode::Ignore;
        self.execute(index, args, known);
        self.follow_expire_mode();
        self.stream_passed(index, frame);
    }

    /// Bytes of the primary's stream have been dealt with: a request, or nothing between two.
    pub fn stream_passed(&mut self, index: ClientIndex, frame: &[u8]) {
        if !self.is_primary(index) {
            return;
        }
        if std::mem::take(&mut self.following.ack_due) {
            self.acknowledge();
        }
        let client = &self.clients[index];
        if client.blocked.is_some() || client.flags.contains(ClientFlags::MULTI) {
            self.following.held.extend_from_slice(frame);
            return;
        }
        let following = &mut self.following;
        following.passed.append(&mut following.held);
        following.passed.extend_from_slice(frame);
    }

    /// Adds what has taken effect to the history, and gives it to this server's own replicas.
    pub(super) fn pass_stream_on(&mut self) {
        if !self.following.passed.is_empty() {
            let passed = std::mem::take(&mut self.following.passed);
            self.feed_replicas_raw(&passed);
            self.following.passed = passed;
            self.following.passed.clear();
            self.following.passed.shrink_to(KEPT_BYTES);
        }
    }

    /// What the primary sent is no request: the stream cannot go on from here.
    pub(super) fn stream_broken(&mut self) {
        self.following.broken = true;
    }

    /// A client's connection ends; if it is the primary's, another is made, where the stream goes on if it may.
    pub(super) fn forget_primary(&mut self, index: ClientIndex) {
        if !self.is_primary(index) {
            return;
        }
        self.following.client = None;
        tracing::warn!("Connection with master lost.");
        self.end_turn();
        self.following.held = Vec::new();
        self.clients[index].flags.remove(ClientFlags::PRIMARY);
        if self.following.counts && !std::mem::take(&mut self.following.broken) {
            tracing::info!("Caching the disconnected master state.");
            self.following.resume_in = Some(self.clients[index].db);
        }
        self.following.state = LinkState::Connect;
        self.following.down_since = self.now;
        if let Some(primary) = &self.following.primary {
            tracing::info!("Reconnecting to MASTER {}:{}", primary.host, primary.port);
            self.begin_link();
        }
    }

    /// Notes that requests of the primary take effect although the disk does not take them (at most every ten seconds), or
    /// ends the process, as `replica-ignore-disk-write-errors` asks.
    #[cold]
    pub(super) fn go_on_without_disk(&mut self) {
        const TOLD_EVERY_MS: i64 = 10_000;
        if !self.config.boolean(Key::ReplicaIgnoreDiskWriteErrors) {
            tracing::warn!("Replica was unable to write command to disk.");
            self.asks.push(Ask::Crash);
        } else if self.now.0 - self.following.disk_trouble_told_at.0 >= TOLD_EVERY_MS {
            self.following.disk_trouble_told_at = self.now;
            tracing::warn!("Replica is applying a command even though it is unable to write to disk.");
        }
    }

    /// An error is answered to somebody who sends no request of its own: the primary, a replica. It is not sent, but it is
    /// worth knowing.
    #[cold]
    pub(super) fn tell_unexpected_error(&mut self, index: ClientIndex, error: &CommandError) {
        const LONGEST: usize = 4096;
        let client = &self.clients[index];
        let (from, to) = match client.flags.contains(ClientFlags::PRIMARY) {
            true => ("replica", "master"),
            false => ("master", "replica"),
        };
        let name = match client.last_command {
            u16::MAX => "<unknown>",
            id => &self.table.get(id).name,
        };
        let text = String::from_utf8_lossy(&error.text()[..error.text().len().min(LONGEST)]);
        tracing::warn!(
            "== CRITICAL == This {from} is sending an error to its {to}: '-{text}' after processing the command '{name}'"
        );
        self.stats.unexpected_error_replies += 1;
        let panics = matches!(self.config.enum_name(Key::PropagationErrorBehavior), "panic" | "panic-on-replicas");
        if to == "master" && panics && self.config.boolean(Key::ReplicaReadOnly) {
            tracing::warn!("This {from} panicked sending an error to its {to} after processing the command '{name}'");
            self.asks.push(Ask::Crash);
        }
    }
}
