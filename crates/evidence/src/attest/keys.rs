//! The keys of a home: one signs, the public halves of all that ever did are kept. Made on first use.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use ed25519_dalek::pkcs8::spki::der::pem::LineEnding;
use ed25519_dalek::pkcs8::{
    DecodePrivateKey as _, DecodePublicKey as _, EncodePrivateKey as _, EncodePublicKey as _,
    KeypairBytes,
};
use ed25519_dalek::{Signer as _, SigningKey, VerifyingKey};
use mission_domain::ids::Digest;

use super::envelope::{Envelope, PAYLOAD_TYPE, pae};
use super::verify::Refusal;
use crate::error::io;
use crate::{Error, Result};

/// The private key that signs.
const PRIVATE: &str = "signing.pem";
/// The folder of all public keys, each under its id.
const PUBLIC: &str = "public";
const END: &str = "-----END PUBLIC KEY-----";

/// A key by name: the SHA-256 of its public half as DER, which `openssl pkey -pubin -outform DER | sha256sum` prints.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct KeyId(String);

impl KeyId {
    /// Returns the 64 hexadecimal digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// The public half of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicKey {
    id: KeyId,
    key: VerifyingKey,
}

impl PublicKey {
    fn of(key: VerifyingKey) -> Self {
        let der = key.to_public_key_der().expect("32 bytes can be written as DER");
        let hex = Digest::of(der.as_bytes()).hex().to_owned();
        Self { id: KeyId(hex), key }
    }

    /// Returns its id.
    pub fn id(&self) -> &KeyId {
        &self.id
    }

    /// Returns it as PEM.
    pub fn pem(&self) -> String {
        self.key.to_public_key_pem(LineEnding::LF).expect("32 bytes can be written as PEM")
    }

    /// Returns whether `signature` was made over `message` with this key.
    fn has_signed(&self, message: &[u8], signature: &[u8]) -> bool {
        let Ok(signature) = ed25519_dalek::Signature::from_slice(signature) else { return false };
        // Strict: a signature has one form only, and weak keys sign nothing.
        self.key.verify_strict(message, &signature).is_ok()
    }
}

/// The public keys that are believed.
#[derive(Debug, Clone, Default)]
pub struct Trusted(BTreeMap<KeyId, PublicKey>);

impl Trusted {
    /// Believes exactly `keys`.
    pub fn of(keys: impl IntoIterator<Item = PublicKey>) -> Self {
        Self(keys.into_iter().map(|key| (key.id.clone(), key)).collect())
    }

    /// Reads one file of one or more public keys in PEM.
    ///
    /// # Errors
    /// [`Error::Key`] where it holds none or something else.
    pub fn read(path: &Path) -> Result<Self> {
        let text = fs::read_to_string(path).map_err(io("read", path))?;
        let bad = |why: &str| Error::Key { path: path.into(), why: why.into() };
        let blocks: Vec<&str> = text.split_inclusive(END).filter(|it| it.contains(END)).collect();
        let key = |block: &&str| VerifyingKey::from_public_key_pem(block.trim_start());
        let keys: std::result::Result<Vec<_>, _> = blocks.iter().map(key).collect();
        match keys {
            Ok(keys) if !keys.is_empty() => Ok(Self::of(keys.into_iter().map(PublicKey::of))),
            Ok(_) if text.contains("PRIVATE KEY") => {
                Err(bad("it holds a private key; the public one is beneath `public/`"))
            }
            Ok(_) => Err(bad("it holds no public key in PEM")),
            Err(_) => Err(bad("it holds something that is no ed25519 public key in PEM")),
        }
    }

    /// Returns the key with this id.
    pub fn get(&self, id: &str) -> Option<&PublicKey> {
        self.0.get(&KeyId(id.to_owned()))
    }

