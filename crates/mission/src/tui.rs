//! The full-screen view of `mission watch` and `mission top`: takes the terminal, brings inputs to the model and does what it wants.
//! `model`, `update` and `draw` know no terminal and no server; everything that is done is done here and in `link`.

use crossterm::event::EventStream;
use futures::StreamExt as _;
use nix::sys::signal::{Signal as Stop, kill};
use nix::unistd::Pid;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::commands::Done;
use crate::context::{Context, note, now};
use crate::failure::Failure;
use crate::{process, project};

mod ask;
mod draw;
mod keys;
mod link;
mod model;
mod rest;
mod terminal;
mod update;

#[cfg(test)]
mod tests;

pub(crate) use model::Place;
pub(crate) use terminal::{is_dumb, is_there};

use model::Model;
use update::{Effect, Input, update};

/// How long after another program had the terminal its signals may still come.
const AFTERWARDS: std::time::Duration = std::time::Duration::from_millis(20);

/// For so long after it was stopped the process may still go on.
const STOPPING: std::time::Duration = std::time::Duration::from_millis(100);

/// The signals that end the view as `q` does.
struct Ends([Signal; 3]);

impl Ends {
    fn new() -> std::io::Result<Self> {
        let [int, term, hup] =
            [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()];
        Ok(Self([signal(int)?, signal(term)?, signal(hup)?]))
    }

    async fn next(&mut self) {
        let [int, term, hup] = &mut self.0;
        tokio::select! {
            _ = int.recv() => {}
            _ = term.recv() => {}
            _ = hup.recv() => {}
        }
    }
}

/// Shows the view, beginning at `place`, until the person leaves it.
pub(crate) async fn run(context: &Context, place: Place) -> Done {
    let in_lane = context.lane.is_some();
    let mut way = link::Way { home: context.home.clone(), in_lane, project: None };
    // Without a server, and for a project that is not there, the answer is given in lines, before the screen is taken.
    let projects = project::all(&way.open().await?).await?;
    let project = project::named_of(context, &projects)?;
    way.project.clone_from(&project);
    let mut model = Model::new(place, now());
    model.branches = projects.into_iter().map(|it| (it.key, it.default_branch)).collect();
    (model.project, model.in_lane, model.colour) = (project, in_lane, context.screen.colour);
    let (tell, told) = unbounded_channel();
    let (want, wanted) = unbounded_channel();
    let lines = [
        tokio::spawn(link::follow(way.clone(), tell.clone())),
        tokio::spawn(link::serve(way, wanted, tell)),
    ];
    let done = show(context, model, told, &want).await;
    for line in lines {
        line.abort();
    }
    done
}

async fn show(
    context: &Context,
    mut model: Model,
    mut told: UnboundedReceiver<Input>,
    want: &UnboundedSender<Effect>,
) -> Done {
    let broken = |e: std::io::Error| Failure::unreachable(format!("the terminal broke off: {e}"));
    let mut ends = Ends::new().map_err(broken)?;
    let mut goes_on = signal(SignalKind::from_raw(Stop::SIGCONT as i32)).map_err(broken)?;
    let mut ours = terminal::Ours::take()?;
    let mut keys = EventStream::new();
    model.arrive();
    loop {
        let mut extent = model.extent;
        let drawn = ours.terminal.draw(|frame| extent = draw::draw(frame, &model));
        drawn.map_err(broken)?;
        model.extent = extent;
        model.scroll = model.scroll.min(extent.most);
        let input = tokio::select! {
            input = told.recv() => input.unwrap_or(Input::Due),
            key = keys.next() => match key {
                Some(Ok(key)) => Input::Terminal(key),
                // The terminal is gone, and who looked at it too.
                Some(Err(_)) | None => return Ok(()),
            },
            () = until(model.wake()) => Input::Due,
            () = ends.next() => return Ok(()),
            // Stopped from outside, the terminal was used by others meanwhile.
            _ = goes_on.recv() => {
                ours.retake()?;
                Input::Due
            }
        };
        let mut effects = update(&mut model, input, now());
        // What has come meanwhile is drawn once.
        while let Ok(more) = told.try_recv() {
            effects.extend(update(&mut model, more, now()));
        }
        for effect in effects {
            match effect {
                Effect::Quit => return Ok(()),
                Effect::Attach(id) => {
                    drop(keys);
                    let problem = ours.lend(|| {
                        note("Ctrl-D leaves a journal, the keys of tmux a window; then the view is here again");
                        attached(context, &id)
                    })?;
                    keys = EventStream::new();
                    // A Ctrl-C that was meant for the other program is over before ours are listened for again.
                    until(now() + AFTERWARDS).await;
                    ends = Ends::new().map_err(broken)?;
                    update(&mut model, Input::Back(problem), now());
                }
                Effect::Suspend => {
                    drop(keys);
                    ours.give_back();
                    // To the whole group, as the terminal does. Where no shell could go on with it nothing stops.
                    let _ = kill(Pid::from_raw(0), Stop::SIGTSTP);
                    until(now() + STOPPING).await;
                    ours.retake()?;
                    keys = EventStream::new();
                }
                effect @ (Effect::Fetch(_) | Effect::Send(..)) => drop(want.send(effect)),
            }
        }
    }
}

async fn until(at: mission_domain::ids::Timestamp) {
    let wait = at.duration_since(now());
    tokio::time::sleep(std::time::Duration::try_from(wait).unwrap_or_default()).await;
}

/// Runs `mission attempt attach` in this terminal, and returns what went wrong.
fn attached(context: &Context, id: &str) -> Option<String> {
    let exe = std::env::current_exe().ok();
    let exe = exe.as_ref().and_then(|it| it.to_str()).unwrap_or("mission");
    let mut command = process::command(exe);
    command.arg("--home").arg(context.home.dir()).args(["attempt", "attach", id]);
    match command.status() {
        Ok(status) if status.success() => None,
        Ok(status) => Some(format!("`mission attempt attach {id}` ended with {status}")),
        Err(error) => Some(format!("`mission attempt attach {id}` cannot be started: {error}")),
    }
}
