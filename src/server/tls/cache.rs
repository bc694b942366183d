//! Sessions that may be resumed: as many as `tls-session-cache-size` says, each for `tls-session-cache-timeout` seconds.
//!
//! Kept on the server, so that both directives mean what they say; the tickets that clients hold are only names of them.

use rustls::server::StoresServerSessions;
use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant};

/// The most sessions that are kept when the configuration sets no limit.
const MOST_SESSIONS: usize = 1024 * 1024;

/// The sessions of one configuration.
pub struct SessionCache {
    most: usize,
    life: Duration,
    held: Mutex<Held>,
}

#[derive(Default)]
struct Held {
    sessions: HashMap<Vec<u8>, (Instant, Vec<u8>)>,
    /// Their names, the oldest first; also of some that were taken.
    order: VecDeque<(Instant, Vec<u8>)>,
}

impl fmt::Debug for SessionCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionCache").field("most", &self.most).field("life", &self.life).finish_non_exhaustive()
    }
}

impl SessionCache {
    /// An empty cache of at most `size` sessions (0: no limit but the server's own) of this life.
    pub fn new(size: usize, life: Duration) -> SessionCache {
        let most = if size == 0 { MOST_SESSIONS } else { size.min(MOST_SESSIONS) };
        SessionCache { most, life, held: Mutex::default() }
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        // What a panic could have left is still a map of whole sessions.
        self.held.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn find(&self, key: &[u8], take: bool) -> Option<Vec<u8>> {
        let mut held = self.held();
        let (since, value) = held.sessions.get(key)?;
        let value = (since.elapsed() < self.life).then(|| value.clone());
        if take || value.is_none() {
            held.sessions.remove(key);
        }
        value
    }
}

impl StoresServerSessions for SessionCache {
    fn put(&self, key: Vec<u8>, value: Vec<u8>) -> bool {
        let now = Instant::now();
        let mut held = self.held();
        while let Some((since, _)) = held.order.front() {
            if held.order.len() < self.most && since.elapsed() < self.life {
                break;
            }
            if let Some((since, oldest)) = held.order.pop_front()
                && held.sessions.get(&oldest).is_some_and(|(put, _)| *put == since)
            {
                held.sessions.remove(&oldest);
            }
        }
        held.order.push_back((now, key.clone()));
        held.sessions.insert(key, (now, value));
        true
    }

    fn get(&self, key: &[u8]) -> Option<Vec<u8>> {
        self.find(key, false)
    }

    fn take(&self, key: &[u8]) -> Option<Vec<u8>> {
        self.find(key, true)
    }

    fn can_cache(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_session_goes_when_the_cache_is_full() {
        let cache = SessionCache::new(2, Duration::from_secs(60));
        for name in [b"a", b"b", b"c"] {
            assert!(cache.put(name.to_vec(), name.to_vec()));
        }
        assert_eq!(cache.get(b"a"), None);
        assert_eq!(cache.get(b"b"), Some(b"b".to_vec()));
        assert_eq!(cache.take(b"c"), Some(b"c".to_vec()));
        assert_eq!(cache.take(b"c"), None);
        assert!(cache.held().order.len() <= 2);
    }

    #[test]
    fn a_session_whose_time_is_over_is_not_found() {
        let cache = SessionCache::new(0, Duration::ZERO);
        cache.put(b"a".to_vec(), b"a".to_vec());
        assert_eq!(cache.get(b"a"), None);
        assert!(cache.held().sessions.is_empty());
    }
}
