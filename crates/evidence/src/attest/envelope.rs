//! The DSSE envelope: a payload, its type, and signatures over both. What the payload says is not looked at here.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use serde::{Deserialize, Serialize};

/// The type of what is handed out: an in-toto statement as JSON.
pub const PAYLOAD_TYPE: &str = "application/vnd.in-toto+json";

/// A signed payload, after <https://github.com/secure-systems-lab/dsse>.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Envelope {
    /// What the payload is.
    #[serde(rename = "payloadType")]
    pub payload_type: String,
    /// The payload in base64.
    pub payload: String,
    /// At least one.
    pub signatures: Vec<Signature>,
}

/// One signature over type and payload.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signature {
    /// The key that made it, by its id: a hint, never a proof.
    #[serde(default)]
    pub keyid: String,
    /// The signature in base64.
    pub sig: String,
}

impl Envelope {
    /// Wraps `payload`, with one signature by the key `keyid` over [`pae`].
    pub(super) fn sealed(payload_type: &str, payload: &[u8], keyid: &str, sig: &[u8]) -> Self {
        Self {
            payload_type: payload_type.into(),
            payload: STANDARD.encode(payload),
            signatures: vec![Signature { keyid: keyid.into(), sig: STANDARD.encode(sig) }],
        }
    }

    /// Returns the payload's bytes, or `None` where it is no base64.
    pub fn payload_bytes(&self) -> Option<Vec<u8>> {
        decode(&self.payload)
    }

    /// Returns the envelope as one line of JSON.
    pub fn to_line(&self) -> String {
        serde_json::to_string(self).expect("an envelope is three plain fields")
    }
}

impl Signature {
    /// Returns the signature's bytes, or `None` where it is no base64.
    pub fn bytes(&self) -> Option<Vec<u8>> {
        decode(&self.sig)
    }
}

/// The protocol allows both alphabets.
fn decode(text: &str) -> Option<Vec<u8>> {
    STANDARD.decode(text).or_else(|_| URL_SAFE.decode(text)).ok()
}

/// Returns what is really signed: type and payload, each after its length, so that neither can pass for the other.
pub(super) fn pae(payload_type: &str, payload: &[u8]) -> Vec<u8> {
    let head = format!("DSSEv1 {} {payload_type} {} ", payload_type.len(), payload.len());
    [head.as_bytes(), payload].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signed_bytes_are_those_of_the_protocols_own_example() {
        let bytes = pae("http://example.com/HelloWorld", b"hello world");
        assert_eq!(bytes, b"DSSEv1 29 http://example.com/HelloWorld 11 hello world");
    }

    #[test]
    fn both_alphabets_of_base64_are_read_and_nothing_else() {
        assert_eq!(decode("-_8="), Some(vec![0xfb, 0xff]));
        assert_eq!(decode("+/8="), Some(vec![0xfb, 0xff]));
        assert_eq!(decode("no base64!"), None);
    }
}
