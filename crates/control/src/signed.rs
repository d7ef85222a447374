//! Signed packets: opened with the home's own keys, and handed out for others to check. Nothing is signed twice: what
//! was sealed keeps the signature that it got then.

use mission_domain::ids::{Digest, TicketKey};
use mission_domain::ticket::{Gate, PacketRef, SignOff, Stage, VerdictWord};
use mission_evidence::attest::{
    self, Envelope, Expected, Keys, Signer, Statement, Trusted, Verdict, Verified,
};
use mission_evidence::packet::Packet;

use crate::error::{Error, Result};
use crate::execute::Control;

/// A sealed packet as it was found.
pub(crate) enum Opened {
    /// Its envelope holds.
    Signed(Box<Verified>),
    /// It was sealed before packets were signed.
    Unsigned,
}

impl Control {
    /// Returns the keys of this home.
    pub fn keys(&self) -> Keys {
        Keys::at(self.paths().keys())
    }

    /// Opens the envelope of a sealed packet.
    ///
    /// # Errors
    /// Where the envelope is gone, was edited, or holds another packet: it says which.
    pub(crate) fn open_packet(&self, name: &PacketRef) -> Result<Opened> {
        self.open_with(name, &self.keys().trusted()?)
    }

    pub(crate) fn open_with(&self, name: &PacketRef, trusted: &Trusted) -> Result<Opened> {
        let Some(envelope) = &name.envelope else { return Ok(Opened::Unsigned) };
        let bytes = self.artifacts().read(envelope)?;
        let refused = |why: String| {
            let digest = &name.digest;
            Error::Invalid(format!("the signed packet `{digest}` is not to be believed: {why}"))
        };
        let value = serde_json::from_slice(&bytes).map_err(|error| refused(error.to_string()))?;
        let expected = Expected { commit: name.commit.clone(), ..Expected::default() };
        let verified = attest::verify(&value, trusted, &expected);
        let verified = verified.map_err(|refusal| refused(refusal.to_string()))?;
        if verified.digest != name.digest || verified.packet.is_none() {
            return Err(refused(format!("its envelope holds packet {}", verified.digest)));
        }
        Ok(Opened::Signed(Box::new(verified)))
    }

    /// Returns the signed envelopes of a ticket's gates: each packet as it was sealed, and beside it the commands that
    /// were run again, pictures and files, the sign-offs, and the gate's summary once it was decided.
    ///
    /// # Errors
    /// An unknown ticket, nothing sealed, or a packet that was changed on disk.
    pub async fn envelopes(&self, key: &TicketKey, gate: Option<&str>) -> Result<Vec<Envelope>> {
        let (ticket, _) = self.ticket(key).await?;
        let wanted = |it: &&Gate| gate.is_none_or(|gate| it.rule.id.as_str() == gate);
        let mut all = Vec::new();
        for gate in ticket.gates.iter().filter(wanted) {
            let Some(name) = &gate.packet else { continue };
            let Opened::Signed(packet) = self.open_packet(name)? else { continue };
            all.extend(self.envelopes_of(gate, &packet)?);
        }
        if all.is_empty() {
            let of = gate.map_or_else(|| key.to_string(), |gate| format!("{key}, gate {gate}"));
            return Err(Error::Missing(format!("signed packet of {of}")));
        }
        Ok(all)
    }

    fn envelopes_of(&self, gate: &Gate, sealed: &Verified) -> Result<Vec<Envelope>> {
        let Some(packet) = &sealed.packet else { return Ok(Vec::new()) };
        let bytes = self.artifacts().read(&sealed.envelope)?;
        let first: Envelope = serde_json::from_slice(&bytes)
            .map_err(|error| Error::Invalid(format!("an envelope cannot be read: {error}")))?;
        let signer = self.keys().signer()?;
        let seal = |statement: Statement| signer.seal(&statement.bytes());
        let digest = &sealed.digest;
        let mut all = vec![first];
        all.extend(attest::test_results(packet, digest).into_iter().map(seal));
        all.extend(attest::attributes(packet, digest).map(seal));
        let given: Vec<&SignOff> = given_on(gate, digest).collect();
        let signed = given.iter().map(|it| seal(attest::sign_off(packet, digest, it)));
        let signed: Vec<Envelope> = signed.collect();
        let ends = summary(&signer, gate, packet, sealed, &given, &signed);
        all.extend(signed);
        all.extend(ends);
        Ok(all)
    }
}

/// Returns the verdicts that were given on this packet, oldest first.
fn given_on<'a>(gate: &'a Gate, digest: &'a Digest) -> impl Iterator<Item = &'a SignOff> {
    gate.signoffs.iter().filter(move |it| it.packet.as_ref() == Some(digest))
}

/// Returns what the gate came to, where it was decided on this packet.
fn summary(
    signer: &Signer,
    gate: &Gate,
    packet: &Packet,
    sealed: &Verified,
    given: &[&SignOff],
    signed: &[Envelope],
) -> Option<Envelope> {
    let last = given.last()?;
    let is_passed = match (&gate.stage, last.verdict) {
        (Stage::Passed | Stage::Waived, VerdictWord::Pass | VerdictWord::Waive) => last.fresh,
        (_, VerdictWord::Changes | VerdictWord::Fail) => false,
        (_, VerdictWord::Pass | VerdictWord::Waive) => return None,
    };
    let inputs = signed.iter().map(|it| Digest::of(it.to_line().as_bytes()));
    let inputs: Vec<Digest> = [sealed.envelope.clone()].into_iter().chain(inputs).collect();
    let (policy, at) = (&last.policy, last.at);
    let verdict = Verdict { gate: &gate.rule.id, is_passed, policy, at, inputs: &inputs };
    let statement = attest::summary(packet, &sealed.digest, &verdict);
    Some(signer.seal(&statement.bytes()))
}
