//! What the sandbox and its clients need to trust each other: an authority, a certificate signed by it, a bearer token.

use std::{
    fs::{self, OpenOptions},
    io::Write,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use anyhow::Context;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, date_time_ymd};

/// The files, all in one directory.
#[derive(Clone, Debug)]
pub(crate) struct Files {
    /// The authority's certificate, for clients. Its key is thrown away once the server's certificate is signed.
    pub(crate) authority: PathBuf,
    /// The server's certificate.
    pub(crate) certificate: PathBuf,
    /// The server's key; for the owner's eyes only.
    pub(crate) key: PathBuf,
    /// The bearer token; for the owner's eyes only.
    pub(crate) token: PathBuf,
}

impl Files {
    /// The names that the files have in `directory`.
    #[must_use]
    pub(crate) fn within(directory: &Path) -> Self {
        let file = |name| directory.join(name);
        Self {
            authority: file("ca.pem"),
            certificate: file("certificate.pem"),
            key: file("key.pem"),
            token: file("token"),
        }
    }

    /// Makes the files in `directory` where one is missing, for a server of this `name` that is also `localhost` and
    /// 127.0.0.1, valid from last year for eleven years.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub(crate) fn ensure(directory: &Path, name: &str) -> anyhow::Result<Self> {
        let files = Self::within(directory);
        if [&files.authority, &files.certificate, &files.key, &files.token].iter().all(|file| file.is_file()) {
            return Ok(files);
        }
        fs::create_dir_all(directory).with_context(|| format!("cannot make {}", directory.display()))?;
        let mut authority = params(&[])?;
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        authority.distinguished_name.push(DnType::CommonName, "Tonegate sandbox authority");
        let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate()?)?;
        let key = KeyPair::generate()?;
        let leaf = params(&[name, "localhost", "127.0.0.1"])?.signed_by(&key, &authority)?;
        let token: [u8; 24] = rand::random();
        write(&files.authority, &authority.pem(), 0o644)?;
        write(&files.certificate, &leaf.pem(), 0o644)?;
        write(&files.key, &key.serialize_pem(), 0o600)?;
        write(&files.token, &URL_SAFE_NO_PAD.encode(token), 0o600)?;
        Ok(files)
    }
}

fn params(names: &[&str]) -> anyhow::Result<CertificateParams> {
    let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
    let mut params = CertificateParams::new(names)?;
    let year = i32::from(jiff::Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC).year());
    params.not_before = date_time_ymd(year - 1, 1, 1);
    params.not_after = date_time_ymd(year + 10, 1, 1);
    Ok(params)
}

fn write(path: &Path, text: &str, mode: u32) -> anyhow::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(mode);
    let mut file = options.open(path).with_context(|| format!("cannot write {}", path.display()))?;
    Ok(file.write_all(text.as_bytes())?)
}
