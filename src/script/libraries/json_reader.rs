//! JSON text as Lua values. What follows a NUL is not read, and numbers are what `strtod` takes.

use super::{MOST_PLACES, Settings};
use crate::script::failure::Failure;
use mlua::{Lua, Table, Value};

/// The value a text stands for.
pub fn read(lua: &Lua, settings: &Settings, text: &[u8]) -> mlua::Result<Value> {
    if text.len() >= 2 && (text[0] == 0 || text[1] == 0) {
        return Err(Failure::at_caller(lua, "JSON parser does not support UTF-16 or UTF-32"));
    }
    let mut reader = Reader { lua, settings, text, at: 0, open: Vec::new(), places: 0 };
    let value = reader.whole()?;
    match reader.token() {
        (_, Token::End) => Ok(value),
        (at, token) => Err(reader.unexpected("the end", at, &token)),
    }
}

enum Token {
    ObjectBegin,
    ObjectEnd,
    ArrayBegin,
    ArrayEnd,
    String(Vec<u8>),
    Number(f64),
    Boolean(bool),
    Null,
    Colon,
    Comma,
    End,
    Error(&'static str),
}

impl Token {
    fn name(&self) -> &'static str {
        match self {
            Token::ObjectBegin => "T_OBJ_BEGIN",
            Token::ObjectEnd => "T_OBJ_END",
            Token::ArrayBegin => "T_ARR_BEGIN",
            Token::ArrayEnd => "T_ARR_END",
            Token::String(_) => "T_STRING",
            Token::Number(_) => "T_NUMBER",
            Token::Boolean(_) => "T_BOOLEAN",
            Token::Null => "T_NULL",
            Token::Colon => "T_COLON",
            Token::Comma => "T_COMMA",
            Token::End => "T_END",
            Token::Error(what) => what,
        }
    }
}

/// A table being filled. Nesting is walked with a stack of our own: it is the input's choice.
enum Open {
    Array { table: Table, len: usize },
    Object { table: Table, key: Value },
}

struct Reader<'a> {
    lua: &'a Lua,
    settings: &'a Settings,
    text: &'a [u8],
    at: usize,
    open: Vec<Open>,
    /// Places the walk would take on Lua's stack.
    places: usize,
}

