//! Every error a client can read, byte for byte as clients expect it: a code word, a space, a sentence.

use std::borrow::Cow;

/// An error reply: its text with the code in front, without the leading `-` and the line end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommandError(Cow<'static, [u8]>);

impl CommandError {
    /// The key holds a value of another type.
    pub const WRONG_TYPE: CommandError =
        CommandError::fixed("WRONGTYPE Operation against a key holding the wrong kind of value");
    /// Options that do not fit together, or unknown ones.
    pub const SYNTAX: CommandError = CommandError::fixed("ERR syntax error");
    /// An argument or value is no 64-bit integer.
    pub const NOT_INTEGER: CommandError = CommandError::fixed("ERR value is not an integer or out of range");
    /// An argument is out of the range the command allows.
    pub const OUT_OF_RANGE: CommandError = CommandError::fixed("ERR value is out of range");
    /// The reply would be longer than an ordinary client's output may be: such a client is closed.
    pub const REPLY_TOO_LONG: CommandError = CommandError::fixed("ERR the reply exceeds the output buffer limit");
    /// An argument must be positive.
    pub const NOT_POSITIVE: CommandError = CommandError::fixed("ERR value is out of range, must be positive");
    /// An argument or value is no float.
    pub const NOT_FLOAT: CommandError = CommandError::fixed("ERR value is not a valid float");
    /// A bound of a score range is no float.
    pub const MIN_MAX_NOT_FLOAT: CommandError = CommandError::fixed("ERR min or max is not a float");
    /// A bound of a lexicographical range is malformed.
    pub const MIN_MAX_NOT_LEX: CommandError = CommandError::fixed("ERR min or max not valid string range item");
    /// An increment would leave the 64-bit range.
    pub const OVERFLOW: CommandError = CommandError::fixed("ERR increment or decrement would overflow");
    /// A float increment gave no number.
    pub const NAN_OR_INFINITY: CommandError = CommandError::fixed("ERR increment would produce NaN or Infinity");
    /// A score increment gave no number.
    pub const SCORE_NAN: CommandError = CommandError::fixed("ERR resulting score is not a number (NaN)");
    /// A string would exceed `proto-max-bulk-len`.
    pub const STRING_TOO_LONG: CommandError =
        CommandError::fixed("ERR string exceeds maximum allowed size (proto-max-bulk-len)");
    /// The key is missing where it has to exist.
    pub const NO_SUCH_KEY: CommandError = CommandError::fixed("ERR no such key");
    /// An index beyond the list.
    pub const INDEX_OUT_OF_RANGE: CommandError = CommandError::fixed("ERR index out of range");
    /// An offset beyond the string.
    pub const OFFSET_OUT_OF_RANGE: CommandError = CommandError::fixed("ERR offset is out of range");
    /// Source and destination are one.
    pub const SAME_OBJECT: CommandError = CommandError::fixed("ERR source and destination objects are the same");
    /// A number of keys that is none.
    pub const NUMKEYS_NOT_POSITIVE: CommandError = CommandError::fixed("ERR numkeys should be greater than 0");
    /// A number of keys beyond the arguments.
    pub const NUMKEYS_TOO_MANY: CommandError =
        CommandError::fixed("ERR Number of keys can't be greater than number of args");
    /// A COUNT that is not positive.
    pub const COUNT_NOT_POSITIVE: CommandError = CommandError::fixed("ERR count should be greater than 0");
    /// A LIMIT below zero.
    pub const LIMIT_NEGATIVE: CommandError = CommandError::fixed("ERR LIMIT can't be negative");
    /// A timeout that is no number.
    pub const TIMEOUT_NOT_FLOAT: CommandError = CommandError::fixed("ERR timeout is not a float or out of range");
    /// WAITAOF for a log that is not there.
    pub const WAITAOF_WITHOUT_LOG: CommandError =
        CommandError::fixed("ERR WAITAOF cannot be used when numlocal is set but appendonly is disabled.");
    /// A timeout below zero.
    pub const TIMEOUT_NEGATIVE: CommandError = CommandError::fixed("ERR timeout is negative");
    /// A timeout beyond the clock.
    pub const TIMEOUT_OUT_OF_RANGE: CommandError = CommandError::fixed("ERR timeout is out of range");
    /// A database index out of range.
    pub const DB_OUT_OF_RANGE: CommandError = CommandError::fixed("ERR DB index is out of range");
    /// An SCAN cursor that is no number.
    pub const INVALID_CURSOR: CommandError = CommandError::fixed("ERR invalid cursor");
    /// The replicas that `min-replicas-to-write` asks for are not there.
    pub const NO_REPLICAS: CommandError = CommandError::fixed("NOREPLICAS Not enough good replicas to write.");
    /// A write on a replica.
    pub const READ_ONLY: CommandError = CommandError::fixed("READONLY You can't write against a read only replica.");
    /// A replica that is not in step with its primary, and is not to show what is stale.
    pub const MASTER_DOWN: CommandError =
        CommandError::fixed("MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.");
    /// A command about slots, nodes or redirections, and there is no cluster mode.
    pub const CLUSTER_DISABLED: CommandError = CommandError::fixed("ERR This instance has cluster support disabled");
    /// `maxmemory` is reached and nothing can be evicted.
    pub const OOM: CommandError = CommandError::fixed("OOM command not allowed when used memory > 'maxmemory'.");
    /// SORT by keys that its user may not read.
    pub const SORT_BY_DENIED: CommandError =
        CommandError::fixed("ERR BY option of SORT denied due to insufficient ACL permissions.");
    /// SORT that shows keys that its user may not read.
    pub const SORT_GET_DENIED: CommandError =
        CommandError::fixed("ERR GET option of SORT denied due to insufficient ACL permissions.");
    /// A command that cannot be queued.
    pub const NOT_IN_MULTI: CommandError = CommandError::fixed("ERR Command not allowed inside a transaction");
    /// A request that names a key its user may not use.
    pub const NO_PERMISSION_FOR_KEY: CommandError =
        CommandError::fixed("NOPERM this user has no permissions to access one of the keys used as arguments");
    /// A request that names a channel its user may not use.
    pub const NO_PERMISSION_FOR_CHANNEL: CommandError =
        CommandError::fixed("NOPERM this user has no permissions to access one of the channels used as arguments");
    /// Not logged in.
    pub const NO_AUTH: CommandError = CommandError::fixed("NOAUTH Authentication required.");
    /// Wrong user or password.
    pub const WRONG_PASS: CommandError =
        CommandError::fixed("WRONGPASS invalid username-password pair or user is disabled.");
    /// A transaction that had an error while it was queued.
    pub const EXEC_ABORT: CommandError =
        CommandError::fixed("EXECABORT Transaction discarded because of previous errors.");

