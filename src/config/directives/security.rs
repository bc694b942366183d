//! Directives: security. Passwords, users and TLS.
//!
//! Owns rows of the table only; what a row's parts mean is in `table.rs`.

use super::super::key::Key;
use super::super::table::{INT_MAX, LONG_MAX, Section, choice, int, nullable, text, yes_no};

/// The rows, in the order of the example file.
pub(in crate::config) const SECTION: Section = Section {
    title: "Security",
    intro: "Passwords, users and TLS.",
    rows: &[
        nullable(Key::Requirepass, "requirepass").secret().works("Password of the default user."),
        text(Key::Aclfile, "aclfile", "").immutable().works("File with users, instead of 'user' lines in this one."),
        choice(Key::AclPubsubDefault, "acl-pubsub-default", &["allchannels", "resetchannels"], "resetchannels")
            .works("Channels that a new user may use: all or none."),
        int(Key::AcllogMaxLen, "acllog-max-len", 0, LONG_MAX, "128")
            .works("Entries that the log of denied accesses keeps."),
        int(Key::TlsPort, "tls-port", 0, 65_535, "0").works("Port for TLS clients; 0 turns it off."),
        nullable(Key::TlsCertFile, "tls-cert-file").volatile().works(
            "Certificate of the server and those that lead from it to an authority, in PEM form. Setting it again reads \
             the file again.",
        ),
        nullable(Key::TlsKeyFile, "tls-key-file").volatile().works("Private key of the certificate, in PEM form."),
        nullable(Key::TlsKeyFilePass, "tls-key-file-pass").secret().works("Password of the private key."),
        nullable(Key::TlsClientCertFile, "tls-client-cert-file").volatile().works(
            "Certificate for connections to a primary, when it is another one. It is checked when it is set.",
        ),
        nullable(Key::TlsClientKeyFile, "tls-client-key-file")
            .volatile()
            .works("Private key for connections to a primary."),
        nullable(Key::TlsClientKeyFilePass, "tls-client-key-file-pass")
            .secret()
            .works("Password of that private key."),
        nullable(Key::TlsDhParamsFile, "tls-dh-params-file").volatile().no_meaning(
            "Parameters for Diffie-Hellman with old versions of TLS. The file is checked and has no effect: keys are \
             exchanged on elliptic curves alone.",
        ),
        nullable(Key::TlsCaCertFile, "tls-ca-cert-file")
            .volatile()
            .works("Certificates of the authorities that are trusted with clients' certificates."),
        nullable(Key::TlsCaCertDir, "tls-ca-cert-dir")
            .volatile()
            .works("Folder of such certificates. All its files are read when TLS is configured, whatever their names."),
        choice(Key::TlsAuthClients, "tls-auth-clients", &["no", "yes", "optional"], "yes")
            .works("Whether clients must show a certificate."),
        yes_no(Key::TlsReplication, "tls-replication", "no").works("Uses TLS towards the primary."),
        yes_no(Key::TlsCluster, "tls-cluster", "no").not_yet("Uses TLS on the bus between nodes."),
        nullable(Key::TlsProtocols, "tls-protocols").works(
            "Versions of TLS that are allowed, both TLSv1.2 and TLSv1.3 when not set. TLSv1 and TLSv1.1 are accepted \
             here and never offered.",
        ),
        nullable(Key::TlsCiphers, "tls-ciphers").works(
            "Ciphers for TLS 1.2 in OpenSSL's notation. There are those of ECDHE with AES-GCM or CHACHA20-POLY1305; \
             others have no effect, and a list that leaves none is refused.",
        ),
        nullable(Key::TlsCiphersuites, "tls-ciphersuites").works("Cipher suites for TLS 1.3."),
        yes_no(Key::TlsPreferServerCiphers, "tls-prefer-server-ciphers", "no")
            .works("Lets the server's order of ciphers win."),
        yes_no(Key::TlsSessionCaching, "tls-session-caching", "yes").works("Lets clients resume TLS sessions."),
        int(Key::TlsSessionCacheSize, "tls-session-cache-size", 0, INT_MAX, "20480")
            .works("Sessions kept; 0 keeps up to a million."),
        int(Key::TlsSessionCacheTimeout, "tls-session-cache-timeout", 0, INT_MAX, "300")
            .works("Seconds for which a session can be resumed."),
    ],
};