impl Reader<'_> {
    fn unexpected(&self, expected: &str, at: usize, found: &Token) -> mlua::Error {
        let text = format!("Expected {expected} but found {} at character {}", found.name(), at + 1);
        Failure::at_caller(self.lua, text)
    }

    /// A value with everything in it.
    fn whole(&mut self) -> mlua::Result<Value> {
        let (mut at, mut token) = self.token();
        loop {
            // A value begins here; what it is decides whether it is whole already.
            let mut value = match token {
                Token::String(text) => Some(Value::String(self.lua.create_string(text)?)),
                Token::Number(number) => Some(Value::Number(number)),
                Token::Boolean(value) => Some(Value::Boolean(value)),
                Token::Null => Some(Value::NULL),
                Token::ArrayBegin => self.begin_array()?,
                Token::ObjectBegin => self.begin_object()?,
                other => return Err(self.unexpected("value", at, &other)),
            };
            if value.is_none() {
                (at, token) = self.first_of_open()?;
                continue;
            }
            // Whole values go into the table around them, and may end it.
            loop {
                let Some(whole) = value.take() else { break };
                if self.open.is_empty() {
                    return Ok(whole);
                }
                self.add(whole)?;
                value = self.close_if_ended()?;
            }
            (at, token) = self.token();
            if matches!(self.open.last(), Some(Open::Object { .. })) {
                (at, token) = self.member(at, token)?;
            }
        }
    }

    fn descend(&mut self, needed: usize) -> mlua::Result<()> {
        let depth = self.open.len() + 1;
        if depth as i64 <= self.settings.decode_max_depth && self.places + needed <= MOST_PLACES {
            return Ok(());
        }
        let text = format!("Found too many nested data structures ({depth}) at character {}", self.at);
        Err(Failure::at_caller(self.lua, text))
    }

    /// The table if it is empty; else it is on the stack.
    fn begin_array(&mut self) -> mlua::Result<Option<Value>> {
        self.descend(2)?;
        let table = self.lua.create_table()?;
        if self.next_is(b']') {
            return Ok(Some(Value::Table(table)));
        }
        self.places += 1;
        self.open.push(Open::Array { table, len: 0 });
        Ok(None)
    }

    fn begin_object(&mut self) -> mlua::Result<Option<Value>> {
        self.descend(3)?;
        let table = self.lua.create_table()?;
        if self.next_is(b'}') {
            return Ok(Some(Value::Table(table)));
        }
        self.places += 2;
        self.open.push(Open::Object { table, key: Value::Nil });
        Ok(None)
    }

    /// Skips white space, and a byte if it follows.
    fn next_is(&mut self, byte: u8) -> bool {
        self.skip_space();
        let is = self.peek(0) == byte;
        self.at += is as usize;
        is
    }

    /// The token of the first value in the table that was just begun.
    fn first_of_open(&mut self) -> mlua::Result<(usize, Token)> {
        let (at, token) = self.token();
        match self.open.last() {
            Some(Open::Object { .. }) => self.member(at, token),
            _ => Ok((at, token)),
        }
    }

    /// Takes a key and the colon; the value's token.
    fn member(&mut self, at: usize, token: Token) -> mlua::Result<(usize, Token)> {
        let Token::String(name) = token else { return Err(self.unexpected("object key string", at, &token)) };
        let name = Value::String(self.lua.create_string(name)?);
        match self.token() {
            (_, Token::Colon) => {}
            (at, other) => return Err(self.unexpected("colon", at, &other)),
        }
        if let Some(Open::Object { key, .. }) = self.open.last_mut() {
            *key = name;
        }
        Ok(self.token())
    }

    fn add(&mut self, value: Value) -> mlua::Result<()> {
        match self.open.last_mut() {
            Some(Open::Array { table, len }) => {
                *len += 1;
                table.raw_seti(*len, value)
            }
            Some(Open::Object { table, key }) => table.raw_set(std::mem::take(key), value),
            None => Ok(()),
        }
    }

    /// After a value: the table around it when it ends here, or else a comma was read.
    fn close_if_ended(&mut self) -> mlua::Result<Option<Value>> {
        let (at, token) = self.token();
        match (self.open.last(), token) {
            (_, Token::Comma) => Ok(None),
            (Some(Open::Array { .. }), Token::ArrayEnd) => {
                self.places -= 1;
                Ok(self.pop())
            }
            (Some(Open::Object { .. }), Token::ObjectEnd) => {
                self.places -= 2;
                Ok(self.pop())
            }
            (Some(Open::Object { .. }), other) => Err(self.unexpected("comma or object end", at, &other)),
            (_, other) => Err(self.unexpected("comma or array end", at, &other)),
        }
    }

    fn pop(&mut self) -> Option<Value> {
        self.open.pop().map(|(Open::Array { table, .. } | Open::Object { table, .. })| Value::Table(table))
    }

    /// The byte so far ahead; NUL at the end.
    fn peek(&self, ahead: usize) -> u8 {
        self.text.get(self.at + ahead).copied().unwrap_or(0)
    }

    fn skip_space(&mut self) {
        while matches!(self.peek(0), b' ' | b'\t' | b'\n' | b'\r') {
            self.at += 1;
        }
    }

    fn follows(&self, word: &str) -> bool {
        self.text.get(self.at..).unwrap_or_default().starts_with(word.as_bytes())
    }

    /// The next token and where it begins, or where it goes wrong.
    fn token(&mut self) -> (usize, Token) {
        self.skip_space();
        let start = self.at;
        let single = match self.peek(0) {
            b'{' => Some(Token::ObjectBegin),
            b'}' => Some(Token::ObjectEnd),
            b'[' => Some(Token::ArrayBegin),
            b']' => Some(Token::ArrayEnd),
            b',' => Some(Token::Comma),
            b':' => Some(Token::Colon),
            0 => return (start, Token::End),
            _ => None,
        };
        if let Some(token) = single {
            self.at += 1;
            return (start, token);
        }
        let invalid = self.settings.decode_invalid_numbers;
        match self.peek(0) {
            b'"' => match self.string() {
                Ok(text) => (start, Token::String(text)),
                Err(what) => (self.at, Token::Error(what)),
            },
            b'-' | b'0'..=b'9' if !invalid && self.is_invalid_number() => (start, Token::Error("invalid number")),
            b'-' | b'0'..=b'9' => self.number(),
            _ if self.follows("true") => {
                self.at += 4;
                (start, Token::Boolean(true))
            }
            _ if self.follows("false") => {
                self.at += 5;
                (start, Token::Boolean(false))
            }
            _ if self.follows("null") => {
                self.at += 4;
                (start, Token::Null)
            }
            b'+' | b'i' | b'I' | b'n' | b'N' if invalid && self.is_invalid_number() => self.number(),
            _ => (start, Token::Error("invalid token")),
        }
    }

    fn string(&mut self) -> Result<Vec<u8>, &'static str> {
        self.at += 1;
        let mut out = Vec::new();
        loop {
            match self.peek(0) {
                b'"' => break,
                0 => return Err("unexpected end of string"),
                b'\\' => {
                    let byte = match self.peek(1) {
                        byte @ (b'"' | b'\\' | b'/') => byte,
                        b'b' => 0x08,
                        b't' => b'\t',
                        b'n' => b'\n',
                        b'f' => 0x0c,
                        b'r' => b'\r',
                        b'u' => {
                            let (code, len) = self.escape().ok_or("invalid unicode escape code")?;
                            append_utf8(&mut out, code);
                            self.at += len;
                            continue;
                        }
                        _ => return Err("invalid escape code"),
                    };
                    out.push(byte);
                    self.at += 2;
                }
                byte => {
                    out.push(byte);
                    self.at += 1;
                }
            }
        }
        self.at += 1;
        Ok(out)
    }

    fn hex4(&self, ahead: usize) -> Option<u32> {
        (0..4).try_fold(0, |code, digit| Some(code << 4 | (self.peek(ahead + digit) as char).to_digit(16)?))
    }

    /// The code point of `\uXXXX`, or of two of them, and how many bytes they take.
    fn escape(&self) -> Option<(u32, usize)> {
        let code = self.hex4(2)?;
        if code & 0xf800 != 0xd800 {
            return Some((code, 6));
        }
        if code & 0x400 != 0 || self.peek(6) != b'\\' || self.peek(7) != b'u' {
            return None;
        }
        let low = self.hex4(8)?;
        if low & 0xfc00 != 0xdc00 {
            return None;
        }
        Some((((code & 0x3ff) << 10 | low & 0x3ff) + 0x1_0000, 12))
    }

    /// Numbers that `strtod` takes and JSON does not: with a plus, hexadecimal, with leading zeros, infinities, NaN.
    fn is_invalid_number(&self) -> bool {
        if self.peek(0) == b'+' {
            return true;
        }
        let from = usize::from(self.peek(0) == b'-');
        match self.peek(from) {
            b'0' => matches!(self.peek(from + 1), b'x' | b'X' | b'0'..=b'9'),
            ..=b'9' => false,
            _ => {
                let word = self.text.get(self.at + from..self.at + from + 3).unwrap_or_default();
                word.eq_ignore_ascii_case(b"inf") || word.eq_ignore_ascii_case(b"nan")
            }
        }
    }

    fn number(&mut self) -> (usize, Token) {
        let start = self.at;
        match strtod(&self.text[self.at..]) {
            Some((number, len)) => {
                self.at += len;
                (start, Token::Number(number))
            }
            None => (start, Token::Error("invalid number")),
        }
    }
}

