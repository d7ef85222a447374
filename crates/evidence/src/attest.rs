//! Packets as attestations: in-toto statements in signed envelopes, made here and checked here. Which packet is
//! shown or asked for is not decided here.

mod companion;
mod envelope;
mod keys;
mod markdown;
mod statement;
mod verify;

pub use companion::{Verdict, attributes, sign_off, summary, test_results};
pub use envelope::{Envelope, PAYLOAD_TYPE, Signature};
pub use keys::{KeyId, Keys, PublicKey, Signer, Trusted};
pub use markdown::markdown;
pub use statement::{
    PACKET_TYPE, SCAI_TYPE, SIGN_OFF_TYPE, STATEMENT_TYPE, SUMMARY_TYPE, Statement, Subject,
    TEST_RESULT_TYPE, packet_statement, schema,
};
pub use verify::{Expected, Refusal, Verified, verify, verify_file};
