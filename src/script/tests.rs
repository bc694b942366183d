//! Scripts against a caller that answers each command with its own words, and attempts to leave the sandbox.

use super::*;
use crate::command::{Args, CommandError, OwnedArgs};

/// Echoes a command as an array of its words; `fail` answers an error, `refuse` is refused.
#[derive(Default)]
struct Echo {
    reply: Reply,
    calls: usize,
    /// Looks at the clock after which the script is ended.
    patience: usize,
}

impl Caller for Echo {
    fn call(&mut self, args: Args<'_>) -> Result<&[u8], CommandError> {
        self.calls += 1;
        self.reply.clear();
        match args.at(0) {
            b"refuse" => return Err(CommandError::fixed("ERR refused")),
            b"fail" => self.reply.error(b"WRONGTYPE of value"),
            b"raw" => self.reply.raw(args.at(1)),
            _ => {
                self.reply.array(args.len());
                args.iter().for_each(|word| self.reply.bulk(word));
            }
        }
        Ok(self.reply.as_slice())
    }

    fn set_protocol(&mut self, protocol: Protocol) {
        self.reply.set_protocol(protocol);
    }

    fn set_replication(&mut self, _: bool, _: bool) {}

    fn may_run(&mut self, _: Args<'_>) -> Option<bool> {
        Some(true)
    }

    fn interrupted(&mut self) -> bool {
        self.patience = self.patience.saturating_sub(1);
        self.patience == 0
    }
}

const MEMORY: usize = 64 << 20;

fn scripts() -> Scripts {
    Scripts::new(MEMORY, false).unwrap()
}

/// What a script answers, errors with a minus before them.
fn run_in(scripts: &mut Scripts, body: &str, patience: usize) -> String {
    let script = match scripts.load(body.as_bytes()) {
        Ok(script) => script,
        Err(sentence) => return format!("-ERR {}", String::from_utf8_lossy(&sentence)),
    };
    let mut caller = Echo { patience, ..Echo::default() };
    let keys = OwnedArgs::from_parts([&b"key"[..]].into_iter());
    let returned = scripts.eval(&script, keys.as_args(), Args::new(&[], &[]), &mut caller);
    let protocol = caller.reply.protocol();
    let mut reply = Reply::new(Protocol::Resp3);
    match scripts.write(returned, || "sha".into(), protocol, &mut reply) {
        Ok(_) => String::from_utf8_lossy(reply.as_slice()).replace("\r\n", " ").trim_end().to_owned(),
        Err(error) => format!("-{}", String::from_utf8_lossy(&error.text)),
    }
}

#[track_caller]
fn check(cases: &[(&str, &str)]) {
    let mut scripts = scripts();
    for (body, expected) in cases {
        assert_eq!(run_in(&mut scripts, body, usize::MAX), *expected, "{body}");
    }
}

#[test]
fn values_become_replies() {
    check(&[
        ("return 3.99", ":3"),
        ("return 'x'", "$1 x"),
        ("return {1, 'a', {true}, false, nil, 9}", "*4 :1 $1 a *1 :1 _"),
        ("return nil", "_"),
        ("return {ok = 'fine'}", "+fine"),
        ("return {err = 'BAD luck'}", "-BAD luck"),
        ("return {double = 1.5}", ",1.5"),
        ("return {big_number = '12'}", "(12"),
        ("return {map = {a = 1}}", "%1 $1 a :1"),
        ("return {set = {a = true}}", "~1 $1 a"),
        ("return {verbatim_string = {format = 'txt', string = 'hi'}}", "=6 txt:hi"),
        ("redis.setresp(3) return true", "#t"),
        ("return KEYS[1]", "$3 key"),
        ("return 1, 2", ":1"),
    ]);
}

