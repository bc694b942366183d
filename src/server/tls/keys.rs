//! Certificates and private keys from PEM files: chains, authorities from a file or a folder, keys in PKCS#8, PKCS#1 and
//! SEC1 form, plain or encrypted with a password in either of the two ways OpenSSL writes.
//!
//! Errors are one line for the log, in the words redis-server begins them with.

use crate::server::follow::reason_of;
use aes::cipher::{BlockModeDecrypt, KeyIvInit, block_padding::Pkcs7};
use md5::{Digest, Md5};
use pkcs8::EncryptedPrivateKeyInfoRef;
use rustls::pki_types::pem::{PemObject, SectionKind};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use std::fs;
use std::io;

/// Largest file that is read.
const MOST_BYTES: u64 = 16 * 1024 * 1024;

fn read(path: &str) -> io::Result<Vec<u8>> {
    let metadata = fs::metadata(path)?;
    if metadata.len() > MOST_BYTES {
        return Err(io::Error::other("the file is too large"));
    }
    fs::read(path)
}

fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
    CertificateDer::pem_slice_iter(pem).collect::<Result<Vec<_>, _>>().map_err(|error| error.to_string())
}

/// The certificate of the server and those that lead from it to an authority.
pub fn chain(path: &str) -> Result<Vec<CertificateDer<'static>>, String> {
    let failed = |reason: String| format!("Failed to load certificate: {path}: {reason}");
    let pem = read(path).map_err(|error| failed(reason_of(&error)))?;
    let chain = certificates(&pem).map_err(failed)?;
    if chain.is_empty() { Err(failed("no certificate in PEM form".into())) } else { Ok(chain) }
}

/// The authorities of a file and of all files in a folder.
pub fn authorities(file: &str, folder: &str) -> Result<Vec<CertificateDer<'static>>, String> {
    let failed = |reason: String| format!("Failed to configure CA certificate(s) file/directory: {reason}");
    let mut found = Vec::new();
    if !file.is_empty() {
        let pem = read(file).map_err(|error| failed(format!("{file}: {}", reason_of(&error))))?;
        found = certificates(&pem).map_err(|reason| failed(format!("{file}: {reason}")))?;
        if found.is_empty() {
            return Err(failed(format!("{file}: no certificate in PEM form")));
        }
    }
    if !folder.is_empty() {
        // What is no certificate is passed by, as OpenSSL never looks at it.
        let entries = fs::read_dir(folder);
        if let Err(error) = &entries {
            tracing::warn!("The folder of tls-ca-cert-dir cannot be read: {folder}: {}", reason_of(error));
        }
        for entry in entries.into_iter().flatten().flatten() {
            let path = entry.path().to_string_lossy().into_owned();
            if fs::metadata(&path).is_ok_and(|metadata| metadata.is_file()) {
                found.extend(read(&path).ok().and_then(|pem| certificates(&pem).ok()).unwrap_or_default());
            }
        }
    }
    Ok(found)
}

/// Checks that a file holds Diffie-Hellman parameters. They have no effect: all key exchanges are on elliptic curves.
pub fn check_dh_params(path: &str) -> Result<(), String> {
    let pem = read(path).map_err(|error| format!("Failed to load {path}: {}", reason_of(&error)))?;
    if String::from_utf8_lossy(&pem).contains("-----BEGIN DH PARAMETERS-----") {
        Ok(())
    } else {
        Err(format!("{path}: failed to read DH params."))
    }
}

/// The private key of a file.
pub fn private_key(path: &str, password: &[u8]) -> Result<PrivateKeyDer<'static>, String> {
    let failed = |reason: &str| format!("Failed to load private key: {path}: {reason}");
    let pem = read(path).map_err(|error| failed(&reason_of(&error)))?;
    read_key(&pem, password).map_err(|reason| failed(&reason))
}