    // Lists, sets.
    /// LPOS with a rank that is none.
    pub const RANK_ZERO: CommandError = CommandError::fixed(
        "ERR RANK can't be zero: use 1 to start from the first match, 2 from the second ... or use negative to start \
         from the end of the list",
    );
    /// LPOS with a COUNT below zero.
    pub const COUNT_NEGATIVE: CommandError = CommandError::fixed("ERR COUNT can't be negative");
    /// LPOS with a MAXLEN below zero.
    pub const MAXLEN_NEGATIVE: CommandError = CommandError::fixed("ERR MAXLEN can't be negative");
    /// A number of random members that has no opposite.
    pub const BEYOND_LONG: CommandError = CommandError::fixed(
        "ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807",
    );
    // Strings, keys, SORT.
    /// A decrement whose negation is no 64-bit integer.
    pub const DECREMENT_OVERFLOW: CommandError = CommandError::fixed("ERR decrement would overflow");
    /// LCS of something that is no string.
    pub const LCS_NOT_STRINGS: CommandError = CommandError::fixed("ERR The specified keys must contain string values");
    /// LCS with both LEN and IDX.
    pub const LCS_LEN_AND_IDX: CommandError =
        CommandError::fixed("ERR If you want both the length and indexes, please just use IDX.");
    /// LCS of strings whose table would be too large.
    pub const LCS_TOO_LARGE: CommandError =
        CommandError::fixed("ERR Insufficient memory, transient memory for LCS exceeds proto-max-bulk-len");
    /// A number of keys that is none, in MSETEX.
    pub const INVALID_NUMKEYS: CommandError = CommandError::fixed("ERR invalid numkeys value");
    /// Fewer keys and values than `numkeys` says.
    pub const WRONG_PAIRS: CommandError = CommandError::fixed("ERR wrong number of key-value pairs");
    /// A condition DELEX does not know.
    pub const INVALID_CONDITION: CommandError =
        CommandError::fixed("ERR Invalid condition. Use IFEQ, IFNE, IFDEQ, or IFDNE");
    /// A digest that is not sixteen hexadecimal digits.
    pub const INVALID_DIGEST: CommandError = CommandError::fixed("ERR must be exactly 16 hexadecimal characters");
    /// EXPIRE's NX with another condition.
    pub const EXPIRE_NX_CLASH: CommandError =
        CommandError::fixed("ERR NX and XX, GT or LT options at the same time are not compatible");
    /// EXPIRE's GT with LT.
    pub const EXPIRE_GT_AND_LT: CommandError =
        CommandError::fixed("ERR GT and LT options at the same time are not compatible");

