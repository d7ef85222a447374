//! `mission attempt attach`: a person at an agent's screen; where it has none, at its journal with a line to write to it.

use std::io::{BufRead as _, IsTerminal as _, Write as _};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::time::{Duration, Instant};

use mission_domain::doc::AttemptDoc;
use mission_domain::ids::AttemptId;
use mission_runtime::attach::{Client, Screen, screen};
use mission_runtime::spec::TmuxPlace;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::json;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;

use super::Done;
use crate::context::{Context, note};
use crate::door::Door;
use crate::failure::{Exit, Failure};
use crate::process;

/// How often the journal is looked at again.
const LOOK_AGAIN: Duration = Duration::from_millis(300);

/// How often it is said again that somebody is there: several times within what the server waits.
const SAY_AGAIN: Duration = Duration::from_secs(5);

/// For so long a server may be away from somebody at a journal: one that is started again needs less.
const AWAY: Duration = Duration::from_secs(60);

/// What can be typed beside a message.
const HELP: &str = "a line is a message to the agent · /interrupt ends its turn · Ctrl-D leaves, the agent goes on";

/// Attaches to attempt `id`; with `read_only` nothing is taken over.
pub(super) async fn run(context: &Context, id: AttemptId, read_only: bool) -> Done {
    let door = context.door().await?;
    let attempt: AttemptDoc = door.get(&format!("/attempts/{id}")).await?.read()?;
    if attempt.state == "ended" {
        let text = format!("{id} is over, so there is nothing to attach to");
        return Err(Failure::refused("attempt_over", text)
            .hint(format!("`mission attempt logs {id}` shows what it printed")));
    }
    let lane = context.home.dir().join("lanes").join(id.to_string());
    // A lane of another host has no folder here: its journal is to be had all the same.
    match screen(&lane).unwrap_or(Screen::None) {
        Screen::Window(place) => window(context, door, id, &place, read_only).await,
        Screen::Client(client) if std::io::stdin().is_terminal() => client_of(&lane, &client),
        Screen::Client(_) | Screen::None => journal(context, door, &attempt).await,
    }
}

/// Sits at the attempt's window: taken over meanwhile, and given back when tmux is left, however it is left: it is said again and
/// again that somebody is there, wherever the server is by then, and who stops saying so is not. Who may only look only looks.
async fn window(
    context: &Context,
    mut door: Door,
    id: AttemptId,
    place: &TmuxPlace,
    read_only: bool,
) -> Done {
    let target = format!("={}:{}", place.session, place.window);
    let took = match read_only {
        true => None,
        false => match door.post(&format!("/attempts/{id}/take-over"), &json!({})).await {
            Ok(answer) => answer.read::<AttemptDoc>()?.held_by,
            Err(failure) if failure.exit == Exit::Refused => {
                note(&format!("read only: {}", failure.text));
                None
            }
            Err(failure) => return Err(failure),
        },
    };
    let mut tmux = process::command("tmux");
    tmux.arg("-S").arg(&place.socket).args(["attach-session", "-t", &target]).env_remove("TMUX");
    if took.is_none() {
        tmux.arg("-r");
    }
    // A terminal that is closed says so to tmux as well, which then ends; there is something to be done after that.
    let signals = (signal(SignalKind::hangup()), signal(SignalKind::terminate()));
    let (Ok(mut hangup), Ok(mut terminate)) = signals else {
        return Err(Failure::unreachable("no signal can be heard"));
    };
    let mut child = tmux.spawn().map_err(|e| not_started("tmux", &e))?;
    let pid = i32::try_from(child.id()).map(Pid::from_raw);
    let mut left = tokio::task::spawn_blocking(move || child.wait());
    let mut again = tokio::time::interval(SAY_AGAIN);
    loop {
        tokio::select! {
            _ = &mut left => break,
            _ = hangup.recv() => {}
            _ = terminate.recv() => {
                // Only the person's own view of it: the window stays.
                let _ = pid.map(|it| kill(it, Signal::SIGTERM));
            }
            _ = again.tick() => if let Some(me) = &took && is_found(context, &mut door).await {
                still_there(&door, id, me).await;
            },
        }
    }
    if took.is_some() && !is_found(context, &mut door).await {
        note(&format!(
            "{id} was not given back: no server is up; it is given back by itself in a moment"
        ));
    } else if took.is_some() {
        // An attempt that ended meanwhile has nothing to give back.
        match door.post(&format!("/attempts/{id}/give-back"), &json!({})).await {
            Ok(_) => note(&format!("{id} is the agent's alone again")),
            Err(failure) => note(&format!("{id} was not given back: {}", failure.text)),
        }
    }
    Ok(())
}

/// Opens `door` to where the server is now, and returns whether one is up: one that was started again may listen at another address,
/// and somebody else at its old one.
async fn is_found(context: &Context, door: &mut Door) -> bool {
    match Door::server(&context.home, context.lane.is_some()).await {
        Ok(Some(found)) => {
            *door = found;
            true
        }
        Ok(None) | Err(_) => false,
    }
}

