//! `mission token …`: tokens for programs and for yourself.

use serde::Deserialize;
use serde_json::{Value, json};

use super::Done;
use crate::cli::fleet::{NewTokenArgs, TokenCommand, TokenRole};
use crate::context::Context;
use crate::door::encoded;
use crate::output::fleet;

#[derive(Debug, Deserialize)]
struct Tokens {
    tokens: Vec<Value>,
}

#[derive(Debug, Deserialize)]
struct NewToken {
    token: String,
}

/// Runs one of them.
pub(crate) async fn run(context: &Context, command: TokenCommand) -> Done {
    let door = context.door().await?;
    match command {
        TokenCommand::New(args) => {
            let answer = door.post("/tokens", &wanted(context, &args)).await?;
            // The token alone on standard output, so that a script can take it; it is not shown again.
            context.show(&answer, |it: &NewToken, _| format!("{}\n", it.token))
        }
        TokenCommand::List => {
            let answer = door.get("/tokens").await?;
            context.show(&answer, |it: &Tokens, screen| fleet::tokens(&it.tokens, screen))
        }
        TokenCommand::Revoke { name } => {
            let answer = door.delete(&format!("/tokens/{}", encoded(&name))).await?;
            context.say(&answer.value()?, || format!("the token `{name}` has ended"));
            Ok(())
        }
    }
}

fn wanted(context: &Context, args: &NewTokenArgs) -> Value {
    let role = match args.role {
        TokenRole::Viewer => "viewer",
        TokenRole::Operator => "operator",
        TokenRole::Owner => "owner",
    };
    let mut body = json!({"name": args.name, "role": role});
    if let Some(project) = &context.project {
        body["project"] = json!(project.to_ascii_uppercase());
    }
    if args.person {
        body["person"] = json!(true);
    }
    body
}