    // Hashes and sorted sets.
    /// HINCRBY of a value that is no integer.
    pub const HASH_NOT_INTEGER: CommandError = CommandError::fixed("ERR hash value is not an integer");
    /// HINCRBYFLOAT of a value that is no float.
    pub const HASH_NOT_FLOAT: CommandError = CommandError::fixed("ERR hash value is not a float");
    /// HINCRBYFLOAT by something that is not finite.
    pub const INCREMENT_NOT_FINITE: CommandError = CommandError::fixed("ERR value is NaN or Infinity");
    /// HGETDEL without FIELDS where it belongs.
    pub const FIELDS_MISSING: CommandError =
        CommandError::fixed("ERR Mandatory argument FIELDS is missing or not at the right position");
    /// A number of fields that is none.
    pub const NUMFIELDS_NOT_POSITIVE: CommandError =
        CommandError::fixed("ERR Number of fields must be a positive integer");
    /// The same, where fields are given deadlines.
    pub const NUMFIELDS_ZERO: CommandError = CommandError::fixed("ERR Parameter `numFields` should be greater than 0");
    /// The same, where values and deadlines are given at once.
    pub const NUMFIELDS_INVALID: CommandError = CommandError::fixed("ERR invalid number of fields");
    /// Fewer fields than their number says.
    pub const FIELDS_TOO_FEW: CommandError = CommandError::fixed("ERR wrong number of arguments");
    /// FIELDS without a number or without a field.
    pub const FIELDS_BARE: CommandError =
        CommandError::fixed("ERR FIELDS requires at least numfields and one field argument");
    /// FIELDS where there are fields already.
    pub const FIELDS_TWICE: CommandError = CommandError::fixed("ERR FIELDS keyword specified multiple times");
    /// No FIELDS.
    pub const FIELDS_ABSENT: CommandError = CommandError::fixed("ERR missing FIELDS argument");
    /// Two of NX, XX, GT, LT for fields.
    pub const FIELD_CONDITIONS_CLASH: CommandError = CommandError::fixed("ERR Multiple condition flags specified");
    /// FNX with FXX.
    pub const FNX_AND_FXX: CommandError = CommandError::fixed("ERR Only one of FXX or FNX arguments can be specified");
    /// Two deadlines, or one with KEEPTTL.
    pub const FIELD_DEADLINES_OR_KEEP: CommandError =
        CommandError::fixed("ERR Only one of EX, PX, EXAT, PXAT or KEEPTTL arguments can be specified");
    /// Two deadlines, or one with PERSIST.
    pub const FIELD_DEADLINES_OR_PERSIST: CommandError =
        CommandError::fixed("ERR Only one of EX, PX, EXAT, PXAT or PERSIST arguments can be specified");
    /// EX and its like without a number.
    pub const EXPIRE_TIME_MISSING: CommandError = CommandError::fixed("ERR missing expire time");
    /// A deadline before the epoch, or a negative span.
    pub const EXPIRE_TIME_NEGATIVE: CommandError = CommandError::fixed("ERR invalid expire time, must be >= 0");
    /// A number of fields that is not that of the arguments.
    pub const NUMFIELDS_MISMATCH: CommandError =
        CommandError::fixed("ERR The `numfields` parameter must match the number of arguments");
    /// A span of CLAIM that is none.
    pub const CLAIM_NOT_INTEGER: CommandError = CommandError::fixed("ERR min-idle-time is not an integer");
    /// A span of CLAIM below zero.
    pub const CLAIM_NEGATIVE: CommandError = CommandError::fixed("ERR min-idle-time must be a positive integer");
    /// A number of ids that is none.
    pub const NUMIDS_NOT_POSITIVE: CommandError = CommandError::fixed("ERR Number of IDs must be a positive integer");
    /// Fewer ids than their number says.
    pub const NUMIDS_MISMATCH: CommandError =
        CommandError::fixed("ERR The `numids` parameter must match the number of arguments");
    /// A number of random elements below all integers.
    pub const COUNT_TOO_LOW: CommandError = CommandError::fixed(
        "ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807",
    );
    /// ZADD's XX with NX.
    pub const ZADD_XX_AND_NX: CommandError =
        CommandError::fixed("ERR XX and NX options at the same time are not compatible");
    /// ZADD's GT, LT and NX, two of them.
    pub const ZADD_GT_LT_NX: CommandError =
        CommandError::fixed("ERR GT, LT, and/or NX options at the same time are not compatible");
    /// ZADD's INCR with more than one member.
    pub const ZADD_INCR_PAIRS: CommandError =
        CommandError::fixed("ERR INCR option supports a single increment-element pair");
    /// ZRANGE's LIMIT of a range of ranks.
    pub const LIMIT_WITHOUT_BY: CommandError =
        CommandError::fixed("ERR syntax error, LIMIT is only supported in combination with either BYSCORE or BYLEX");
    /// ZRANGE's WITHSCORES with BYLEX.
    pub const WITHSCORES_BYLEX: CommandError =
        CommandError::fixed("ERR syntax error, WITHSCORES not supported in combination with BYLEX");
    /// A weight that is no float.
    pub const WEIGHT_NOT_FLOAT: CommandError = CommandError::fixed("ERR weight value is not a float");
    /// An argument beyond 32 bits.
    pub const BEYOND_INT: CommandError =
        CommandError::fixed("ERR value is out of range, value must between -2147483648 and 2147483647");
    /// OBJECT IDLETIME under an LFU policy.
    pub const IDLETIME_NOT_TRACKED: CommandError = CommandError::fixed(
        "ERR An LFU maxmemory policy is selected, idle time not tracked. Please note that when switching between \
         policies at runtime LRU and LFU data will take some time to adjust.",
    );
    /// OBJECT FREQ without an LFU policy.
    pub const FREQ_NOT_TRACKED: CommandError = CommandError::fixed(
        "ERR An LFU maxmemory policy is not selected, access frequency not tracked. Please note that when switching \
         between policies at runtime LRU and LFU data will take some time to adjust.",
    );
    /// SORT of what is no number.
    pub const SORT_NOT_DOUBLE: CommandError =
        CommandError::fixed("ERR One or more scores can't be converted into double");

