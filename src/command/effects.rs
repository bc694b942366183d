//! What an execution leaves behind as data, beside its reply and the keyspace's own log: how it is to be repeated
//! elsewhere, and the messages it published. The engine turns these into consequences; handlers call nobody.

use super::OwnedArgs;

/// How a command that changed something is repeated in the append-only file and on replicas.
#[derive(Debug, Default)]
pub enum Propagate {
    /// As it was received, if the keyspace's log is not empty.
    #[default]
    AsReceived,
    /// These requests in its place (random or time-dependent commands).
    Instead(Vec<OwnedArgs>),
    /// Not at all.
    Nothing,
}

/// The effects of one command.
#[derive(Debug, Default)]
pub struct Effects {
    /// How it is repeated elsewhere.
    pub propagate: Propagate,
    /// Whether anybody will repeat it; what nobody wants is not made.
    pub wanted: bool,
    /// Keys that it found expired are repeated one by one, and not as one unit (SCAN, RANDOMKEY).
    pub removals_alone: bool,
    /// Lines for those who look closely at the server's log: why something that came from outside was refused.
    pub remarks: Vec<String>,
}

impl Effects {
    /// Says that this request is to be repeated in place of the one received.
    pub fn propagate_instead(&mut self, parts: &[&[u8]]) {
        if !self.wanted {
            return;
        }
        let request = OwnedArgs::of(parts);
        match &mut self.propagate {
            Propagate::Instead(requests) => requests.push(request),
            other => *other = Propagate::Instead(vec![request]),
        }
    }

    /// Forgets everything, for the next command.
    pub fn clear(&mut self) {
        self.propagate = Propagate::AsReceived;
        self.removals_alone = false;
    }
}