fn append_utf8(out: &mut Vec<u8>, code: u32) {
    // Surrogates are paired by now, so every code is a character.
    if let Some(character) = char::from_u32(code) {
        out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
    }
}

/// The longest number at the begin of a text, and its length, as C's `strtod` finds them.
fn strtod(text: &[u8]) -> Option<(f64, usize)> {
    let negative = text.first() == Some(&b'-');
    let sign = usize::from(matches!(text.first(), Some(b'+' | b'-')));
    let rest = &text[sign..];
    let signed = |number: f64| if negative { -number } else { number };
    let begins = |word: &str| rest.get(..word.len()).is_some_and(|part| part.eq_ignore_ascii_case(word.as_bytes()));
    if begins("infinity") {
        return Some((signed(f64::INFINITY), sign + 8));
    }
    if begins("inf") {
        return Some((signed(f64::INFINITY), sign + 3));
    }
    if begins("nan") {
        return Some((signed(f64::NAN), sign + 3));
    }
    if begins("0x")
        && let Some((number, len)) = hexadecimal(&rest[2..])
    {
        return Some((signed(number), sign + 2 + len));
    }
    let digits = |from: usize| rest[from.min(rest.len())..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    let whole = digits(0);
    let mut len = whole;
    let mut fraction = 0;
    if rest.get(len) == Some(&b'.') {
        fraction = digits(len + 1);
        len += if whole + fraction > 0 { 1 + fraction } else { 0 };
    }
    if whole + fraction == 0 {
        return None;
    }
    if matches!(rest.get(len), Some(b'e' | b'E')) {
        let sign = usize::from(matches!(rest.get(len + 1), Some(b'+' | b'-')));
        let exponent = digits(len + 1 + sign);
        len += if exponent > 0 { 1 + sign + exponent } else { 0 };
    }
    let number: f64 = std::str::from_utf8(&rest[..len]).ok()?.parse().ok()?;
    Some((signed(number), sign + len))
}

/// The hexadecimal number after `0x`, and its length.
fn hexadecimal(text: &[u8]) -> Option<(f64, usize)> {
    let (mut number, mut len, mut digits, mut scale) = (0.0f64, 0, 0, 0i32);
    let mut after_point = false;
    while let Some(&byte) = text.get(len) {
        match (byte as char).to_digit(16) {
            Some(digit) => {
                number = number * 16.0 + f64::from(digit);
                digits += 1;
                scale -= if after_point { 4 } else { 0 };
            }
            None if byte == b'.' && !after_point => after_point = true,
            None => break,
        }
        len += 1;
    }
    if digits == 0 {
        return None;
    }
    if matches!(text.get(len), Some(b'p' | b'P')) {
        let negative = text.get(len + 1) == Some(&b'-');
        let sign = usize::from(matches!(text.get(len + 1), Some(b'+' | b'-')));
        let exponent = text[len + 1 + sign..].iter().take_while(|byte| byte.is_ascii_digit());
        let (count, value) = exponent
            .fold((0, 0i32), |(count, value), digit| (count + 1, (value * 10 + i32::from(digit - b'0')).min(100_000)));
        if count > 0 {
            len += 1 + sign + count;
            scale += if negative { -value } else { value };
        }
    }
    Some((number * f64::from(scale).exp2(), len))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_as_c_does() {
        for (text, number, len) in [
            ("12]", 12.0, 2),
            ("-0.5e2,", -50.0, 6),
            ("1e", 1.0, 1),
            ("1.e3", 1000.0, 4),
            (".5", 0.5, 2),
            ("0x1f", 31.0, 4),
            ("0x.8p1", 1.0, 6),
            ("0xg", 0.0, 1),
            ("-infinity", f64::NEG_INFINITY, 9),
            ("INFI", f64::INFINITY, 3),
        ] {
            assert_eq!(strtod(text.as_bytes()), Some((number, len)), "{text}");
        }
        assert!(strtod(b"nan").is_some_and(|(number, len)| number.is_nan() && len == 3));
        for text in ["", "-", ".", "e5", "+x"] {
            assert_eq!(strtod(text.as_bytes()), None, "{text}");
        }
    }
}
