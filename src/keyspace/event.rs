//! The names and classes of keyspace events, as notifications and `notify-keyspace-events` know them.

/// A class of events: one letter of `notify-keyspace-events`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u16)]
#[allow(missing_docs)]
pub enum EventClass {
    /// No letter: never published.
    Unannounced = 0,
    Generic = 1 << 2,
    String = 1 << 3,
    List = 1 << 4,
    Set = 1 << 5,
    Hash = 1 << 6,
    SortedSet = 1 << 7,
    Expired = 1 << 8,
    Evicted = 1 << 9,
    Stream = 1 << 10,
    KeyMiss = 1 << 11,
    Module = 1 << 13,
    New = 1 << 14,
}

/// An event that befell a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Event {
    /// The name subscribers read.
    pub name: &'static str,
    /// The class that switches it on.
    pub class: EventClass,
}

macro_rules! events {
    ($($constant:ident = $class:ident $name:literal;)*) => {
        impl Event {
            $(#[doc = concat!("`", $name, "`")] pub const $constant: Event = Event { name: $name, class: EventClass::$class };)*
        }
    };
}

events! {
    DEL = Generic "del";
    RENAME_FROM = Generic "rename_from";
    RENAME_TO = Generic "rename_to";
    MOVE_FROM = Generic "move_from";
    MOVE_TO = Generic "move_to";
    COPY_TO = Generic "copy_to";
    RESTORE = Generic "restore";
    EXPIRE = Generic "expire";
    PERSIST = Generic "persist";
    SORT_STORE = List "sortstore";
    SET = String "set";
    SETRANGE = String "setrange";
    INCRBY = String "incrby";
    INCRBYFLOAT = String "incrbyfloat";
    APPEND = String "append";
    SETBIT = String "setbit";
    LPUSH = List "lpush";
    RPUSH = List "rpush";
    LPOP = List "lpop";
    RPOP = List "rpop";
    LINSERT = List "linsert";
    LSET = List "lset";
    LREM = List "lrem";
    LTRIM = List "ltrim";
    SADD = Set "sadd";
    SREM = Set "srem";
    SPOP = Set "spop";
    SINTERSTORE = Set "sinterstore";
    SUNIONSTORE = Set "sunionstore";
    SDIFFSTORE = Set "sdiffstore";
    HSET = Hash "hset";
    HINCRBY = Hash "hincrby";
    HINCRBYFLOAT = Hash "hincrbyfloat";
    HDEL = Hash "hdel";
    HEXPIRE = Hash "hexpire";
    HEXPIRED = Hash "hexpired";
    HPERSIST = Hash "hpersist";
    ZADD = SortedSet "zadd";
    ZINCR = SortedSet "zincr";
    ZREM = SortedSet "zrem";
    ZREMRANGEBYSCORE = SortedSet "zremrangebyscore";
    ZREMRANGEBYRANK = SortedSet "zremrangebyrank";
    ZREMRANGEBYLEX = SortedSet "zremrangebylex";
    ZDIFFSTORE = SortedSet "zdiffstore";
    ZINTERSTORE = SortedSet "zinterstore";
    ZUNIONSTORE = SortedSet "zunionstore";
    ZRANGESTORE = SortedSet "zrangestore";
    ZPOPMIN = SortedSet "zpopmin";
    ZPOPMAX = SortedSet "zpopmax";
    GEORADIUSSTORE = SortedSet "georadiusstore";
    GEOSEARCHSTORE = SortedSet "geosearchstore";
    PFADD = String "pfadd";
    XADD = Stream "xadd";
    XDEL = Stream "xdel";
    XTRIM = Stream "xtrim";
    XSETID = Stream "xsetid";
    XGROUP_CREATE = Stream "xgroup-create";
    XGROUP_SETID = Stream "xgroup-setid";
    XGROUP_DESTROY = Stream "xgroup-destroy";
    XGROUP_CREATECONSUMER = Stream "xgroup-createconsumer";
    XGROUP_DELCONSUMER = Stream "xgroup-delconsumer";
    EXPIRED = Expired "expired";
    EVICTED = Evicted "evicted";
    KEY_MISS = KeyMiss "keymiss";
    NEW = New "new";
    XNACK = Unannounced "xnack";
    UNANNOUNCED = Unannounced "unannounced";
}
