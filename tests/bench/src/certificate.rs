//! A chain of certificates as AWS shows one: a root, an intermediate, the server's own. Made anew in each run.

use std::fmt::Write as _;
use std::fs;
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose, SanType};
use rustls::ServerConfig;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

use crate::Result;

/// Where systems keep the bundle of roots that they trust.
const SYSTEM_BUNDLES: [&str; 3] =
    ["/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/certs/ca-certificates.crt", "/etc/ssl/cert.pem"];

/// What the endpoint serves with, and the root that its callers have to trust.
pub(crate) struct Chain {
    pub(crate) server: Arc<ServerConfig>,
    root: String,
}

impl Chain {
    /// A chain for loopback.
    pub(crate) fn new() -> Result<Self> {
        let root_key = KeyPair::generate()?;
        let root_params = authority("Bench root")?;
        let root = root_params.self_signed(&root_key)?;
        let issuer = Issuer::new(root_params, root_key);
        let middle_key = KeyPair::generate()?;
        let middle_params = authority("Bench intermediate")?;
        let middle = middle_params.signed_by(&middle_key, &issuer)?;
        let issuer = Issuer::new(middle_params, middle_key);
        let key = KeyPair::generate()?;
        let mut params = CertificateParams::new(vec!["localhost".to_owned()])?;
        params.subject_alt_names.push(SanType::IpAddress(IpAddr::V4(Ipv4Addr::LOCALHOST)));
        let own = params.signed_by(&key, &issuer)?;
        let secret = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
        let mut config =
            config.with_no_client_auth().with_single_cert(vec![own.der().clone(), middle.der().clone()], secret)?;
        // What the control planes of AWS speak with SDKs; nobody here is given a faster protocol.
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self { server: Arc::new(config), root: root.pem() })
    }

    /// Writes all roots that this system trusts, and ours behind them: reading it costs what the bundle of Lambda costs.
    /// How many roots it has.
    pub(crate) fn write_bundle(&self, bundle: &Path, alone: &Path) -> Result<usize> {
        let mut text = SYSTEM_BUNDLES.iter().find_map(|path| fs::read_to_string(path).ok()).unwrap_or_default();
        write!(text, "\n{}", self.root)?;
        fs::write(bundle, &text)?;
        fs::write(alone, &self.root)?;
        Ok(text.matches("BEGIN CERTIFICATE").count())
    }
}

fn authority(name: &str) -> Result<CertificateParams> {
    let mut params = CertificateParams::new(Vec::new())?;
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::DigitalSignature];
    Ok(params)
}
