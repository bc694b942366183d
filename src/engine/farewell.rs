//! Taking leave of replicas: before the process ends they get what they lack, for as long as `shutdown-timeout` allows.
//! Meanwhile writes are held, as by CLIENT PAUSE; SHUTDOWN ABORT takes it back.

use super::{Ask, ClientIndex, Engine, ShutdownHow};
use crate::base::ids::UnixMs;
use crate::config::Key;

/// A shutdown that waits for replicas.
#[derive(Debug)]
pub struct Farewell {
    /// How the process is to end then.
    pub how: ShutdownHow,
    /// When it ends in any case.
    pub until: UnixMs,
    /// Clients that asked for it: they are answered only if it fails.
    pub clients: Vec<ClientIndex>,
    /// It waits no more.
    over: bool,
}

impl Engine {
    /// Begins to wait for replicas if there are some that lack something; true while it does. A script that is busy is
    /// waited for by nobody.
    pub fn take_leave(&mut self, how: ShutdownHow) -> bool {
        if self.farewell.is_some() {
            return true;
        }
        let most_ms = self.config.integer(Key::ShutdownTimeout).saturating_mul(1000);
        if how.now || most_ms == 0 || self.scripting.is_running() || self.replicas_are_in_sync() {
            return false;
        }
        if !self.pause.is_on() {
            self.ask_replicas();
        }
        self.pause.holds_writes = true;
        self.follow_expire_mode();
        let until = UnixMs(self.now.0.saturating_add(most_ms));
        self.farewell = Some(Farewell { how, until, clients: Vec::new(), over: false });
        tracing::info!("Waiting for replicas before shutting down.");
        true
    }

    fn replicas_are_in_sync(&self) -> bool {
        let offset = self.history_offset();
        self.replicas.iter().all(|replica| replica.acked == offset)
    }

    /// Ends the process once replicas lack nothing, or the time is over.
    pub(super) fn look_at_farewell(&mut self) {
        let in_sync = self.replicas_are_in_sync();
        let now = self.now;
        if let Some(farewell) = &mut self.farewell
            && !farewell.over
            && (in_sync || now >= farewell.until)
        {
            farewell.over = true;
            self.asks.push(Ask::Shutdown { how: farewell.how, client: None });
        }
    }

    /// The process goes on after all. False: nothing was waited for.
    pub fn end_farewell(&mut self) -> bool {
        let Some(farewell) = self.farewell.take() else { return false };
        for client in farewell.clients {
            self.answer(client, |reply| reply.error(b"ERR Errors trying to SHUTDOWN. Check logs."));
        }
        self.pause.holds_writes = false;
        if self.pause.until.0 == 0 {
            self.end_pause();
        }
        true
    }

    /// Says who of the replicas lacks what as the process ends.
    pub(super) fn tell_lagging_replicas(&self) {
        let offset = self.history_offset();
        let mut lagging = 0;
        for replica in self.replicas.iter().filter(|replica| replica.acked != offset) {
            lagging += 1;
            let Some(index) = self.client_by_id(replica.client) else { continue };
            let delivery = replica.delivery.and_then(|number| self.replicas.delivery(number));
            tracing::warn!(
                "Lagging replica {} reported offset {} behind master, lag={}, state={}.",
                self.replica_name(index, &replica.announced),
                offset as i64 - replica.acked as i64,
                replica.lag_s(self.now),
                replica.stage_name(delivery.is_some_and(|delivery| !delivery.mark.is_empty()))
            );
        }
        if !self.replicas.is_empty() {
            let all = self.replicas.len();
            tracing::info!("{} of {all} replicas are in sync when shutting down.", all - lagging);
        }
    }
}