    // Bitmaps, HyperLogLogs, geo.
    /// A bit offset that is no integer, negative, or beyond the longest string.
    pub const BIT_OFFSET: CommandError = CommandError::fixed("ERR bit offset is not an integer or out of range");
    /// SETBIT of something else than 0 or 1.
    pub const BIT_VALUE: CommandError = CommandError::fixed("ERR bit is not an integer or out of range");
    /// BITPOS of something else than 0 or 1.
    pub const BIT_ARGUMENT: CommandError = CommandError::fixed("ERR The bit argument must be 1 or 0.");
    /// BITOP NOT of several sources.
    pub const BITOP_NOT_SOURCES: CommandError =
        CommandError::fixed("ERR BITOP NOT must be called with a single source key.");
    /// A type of field that BITFIELD does not know.
    pub const BITFIELD_TYPE: CommandError = CommandError::fixed(
        "ERR Invalid bitfield type. Use something like i16 u8. Note that u64 is not supported but i64 is.",
    );
    /// A way of overflowing that BITFIELD does not know.
    pub const BITFIELD_OVERFLOW: CommandError = CommandError::fixed("ERR Invalid OVERFLOW type specified");
    /// BITFIELD_RO with a write.
    pub const BITFIELD_READ_ONLY: CommandError =
        CommandError::fixed("ERR BITFIELD_RO only supports the GET subcommand");
    /// A string that is no HyperLogLog.
    pub const NOT_HYPERLOGLOG: CommandError =
        CommandError::fixed("WRONGTYPE Key is not a valid HyperLogLog string value.");
    /// A HyperLogLog whose registers cannot be read.
    pub const HYPERLOGLOG_CORRUPT: CommandError = CommandError::fixed("INVALIDOBJ Corrupted HLL object detected");
    /// PFDEBUG DECODE of a dense HyperLogLog.
    pub const HYPERLOGLOG_NOT_SPARSE: CommandError = CommandError::fixed("ERR HLL encoding is not sparse");
    /// PFDEBUG of a missing key.
    pub const KEY_DOES_NOT_EXIST: CommandError = CommandError::fixed("ERR The specified key does not exist");
    /// A radius that is no number.
    pub const RADIUS_NOT_NUMERIC: CommandError = CommandError::fixed("ERR need numeric radius");
    /// A radius below zero.
    pub const RADIUS_NEGATIVE: CommandError = CommandError::fixed("ERR radius cannot be negative");
    /// A box's width that is no number.
    pub const WIDTH_NOT_NUMERIC: CommandError = CommandError::fixed("ERR need numeric width");
    /// A box's height that is no number.
    pub const HEIGHT_NOT_NUMERIC: CommandError = CommandError::fixed("ERR need numeric height");
    /// A box with a side below zero.
    pub const BOX_NEGATIVE: CommandError = CommandError::fixed("ERR height or width cannot be negative");
    /// A unit of length that is unknown.
    pub const UNSUPPORTED_UNIT: CommandError =
        CommandError::fixed("ERR unsupported unit provided. please use M, KM, FT, MI");
    /// A search around a member that is not there.
    pub const MEMBER_WITHOUT_POSITION: CommandError = CommandError::fixed("ERR could not decode requested zset member");
    /// A search for no place at all.
    pub const GEO_COUNT_NOT_POSITIVE: CommandError = CommandError::fixed("ERR COUNT must be > 0");
    /// ANY without COUNT.
    pub const ANY_WITHOUT_COUNT: CommandError = CommandError::fixed("ERR the ANY argument requires COUNT argument");

