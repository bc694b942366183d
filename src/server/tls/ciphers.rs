//! `tls-ciphers` and `tls-ciphersuites`: OpenSSL's lists of ciphers, read into the cipher suites of the TLS library.
//!
//! Owns the names and what each is made of. Promise: a list that leaves no suite is refused, as OpenSSL does. Suites
//! without forward secrecy or authenticated encryption are not there: naming one has no effect beside others.

use rustls::SupportedCipherSuite;
use rustls::crypto::aws_lc_rs::cipher_suite as suites;

/// A suite with its names and the words that select it.
struct Row {
    openssl: &'static str,
    standard: &'static str,
    words: &'static [&'static str],
    bits: u16,
    suite: SupportedCipherSuite,
}

/// TLS 1.2, in the order OpenSSL prefers them.
static TLS12: &[Row] = &[
    Row {
        openssl: "ECDHE-ECDSA-AES256-GCM-SHA384",
        standard: "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
        words: &["aECDSA", "ECDSA", "AESGCM", "AES256", "AES"],
        bits: 256,
        suite: suites::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
    },
    Row {
        openssl: "ECDHE-RSA-AES256-GCM-SHA384",
        standard: "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
        words: &["aRSA", "AESGCM", "AES256", "AES"],
        bits: 256,
        suite: suites::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
    },
    Row {
        openssl: "ECDHE-ECDSA-CHACHA20-POLY1305",
        standard: "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
        words: &["aECDSA", "ECDSA", "CHACHA20"],
        bits: 256,
        suite: suites::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
    },
    Row {
        openssl: "ECDHE-RSA-CHACHA20-POLY1305",
        standard: "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
        words: &["aRSA", "CHACHA20"],
        bits: 256,
        suite: suites::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
    },
    Row {
        openssl: "ECDHE-ECDSA-AES128-GCM-SHA256",
        standard: "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
        words: &["aECDSA", "ECDSA", "AESGCM", "AES128", "AES"],
        bits: 128,
        suite: suites::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
    },
    Row {
        openssl: "ECDHE-RSA-AES128-GCM-SHA256",
        standard: "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
        words: &["aRSA", "AESGCM", "AES128", "AES"],
        bits: 128,
        suite: suites::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
    },
];

/// What all of them are.
const COMMON_WORDS: &[&str] =
    &["ALL", "HIGH", "DEFAULT", "ECDHE", "EECDH", "kECDHE", "kEECDH", "AEAD", "TLSv1.2", "FIPS"];

/// TLS 1.3, in the order OpenSSL prefers them.
static TLS13: &[(&str, SupportedCipherSuite)] = &[
    ("TLS_AES_256_GCM_SHA384", suites::TLS13_AES_256_GCM_SHA384),
    ("TLS_CHACHA20_POLY1305_SHA256", suites::TLS13_CHACHA20_POLY1305_SHA256),
    ("TLS_AES_128_GCM_SHA256", suites::TLS13_AES_128_GCM_SHA256),
];

impl Row {
    /// Whether a word, or every one of several joined by `+`, selects it.
    fn matches(&self, selector: &str) -> bool {
        selector.split('+').all(|word| {
            self.openssl == word || self.standard == word || self.words.contains(&word) || COMMON_WORDS.contains(&word)
        })
    }
}

/// The TLS 1.2 suites that an OpenSSL cipher list selects, the preferred ones first. `None`: not one.
pub fn tls12(list: &str) -> Option<Vec<SupportedCipherSuite>> {
    let mut chosen: Vec<&Row> = Vec::new();
    let mut banned: Vec<&str> = Vec::new();
    for word in list.split([':', ',', ' ', ';']).filter(|word| !word.is_empty()) {
        let (operator, selector) = match word.as_bytes()[0] {
            mark @ (b'!' | b'-' | b'+' | b'@') => (mark, &word[1..]),
            _ => (b' ', word),
        };
        match operator {
            b'@' if selector == "STRENGTH" => chosen.sort_by_key(|row| std::cmp::Reverse(row.bits)),
            b'@' => {}
            b'!' => {
                banned.extend(TLS12.iter().filter(|row| row.matches(selector)).map(|row| row.openssl));
                chosen.retain(|row| !row.matches(selector));
            }
            b'-' => chosen.retain(|row| !row.matches(selector)),
            b'+' => {
                let (last, first): (Vec<&Row>, Vec<&Row>) = chosen.into_iter().partition(|row| row.matches(selector));
                chosen = [first, last].concat();
            }
            _ => {
                for row in TLS12.iter().filter(|row| row.matches(selector)) {
                    if !banned.contains(&row.openssl) && !chosen.iter().any(|other| other.openssl == row.openssl) {
                        chosen.push(row);
                    }
                }
            }
        }
    }
    if chosen.is_empty() { None } else { Some(chosen.into_iter().map(|row| row.suite).collect()) }
}

/// The TLS 1.3 suites of a list of names, the preferred ones first. `None`: not one.
pub fn tls13(list: &str) -> Option<Vec<SupportedCipherSuite>> {
    let mut chosen: Vec<SupportedCipherSuite> = Vec::new();
    for name in list.split(':') {
        if let Some(&(_, suite)) = TLS13.iter().find(|(known, _)| *known == name)
            && !chosen.contains(&suite)
        {
            chosen.push(suite);
        }
    }
    if chosen.is_empty() { None } else { Some(chosen) }
}

/// All suites of TLS 1.2.
pub const ALL_TLS12: &str = "ALL";
/// All suites of TLS 1.3.
pub const ALL_TLS13: &str = "TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256:TLS_AES_128_GCM_SHA256";

#[cfg(test)]
mod tests {
    use super::*;

    fn names(list: &str) -> Vec<&'static str> {
        let found = tls12(list).unwrap_or_default();
        found.iter().map(|suite| TLS12.iter().find(|row| row.suite == *suite).map_or("?", |row| row.openssl)).collect()
    }

    #[test]
    fn a_list_adds_removes_bans_and_moves_as_openssl_does() {
        assert_eq!(names("DEFAULT").len(), 6);
        assert_eq!(names("ECDHE-RSA-AES128-GCM-SHA256:AES128-SHA256"), ["ECDHE-RSA-AES128-GCM-SHA256"]);
        assert_eq!(names("HIGH:!aECDSA:-AES256"), ["ECDHE-RSA-CHACHA20-POLY1305", "ECDHE-RSA-AES128-GCM-SHA256"]);
        assert_eq!(names("!CHACHA20:ALL").len(), 4);
        assert_eq!(names("-CHACHA20:ALL").len(), 6);
        assert_eq!(names("aRSA+AES128:aRSA+CHACHA20:@STRENGTH")[0], "ECDHE-RSA-CHACHA20-POLY1305");
        assert_eq!(names("aRSA:+AES256").last(), Some(&"ECDHE-RSA-AES256-GCM-SHA384"));
        assert_eq!(names("TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384"), ["ECDHE-RSA-AES256-GCM-SHA384"]);
    }

    #[test]
    fn a_list_without_a_suite_is_none() {
        assert!(tls12("AES128-SHA256").is_none());
        assert!(tls12("").is_none());
        assert!(tls12("ALL:!ALL").is_none());
        assert!(tls13("TLS_NONE").is_none());
        assert_eq!(tls13("TLS_AES_128_CCM_SHA256:TLS_AES_128_GCM_SHA256").map(|list| list.len()), Some(1));
        assert_eq!(tls13(ALL_TLS13).map(|list| list.len()), Some(3));
        assert_eq!(names(ALL_TLS12).len(), 6);
    }
}
