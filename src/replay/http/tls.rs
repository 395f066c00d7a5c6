//! TLS with the machine's own certificate authorities, loaded when the first https connection is
//! made.

use std::sync::{Arc, OnceLock};

use rustls::pki_types::ServerName;
use rustls::{CertificateError, ClientConfig, Error};
use rustls_platform_verifier::BuilderVerifierExt;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// TLS for one target.
#[derive(Default)]
pub(super) struct Tls(OnceLock<Result<TlsConnector, String>>);

impl Tls {
    /// Performs the TLS handshake.
    pub(super) async fn connect<S>(&self, stream: S, host: &str) -> Result<TlsStream<S>, String>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let connector = self.0.get_or_init(connector).clone()?;
        let name = host.trim_matches(['[', ']']).to_owned();
        let name = ServerName::try_from(name).map_err(|_| format!("{host} is no name that a certificate can have"))?;
        connector.connect(name, stream).await.map_err(|error| in_words(&error, host))
    }
}

fn connector() -> Result<TlsConnector, String> {
    let cant = |e: &Error| format!("TLS is not possible on this machine ({e}): are its CA certificates installed?");
    let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .and_then(BuilderVerifierExt::with_platform_verifier)
        .map_err(|e| cant(&e))?;
    Ok(TlsConnector::from(Arc::new(config.with_no_client_auth())))
}

/// Describes a failed handshake, with a hint at what to check.
fn in_words(error: &std::io::Error, host: &str) -> String {
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<Error>());
    let what = match inner {
        Some(Error::InvalidCertificate(why)) => certificate(why, host),
        Some(Error::InvalidMessage(_)) => {
            "the server does not speak TLS there: is the base URL an http:// one, or the port another?".to_owned()
        }
        Some(Error::PeerIncompatible(_)) => {
            "the server speaks no version of TLS that is safe to use (1.2 or 1.3)".to_owned()
        }
        Some(Error::AlertReceived(alert)) => format!("the server broke the TLS handshake off ({alert:?})"),
        Some(other) => format!("the TLS handshake failed ({other})"),
        None => format!("the connection broke in the TLS handshake ({error})"),
    };
    format!("{what}; nothing was sent")
}

fn certificate(error: &CertificateError, host: &str) -> String {
    match error {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            format!("the certificate of {host} has expired (or this machine's clock is wrong)")
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            format!("the certificate of {host} is not valid yet (or this machine's clock is wrong)")
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            format!("the certificate is for another host than {host}")
        }
        CertificateError::UnknownIssuer => {
            format!("the certificate of {host} is from an authority that this machine does not trust")
        }
        CertificateError::Other(why) => {
            format!("the certificate of {host} is not one that a server may show: is it self-signed? ({why})")
        }
        CertificateError::Revoked => format!("the certificate of {host} was revoked"),
        other => format!("the certificate of {host} is not valid ({other:?})"),
    }
}