#[test]
fn replies_become_values() {
    check(&[
        ("return redis.call('a', 1, 2.5, 1e17)", "*4 $1 a $1 1 $3 2.5 $5 1e+17"),
        ("return redis.call('raw', '$-1\\r\\n') == false", ":1"),
        ("return redis.call('raw', '_\\r\\n') == nil", ":1"),
        ("return redis.call('raw', '+OK\\r\\n').ok", "$2 OK"),
        ("return redis.call('raw', ',1.5\\r\\n').double * 2", ":3"),
        ("return redis.call('raw', '%1\\r\\n+a\\r\\n:7\\r\\n').map ~= nil", ":1"),
        ("return redis.call('raw', '=6\\r\\ntxt:hi\\r\\n').verbatim_string.string", "$2 hi"),
        ("return redis.call('raw', '(123\\r\\n').big_number", "$3 123"),
        ("return redis.call('raw', '|1\\r\\n+a\\r\\n:1\\r\\n:5\\r\\n')", ":5"),
        ("return redis.pcall('fail').err", "$18 WRONGTYPE of value"),
        ("return redis.pcall('refuse').err", "$11 ERR refused"),
        ("return redis.call('fail')", "-WRONGTYPE of value script: sha, on @user_script:1."),
        ("local x\nredis.call('refuse')", "-ERR refused script: sha, on @user_script:2."),
        ("return {pcall(redis.call, 'fail')}", "*2 _ $18 WRONGTYPE of value"),
    ]);
}

#[test]
fn errors_name_their_place() {
    check(&[
        ("error('x')", "-ERR user_script:1: x script: sha, on @user_script:1."),
        ("error({err = 'E x'})", "-E x script: sha, on @user_script:1."),
        ("\n\nfoo = 1", "-ERR user_script:3: Attempt to modify a readonly table script: sha, on @user_script:3."),
        (
            "return foo",
            "-ERR user_script:1: Script attempted to access nonexistent global variable 'foo' script: sha, on @user_script:1.",
        ),
        (
            "cjson.decode('{')",
            "-ERR user_script:1: Expected object key string but found T_END at character 2 script: sha, on @user_script:1.",
        ),
        ("retur 1", "-ERR Error compiling script (new function): user_script:1: '=' expected near '1'"),
    ]);
}

/// What the published attacks on scripting of this kind of server begin with: a way out of the sandbox, or a way to
/// change what the scripts of others see.
#[test]
fn nothing_leads_out_of_the_sandbox() {
    let mut scripts = scripts();
    for body in [
        "return os",
        "return io",
        "return require",
        "return package",
        "return debug",
        "return dofile",
        "return loadfile",
        "return print",
        "return newproxy",
        "return setfenv",
        "return getfenv",
        "redis = 1",
        "redis.call = 1",
        "rawset(redis, 'call', 1)",
        "rawset(_G, 'x', 1)",
        "setmetatable(_G, {})",
        "setmetatable(redis, {})",
        "setmetatable(string, {})",
        "getmetatable('').__index = function() return 1 end",
        "rawset(getmetatable(''), '__index', 1)",
        "string.rep = 1",
        "getmetatable(_G).__index = 1",
        "getmetatable(_G).__newindex = 1",
        "table.insert(redis, 1)",
        "math.random = 1",
        "cjson.decode = 1",
        "coroutine.resume = 1",
        "next(redis)[1] = 1; local f, t = pairs(redis); rawset(t, 'call', 1)",
        "local _, t = pairs(_G); t.x = 1",
    ] {
        let answer = run_in(&mut scripts, body, usize::MAX);
        assert!(answer.starts_with('-'), "{body}: {answer}");
    }
    assert_eq!(run_in(&mut scripts, "return redis.call('a')", usize::MAX), "*1 $1 a");
    assert_eq!(run_in(&mut scripts, "return ('a'):rep(2)", usize::MAX), "$2 aa");
    assert_eq!(run_in(&mut scripts, "local n = 0 for _ in pairs(_G) do n = n + 1 end return n > 30", usize::MAX), ":1");
}

