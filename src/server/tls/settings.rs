//! The `tls-*` directives, made into what the TLS library serves connections by. Made whole or not at all, so a wrong
//! file leaves what was before.

use super::cache::SessionCache;
use super::verify::{ClientCertificates, ServerCertificates};
use super::{ciphers, keys};
use crate::config::{Config, Key};
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{ClientConfig, Error, InconsistentKeys, ServerConfig, SupportedProtocolVersion, version};
use std::sync::Arc;
use std::time::Duration;

/// Keys whose change needs new settings.
pub const KEYS: &[Key] = &[
    Key::TlsCertFile,
    Key::TlsKeyFile,
    Key::TlsKeyFilePass,
    Key::TlsClientCertFile,
    Key::TlsClientKeyFile,
    Key::TlsClientKeyFilePass,
    Key::TlsDhParamsFile,
    Key::TlsCaCertFile,
    Key::TlsCaCertDir,
    Key::TlsReplication,
    Key::TlsCluster,
    Key::TlsProtocols,
    Key::TlsCiphers,
    Key::TlsCiphersuites,
    Key::TlsPreferServerCiphers,
    Key::TlsSessionCaching,
    Key::TlsSessionCacheSize,
    Key::TlsSessionCacheTimeout,
];

/// Whether the configuration uses TLS at all.
pub fn are_wanted(config: &Config) -> bool {
    config.integer(Key::TlsPort) != 0 || config.boolean(Key::TlsReplication) || config.boolean(Key::TlsCluster)
}

fn text(config: &Config, key: Key) -> String {
    String::from_utf8_lossy(config.string(key)).into_owned()
}

/// Settings as the directives say. Errors: a line for the log.
pub fn server(config: &Config) -> Result<Arc<ServerConfig>, String> {
    let (certificate, key) = (text(config, Key::TlsCertFile), text(config, Key::TlsKeyFile));
    if certificate.is_empty() {
        return Err("No tls-cert-file configured!".into());
    }
    if key.is_empty() {
        return Err("No tls-key-file configured!".into());
    }
    let (ca_file, ca_dir) = (text(config, Key::TlsCaCertFile), text(config, Key::TlsCaCertDir));
    let auth = config.enum_name(Key::TlsAuthClients);
    let links = config.boolean(Key::TlsCluster) || config.boolean(Key::TlsReplication);
    if (auth != "no" || links) && ca_file.is_empty() && ca_dir.is_empty() {
        return Err(
            "Either tls-ca-cert-file or tls-ca-cert-dir must be specified when tls-cluster, tls-replication or \
                    tls-auth-clients are enabled!"
                .into(),
        );
    }
    build(config)
}

/// Settings after `tls-auth-clients` alone has changed, which is never refused: without authorities no certificate is
/// good.
pub fn build(config: &Config) -> Result<Arc<ServerConfig>, String> {
    let versions = protocols(&text(config, Key::TlsProtocols))?;
    let provider = Arc::new(provider(config)?);
    let certified = certified_key(config, Key::TlsCertFile, Key::TlsKeyFile, Key::TlsKeyFilePass, &provider)?;
    if !config.string(Key::TlsClientCertFile).is_empty() && !config.string(Key::TlsClientKeyFile).is_empty() {
        // Used by links to other servers alone, but refused here, where whoever sets it is told.
        let (cert, key, pass) = (Key::TlsClientCertFile, Key::TlsClientKeyFile, Key::TlsClientKeyFilePass);
        certified_key(config, cert, key, pass, &provider)?;
    }
    let authorities = keys::authorities(&text(config, Key::TlsCaCertFile), &text(config, Key::TlsCaCertDir))?;
    let dh_params = text(config, Key::TlsDhParamsFile);
    if !dh_params.is_empty() {
        keys::check_dh_params(&dh_params)?;
    }
    let auth = config.enum_name(Key::TlsAuthClients);
    let verifier: Arc<dyn rustls::server::danger::ClientCertVerifier> = match auth {
        "no" => WebPkiClientVerifier::no_client_auth(),
        _ => Arc::new(ClientCertificates::new(authorities, auth == "yes", &provider)),
    };
    let mut settings = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&versions)
        .map_err(|error| format!("Failed to configure TLS: {error}"))?
        .with_client_cert_verifier(verifier)
        .with_cert_resolver(Arc::new(SingleCertAndKey::from(certified)));
    settings.ignore_client_order = config.boolean(Key::TlsPreferServerCiphers);
    if config.boolean(Key::TlsSessionCaching) {
        let life = Duration::from_secs(config.unsigned(Key::TlsSessionCacheTimeout));
        let size = config.unsigned(Key::TlsSessionCacheSize) as usize;
        settings.session_storage = Arc::new(SessionCache::new(size, life));
    } else {
        settings.session_storage = Arc::new(NoServerSessionStorage {});
        settings.send_tls13_tickets = 0;
    }
    Ok(Arc::new(settings))
}

