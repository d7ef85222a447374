//! Any file is refused or verified, and nothing verifies that our key did not sign: the bytes are tried as a file, and as
//! what a signed envelope holds.
#![no_main]

use std::sync::OnceLock;

use libfuzzer_sys::fuzz_target;
use mission_evidence::attest::{Expected, Signer, Trusted, markdown, verify_file};

fn keys() -> &'static (Signer, Trusted) {
    static KEYS: OnceLock<(Signer, Trusted)> = OnceLock::new();
    KEYS.get_or_init(|| {
        let signer = Signer::new().expect("random bytes");
        let trusted = Trusted::of([signer.public().clone()]);
        (signer, trusted)
    })
}

fuzz_target!(|bytes: &[u8]| {
    let (signer, trusted) = keys();
    let expected = Expected::default();
    assert!(verify_file(bytes, trusted, &expected).is_err(), "a forgery passed");
    let sealed = signer.seal(bytes).to_line();
    if let Ok(all) = verify_file(sealed.as_bytes(), trusted, &expected) {
        let statements: Vec<_> = all.into_iter().map(|it| it.statement).collect();
        let _ = markdown(&statements);
    }
});
