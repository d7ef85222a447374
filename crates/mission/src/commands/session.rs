//! `mission down` and `mission sign-in`: what only makes sense with a server that is up.

use serde::Deserialize;
use serde_json::json;

use super::Done;
use crate::context::Context;
use crate::door::Door;
use crate::failure::Failure;

#[derive(Debug, Deserialize)]
struct Link {
    url: String,
}

async fn server(context: &Context) -> Result<Door, Failure> {
    let none = || {
        let text = format!("no server is up for `{}`", context.home.dir().display());
        Failure::unreachable(text).hint("start it with `mission up`")
    };
    if context.home.server().is_none() && std::env::var_os("MISSION_URL").is_none() {
        return Err(none());
    }
    let door = context.door().await?;
    if door.is_server() { Ok(door) } else { Err(none()) }
}

/// Stops the server.
pub(crate) async fn down(context: &Context, stop_lanes: bool) -> Done {
    let answer = server(context).await?.post("/down", &json!({"stop_lanes": stop_lanes})).await?;
    context.say(&answer.value()?, || {
        let lanes = if stop_lanes {
            "its lanes are stopped too"
        } else {
            "lanes go on, and the next `mission up` finds them again"
        };
        format!("the server stops; {lanes}")
    });
    Ok(())
}

/// Prints a fresh one-time link.
pub(crate) async fn sign_in(context: &Context) -> Done {
    let answer = server(context).await?.post("/sign-in-link", &json!({})).await?;
    context.show(&answer, |it: &Link, _| format!("{}\n", it.url))
}