    // DUMP and RESTORE.
    /// RESTORE without REPLACE onto a key that is there.
    pub const BUSY_KEY: CommandError = CommandError::fixed("BUSYKEY Target key name already exists.");
    /// A payload whose value is damaged.
    pub const PAYLOAD_VALUE: CommandError = CommandError::fixed("ERR Bad data format");
    /// A payload whose footer is wrong.
    pub const PAYLOAD_FOOTER: CommandError = CommandError::fixed("ERR DUMP payload version or checksum are wrong");
    /// RESTORE with a TTL below zero.
    pub const INVALID_TTL: CommandError = CommandError::fixed("ERR Invalid TTL value, must be >= 0");
    /// RESTORE with an idle time below zero.
    pub const INVALID_IDLETIME: CommandError = CommandError::fixed("ERR Invalid IDLETIME value, must be >= 0");
    /// RESTORE with a counter beyond a byte.
    pub const INVALID_FREQ: CommandError = CommandError::fixed("ERR Invalid FREQ value, must be >= 0 and <= 255");

    // Streams.
    /// A text that is no id of an entry.
    pub const INVALID_STREAM_ID: CommandError =
        CommandError::fixed("ERR Invalid stream ID specified as stream command argument");
    /// A range that begins after all ids.
    pub const INVALID_RANGE_START: CommandError = CommandError::fixed("ERR invalid start ID for the interval");
    /// A range that ends before all ids.
    pub const INVALID_RANGE_END: CommandError = CommandError::fixed("ERR invalid end ID for the interval");
    /// XADD of the id no entry has.
    pub const XADD_ID_ZERO: CommandError = CommandError::fixed("ERR The ID specified in XADD must be greater than 0-0");
    /// XADD of an id that is not greater than the last one.
    pub const XADD_ID_TOO_SMALL: CommandError =
        CommandError::fixed("ERR The ID specified in XADD is equal or smaller than the target stream top item");
    /// XADD after the last id there is.
    pub const XADD_EXHAUSTED: CommandError =
        CommandError::fixed("ERR The stream has exhausted the last possible ID, unable to add more items");
    /// XADD of an entry that no block can hold.
    pub const XADD_TOO_LARGE: CommandError = CommandError::fixed("ERR Elements are too large to be stored");
    /// Two ways to trim at once.
    pub const MAXLEN_AND_MINID: CommandError =
        CommandError::fixed("ERR syntax error, MAXLEN and MINID options at the same time are not compatible");
    /// A stream that is to be shorter than empty.
    pub const MAXLEN_BELOW_ZERO: CommandError = CommandError::fixed("ERR The MAXLEN argument must be >= 0.");
    /// A trimming of fewer entries than none.
    pub const XTRIM_LIMIT_NEGATIVE: CommandError = CommandError::fixed("ERR The LIMIT argument must be >= 0.");
    /// LIMIT without anything to limit.
    pub const LIMIT_WITHOUT_TRIM: CommandError =
        CommandError::fixed("ERR syntax error, LIMIT cannot be used without specifying a trimming strategy");
    /// LIMIT of an exact trimming.
    pub const LIMIT_WITHOUT_APPROXIMATION: CommandError =
        CommandError::fixed("ERR syntax error, LIMIT cannot be used without the special ~ option");
    /// XTRIM that does not say what is to stay.
    pub const XTRIM_WITHOUT_STRATEGY: CommandError =
        CommandError::fixed("ERR syntax error, XTRIM must be called with a trimming strategy");
    /// XSETID with a negative number of entries.
    pub const ENTRIES_ADDED_NEGATIVE: CommandError = CommandError::fixed("ERR entries_added must be positive");
    /// XSETID below an id that it says was deleted.
    pub const XSETID_BELOW_DELETED: CommandError =
        CommandError::fixed("ERR The ID specified in XSETID is smaller than the provided max_deleted_entry_id");
    /// XSETID below an entry.
    pub const XSETID_TOO_SMALL: CommandError =
        CommandError::fixed("ERR The ID specified in XSETID is smaller than the target stream top item");
    /// XSETID of fewer entries ever added than there are.
    pub const XSETID_FEWER_THAN_ENTRIES: CommandError =
        CommandError::fixed("ERR The entries_added specified in XSETID is smaller than the target stream length");
    /// A timeout that is no number of milliseconds.
    pub const TIMEOUT_NOT_INTEGER: CommandError = CommandError::fixed("ERR timeout is not an integer or out of range");
    /// XREAD with more keys than ids, or the other way round.
    pub const UNBALANCED_STREAMS: CommandError = CommandError::fixed(
        "ERR Unbalanced XREAD list of streams: for each stream key an ID or '$' must be specified.",
    );
    /// GROUP where there is none.
    pub const XREAD_GROUP: CommandError =
        CommandError::fixed("ERR The GROUP option is only supported by XREADGROUP. You called XREAD instead.");
    /// NOACK where there is nothing to acknowledge.
    pub const XREAD_NOACK: CommandError =
        CommandError::fixed("ERR The NOACK option is only supported by XREADGROUP. You called XREAD instead.");
    /// XREADGROUP without its group.
    pub const XREADGROUP_WITHOUT_GROUP: CommandError = CommandError::fixed("ERR Missing GROUP option for XREADGROUP");
    /// `$` in XREADGROUP.
    pub const LAST_ID_OF_GROUP: CommandError = CommandError::fixed(
        "ERR The $ ID is meaningless in the context of XREADGROUP: you want to read the history of this consumer by \
         specifying a proper ID, or use the > ID to get new messages. The $ ID would just return an empty result set.",
    );
    /// `>` in XREAD.
    pub const UNDELIVERED_WITHOUT_GROUP: CommandError = CommandError::fixed(
        "ERR The > ID can be specified only when calling XREADGROUP using the GROUP <group> <consumer> option.",
    );
    /// The stream of a group somebody waited for is gone.
    pub const STREAM_IS_GONE: CommandError = CommandError::fixed("UNBLOCKED the stream key no longer exists");
    /// The group somebody waited for is gone.
    pub const GROUP_IS_GONE: CommandError =
        CommandError::fixed("NOGROUP the consumer group this client was blocked on no longer exists");
    /// XGROUP without a stream.
    pub const XGROUP_WITHOUT_KEY: CommandError = CommandError::fixed(
        "ERR The XGROUP subcommand requires the key to exist. Note that for CREATE you may want to use the MKSTREAM \
         option to create an empty stream automatically.",
    );
    /// A group that is there already.
    pub const BUSY_GROUP: CommandError = CommandError::fixed("BUSYGROUP Consumer Group name already exists");
    /// A group that has read fewer entries than none.
    pub const ENTRIES_READ_NEGATIVE: CommandError =
        CommandError::fixed("ERR value for ENTRIESREAD must be positive or -1");
    /// XAUTOCLAIM of none, or of too many.
    pub const AUTOCLAIM_COUNT: CommandError = CommandError::fixed("ERR COUNT must be > 0");

