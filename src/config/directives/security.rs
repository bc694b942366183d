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
        int(Key::TlsPort, "tls-port", 0, 65_535, "0").not_yet("Port for TLS clients; 0 turns it off."),
        nullable(Key::TlsCertFile, "tls-cert-file").not_yet("Certificate of the server, in PEM form."),
        nullable(Key::TlsKeyFile, "tls-key-file").not_yet("Private key of the certificate."),
        nullable(Key::TlsKeyFilePass, "tls-key-file-pass").secret().not_yet("Password of the private key."),
        nullable(Key::TlsClientCertFile, "tls-client-cert-file")
            .not_yet("Certificate for outgoing connections, when it is another one."),
        nullable(Key::TlsClientKeyFile, "tls-client-key-file").not_yet("Private key for outgoing connections."),
        nullable(Key::TlsClientKeyFilePass, "tls-client-key-file-pass")
            .secret()
            .not_yet("Password of that private key."),
        nullable(Key::TlsDhParamsFile, "tls-dh-params-file")
            .not_yet("Parameters for Diffie-Hellman with old versions of TLS."),
        nullable(Key::TlsCaCertFile, "tls-ca-cert-file").not_yet("Certificates of the authorities that are trusted."),
        nullable(Key::TlsCaCertDir, "tls-ca-cert-dir").not_yet("Directory of trusted authorities' certificates."),
        choice(Key::TlsAuthClients, "tls-auth-clients", &["no", "yes", "optional"], "yes")
            .not_yet("Whether clients must show a certificate."),
        yes_no(Key::TlsReplication, "tls-replication", "no").not_yet("Uses TLS towards the primary."),
        yes_no(Key::TlsCluster, "tls-cluster", "no").not_yet("Uses TLS on the bus between nodes."),
        nullable(Key::TlsProtocols, "tls-protocols")
            .not_yet("Versions of TLS that are allowed; the library's choice when not set."),
        nullable(Key::TlsCiphers, "tls-ciphers").not_yet("Ciphers for TLS up to 1.2."),
        nullable(Key::TlsCiphersuites, "tls-ciphersuites").not_yet("Cipher suites for TLS 1.3."),
        yes_no(Key::TlsPreferServerCiphers, "tls-prefer-server-ciphers", "no")
            .not_yet("Lets the server's order of ciphers win."),
        yes_no(Key::TlsSessionCaching, "tls-session-caching", "yes").not_yet("Lets clients resume TLS sessions."),
        int(Key::TlsSessionCacheSize, "tls-session-cache-size", 0, INT_MAX, "20480")
            .not_yet("Sessions kept; 0 sets no limit."),
        int(Key::TlsSessionCacheTimeout, "tls-session-cache-timeout", 0, INT_MAX, "300")
            .not_yet("Seconds for which a session can be resumed."),
    ],
};
