//! Certificates of clients, and of primaries: whether an authority of the configuration stands behind one (`tls-auth-clients`,
//! `tls-replication`).
//!
//! The library's verifier decides. Beside it stand two cases that OpenSSL accepts and it does not: a certificate of
//! X.509 version 1 that one of the authorities has signed itself (what `openssl x509 -req` makes without extensions),
//! and a certificate that is itself configured as an authority. In both its dates are checked, and the client must
//! prove in the handshake that it holds the key, as ever. Names are not looked at.

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::verify_server_cert_signed_by_trust_anchor;
use rustls::crypto::{CryptoProvider, WebPkiSupportedAlgorithms};
use rustls::pki_types::{CertificateDer, ServerName, SubjectPublicKeyInfoDer, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::server::{ParsedCertificate, WebPkiClientVerifier};
use rustls::{CertificateError, DigitallySignedStruct, DistinguishedName, Error, RootCertStore, SignatureScheme};
use std::sync::Arc;
use webpki::RawPublicKeyEntity;
use x509_cert::Certificate;
use x509_cert::certificate::Version;
use x509_cert::der::{Decode, Encode};

/// Checks clients' certificates.
#[derive(Debug)]
pub struct ClientCertificates {
    /// None when no authority is configured: no certificate is good then.
    library: Option<Arc<dyn ClientCertVerifier>>,
    authorities: Vec<CertificateDer<'static>>,
    mandatory: bool,
    algorithms: WebPkiSupportedAlgorithms,
}

impl ClientCertificates {
    /// A check by these authorities; a client must show a certificate when `mandatory`, may else.
    pub fn new(
        authorities: Vec<CertificateDer<'static>>,
        mandatory: bool,
        provider: &Arc<CryptoProvider>,
    ) -> ClientCertificates {
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(authorities.iter().cloned());
        let builder = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone());
        let library = builder.allow_unauthenticated().build().ok();
        let algorithms = provider.signature_verification_algorithms;
        ClientCertificates { library, authorities, mandatory, algorithms }
    }

    /// The two cases beside the library's rules.
    fn is_accepted_beside(&self, shown: &CertificateDer<'_>, now: UnixTime) -> Option<()> {
        let certificate = Certificate::from_der(shown).ok()?;
        let parts = certificate.tbs_certificate();
        let (from, until) = (parts.validity().not_before, parts.validity().not_after);
        let now = now.as_secs();
        if now < from.to_unix_duration().as_secs() || now > until.to_unix_duration().as_secs() {
            return None;
        }
        if self.authorities.iter().any(|authority| authority == shown) {
            return Some(());
        }
        if parts.version() != Version::V1 {
            return None;
        }
        let signed = parts.to_der().ok()?;
        let signature = certificate.signature().as_bytes()?;
        let algorithm = certificate.signature_algorithm().to_der().ok()?;
        let issuers = self.authorities.iter().filter_map(|der| Certificate::from_der(der).ok());
        for issuer in issuers.filter(|issuer| issuer.tbs_certificate().subject() == parts.issuer()) {
            let key = issuer.tbs_certificate().subject_public_key_info().to_der().ok()?;
            // The identifier without its outer tag and length is what the library compares.
            let named = |known: &[u8]| algorithm.get(2..) == Some(known);
            let fitting = self.algorithms.all.iter().filter(|known| named(known.signature_alg_id().as_ref()));
            let is_signed_by = |key: &[u8], known: &dyn rustls::pki_types::SignatureVerificationAlgorithm| {
                let key = SubjectPublicKeyInfoDer::from(key);
                RawPublicKeyEntity::try_from(&key)
                    .is_ok_and(|key| key.verify_signature(known, &signed, signature).is_ok())
            };
            if fitting.into_iter().any(|known| is_signed_by(&key, *known)) {
                return Some(());
            }
        }
        None
    }

    /// The handshake's signature, by a certificate that the library cannot read.
    fn verify_signature(
        &self,
        message: &[u8],
        shown: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let bad = || Error::InvalidCertificate(CertificateError::BadSignature);
        let certificate = Certificate::from_der(shown).map_err(|_| bad())?;
        let key = certificate.tbs_certificate().subject_public_key_info().to_der().map_err(|_| bad())?;
        let key = SubjectPublicKeyInfoDer::from(key);
        let key = RawPublicKeyEntity::try_from(&key).map_err(|_| bad())?;
        let fitting = self.algorithms.mapping.iter().find(|(scheme, _)| *scheme == signature.scheme);
        let valid = fitting.is_some_and(|(_, algorithms)| {
            algorithms.iter().any(|known| key.verify_signature(*known, message, signature.signature()).is_ok())
        });
        if valid { Ok(HandshakeSignatureValid::assertion()) } else { Err(bad()) }
    }
}

