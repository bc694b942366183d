//! What a script says of itself: flags, and the first line `#!lua ...` that names them.

use crate::base::quoting::split_args;

/// Flags of a script or a function.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ScriptFlags(u8);

impl ScriptFlags {
    /// It writes nothing.
    pub const NO_WRITES: ScriptFlags = ScriptFlags(1 << 0);
    /// It may run beyond `maxmemory`.
    pub const ALLOW_OOM: ScriptFlags = ScriptFlags(1 << 1);
    /// It may run on a replica that lost its primary.
    pub const ALLOW_STALE: ScriptFlags = ScriptFlags(1 << 2);
    /// It does not run on a cluster node.
    pub const NO_CLUSTER: ScriptFlags = ScriptFlags(1 << 3);
    /// It says nothing of itself: the rules of before there were flags apply.
    pub const UNDECLARED: ScriptFlags = ScriptFlags(1 << 4);
    /// It may use keys of several slots.
    pub const ALLOW_CROSS_SLOT: ScriptFlags = ScriptFlags(1 << 5);

    /// All that can be declared, with their names in the order they are listed.
    pub const NAMES: [(ScriptFlags, &'static str); 5] = [
        (ScriptFlags::NO_WRITES, "no-writes"),
        (ScriptFlags::ALLOW_OOM, "allow-oom"),
        (ScriptFlags::ALLOW_STALE, "allow-stale"),
        (ScriptFlags::NO_CLUSTER, "no-cluster"),
        (ScriptFlags::ALLOW_CROSS_SLOT, "allow-cross-slot-keys"),
    ];

    /// Whether a flag is among them.
    pub const fn has(self, flag: ScriptFlags) -> bool {
        self.0 & flag.0 != 0
    }

    /// Adds a flag.
    pub const fn add(&mut self, flag: ScriptFlags) {
        self.0 |= flag.0;
    }

    /// Names of those that were declared.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        ScriptFlags::NAMES.into_iter().filter(move |(flag, _)| self.has(*flag)).map(|(_, name)| name)
    }
}

/// The flags a script declares and the length of the line that does, its end not counted. Errors: a sentence for the
/// client.
pub fn declared(body: &[u8]) -> Result<(ScriptFlags, usize), Vec<u8>> {
    if !body.starts_with(b"#!") {
        return Ok((ScriptFlags::UNDECLARED, 0));
    }
    let Some(len) = memchr::memchr(b'\n', body) else { return Err(b"Invalid script shebang".to_vec()) };
    let parts = split_args(&body[..len]).unwrap_or_default();
    let Some((engine, options)) = parts.split_first() else {
        return Err(b"Invalid engine in script shebang".to_vec());
    };
    if engine != b"#!lua" {
        return Err([b"Unexpected engine in script shebang: ", &engine[..]].concat());
    }
    let mut flags = ScriptFlags::default();
    for option in options {
        let Some(names) = option.strip_prefix(b"flags=") else {
            return Err([b"Unknown lua shebang option: ", &option[..]].concat());
        };
        if names.is_empty() {
            continue;
        }
        for name in names.split(|&byte| byte == b',') {
            let known = ScriptFlags::NAMES.iter().find(|(_, known)| known.as_bytes() == name);
            let Some((flag, _)) = known else {
                return Err([b"Unexpected flag in script shebang: ", name].concat());
            };
            flags.add(*flag);
        }
    }
    Ok((flags, len))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_declares_flags() {
        assert_eq!(declared(b"return 1"), Ok((ScriptFlags::UNDECLARED, 0)));
        assert_eq!(declared(b"#!lua\nreturn 1"), Ok((ScriptFlags::default(), 5)));
        let (flags, len) = declared(b"#!lua flags=no-writes,allow-stale\nreturn 1").unwrap();
        assert_eq!(flags.names().collect::<Vec<_>>(), ["no-writes", "allow-stale"]);
        assert_eq!(len, 33);
        for (body, error) in [
            ("#!lua", "Invalid script shebang"),
            ("#!not-lua\n", "Unexpected engine in script shebang: #!not-lua"),
            ("#!lua badger=data\n", "Unknown lua shebang option: badger=data"),
            ("#!lua flags=bad\n", "Unexpected flag in script shebang: bad"),
        ] {
            assert_eq!(declared(body.as_bytes()).unwrap_err(), error.as_bytes());
        }
    }
}