    /// An error with a fixed text.
    pub const fn fixed(text: &'static str) -> CommandError {
        CommandError(Cow::Borrowed(text.as_bytes()))
    }

    /// An error with a text made for the occasion, code included.
    pub fn new(text: impl Into<String>) -> CommandError {
        CommandError(Cow::Owned(text.into().into_bytes()))
    }

    /// An error whose text may hold any bytes.
    pub fn from_bytes(text: Vec<u8>) -> CommandError {
        CommandError(Cow::Owned(text))
    }

    /// Wrong number of arguments for a command (`name` in full, `"config|get"` for a subcommand).
    pub fn arity(name: &str) -> CommandError {
        CommandError::new(format!("ERR wrong number of arguments for '{name}' command"))
    }

    /// A command its user may not run.
    pub fn no_permission(name: &str) -> CommandError {
        CommandError::new(format!("NOPERM this user has no permissions to run the '{name}' command"))
    }

    /// A command that is not there; the text quotes up to 128 bytes of its name and of its arguments.
    pub fn unknown_command(args: super::Args<'_>) -> CommandError {
        let mut text = b"ERR unknown command '".to_vec();
        text.extend_from_slice(quoted_part(args.at(0), 128));
        text.extend_from_slice(b"', with args beginning with: ");
        let mut quoted = Vec::new();
        for arg in args.iter().skip(1) {
            if quoted.len() >= 128 {
                break;
            }
            let room = 128 - quoted.len();
            quoted.push(b'\'');
            quoted.extend_from_slice(quoted_part(arg, room));
            quoted.extend_from_slice(b"' ");
        }
        text.extend_from_slice(&quoted);
        CommandError(Cow::Owned(text))
    }

