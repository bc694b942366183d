//! Who listens to which channel, pattern and shard channel. Does not know how a message travels: it names the
//! listeners, the engine writes to them.

use crate::base::glob::glob_match;
use std::collections::HashMap;

/// A listener: the engine's handle of a client.
pub type Listener = u32;

/// Listeners by name, in the order they came.
#[derive(Debug, Default)]
pub struct Registry {
    names: HashMap<Box<[u8]>, Vec<Listener>>,
}

impl Registry {
    /// Adds a listener that is not there yet.
    pub fn add(&mut self, name: &[u8], listener: Listener) {
        match self.names.get_mut(name) {
            Some(listeners) => listeners.push(listener),
            None => {
                self.names.insert(name.into(), vec![listener]);
            }
        }
    }

    /// Removes a listener; the name goes with its last one.
    pub fn remove(&mut self, name: &[u8], listener: Listener) {
        if let Some(listeners) = self.names.get_mut(name) {
            listeners.retain(|&other| other != listener);
            if listeners.is_empty() {
                self.names.remove(name);
            }
        }
    }

    /// Who listens to this name.
    pub fn listeners(&self, name: &[u8]) -> &[Listener] {
        self.names.get(name).map_or(&[], Vec::as_slice)
    }

    /// All names that have listeners.
    pub fn names(&self) -> impl Iterator<Item = &[u8]> {
        self.names.keys().map(|name| &**name)
    }

    /// All names with their listeners.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], &[Listener])> {
        self.names.iter().map(|(name, listeners)| (&**name, listeners.as_slice()))
    }

    /// Number of names.
    pub fn len(&self) -> usize {
        self.names.len()
    }

    /// Whether nobody listens.
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }
}

/// All subscriptions.
#[derive(Debug, Default)]
pub struct PubSub {
    /// Channels.
    pub channels: Registry,
    /// Glob patterns over channels.
    pub patterns: Registry,
    /// Shard channels.
    pub shard_channels: Registry,
}

impl PubSub {
    /// The patterns that match a channel, with their listeners. O(patterns).
    pub fn matching<'a>(&'a self, channel: &'a [u8]) -> impl Iterator<Item = (&'a [u8], &'a [Listener])> {
        self.patterns.iter().filter(move |(pattern, _)| glob_match(pattern, channel, false))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_goes_with_its_last_listener() {
        let mut registry = Registry::default();
        registry.add(b"news", 1);
        registry.add(b"news", 2);
        registry.remove(b"news", 1);
        assert_eq!(registry.listeners(b"news"), [2]);
        registry.remove(b"news", 2);
        assert!(registry.is_empty());
        registry.remove(b"news", 2);
    }

    #[test]
    fn patterns_are_matched_as_globs() {
        let mut pubsub = PubSub::default();
        pubsub.patterns.add(b"n?ws.*", 7);
        assert_eq!(pubsub.matching(b"news.art").map(|(_, l)| l.len()).sum::<usize>(), 1);
        assert_eq!(pubsub.matching(b"news").count(), 0);
    }
}