#[test]
fn compiled_code_is_not_loaded() {
    check(&[
        ("return loadstring(string.dump(function() return 1 end)) == nil", ":1"),
        (
            "local d = string.dump(function() return 1 end) return load(function() local p = d d = nil return p end) == nil",
            ":1",
        ),
        ("local f, message = loadstring('\\27Lua', '=x') return message", "$38 x:1: unexpected symbol near 'char(27)'"),
        ("return loadstring('return 7')()", ":7"),
    ]);
    let error = scripts().load(b"\x1bLuaQ").unwrap_err();
    assert!(error.ends_with(b"unexpected symbol near 'char(27)'"), "{}", String::from_utf8_lossy(&error));
}

#[test]
fn a_script_that_eats_memory_or_stack_ends_in_an_error() {
    let mut scripts = scripts();
    for body in [
        "return string.rep('x', 1e10)",
        "local t = {} while true do t[#t + 1] = string.rep('x', 1000) .. #t end",
        "local s = 'x' while true do s = s .. s end",
        "local t = {} for i = 1, 1e9 do t[i] = {} end",
        "local function f() return 1 + f() end return f()",
        "local t = {} t.t = t return cjson.encode(t)",
        "collectgarbage('stop') local t = {} while true do t[#t + 1] = {} end",
        "local t = {} for i = 1, 1e6 do t[i] = 1 end return unpack(t)",
        "return string.find(string.rep('a', 1e6), string.rep('a?', 1e6))",
        "return ('a'):rep(1e6):gsub(('(a)'):rep(1e6), '')",
        "return string.match(string.rep('a', 1e6), string.rep('a-', 1e6) .. 'b')",
    ] {
        let answer = run_in(&mut scripts, body, usize::MAX);
        assert!(answer.starts_with('-'), "{body}: {}", &answer[..answer.len().min(100)]);
    }
    assert_eq!(run_in(&mut scripts, "return 1", usize::MAX), ":1");
}

#[test]
fn deep_nesting_is_bounded_everywhere() {
    let mut scripts = scripts();
    for (body, begin) in [
        ("local t = {} for i = 1, 100000 do t = {t} end return t", "*1 *1"),
        ("local t = {} for i = 1, 2000 do t = {t} end return cjson.encode(t)", "-"),
        ("cjson.encode_max_depth(1e6) local t = {} for i = 1, 1e5 do t = {t} end return cjson.encode(t)", "-"),
        ("cjson.decode_max_depth(1e6) return cjson.decode(string.rep('[', 1e5))", "-"),
        ("return cjson.decode(string.rep('[', 1e5))", "-"),
        ("return cmsgpack.unpack(string.rep('\\145', 1e5) .. '\\1')", "-"),
        ("return cmsgpack.unpack(string.rep('\\129\\1', 1e5) .. '\\1')", "-"),
    ] {
        let answer = run_in(&mut scripts, body, usize::MAX);
        assert!(answer.starts_with(begin), "{body}: {}", &answer[..answer.len().min(100)]);
    }
}

/// As many as Redis writes before it finds no room on its stack.
#[test]
fn returned_values_nest_as_deep_as_there() {
    let mut scripts = scripts();
    for (wrap, mark, depth) in
        [("{t}", "*1", 7995), ("{map = {a = t}}", "%1", 2665), ("{set = {[t] = true}}", "~1", 2665)]
    {
        let body = format!("local t = {{}} for i = 1, 100000 do t = {wrap} end return t");
        let answer = run_in(&mut scripts, &body, usize::MAX);
        assert_eq!(answer.matches(mark).count(), depth, "{wrap}");
        assert!(answer.ends_with("-ERR reached lua stack limit"), "{wrap}");
    }
    // Keys and numbers have no room either.
    let deepest = [("return t", "*1 -ERR reached lua stack limit"), ("return {map = {a = t}}", "%1 $1 a *1 *1")];
    for ((end, part), depth) in deepest.into_iter().zip([7994, 7991]) {
        let body = format!("local t = {{7}} for i = 1, {depth} do t = {{t}} end {end}");
        let answer = run_in(&mut scripts, &body, usize::MAX);
        assert!(answer.contains(part) && answer.ends_with("-ERR reached lua stack limit"), "{end}");
    }
    let answer = run_in(&mut scripts, "local t = {7} for i = 1, 7993 do t = {t} end return t", usize::MAX);
    assert!(answer.ends_with("*1 :7"));
}