    /// Returns the payload of `envelope` and the key that signed it, where it is of this type and a believed key did.
    ///
    /// # Errors
    /// Why it is not to be believed.
    pub(crate) fn opens(
        &self,
        envelope: &Envelope,
        payload_type: &str,
    ) -> std::result::Result<(KeyId, Vec<u8>), Refusal> {
        if envelope.payload_type != payload_type {
            return Err(Refusal::OtherPayload(envelope.payload_type.clone()));
        }
        let payload = envelope.payload_bytes().ok_or(Refusal::NotBase64("payload"))?;
        if envelope.signatures.is_empty() {
            return Err(Refusal::Unsigned);
        }
        let message = pae(&envelope.payload_type, &payload);
        let mut refusal = None;
        for signature in &envelope.signatures {
            let Some(key) = self.get(&signature.keyid) else { continue };
            match signature.bytes() {
                Some(bytes) if key.has_signed(&message, &bytes) => {
                    return Ok((key.id().clone(), payload));
                }
                Some(_) => drop(refusal.get_or_insert(Refusal::Forged(key.id().clone()))),
                None => drop(refusal.get_or_insert(Refusal::NotBase64("signature"))),
            }
        }
        let seen: Vec<&str> = envelope.signatures.iter().map(|it| it.keyid.as_str()).collect();
        let seen = seen.join(", ");
        Err(refusal.unwrap_or(Refusal::UnknownKey { seen, known: self.len() }))
    }

    /// Returns all keys, in the order of their ids.
    pub fn iter(&self) -> impl Iterator<Item = &PublicKey> {
        self.0.values()
    }

    /// Returns how many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Returns whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// The key that signs.
#[derive(Debug)]
pub struct Signer {
    public: PublicKey,
    key: SigningKey,
}

impl Signer {
    fn of(key: SigningKey) -> Self {
        Self { public: PublicKey::of(key.verifying_key()), key }
    }

    /// Makes a key that was never used, which is kept nowhere.
    ///
    /// # Errors
    /// [`Error::Io`] where the system gives no random bytes.
    pub fn new() -> Result<Self> {
        let mut seed = [0_u8; 32];
        getrandom::fill(&mut seed).map_err(|error| Error::Io {
            what: "draw random bytes for",
            path: PRIVATE.into(),
            source: std::io::Error::other(error.to_string()),
        })?;
        Ok(Self::of(SigningKey::from_bytes(&seed)))
    }

    /// Returns its public half.
    pub fn public(&self) -> &PublicKey {
        &self.public
    }

    /// Puts a statement's bytes into a signed envelope. Equal ones give equal envelopes.
    pub fn seal(&self, statement: &[u8]) -> Envelope {
        self.seal_as(PAYLOAD_TYPE, statement)
    }

    /// Puts something of another type into a signed envelope: it can never pass for a statement.
    pub(crate) fn seal_as(&self, payload_type: &str, payload: &[u8]) -> Envelope {
        let signature = self.key.sign(&pae(payload_type, payload));
        Envelope::sealed(payload_type, payload, self.public.id.as_str(), &signature.to_bytes())
    }
}

/// The folder `keys/` of a home. Nothing is kept in memory: a rotation is seen by everybody at once.
#[derive(Debug, Clone)]
pub struct Keys {
    dir: PathBuf,
}

impl Keys {
    /// Names the keys in `dir`; touches nothing.
    pub fn at(dir: impl Into<PathBuf>) -> Self {
        Self { dir: dir.into() }
    }

    /// Returns the folder of the public keys, which may be given to anybody.
    pub fn public_dir(&self) -> PathBuf {
        self.dir.join(PUBLIC)
    }

    /// Returns the key that signs; the first call in a home makes it.
    ///
    /// # Errors
    /// [`Error::Key`] where the file is no key, or where others may read it.
    pub fn signer(&self) -> Result<Signer> {
        let path = self.dir.join(PRIVATE);
        if !path.exists() {
            // Somebody else may be as fast: then theirs is the key.
            self.keep(&Signer::new()?, Replace::Never)?;
        }
        let signer = read_private(&path)?;
        self.publish(&signer.public)?;
        Ok(signer)
    }