fn read_key(pem: &[u8], password: &[u8]) -> Result<PrivateKeyDer<'static>, String> {
    let text = String::from_utf8_lossy(pem);
    if let Some(begin) = text.find("-----BEGIN ENCRYPTED PRIVATE KEY-----") {
        return pkcs8_encrypted(&text[begin..], password);
    }
    if text.contains("Proc-Type: 4,ENCRYPTED") {
        return openssl_encrypted(&text, password);
    }
    PrivateKeyDer::from_pem_slice(pem).map_err(|error| match error {
        rustls::pki_types::pem::Error::NoItemsFound => "no private key in PEM form".into(),
        other => other.to_string(),
    })
}

const WRONG_PASSWORD: &str = "the password of the key is missing or wrong";

/// The bytes between the first BEGIN and END of a text, its header lines passed by.
fn body(text: &str) -> Option<(SectionLabel<'_>, Vec<(&str, &str)>, String)> {
    let mut lines = text.lines().skip_while(|line| !line.starts_with("-----BEGIN "));
    let label = lines.next()?.strip_prefix("-----BEGIN ")?.strip_suffix("-----")?;
    let (mut headers, mut base64) = (Vec::new(), String::new());
    for line in lines {
        if line.starts_with("-----END ") {
            return Some((label, headers, base64));
        }
        match line.split_once(": ") {
            Some(header) => headers.push(header),
            None => base64.push_str(line.trim()),
        }
    }
    None
}

type SectionLabel<'a> = &'a str;

fn decode(label: &str, base64: &str) -> Option<Vec<u8>> {
    // The library's own reader of PEM does the base64: it is given the section without the header lines.
    let section = format!("-----BEGIN {label}-----\n{base64}\n-----END {label}-----\n");
    let mut input = section.as_bytes();
    let (_, bytes) = rustls::pki_types::pem::from_buf(&mut input).ok()??;
    Some(bytes)
}

/// PKCS#8 with a password, as OpenSSL 3 writes it.
fn pkcs8_encrypted(text: &str, password: &[u8]) -> Result<PrivateKeyDer<'static>, String> {
    let malformed = || "the encrypted key is malformed".to_string();
    let (_, _, base64) = body(text).ok_or_else(malformed)?;
    // Read under the label of a plain key: the PEM reader knows no other for PKCS#8.
    let bytes = decode("PRIVATE KEY", &base64).ok_or_else(malformed)?;
    let info = EncryptedPrivateKeyInfoRef::try_from(bytes.as_slice()).map_err(|_| malformed())?;
    let plain = info.decrypt(password).map_err(|_| WRONG_PASSWORD.to_string())?;
    PrivateKeyDer::try_from(plain.as_bytes().to_vec()).map_err(str::to_owned)
}

/// PKCS#1 or SEC1 with a password, in the way of OpenSSL before 3: a key drawn from the password by MD5.
fn openssl_encrypted(text: &str, password: &[u8]) -> Result<PrivateKeyDer<'static>, String> {
    let malformed = || "the encrypted key is malformed".to_string();
    let begin = text.find("Proc-Type: 4,ENCRYPTED").and_then(|at| text[..at].rfind("-----BEGIN ")).unwrap_or(0);
    let (label, headers, base64) = body(&text[begin..]).ok_or_else(malformed)?;
    let info = headers.iter().find(|(name, _)| *name == "DEK-Info").ok_or_else(malformed)?.1;
    let (cipher, iv) = info.split_once(',').ok_or_else(malformed)?;
    let iv = unhex(iv.trim()).ok_or_else(malformed)?;
    let bytes = decode(label, &base64).ok_or_else(malformed)?;
    let plain = match cipher {
        "AES-128-CBC" => decrypt::<cbc::Decryptor<aes::Aes128>>(16, password, &iv, &bytes),
        "AES-192-CBC" => decrypt::<cbc::Decryptor<aes::Aes192>>(24, password, &iv, &bytes),
        "AES-256-CBC" => decrypt::<cbc::Decryptor<aes::Aes256>>(32, password, &iv, &bytes),
        "DES-EDE3-CBC" => decrypt::<cbc::Decryptor<des::TdesEde3>>(24, password, &iv, &bytes),
        other => return Err(format!("keys encrypted with {other} are not supported")),
    };
    let plain = plain.ok_or(WRONG_PASSWORD)?;
    let key = match rustls::pki_types::pem::SectionKind::try_from(label.as_bytes()) {
        Ok(SectionKind::RsaPrivateKey) => PrivateKeyDer::Pkcs1(plain.into()),
        Ok(SectionKind::EcPrivateKey) => PrivateKeyDer::Sec1(plain.into()),
        _ => PrivateKeyDer::try_from(plain).map_err(str::to_owned)?,
    };
    Ok(key)
}