/// Where Redis keeps the sign of a zero, and where not.
#[test]
fn the_sign_of_zero_is_kept_where_redis_keeps_it() {
    let hex = "local h = '' for i = 1, #p do h = h .. string.format('%02x', p:byte(i)) end return h";
    let packed = |pack: &str| format!("local p = {pack} {hex}");
    for (body, expected) in [
        ("return cjson.encode(-0.0)".into(), "$2 -0"),
        ("return cjson.encode({-0.0, 1})".into(), "$6 [-0,1]"),
        ("return tostring(cjson.decode('-0'))".into(), "$2 -0"),
        ("return tostring(cjson.decode('[-0.0]')[1])".into(), "$2 -0"),
        (packed("cmsgpack.pack(-0.0)"), "$2 00"),
        (packed("struct.pack('>d', -0.0)"), "$16 8000000000000000"),
        (packed("struct.pack('>f', -0.0)"), "$8 80000000"),
        (packed("struct.pack('<i4', -0.0)"), "$8 00000000"),
        ("return tostring(struct.unpack('>d', string.char(128, 0, 0, 0, 0, 0, 0, 0)))".into(), "$2 -0"),
        ("return tostring(cmsgpack.unpack(string.char(0xcb, 128, 0, 0, 0, 0, 0, 0, 0)))".into(), "$2 -0"),
        ("return redis.call('a', -0.0)[2]".into(), "$2 -0"),
        ("return -0.0".into(), ":0"),
    ] as [(String, &str); 12]
    {
        assert_eq!(run_in(&mut scripts(), &body, usize::MAX), expected, "{body}");
    }
}

/// Lengths, offsets and sizes that once overflowed in libraries of this kind.
#[test]
fn libraries_trust_no_length() {
    let mut scripts = scripts();
    for body in [
        "return struct.unpack('c4294967295', 'abc')",
        "return struct.unpack('i99', 'abc')",
        "return struct.pack('I99999999999999999999', 1)",
        "return struct.unpack('i', 'abcd', 2^62)",
        "return struct.unpack('i', 'abcd', -1)",
        "return struct.unpack('i', 'abcd', 9223372036854775807)",
        "return struct.unpack('Bc0', '\\200abc')",
        "return struct.unpack('dc0', struct.pack('d', -1) .. 'abc')",
        "return struct.size(string.rep('c2147483647', 10) .. 's')",
        "return struct.unpack(string.rep('B', 10000), string.rep('a', 10000))",
        "return cmsgpack.unpack('\\223\\255\\255\\255\\255')",
        "return cmsgpack.unpack('\\221\\255\\255\\255\\255')",
        "return cmsgpack.unpack('\\219\\255\\255\\255\\255abc')",
        "return cmsgpack.unpack('\\129\\192\\1')",
        "return cmsgpack.unpack(string.rep('\\1', 100000))",
        "return cmsgpack.unpack_limit('abc', -1)",
        "return cmsgpack.unpack_one('abc', 100)",
        "return cjson.encode({[2147483648] = 1})",
        "return cjson.encode({[1e15] = 1})",
        "return cjson.decode('\"\\\\u12')",
        "return cjson.decode('\"\\\\ud800\\\\u0041\"')",
        "return cjson.decode('a\\0')",
    ] {
        let answer = run_in(&mut scripts, body, usize::MAX);
        assert!(answer.starts_with('-'), "{body}: {}", &answer[..answer.len().min(100)]);
    }
    assert_eq!(run_in(&mut scripts, "return bit.tohex(65535, -2147483648)", usize::MAX), "$8 0000FFFF");
}

