//! FAILOVER: this primary holds its writers, waits until a replica has all there is, and becomes that replica's replica,
//! telling it to be the primary.
//!
//! Promise: while it lasts nothing is written, and however it ends the writers go on.

use super::{ClientIndex, Engine};
use crate::base::ids::UnixMs;

/// How far a failover has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Stage {
    /// There is none.
    #[default]
    None,
    /// No replica has everything yet.
    Waiting,
    /// A replica is being told.
    InProgress,
}

/// A failover.
#[derive(Debug, Default)]
pub struct Failover {
    /// How far it has come.
    pub stage: Stage,
    /// The replica that is to be the primary, once it is known.
    pub target: Option<(String, u16)>,
    /// When it is given up, or forced; 0: never.
    pub until: UnixMs,
    /// When its time is over it goes on whatever the replica has.
    pub force: bool,
}

impl Failover {
    /// Whether there is one.
    #[inline]
    pub fn is_on(&self) -> bool {
        self.stage != Stage::None
    }

    /// Whether a replica is being told.
    pub fn is_in_progress(&self) -> bool {
        self.stage == Stage::InProgress
    }

    /// As INFO names it.
    pub fn name(&self) -> &'static str {
        match self.stage {
            Stage::None => "no-failover",
            Stage::Waiting => "waiting-for-sync",
            Stage::InProgress => "failover-in-progress",
        }
    }

    fn target_text(&self) -> String {
        self.target.as_ref().map_or("any replica".to_owned(), |(host, port)| format!("{host}:{port}"))
    }
}

impl Engine {
    /// Begins one; writers are held from here on.
    pub(crate) fn begin_failover(&mut self, target: Option<(String, u16)>, timeout_ms: i64, force: bool) {
        let until = if timeout_ms == 0 { 0 } else { self.now.0.saturating_add(timeout_ms) };
        self.failover = Failover { stage: Stage::Waiting, target, until: UnixMs(until), force };
        tracing::info!("FAILOVER requested to {}.", self.failover.target_text());
        self.follow_expire_mode();
    }

    /// It is over, and writers go on.
    pub(super) fn end_failover(&mut self) {
        self.failover = Failover::default();
        self.writers_may_go_on();
    }

    /// It has come to nothing, and this server remains the primary.
    pub(crate) fn abort_failover(&mut self, reason: &str) {
        if !self.failover.is_on() {
            return;
        }
        tracing::info!("FAILOVER to {} aborted: {reason}", self.failover.target_text());
        if self.failover.is_in_progress() {
            self.stop_following();
        }
        self.end_failover();
    }

    /// The replica of this address and port.
    pub(crate) fn replica_at(&self, host: &str, port: u16) -> Option<ClientIndex> {
        self.replicas.iter().find_map(|replica| {
            let index = self.client_by_id(replica.client)?;
            let fits = replica.announced.port == port
                && self.replica_address(index, &replica.announced).eq_ignore_ascii_case(host);
            fits.then_some(index)
        })
    }

    /// Takes the next step when a replica has everything, or time is over.
    pub(super) fn look_after_failover(&mut self) {
        if self.failover.stage != Stage::Waiting {
            return;
        }
        if self.failover.until.0 != 0 && self.failover.until <= self.now {
            if !self.failover.force {
                return self.abort_failover("Replica never caught up before timeout");
            }
            tracing::info!("FAILOVER to {} time out exceeded, failing over.", self.failover.target_text());
            return self.hand_over();
        }
        let Some(target) = self.replica_in_step() else { return };
        self.failover.target = Some(target);
        tracing::info!("Failover target {} is synced, failing over.", self.failover.target_text());
        self.hand_over();
    }

    /// A replica that has everything, of those that may be chosen.
    fn replica_in_step(&self) -> Option<(String, u16)> {
        let offset = self.history.offset;
        self.replicas.iter().find_map(|replica| {
            let index = self.client_by_id(replica.client)?;
            let address = (self.replica_address(index, &replica.announced), replica.announced.port);
            let chosen = self
                .failover
                .target
                .as_ref()
                .is_none_or(|(host, port)| address.0.eq_ignore_ascii_case(host) && address.1 == *port);
            (chosen && replica.acked == offset).then_some(address)
        })
    }

    fn hand_over(&mut self) {
        self.failover.stage = Stage::InProgress;
        if let Some((host, port)) = self.failover.target.clone() {
            self.follow(host.as_bytes(), port);
        }
    }
}
