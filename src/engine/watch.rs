//! Who watches which key: the registry behind WATCH. Keys are known to their clients as well (`Client::watched`).

use super::ClientIndex;
use crate::base::ids::DbIndex;
use crate::client::Watched;
use std::collections::HashMap;

/// Watched keys by database.
#[derive(Debug, Default)]
pub struct Watches {
    by_key: HashMap<(DbIndex, Box<[u8]>), Vec<ClientIndex>>,
}

impl Watches {
    /// Whether nobody watches.
    pub fn is_empty(&self) -> bool {
        self.by_key.is_empty()
    }

    /// Number of keys watched.
    pub fn len(&self) -> usize {
        self.by_key.len()
    }

    /// A client begins to watch a key it does not watch yet.
    pub fn add(&mut self, db: DbIndex, key: &[u8], client: ClientIndex) {
        self.by_key.entry((db, key.into())).or_default().push(client);
    }

    /// A client no longer watches these keys.
    pub fn remove(&mut self, keys: Vec<Watched>, client: ClientIndex) {
        for watched in keys {
            let key = (watched.db, watched.key);
            if let Some(clients) = self.by_key.get_mut(&key) {
                clients.retain(|&other| other != client);
                if clients.is_empty() {
                    self.by_key.remove(&key);
                }
            }
        }
    }

    /// Who watches a key.
    pub fn watchers(&self, db: DbIndex, key: &[u8]) -> &[ClientIndex] {
        // A borrowed pair cannot be looked up in a map of owned pairs, and only keys changed while somebody watches
        // come here.
        self.by_key.get(&(db, key.into())).map_or(&[], Vec::as_slice)
    }

    /// All keys watched in a database, with who watches.
    pub fn in_db(&self, db: DbIndex) -> impl Iterator<Item = (&[u8], &[ClientIndex])> {
        self.by_key.iter().filter(move |((at, _), _)| *at == db).map(|((_, key), clients)| (&**key, clients.as_slice()))
    }
}