#[test]
fn a_script_can_be_ended_whatever_it_catches() {
    let mut scripts = scripts();
    for body in [
        "while true do end",
        "while true do pcall(function() while true do end end) end",
        "local co = coroutine.wrap(function() while true do end end) while true do pcall(co) end",
        "while true do xpcall(function() while true do end end, function() while true do end end) end",
        "while true do coroutine.resume(coroutine.create(function() while true do end end)) end",
        "local t = {} for i = 1, 40 do t = {t, t} end return cjson.encode(t)",
        "cjson.encode_sparse_array(false, 0) return cjson.encode({[2147483647] = 1})",
        "local t = {} for i = 1, 15 do t = {t, t, t, t, t, t, t, t} end return cmsgpack.pack(t)",
    ] {
        let answer = run_in(&mut scripts, body, 3);
        assert!(answer.contains("Script killed by user with SCRIPT KILL..."), "{body}: {answer}");
    }
    assert_eq!(run_in(&mut scripts, "for i = 1, 1e6 do end return 1", usize::MAX), ":1");
}

/// Values that outlive the run they were made in, and collections in the middle of everything.
#[test]
fn coroutines_and_collections_leave_nothing_dangling() {
    let mut scripts = scripts();
    for body in [
        "local co = coroutine.wrap(function() redis.call('a') coroutine.yield(1) redis.call('b') end) co() collectgarbage() return co()",
        "local t = setmetatable({}, {__mode = 'v'}) t[1] = coroutine.create(function() end) collectgarbage() return #t",
        "local e for i = 1, 200 do local ok, x = pcall(redis.call, 'fail') e = x collectgarbage('step') end return e",
        "local ok, e = xpcall(function() redis.call('fail') end, function(e) collectgarbage() return e end) return e.err",
        "return coroutine.resume(coroutine.create(coroutine.yield), collectgarbage())",
    ] {
        for _ in 0..3 {
            let answer = run_in(&mut scripts, body, usize::MAX);
            assert!(!answer.contains("panic"), "{body}: {answer}");
        }
    }
    scripts.flush();
    assert_eq!(run_in(&mut scripts, "return 1", usize::MAX), ":1");
}

/// With the withdrawn interfaces a script can have its own code run by the collector, in the middle of anything.
#[test]
fn code_that_the_collector_runs_disturbs_no_reply() {
    let mut scripts = Scripts::new(MEMORY, true).unwrap();
    let body = "local ran = 0
        for i = 1, 3000 do
          local proxy = newproxy(true)
          getmetatable(proxy).__gc = function() ran = ran + 1 redis.call('other', string.rep('y', 500)) redis.pcall('refuse') end
          proxy = nil
          local words = redis.call('echo', 'a' .. i, string.rep('b', 300))
          if words[2] ~= 'a' .. i or words[3] ~= string.rep('b', 300) then return 'a reply was disturbed' end
          if redis.pcall('fail').err ~= 'WRONGTYPE of value' then return 'an error was disturbed' end
        end
        return ran > 1000";
    assert_eq!(run_in(&mut scripts, body, usize::MAX), ":1");
    // What it raises ends the script that is running then, and nothing else.
    let body = "for i = 1, 1000 do
          local proxy = newproxy(true)
          getmetatable(proxy).__gc = function() error('late') end
          proxy = nil
          pcall(redis.call, 'echo', string.rep('b', 300))
        end";
    for _ in 0..3 {
        run_in(&mut scripts, body, usize::MAX);
    }
    let works = |_| run_in(&mut scripts, "return redis.call('echo')", usize::MAX) == "*1 $4 echo";
    assert!((0..5000).any(works), "the interpreter has recovered");
}