/// Settings for connections to other servers (`tls-replication`). Errors: a line for the log.
pub fn client(config: &Config) -> Result<Arc<ClientConfig>, String> {
    let versions = protocols(&text(config, Key::TlsProtocols))?;
    let provider = Arc::new(provider(config)?);
    let own = !config.string(Key::TlsClientCertFile).is_empty() && !config.string(Key::TlsClientKeyFile).is_empty();
    let certified = match own {
        true => {
            let (cert, key, pass) = (Key::TlsClientCertFile, Key::TlsClientKeyFile, Key::TlsClientKeyFilePass);
            certified_key(config, cert, key, pass, &provider)?
        }
        false => certified_key(config, Key::TlsCertFile, Key::TlsKeyFile, Key::TlsKeyFilePass, &provider)?,
    };
    let authorities = keys::authorities(&text(config, Key::TlsCaCertFile), &text(config, Key::TlsCaCertDir))?;
    let verifier = Arc::new(ServerCertificates::new(authorities, &provider));
    let settings = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&versions)
        .map_err(|error| format!("Failed to configure TLS: {error}"))?
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_client_cert_resolver(Arc::new(SingleCertAndKey::from(certified)));
    Ok(Arc::new(settings))
}

/// `tls-protocols`.
fn protocols(list: &str) -> Result<Vec<&'static SupportedProtocolVersion>, String> {
    if list.is_empty() {
        return Ok(vec![&version::TLS13, &version::TLS12]);
    }
    let mut versions = Vec::new();
    for word in list.split(' ') {
        match word.to_ascii_lowercase().as_str() {
            "tlsv1" | "tlsv1.1" => tracing::warn!("{word} of tls-protocols is not offered: it is not safe any more"),
            "tlsv1.2" => versions.push(&version::TLS12),
            "tlsv1.3" => versions.push(&version::TLS13),
            _ => {
                return Err("Invalid tls-protocols specified. Use a combination of 'TLSv1', 'TLSv1.1', 'TLSv1.2' and \
                            'TLSv1.3'."
                    .into());
            }
        }
    }
    if versions.is_empty() {
        return Err("tls-protocols names no version that is offered: these are TLSv1.2 and TLSv1.3".into());
    }
    Ok(versions)
}

/// The algorithms that `tls-ciphers` and `tls-ciphersuites` leave.
fn provider(config: &Config) -> Result<CryptoProvider, String> {
    let (list12, list13) = (text(config, Key::TlsCiphers), text(config, Key::TlsCiphersuites));
    let wanted12 = if list12.is_empty() { ciphers::ALL_TLS12 } else { &list12 };
    let wanted13 = if list13.is_empty() { ciphers::ALL_TLS13 } else { &list13 };
    let mut suites = ciphers::tls13(wanted13).ok_or_else(|| format!("Failed to configure ciphersuites: {list13}"))?;
    suites.extend(ciphers::tls12(wanted12).ok_or_else(|| {
        format!("Failed to configure ciphers: {list12} (ECDHE with AES-GCM or CHACHA20-POLY1305 is what there is)")
    })?);
    Ok(CryptoProvider { cipher_suites: suites, ..aws_lc_rs::default_provider() })
}

/// A certificate with its key.
fn certified_key(
    config: &Config,
    certificate: Key,
    key: Key,
    password: Key,
    provider: &CryptoProvider,
) -> Result<CertifiedKey, String> {
    let path = text(config, key);
    let chain = keys::chain(&text(config, certificate))?;
    let failed = |reason: &str| format!("Failed to load private key: {path}: {reason}");
    let key = provider
        .key_provider
        .load_private_key(keys::private_key(&path, config.string(password))?)
        .map_err(|error| failed(&error.to_string()))?;
    let certified = CertifiedKey::new(chain, key);
    let matches = match certified.keys_match() {
        Ok(()) => true,
        Err(Error::InconsistentKeys(InconsistentKeys::KeyMismatch)) => false,
        // A certificate the library cannot read, of version 1, may be served all the same: its key stands in it.
        Err(_) => match (certified.key.public_key(), certified.cert.first()) {
            (Some(key), Some(leaf)) => leaf.windows(key.len()).any(|window| window == key.as_ref()),
            _ => true,
        },
    };
    if matches { Ok(certified) } else { Err(failed("key values mismatch")) }
}
