//! `mission packet …`: evidence, shown, handed out signed, and checked.

use std::io::Read as _;
use std::path::Path;

use mission_domain::ids::{Commit, GateId};
use mission_evidence::attest::{
    Envelope, Expected, Keys, Refusal, Statement, Trusted, Verified, markdown, verify_file,
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::Done;
use crate::cli::fleet::{PacketCommand, VerifyArgs};
use crate::context::{Context, print};
use crate::door::with_query;
use crate::failure::{Exit, Failure};
use crate::output::packet;

/// The longest file that is read.
const MOST_BYTES: u64 = 256 << 20;

#[derive(Debug, Deserialize)]
struct Packets {
    packets: Vec<Value>,
}

#[derive(Debug, Deserialize)]
struct Envelopes {
    envelopes: Vec<Envelope>,
}

/// Runs one of them.
pub(crate) async fn run(context: &Context, command: PacketCommand) -> Done {
    match command {
        PacketCommand::Show { key, gate } => {
            let path = with_query(&format!("/tickets/{key}/packets"), &[("gate", gate.as_deref())]);
            let answer = context.door().await?.get(&path).await?;
            context.show(&answer, |it: &Packets, screen| packet::show(&it.packets, screen))
        }
        PacketCommand::Export { key, gate, out, markdown } => {
            let path = format!("/tickets/{key}/packets/export");
            let path = with_query(&path, &[("gate", gate.as_deref())]);
            let answer = context.door().await?.get(&path).await?;
            export(&answer.read::<Envelopes>()?.envelopes, out.as_deref(), markdown)
        }
        PacketCommand::Verify(args) => verify(context, args),
        PacketCommand::Keys => keys(context),
        PacketCommand::RotateKey => {
            let key = home_keys(context).rotate().map_err(|error| key_failure(&error))?;
            let document = json!({ "signs": key.id().as_str() });
            context.say(&document, || {
                format!(
                    "key {} signs from now on; what earlier keys signed stays verifiable",
                    key.id()
                )
            });
            Ok(())
        }
    }
}

fn home_keys(context: &Context) -> Keys {
    Keys::at(context.home.dir().join("keys"))
}

fn key_failure(error: &mission_evidence::Error) -> Failure {
    Failure::new(Exit::No, "key", error.to_string())
}

fn export(envelopes: &[Envelope], out: Option<&Path>, as_markdown: bool) -> Done {
    let text = if as_markdown {
        let statements: Option<Vec<Statement>> = envelopes.iter().map(statement).collect();
        let block = statements.and_then(|it| markdown(&it));
        block.ok_or_else(|| Failure::unreachable("the answer holds no packet that can be read"))?
    } else {
        envelopes.iter().map(|it| it.to_line() + "\n").collect()
    };
    match out {
        None => print(&text),
        Some(file) => {
            std::fs::write(file, &text).map_err(|error| Failure::file(file, &error))?;
            let count = envelopes.len();
            print(&format!("wrote {}: {count} signed envelopes\n", file.display()));
        }
    }
    Ok(())
}

/// What an envelope says, unproven: it came from the store that keeps it.
fn statement(envelope: &Envelope) -> Option<Statement> {
    serde_json::from_slice(&envelope.payload_bytes()?).ok()
}

fn verify(context: &Context, args: VerifyArgs) -> Done {
    let (trusted, from) = match &args.key {
        Some(file) => {
            let keys = Trusted::read(file).map_err(|error| key_failure(&error))?;
            (keys, format!("`{}`", file.display()))
        }
        None => {
            let keys = home_keys(context);
            let from = format!("`{}`", keys.public_dir().display());
            (keys.trusted().map_err(|error| key_failure(&error))?, from)
        }
    };
    if trusted.is_empty() {
        let text = format!("nothing was checked: there is no public key in {from}");
        return Err(Failure::new(Exit::No, "no_key", text).hint(
            "name the signer's public key with `--key FILE`; `mission packet keys` prints it there",
        ));
    }
    let bytes = read(&args.file)?;
    let expected = Expected {
        commit: args.commit.map(Commit::new),
        ticket: args.ticket,
        gate: args.gate.map(GateId::new),
    };
    match verify_file(&bytes, &trusted, &expected) {
        Ok(verified) => {
            context.say(&document(&verified), || packet::verified(&verified));
            Ok(())
        }
        Err(refusal) => Err(refused(context, &refusal)),
    }
}

fn refused(context: &Context, refusal: &Refusal) -> Failure {
    if context.json {
        print(&format!("{}\n", json!({ "verified": false, "why": refusal.to_string() })));
        return Failure::printed_no();
    }
    Failure::new(Exit::No, "not_verified", format!("not verified: {refusal}"))
}

fn document(verified: &[Verified]) -> Value {
    let one = |it: &Verified| {
        json!({
            "key": it.key.as_str(), "packet": it.digest, "predicate_type": it.statement.predicate_type,
            "ticket": it.packet.as_ref().map(|it| &it.ticket),
            "gate": it.packet.as_ref().map(|it| &it.gate),
            "commit": it.packet.as_ref().and_then(|it| it.commit.as_ref()),
            "status": it.packet.as_ref().map(mission_evidence::packet::Packet::status),
        })
    };
    json!({ "verified": true, "envelopes": verified.iter().map(one).collect::<Vec<_>>() })
}

fn read(file: &Path) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    let read = if file == Path::new("-") {
        std::io::stdin().lock().take(MOST_BYTES).read_to_end(&mut bytes)
    } else {
        std::fs::File::open(file).and_then(|it| it.take(MOST_BYTES).read_to_end(&mut bytes))
    };
    read.map_err(|error| Failure::file(file, &error))?;
    Ok(bytes)
}

fn keys(context: &Context) -> Done {
    let keys = home_keys(context);
    let signs = keys.signer().map_err(|error| key_failure(&error))?;
    let trusted = keys.trusted().map_err(|error| key_failure(&error))?;
    let all: Vec<Value> = trusted
        .iter()
        .map(|it| json!({ "id": it.id().as_str(), "signs": it == signs.public(), "pem": it.pem() }))
        .collect();
    let document = json!({ "keys": all, "folder": keys.public_dir().display().to_string() });
    context.say(&document, || {
        let line = |it: &mission_evidence::attest::PublicKey| {
            let word = if it == signs.public() { "signs" } else { "earlier" };
            format!("{:<8}{}\n{}", word, it.id(), it.pem())
        };
        trusted.iter().map(line).collect::<String>().trim_end().to_owned()
    });
    Ok(())
}