#[test]
fn large_and_wide_replies_become_values_and_replies_again() {
    check(&[
        ("local r = redis.call('echo', string.rep('x', 300000)) return {#r, #r[2]}", "*2 :2 :300000"),
        (
            "local w = {} for i = 1, 7000 do w[i] = i end local r = redis.call(unpack(w)) return {#r, r[7000]}",
            "*2 :7000 $4 7000",
        ),
        ("return redis.pcall({})", "-ERR Lua redis lib command arguments must be strings or integers"),
        ("return redis.pcall()", "-ERR Please specify at least one argument for this redis lib call"),
        ("return redis.call('raw', '*2\\r\\n-ERR in it\\r\\n*1\\r\\n$1\\r\\nx\\r\\n')", "*2 -ERR in it *1 $1 x"),
        ("return {map = {[{1, 2}] = {map = {a = {set = {b = true}}}}}}", "%1 *2 :1 :2 %1 $1 a ~1 $1 b"),
    ]);
}

/// Lua itself would wait until there is no room for the next.
#[test]
fn what_a_script_leaves_is_collected_before_the_memory_is_full() {
    let mut scripts = scripts();
    let body = "local t = {} for i = 1, 700 do t[i] = string.rep('x', 60000 + i) end return #t";
    for _ in 0..5 {
        assert_eq!(run_in(&mut scripts, body, usize::MAX), ":700");
    }
}

#[test]
fn json_goes_there_and_back() {
    check(&[
        (
            "return cjson.encode({1, 'a/b', true, cjson.null, 1.5, {x = {}}})",
            "$33 [1,\"a\\/b\",true,null,1.5,{\"x\":{}}]",
        ),
        ("return cjson.encode(cjson.decode('[[1,2],{\"a\":[]},\"\\\\u00e9\"]'))", "$21 [[1,2],{\"a\":{}},\"é\"]"),
        ("return cjson.decode('{\"a\":{\"b\":[1,{\"c\":5}]}}').a.b[2].c", ":5"),
        ("return cjson.encode({[1] = 1, [3] = 3})", "$10 [1,null,3]"),
        ("return cjson.encode(1e15)", "$5 1e+15"),
    ]);
}

#[test]
fn functions_are_loaded_whole_or_not_at_all() {
    let mut scripts = scripts();
    let mut load = |code: &str| -> Result<(), String> {
        let text = |error: Vec<u8>| String::from_utf8_lossy(&error).into_owned();
        let library =
            scripts.build_library(code.as_bytes(), &mut Echo { patience: 3, ..Echo::default() }).map_err(text)?;
        scripts.libraries.add(library, false).map_err(text)
    };
    assert_eq!(load("#!lua name=a\nredis.register_function('f', function(k, a) return k[1] end)"), Ok(()));
    assert_eq!(
        load("#!lua name=b\nredis.register_function('F', function() end)"),
        Err("Function F already exists".into())
    );
    assert_eq!(load("#!lua name=b\nreturn 1"), Err("No functions registered".into()));
    assert!(load("#!lua name=b\nredis.call('a')").unwrap_err().contains("nonexistent global variable 'call'"));
    assert!(load("#!lua name=b\nmath.random()").unwrap_err().contains("nonexistent global variable 'math'"));
    assert!(load("#!lua name=b\nwhile true do end").unwrap_err().contains("FUNCTION LOAD timeout"));
    assert!(load("#!lua name=b\nx = 1").unwrap_err().contains("Attempt to modify a readonly table"));
    let function = scripts.libraries.function(b"F").unwrap();
    let keys = OwnedArgs::from_parts([&b"key"[..]].into_iter());
    let returned = scripts.call(&function, keys.as_args(), Args::new(&[], &[]), &mut Echo::default());
    let mut reply = Reply::new(Protocol::Resp2);
    assert!(scripts.write(returned, || "f".into(), Protocol::Resp2, &mut reply).is_ok());
    assert_eq!(reply.as_slice(), b"$3\r\nkey\r\n");
    assert_eq!((scripts.libraries.len(), scripts.libraries.functions()), (1, 1));
    assert!(scripts.libraries.remove(b"a") && scripts.libraries.function(b"f").is_none());
}