impl ClientCertVerifier for ClientCertificates {
    fn client_auth_mandatory(&self) -> bool {
        self.mandatory
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        // Any certificate may be tried.
        &[]
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        let Some(library) = &self.library else {
            return Err(Error::InvalidCertificate(CertificateError::UnknownIssuer));
        };
        library.verify_client_cert(end_entity, intermediates, now).or_else(|error| {
            self.is_accepted_beside(end_entity, now).map(|()| ClientCertVerified::assertion()).ok_or(error)
        })
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        rustls::crypto::verify_tls12_signature(message, cert, dss, &self.algorithms)
            .or_else(|error| self.verify_signature(message, cert, dss).map_err(|_| error))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        rustls::crypto::verify_tls13_signature(message, cert, dss, &self.algorithms)
            .or_else(|error| self.verify_tls13_beside(message, cert, dss).map_err(|_| error))
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

impl ClientCertificates {
    /// TLS 1.3 has no signatures of the PKCS#1 kind.
    fn verify_tls13_beside(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        use SignatureScheme as Scheme;
        let old =
            [Scheme::RSA_PKCS1_SHA1, Scheme::RSA_PKCS1_SHA256, Scheme::RSA_PKCS1_SHA384, Scheme::RSA_PKCS1_SHA512];
        if old.contains(&dss.scheme) {
            return Err(Error::InvalidCertificate(CertificateError::BadSignature));
        }
        self.verify_signature(message, cert, dss)
    }
}

/// Checks certificates of servers that are connected to.
#[derive(Debug)]
pub struct ServerCertificates {
    roots: RootCertStore,
    beside: ClientCertificates,
}

impl ServerCertificates {
    /// A check by these authorities.
    pub fn new(authorities: Vec<CertificateDer<'static>>, provider: &Arc<CryptoProvider>) -> ServerCertificates {
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(authorities.iter().cloned());
        ServerCertificates { roots, beside: ClientCertificates::new(authorities, true, provider) }
    }
}

impl ServerCertVerifier for ServerCertificates {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let algorithms = self.beside.algorithms.all;
        let checked = ParsedCertificate::try_from(end_entity).and_then(|certificate| {
            verify_server_cert_signed_by_trust_anchor(&certificate, &self.roots, intermediates, now, algorithms)
        });
        checked
            .or_else(|error| self.beside.is_accepted_beside(end_entity, now).ok_or(error))
            .map(|()| ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.beside.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.beside.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.beside.supported_verify_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustls::crypto::aws_lc_rs::default_provider;
    use rustls::pki_types::pem::PemObject;
    use std::time::Duration;

    fn certificate(pem: &[u8]) -> CertificateDer<'static> {
        CertificateDer::from_pem_slice(pem).unwrap()
    }

    fn verdict(authority: &[u8], shown: &CertificateDer<'_>, at: u64) -> Result<ClientCertVerified, Error> {
        let check = ClientCertificates::new(vec![certificate(authority)], true, &Arc::new(default_provider()));
        check.verify_client_cert(shown, &[], UnixTime::since_unix_epoch(Duration::from_secs(at)))
    }

    const AUTHORITY: &[u8] = include_bytes!("fixtures/authority.pem");
    const NOW: u64 = 1_900_000_000;

    #[test]
    fn a_version_1_certificate_is_good_when_an_authority_has_signed_it() {
        let shown = certificate(include_bytes!("fixtures/version-1.pem"));
        assert!(verdict(AUTHORITY, &shown, NOW).is_ok());
        assert!(verdict(AUTHORITY, &shown, 1_000_000_000).is_err(), "not valid yet");
        assert!(verdict(AUTHORITY, &shown, 9_000_000_000).is_err(), "not valid any more");
        let other = include_bytes!("fixtures/authority-of-same-name.pem");
        assert!(verdict(other, &shown, NOW).is_err(), "signed by another of the same name");
        for at in (0..shown.len()).step_by(7) {
            let mut changed = shown.to_vec();
            changed[at] ^= 1;
            assert!(verdict(AUTHORITY, &changed.into(), NOW).is_err(), "byte {at} changed");
        }
    }

    #[test]
    fn an_authoritys_own_certificate_is_good_and_anothers_is_not() {
        let other = include_bytes!("fixtures/authority-of-same-name.pem");
        assert!(verdict(AUTHORITY, &certificate(AUTHORITY), NOW).is_ok());
        assert!(verdict(AUTHORITY, &certificate(other), NOW).is_err());
    }
}
