//! Certificates made for a test, in files of their own folder.

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
use rustls::{ClientConfig, RootCertStore, SupportedProtocolVersion};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

/// Who signs.
pub struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    folder: PathBuf,
    path: String,
}

/// Where a certificate and its key are.
pub struct Paths {
    pub certificate: String,
    pub key: String,
}

fn params(name: &str) -> CertificateParams {
    let mut params = CertificateParams::new(vec!["127.0.0.1".into()]).expect("an address");
    params.distinguished_name.push(DnType::CommonName, name);
    params
}

impl Authority {
    pub fn new(name: &str) -> Authority {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let n = NEXT.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("larder-tls-{}-{n}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a folder");
        let mut params = params(name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().expect("a key")).expect("a certificate");
        let path = folder.join("authority.crt");
        std::fs::write(&path, issuer.pem()).expect("a file");
        Authority { issuer, path: path.to_string_lossy().into_owned(), folder }
    }

    /// The file with its own certificate.
    pub fn path(&self) -> &str {
        &self.path
    }

    pub fn folder(&self) -> &str {
        self.folder.to_str().expect("utf-8")
    }

    /// A certificate and its key in files called so; in place of those of before.
    pub fn issue(&self, name: &str) -> Paths {
        let key = KeyPair::generate().expect("a key");
        let mut params = params(name);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        let certificate = params.signed_by(&key, &self.issuer).expect("a certificate");
        let at = |end: &str| self.folder.join(format!("{name}.{end}")).to_string_lossy().into_owned();
        let paths = Paths { certificate: at("crt"), key: at("key") };
        std::fs::write(&paths.certificate, certificate.pem()).expect("a file");
        std::fs::write(&paths.key, key.serialize_pem()).expect("a file");
        paths
    }

    /// How a client that trusts this authority connects, with a certificate of it or without.
    pub fn client(&self, certified: bool, versions: &[&'static SupportedProtocolVersion]) -> Arc<ClientConfig> {
        let mut roots = RootCertStore::empty();
        roots.add(self.issuer.der().clone()).expect("our own certificate");
        let builder = ClientConfig::builder_with_protocol_versions(versions).with_root_certificates(roots);
        Arc::new(if certified {
            let paths = self.issue("client");
            let chain = vec![CertificateDer::from_pem_file(paths.certificate).expect("our own file")];
            let key = PrivateKeyDer::from_pem_file(paths.key).expect("our own file");
            builder.with_client_auth_cert(chain, key).expect("a certificate with its key")
        } else {
            builder.with_no_client_auth()
        })
    }
}

impl Drop for Authority {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}