    /// A subcommand that is not there.
    pub fn unknown_subcommand(subcommand: &[u8], command: &str) -> CommandError {
        let mut text = b"ERR unknown subcommand '".to_vec();
        text.extend_from_slice(quoted_part(subcommand, 128));
        text.extend_from_slice(format!("'. Try {} HELP.", command.to_ascii_uppercase()).as_bytes());
        CommandError(Cow::Owned(text))
    }

    /// A subcommand that is unknown or was given a wrong number of arguments, where the table of commands does not
    /// know the subcommands.
    pub fn subcommand_syntax(args: super::Args<'_>) -> CommandError {
        let subcommand = args.get(1).unwrap_or_default();
        let mut text = b"ERR unknown subcommand or wrong number of arguments for '".to_vec();
        text.extend_from_slice(&subcommand[..subcommand.len().min(128)]);
        text.extend_from_slice(b"'. Try ");
        text.extend_from_slice(&args.at(0).to_ascii_uppercase());
        text.extend_from_slice(b" HELP.");
        CommandError::from_bytes(text)
    }

    /// XREAD and its like with BLOCK, called by a script.
    pub fn block_in_script(name: &[u8]) -> CommandError {
        let text = [b"ERR ", as_c_text(name), b" command is not allowed with BLOCK option from scripts"].concat();
        CommandError(Cow::Owned(text))
    }

    /// A word among the arguments that nobody asked for.
    pub fn unknown_argument(word: &[u8]) -> CommandError {
        CommandError(Cow::Owned([b"ERR unknown argument: ", as_c_text(word)].concat()))
    }

    /// An option EXPIRE and its like do not know.
    pub fn unsupported_option(option: &[u8]) -> CommandError {
        CommandError(Cow::Owned([b"ERR Unsupported option ", as_c_text(option)].concat()))
    }