/// Says that `me` still has the session, unless somebody else took it meanwhile. A server that does not answer hears it later.
async fn still_there(door: &Door, id: AttemptId, me: &str) {
    let Ok(answer) = door.get(&format!("/attempts/{id}")).await else { return };
    let Ok(attempt) = answer.read::<AttemptDoc>() else { return };
    if attempt.state != "ended" && attempt.held_by.as_deref().is_none_or(|it| it == me) {
        let _ = door.post(&format!("/attempts/{id}/take-over"), &json!({})).await;
    }
}

/// Becomes the agent's own screen, as a second client of its session.
fn client_of(lane: &Path, client: &Client) -> Done {
    let missing =
        || Failure::refused("no_screen", format!("`{}` names no program", lane.display()));
    let (program, arguments) = client.command.split_first().ok_or_else(missing)?;
    let mut command = process::command(program);
    command.args(arguments).current_dir(&client.cwd).env_clear().envs(&client.env);
    for name in ["TERM", "COLORTERM", "LANG", "LC_ALL"] {
        command.envs(std::env::var_os(name).map(|value| (name, value)));
    }
    Err(not_started(program, &command.exec()))
}

fn not_started(program: &str, error: &std::io::Error) -> Failure {
    Failure::unreachable(format!("`{program}` cannot be started: {error}"))
}

/// Prints the journal as it grows, and takes lines; a server that is away meanwhile is waited for.
async fn journal(context: &Context, mut door: Door, attempt: &AttemptDoc) -> Done {
    let (id, key) = (&attempt.id, &attempt.ticket);
    note(&format!("{id} · {} · {}\n{HELP}", attempt.role, attempt.runtime));
    let (lines, mut typed) = mpsc::unbounded_channel();
    // Standard input cannot be waited for together with anything else: it has a thread, which ends with the process.
    std::thread::spawn(move || {
        for line in std::io::stdin().lock().lines().map_while(Result::ok) {
            if lines.send(line).is_err() {
                return;
            }
        }
    });
    let (mut offset, mut away) = (0, None);
    loop {
        let heard = match away {
            // Somebody else may listen where it was: nothing is said there before it is found again.
            Some(_) if !is_found(context, &mut door).await => {
                Err(Failure::unreachable("no server is up"))
            }
            Some(_) | None => follow(&door, id, &mut offset).await,
        };
        match heard {
            Ok(Some(how)) => {
                note(&format!("{id} is over: {how}"));
                return Ok(());
            }
            Ok(None) => away = None,
            Err(failure) if failure.exit == Exit::Unreachable => {
                let since = *away.get_or_insert_with(Instant::now);
                if since.elapsed() > AWAY {
                    return Err(failure);
                }
            }
            Err(failure) => return Err(failure),
        }
        tokio::select! {
            line = typed.recv() => match line {
                None => return Ok(()),
                Some(line) if is_found(context, &mut door).await => {
                    said(&door, id, key, &attempt.role, line.trim()).await?;
                }
                Some(_) => note("no server is up, so that was not sent: type it again when one is"),
            },
            () = tokio::time::sleep(LOOK_AGAIN) => {}
        }
    }
}

/// Prints what is new from `offset` on, and returns how the attempt ended once it has.
async fn follow(door: &Door, id: &str, offset: &mut u64) -> Result<Option<String>, Failure> {
    let now: AttemptDoc = door.get(&format!("/attempts/{id}")).await?.read()?;
    print_from(door, id, offset).await?;
    let how = || now.terminal.map_or_else(String::new, |it| it.summary);
    Ok((now.state == "ended").then(how))
}

async fn print_from(door: &Door, id: &str, offset: &mut u64) -> Result<(), Failure> {
    loop {
        let part = door.get(&format!("/attempts/{id}/log?offset={offset}")).await?;
        if part.bytes.is_empty() {
            return Ok(());
        }
        *offset = part.next_offset.unwrap_or(*offset + part.bytes.len() as u64);
        let mut out = std::io::stdout().lock();
        // Whoever reads has gone: so does this.
        if out.write_all(&part.bytes).and_then(|()| out.flush()).is_err() {
            return Err(Failure::printed_no());
        }
    }
}

async fn said(door: &Door, id: &str, key: &str, role: &str, line: &str) -> Result<(), Failure> {
    match line {
        "" => Ok(()),
        "/interrupt" => {
            door.post(&format!("/attempts/{id}/interrupt"), &json!({})).await?;
            note("the turn is being interrupted");
            Ok(())
        }
        text => {
            door.post(&format!("/tickets/{key}/say"), &json!({"text": text, "to": role})).await?;
            note("it waits for the end of the turn");
            Ok(())
        }
    }
}
