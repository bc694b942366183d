//! Arbitrary bytes against the libraries of scripts: no panic, and what is read can be written and read again.

use super::*;
use crate::command::{Args, CommandError, OwnedArgs};
use std::cell::RefCell;

/// `ARGV[1]` goes to every reader, and as format and data to `struct`.
const SCRIPT: &str = r#"
    local data = ARGV[1]
    -- Nothing is returned through pcall: results that fill its stack fail an assertion in debug builds of Lua.
    local function first(call, ...)
        local args, value = {...}
        return pcall(function() value = call(unpack(args)) end), value
    end
    for _, codec in ipairs({{cjson.decode, cjson.encode}, {cmsgpack.unpack, cmsgpack.pack}}) do
        local read, value = first(codec[1], data)
        if read then
            local written, text = first(codec[2], value)
            -- Not so cmsgpack: what nests too deep becomes nil, also where it is a key, which then is refused.
            if written and not first(codec[1], text) then
                assert(codec[1] ~= cjson.decode, 'what was written is not read again')
            end
        end
    end
    first(cmsgpack.unpack_one, data, (string.byte(data, 1) or 0) - 1)
    first(cmsgpack.unpack_limit, data, string.byte(data, 2) or 0, string.byte(data, 1) or 0)
    local cut = (string.byte(data, 1) or 0) % 32
    local format, rest = string.sub(data, 2, cut + 1), string.sub(data, cut + 2)
    first(struct.size, format)
    first(function() return #struct.pack(format, struct.unpack(format, rest)) end)
    first(struct.pack, format, rest, 1, -2.5, rest, 3)
    first(bit.tohex, tonumber(rest) or #data, string.byte(data, 1))
    return 'read'
"#;

/// A server without a command.
struct Nobody;

impl Caller for Nobody {
    fn call(&mut self, _: Args<'_>) -> Result<&[u8], CommandError> {
        Err(CommandError::fixed("ERR there are no commands"))
    }

    fn set_protocol(&mut self, _: Protocol) {}

    fn set_replication(&mut self, _: bool, _: bool) {}

    fn may_run(&mut self, _: Args<'_>) -> Option<bool> {
        None
    }

    fn interrupted(&mut self) -> bool {
        false
    }
}

/// Gives bytes to `cjson`, `cmsgpack`, `struct` and `bit`.
///
/// # Panics
/// When a library's own text is not read again: that is what the fuzzer looks for.
pub fn fuzz_libraries(data: &[u8]) {
    const MEMORY_BYTES: usize = 64 << 20;
    thread_local! {
        static SCRIPTS: RefCell<Option<Scripts>> = const { RefCell::new(None) };
    }
    SCRIPTS.with_borrow_mut(|scripts| {
        let scripts = scripts.get_or_insert_with(|| match Scripts::new(MEMORY_BYTES, false) {
            Ok(scripts) => scripts,
            Err(error) => unreachable!("an interpreter can be made: {error}"),
        });
        let Ok(script) = scripts.load(SCRIPT.as_bytes()) else { unreachable!("the script is sound") };
        let arguments = OwnedArgs::of(&[data]);
        let returned = scripts.eval(&script, Args::new(&[], &[]), arguments.as_args(), &mut Nobody);
        let mut reply = Reply::new(Protocol::Resp2);
        if let Err(error) = scripts.write(returned, || "fuzz".into(), Protocol::Resp2, &mut reply) {
            // Bytes may stand for more than scripts may use.
            let text = String::from_utf8_lossy(&error.text).into_owned();
            assert!(text.contains("not enough memory"), "{text}");
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn damaged_texts_are_read_or_refused() {
        let seed = std::env::var("SEED").ok().and_then(|text| text.parse().ok()).unwrap_or_else(|| fastrand::u64(..));
        println!("SEED={seed}");
        let mut rng = fastrand::Rng::with_seed(seed);
        const SOUND: &[&[u8]] = &[
            br#"{"a":[1,2.5e3,-0.0,true,false,null,"\u00e9\ud83d\ude00\n"],"b":{"c":{}},"10":"x"}"#,
            b"[[[[[[[[1e308,-1e-308,0x10,Infinity]]]]]]]]",
            b"\x82\xa1a\x93\x01\xcb\x40\x09\x21\xfb\x54\x44\x2d\x18\xc0\xa1b\xda\x00\x03xyz",
            b"\xdd\x00\x00\x00\x02\xd3\x80\x00\x00\x00\x00\x00\x00\x00\xdf\x00\x00\x00\x01\xc2\xc3",
            b"\x0a>!4BhHlLxf\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f\x10",
            b"\x06<i8c0sd\x05\x00\x00\x00\x00\x00\x00\x00hello world\x00",
        ];
        for _ in 0..4_000 {
            let mut data = SOUND[rng.usize(..SOUND.len())].to_vec();
            for _ in 0..rng.usize(..4) {
                let at = rng.usize(..data.len());
                match rng.u8(..4) {
                    0 => data[at] = rng.u8(..),
                    1 => data.truncate(at.max(1)),
                    2 => data.insert(at, rng.u8(..)),
                    _ => data.extend_from_within(at..),
                }
            }
            fuzz_libraries(&data);
        }
    }
}
