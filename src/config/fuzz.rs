//! Arbitrary bytes against the reader of configuration: no panic, and what is read can be written and read again.
//!
//! Owns the entry for the fuzzer and a short seeded run of it. Leaves out values of single directives, which have
//! tests.

use super::file::parse;
use super::rewrite::{rewrite, rewrite_all};
use super::{Config, SetAt};
use std::io;

fn no_files(_: &str) -> io::Result<Vec<u8>> {
    Err(io::ErrorKind::NotFound.into())
}

/// Reads bytes as a file, as arguments (apart by NUL) and as CONFIG SET pairs (apart by line ends and `=`).
///
/// # Panics
/// When a file that was accepted is not read back from its rewritten form: that is what the fuzzer looks for.
pub fn fuzz_config(data: &[u8]) {
    if let Ok(loaded) = parse("fuzz", data, &mut no_files) {
        for new in [rewrite(data, &loaded.config), rewrite_all(data, &loaded.config)] {
            let read = parse("again", &new, &mut no_files);
            // Renamed commands and modules stay lines of the old file, so they come back from there.
            let same = read.as_ref().is_ok_and(|read| same_values(&read.config, &loaded.config));
            assert!(same, "{:?}\n{}", read.err(), String::from_utf8_lossy(&new));
        }
    }
    let argv: Vec<Vec<u8>> = data.split(|&b| b == 0).map(<[u8]>::to_vec).collect();
    let _ = super::cli::startup(&argv, [], &mut no_files);
    let pairs: Vec<(&[u8], &[u8])> = data
        .split(|&b| b == b'\n')
        .filter_map(|line| line.iter().position(|&b| b == b'=').map(|at| (&line[..at], &line[at + 1..])))
        .collect();
    let mut config = Config::default();
    if config.set_many(&pairs, SetAt::Runtime { local_client: true, loading: false }).is_err() {
        assert_eq!(config, Config::default(), "a refused change leaves nothing behind");
    }
    let _ = config.get(&[data]);
}

fn same_values(a: &Config, b: &Config) -> bool {
    a.get(&[b"*"]) == b.get(&[b"*"]) && a.users() == b.users()
}

#[cfg(test)]
mod tests {
    use super::super::table::TABLE;
    use super::*;

    #[test]
    fn random_lines_are_read_without_panic() {
        let seed = std::env::var("SEED").ok().and_then(|s| s.parse().ok()).unwrap_or_else(|| fastrand::u64(..));
        println!("SEED={seed}");
        let mut rng = fastrand::Rng::with_seed(seed);
        const WORDS: &[&str] = &[
            "\"\"",
            "yes",
            "no",
            "1",
            "-1",
            "5%",
            "1gb",
            "777",
            "normal 1 2 3",
            "replica 1mb 2 3",
            "a b",
            "\"\\x00\"",
            "99999999999999999999",
            "KEA",
            "50 99.99",
            "* -::1",
            "'it'",
            "\"",
            "127.0.0.1 6379",
            "save now",
            "{port}",
        ];
        const OTHERS: &[&str] =
            &["user a", "user", "include x", "rename-command a", "# x", "sentinel", "loadmodule", "a.b"];
        for _ in 0..3000 {
            let mut text = String::new();
            for _ in 0..rng.usize(..5) {
                if rng.u8(..8) == 0 {
                    text += OTHERS[rng.usize(..OTHERS.len())];
                } else {
                    let row = &TABLE[rng.usize(..TABLE.len())];
                    text += row.alias.filter(|_| rng.bool()).unwrap_or(row.name);
                }
                text.push(if rng.u8(..8) == 0 { '=' } else { ' ' });
                text += WORDS[rng.usize(..WORDS.len())];
                text.push(if rng.u8(..8) == 0 { '\0' } else { '\n' });
            }
            let mut bytes = text.into_bytes();
            if !bytes.is_empty() && rng.u8(..4) == 0 {
                let at = rng.usize(..bytes.len());
                bytes[at] = rng.u8(..);
            }
            fuzz_config(&bytes);
        }
    }
}