    /// A stream or group that XREADGROUP does not find.
    pub fn no_group_to_read(key: &[u8], group: &[u8]) -> CommandError {
        let parts = [b"NOGROUP No such key '", as_c_text(key), b"' or consumer group '", as_c_text(group)];
        CommandError(Cow::Owned([&parts.concat()[..], b"' in XREADGROUP with GROUP option"].concat()))
    }

    /// A stream or group that is not there.
    pub fn no_key_or_group(key: &[u8], group: &[u8]) -> CommandError {
        let parts = [b"NOGROUP No such key '", as_c_text(key), b"' or consumer group '", as_c_text(group), b"'"];
        CommandError(Cow::Owned(parts.concat()))
    }

    /// A group that a stream does not have.
    pub fn no_group_of_key(group: &[u8], key: &[u8]) -> CommandError {
        let parts = [b"NOGROUP No such consumer group '", as_c_text(group), b"' for key name '", as_c_text(key), b"'"];
        CommandError(Cow::Owned(parts.concat()))
    }

    /// An option XCLAIM does not know.
    pub fn unknown_claim_option(option: &[u8]) -> CommandError {
        CommandError(Cow::Owned([b"ERR Unrecognized XCLAIM option '", as_c_text(option), b"'"].concat()))
    }

    /// ZUNION and its like without an input (`name` in lower case).
    pub fn no_input_keys(name: &str) -> CommandError {
        CommandError::new(format!("ERR at least 1 input key is needed for '{name}' command"))
    }

    /// A TTL the command does not accept (`name` in lower case).
    pub fn invalid_expire(name: &str) -> CommandError {
        CommandError::new(format!("ERR invalid expire time in '{name}' command"))
    }

    /// BITOP of fewer sources than the operation, named in any case, needs.
    pub fn bitop_sources(operation: &[u8]) -> CommandError {
        let operation = String::from_utf8_lossy(operation).to_ascii_uppercase();
        CommandError::new(format!("ERR BITOP {operation} must be called with at least two source keys."))
    }

    /// A PFDEBUG subcommand that is not there.
    pub fn unknown_pfdebug(subcommand: &[u8]) -> CommandError {
        let mut text = b"ERR Unknown PFDEBUG subcommand '".to_vec();
        text.extend_from_slice(quoted_part(subcommand, usize::MAX));
        text.push(b'\'');
        CommandError::from_bytes(text)
    }

    /// Coordinates outside the map.
    pub fn coordinates(longitude: f64, latitude: f64) -> CommandError {
        CommandError::new(format!("ERR invalid longitude,latitude pair {longitude:.6},{latitude:.6}"))
    }

    /// A search that stores its result and is asked for what it would reply (`what` stores).
    pub fn store_with_reply(what: &str) -> CommandError {
        CommandError::new(format!("ERR {what} is not compatible with WITHDIST, WITHHASH and WITHCOORD options"))
    }

    /// A search without its `choices`, by the name the command was called by.
    pub fn exactly_one_of(choices: &str, name: &[u8]) -> CommandError {
        let mut text = format!("ERR exactly one of {choices} can be specified for ").into_bytes();
        text.extend_from_slice(name);
        CommandError::from_bytes(text)
    }

    /// The text with its code.
    pub fn text(&self) -> &[u8] {
        &self.0
    }

    /// The code: the text's first word.
    pub fn code(&self) -> &[u8] {
        self.0.split(|&b| b == b' ').next().unwrap_or(&[])
    }
}

/// As much of an argument as an error text quotes: at most this long, and up to its first NUL, as clients of Redis see it.
fn quoted_part(arg: &[u8], most: usize) -> &[u8] {
    let arg = &arg[..arg.len().min(most)];
    arg.iter().position(|&byte| byte == 0).map_or(arg, |end| &arg[..end])
}

/// An argument up to its first NUL.
pub(crate) fn as_c_text(arg: &[u8]) -> &[u8] {
    quoted_part(arg, arg.len())
}

impl From<crate::keyspace::WrongType> for CommandError {
    fn from(_: crate::keyspace::WrongType) -> CommandError {
        CommandError::WRONG_TYPE
    }
}
