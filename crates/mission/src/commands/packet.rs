//! `mission packet …`: evidence.

use serde::Deserialize;
use serde_json::Value;

use super::{Done, not_built};
use crate::cli::fleet::PacketCommand;
use crate::context::Context;
use crate::door::with_query;
use crate::output::packet;

#[derive(Debug, Deserialize)]
struct Packets {
    packets: Vec<Value>,
}

/// Runs one of them.
pub(crate) async fn run(context: &Context, command: PacketCommand) -> Done {
    match command {
        PacketCommand::Show { key, gate } => {
            let path = with_query(&format!("/tickets/{key}/packets"), &[("gate", gate.as_deref())]);
            let answer = context.door().await?.get(&path).await?;
            context.show(&answer, |it: &Packets, screen| packet::show(&it.packets, screen))
        }
        PacketCommand::Export { .. } => {
            not_built("packet export", "`mission packet show K --json` prints the packet unsigned")
        }
        PacketCommand::Verify { .. } => {
            not_built("packet verify", "nothing was checked: treat the file as unverified")
        }
    }
}