    /// Lets a new key sign from now on, and returns its public half. What the old one signed stays verifiable.
    ///
    /// # Errors
    /// As [`Keys::signer`]; then the old key goes on signing.
    pub fn rotate(&self) -> Result<PublicKey> {
        if self.dir.join(PRIVATE).exists() {
            // The old public half must be kept before the private one goes.
            self.publish(&self.signer()?.public)?;
        }
        let signer = Signer::new()?;
        self.publish(&signer.public)?;
        self.keep(&signer, Replace::Always)?;
        Ok(signer.public)
    }

    /// Returns the public halves of all keys that ever signed here; none before the first use.
    ///
    /// # Errors
    /// [`Error::Key`] where a file is no public key, or does not bear its key's id.
    pub fn trusted(&self) -> Result<Trusted> {
        let dir = self.public_dir();
        let mut all = BTreeMap::new();
        let entries = match fs::read_dir(&dir) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Ok(Trusted::default());
            }
            Err(error) => return Err(io("read", &dir)(error)),
        };
        for entry in entries {
            let path = entry.map_err(io("read", &dir))?.path();
            if path.extension().is_none_or(|it| it != "pem") {
                continue;
            }
            let found = Trusted::read(&path)?;
            let name = path.file_stem().and_then(|it| it.to_str()).unwrap_or_default();
            if found.get(name).is_none() || found.len() != 1 {
                let why = "its name is not the id of the key that it holds".to_owned();
                return Err(Error::Key { path, why });
            }
            all.extend(found.0);
        }
        Ok(Trusted(all))
    }

    fn publish(&self, key: &PublicKey) -> Result<()> {
        let dir = self.public_dir();
        let path = dir.join(format!("{}.pem", key.id));
        if path.exists() {
            return Ok(());
        }
        self.make(&dir)?;
        write(&path, key.pem().as_bytes(), Replace::Always)
    }

    fn keep(&self, signer: &Signer, replace: Replace) -> Result<()> {
        self.make(&self.dir)?;
        let bytes = KeypairBytes { secret_key: signer.key.to_bytes(), public_key: None };
        let pem = bytes.to_pkcs8_pem(LineEnding::LF).expect("32 bytes can be written as PEM");
        write(&self.dir.join(PRIVATE), pem.as_bytes(), replace)
    }

    fn make(&self, dir: &Path) -> Result<()> {
        let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(dir);
        made.map_err(io("make", dir))
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Replace {
    Always,
    Never,
}

fn read_private(path: &Path) -> Result<Signer> {
    let bad = |why: String| Error::Key { path: path.into(), why };
    let mode = fs::metadata(path).map_err(io("read", path))?.permissions().mode();
    if mode & 0o077 != 0 {
        let mode = mode & 0o777;
        return Err(bad(format!(
            "others may read it (mode {mode:o}), so whoever did could sign. Take their rights away \
             (`chmod 600`) and make a new key (`mission packet keys --rotate`)"
        )));
    }
    let pem = fs::read_to_string(path).map_err(io("read", path))?;
    let key = SigningKey::from_pkcs8_pem(&pem).map_err(|_| {
        bad("it is no ed25519 private key in PEM. Bring it back from a backup, or move it away: \
             a new key is then made, and the old public ones are still believed"
            .into())
    })?;
    Ok(Signer::of(key))
}

/// Writes a whole file that only its owner may read, durably and in one step.
fn write(path: &Path, bytes: &[u8], replace: Replace) -> Result<()> {
    let dir = path.parent().unwrap_or(Path::new("/"));
    let put = || {
        // Temporary files are made with mode 0600.
        let mut file = tempfile::Builder::new().prefix(".key-").tempfile_in(dir)?;
        file.write_all(bytes)?;
        file.as_file().sync_all()?;
        let kept = match replace {
            Replace::Always => file.persist(path),
            Replace::Never => file.persist_noclobber(path),
        };
        match kept {
            Err(error)
                if replace == Replace::Never
                    && error.error.kind() == std::io::ErrorKind::AlreadyExists =>
            {
                Ok(())
            }
            Err(error) => Err(error.error),
            Ok(_) => fs::File::open(dir)?.sync_all(),
        }
    };
    put().map_err(io("write", path))
}