fn decrypt<D: KeyIvInit + BlockModeDecrypt>(
    key_len: usize,
    password: &[u8],
    iv: &[u8],
    bytes: &[u8],
) -> Option<Vec<u8>> {
    let salt = iv.get(..8)?;
    let mut key: Vec<u8> = Vec::new();
    let mut last: Vec<u8> = Vec::new();
    while key.len() < key_len {
        let mut digest = Md5::new();
        digest.update(&last);
        digest.update(password);
        digest.update(salt);
        last = digest.finalize().to_vec();
        key.extend_from_slice(&last);
    }
    let decryptor = D::new_from_slices(&key[..key_len], iv).ok()?;
    let mut plain = bytes.to_vec();
    let len = decryptor.decrypt_padded::<Pkcs7>(&mut plain).ok()?.len();
    plain.truncate(len);
    Some(plain)
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits = text.as_bytes();
    if digits.len() % 2 != 0 {
        return None;
    }
    let digit = |byte: u8| (byte as char).to_digit(16).map(|digit| digit as u8);
    digits.chunks(2).map(|pair| Some(digit(pair[0])? << 4 | digit(pair[1])?)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One key, written in every way.
    const PLAIN: &[u8] = include_bytes!("fixtures/key-plain.pem");
    const SEC1: &[u8] = include_bytes!("fixtures/key-sec1.pem");
    const ENCRYPTED: [&[u8]; 3] = [
        include_bytes!("fixtures/key-pkcs8.pem"),
        include_bytes!("fixtures/key-aes.pem"),
        include_bytes!("fixtures/key-3des.pem"),
    ];

    #[test]
    fn a_key_with_a_password_is_the_key_without_one() {
        let (pkcs8, sec1) = (read_key(PLAIN, b"").unwrap(), read_key(SEC1, b"").unwrap());
        assert!(matches!((&pkcs8, &sec1), (PrivateKeyDer::Pkcs8(_), PrivateKeyDer::Sec1(_))));
        assert_eq!(read_key(ENCRYPTED[0], b"1234").unwrap(), pkcs8);
        for pem in &ENCRYPTED[1..] {
            assert_eq!(read_key(pem, b"1234").unwrap(), sec1);
        }
    }

    #[test]
    fn a_wrong_password_is_an_error() {
        for pem in ENCRYPTED {
            for password in ["", "123", "12345"] {
                // A wrong key leaves right padding once in some hundred times, and nonsense that is no key then.
                match read_key(pem, password.as_bytes()) {
                    Err(reason) => assert_eq!(reason, WRONG_PASSWORD),
                    Ok(key) => assert!(rustls::crypto::aws_lc_rs::sign::any_supported_type(&key).is_err()),
                }
            }
        }
    }

    #[test]
    fn what_is_no_key_is_an_error_wherever_it_is_cut() {
        for pem in ENCRYPTED.into_iter().chain([PLAIN, SEC1]) {
            for len in 0..pem.len() - 30 {
                assert!(read_key(&pem[..len], b"1234").is_err(), "{len} bytes");
            }
        }
        assert!(read_key(b"-----BEGIN X-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: A,0\n-----END X-----\n", b"").is_err());
    }
}
