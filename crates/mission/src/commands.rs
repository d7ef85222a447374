//! One file per group of commands. Here: from the arguments to the command, and from its failure to the exit code.

use std::ffi::OsString;
use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{CommandFactory as _, FromArgMatches as _};

use crate::cli::{Cli, Command};
use crate::context::{Context, note, now};
use crate::failure::Failure;
use crate::home::Home;
use crate::lane::{self, Lane};
use crate::output::{Screen, Tone, wrapped};

mod approval;
mod attach;
mod attempt;
mod check;
mod demo;
mod digest;
mod doctor;
mod evidence;
mod export;
mod fleet;
mod fsck;
mod gate;
mod generate;
mod guard;
mod inbox;
mod init;
mod machine;
mod mcp;
mod operator;
mod packet;
mod project;
mod report;
mod service;
mod session;
mod ticket;
mod token;
mod up;
mod watch;
mod workspace;

/// How a command ends.
pub(crate) type Done = Result<(), Failure>;

/// Runs the command line `args`, its first word being the program, and returns the exit code.
pub(crate) fn run(args: impl Iterator<Item = OsString>) -> ExitCode {
    let args: Vec<OsString> = args.collect();
    let lane = Lane::from_env();
    let json = args.iter().take_while(|it| *it != "--").any(|it| it == "--json");
    let parsed = parsed(&args);
    // Only what shows help is harmless: a text may say `--help` as well.
    let is_help = parsed.as_ref().is_err_and(|error| {
        matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion)
    });
    if let Some(lane) = lane.as_ref().filter(|_| !is_help)
        && let Err(failure) = lane.admit(&lane::words(&args))
    {
        return tell(&failure, json);
    }
    let cli = match parsed {
        Ok(cli) => cli,
        Err(error) => return told_by_clap(&error, json),
    };
    let done = execute(cli, lane);
    for notice in crate::door::notices().iter().filter(|_| !json) {
        note(&format!("note: {notice}"));
    }
    match done {
        Ok(code) => code,
        Err(failure) => tell(&failure, json),
    }
}

fn parsed(args: &[OsString]) -> Result<Cli, clap::Error> {
    // Taking the tree of all commands apart again would take as long as making it; the process ends soon enough.
    let mut command = std::mem::ManuallyDrop::new(Cli::command());
    Cli::from_arg_matches(&command.try_get_matches_from_mut(args)?)
}

/// Help and versions are answers; anything else is a usage error, as a document where one is asked for.
fn told_by_clap(error: &clap::Error, json: bool) -> ExitCode {
    if json && error.use_stderr() {
        let text = error.render().to_string();
        return tell(&Failure::usage(text.trim_start_matches("error: ").trim_end()), true);
    }
    let _ = error.print();
    ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2))
}

/// Tells a failure on standard error, and returns its exit code.
fn tell(failure: &Failure, json: bool) -> ExitCode {
    if failure.said {
        return failure.exit.into();
    }
    if json {
        note(&failure.document().to_string());
        return failure.exit.into();
    }
    let stderr = std::io::stderr();
    let colour = anstream::AutoStream::choice(&stderr) != anstream::ColorChoice::Never;
    let columns = terminal_size::terminal_size_of(&stderr).map(|it| usize::from(it.0.0));
    let screen = Screen { columns, colour, now: now() };
    let width = screen.prose().saturating_sub(7).max(20);
    let mut lines = wrapped(&failure.text, width).into_iter();
    note(&format!("{} {}", screen.paint(Tone::Bad, "error:"), lines.next().unwrap_or_default()));
    for line in lines {
        note(&format!("       {line}"));
    }
    for line in failure.hint.iter().flat_map(|it| wrapped(it, width)) {
        note(&format!("       {}", screen.paint(Tone::Quiet, &line)));
    }
    failure.exit.into()
}

fn execute(cli: Cli, lane: Option<Lane>) -> Result<ExitCode, Failure> {
    // What the server and the runner start: without a home, and before any thread or runtime is there.
    let command = match cli.command {
        Command::LaneShim { dir } => return Ok(mission_runtime::shim::run(&dir)),
        Command::LaneGuard { policy, program, args } => {
            return Ok(guard::run(&policy, &program, &args));
        }
        Command::RunnerLocal { dir } => return machine::runner(&dir),
        Command::ScriptedAgent { name } => return Ok(machine::scripted_agent(&name)),
        Command::ServeStatic { dir, port } => return machine::serve_static(&dir, port),
        Command::Generate(what) => return generate::run(&what).map(|()| ExitCode::SUCCESS),
        command => command,
    };
    let screen = Screen::of_stdout(now());
    let home = match (Home::find(cli.home), &lane) {
        // A lane may see no HOME at all: what it reports goes to its shim.
        (Err(_), Some(_)) => Home::of_nobody(),
        (found, _) => found?,
    };
    let context = Context { home, json: cli.json, project: cli.project, lane, screen };
    if matches!(command, Command::Mcp) {
        return mcp::run(context.lane.as_ref()).map(|()| ExitCode::SUCCESS);
    }
    if let Command::Report(args) = &command {
        return report::run(&context, args).map(|()| ExitCode::SUCCESS);
    }
    match command {
        serving @ (Command::Up(_) | Command::Demo(_)) => {
            crate::memory::give_back_early();
            block_on_many(dispatch(&context, serving))??;
        }
        other => block_on(dispatch(&context, other))??,
    }
    Ok(ExitCode::SUCCESS)
}

/// Runs `future` on a runtime with a thread per core: a server has many things to do at once.
fn block_on_many<F: Future>(future: F) -> Result<F::Output, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .on_thread_park(crate::memory::has_worked)
        .build();
    let runtime =
        runtime.map_err(|e| Failure::unreachable(format!("no runtime can be started: {e}")))?;
    runtime.spawn(crate::memory::give_back_after_work());
    Ok(runtime.block_on(future))
}

/// Runs `future` on a runtime of this one thread.
pub(crate) fn block_on<F: Future>(future: F) -> Result<F::Output, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime =
        runtime.map_err(|e| Failure::unreachable(format!("no runtime can be started: {e}")))?;
    Ok(runtime.block_on(future))
}

async fn dispatch(context: &Context, command: Command) -> Done {
    match command {
        Command::Init(args) => init::run(context, &args).await,
        Command::Up(args) => up::run(context, &args).await,
        Command::Down { stop_lanes } => session::down(context, stop_lanes).await,
        Command::Service(command) => service::run(context, command),
        Command::SignIn => session::sign_in(context).await,
        Command::Demo(args) => demo::run(context, &args).await,
        Command::Ticket(command) => ticket::run(context, command).await,
        Command::Gate(command) => gate::run(context, command).await,
        Command::Answer { key, text } => inbox::answer(context, &key, &text).await,
        Command::Say { key, text, to } => inbox::say(context, &key, &text, to.as_deref()).await,
        Command::Inbox { key: Some(key), withdraw: Some(id) } => {
            inbox::withdraw(context, &key, id).await
        }
        Command::Inbox { key, .. } => inbox::list(context, key.as_ref()).await,
        Command::Approval(command) => approval::run(context, &command).await,
        Command::Approve { id } => approval::approve(context, id).await,
        Command::Deny { id, reason } => approval::deny(context, id, &reason).await,
        Command::Packet(command) => packet::run(context, command).await,
        Command::Attempt(command) => attempt::run(context, command).await,
        Command::Role(_) => fleet::roles(context).await,
        Command::Lane(command) => fleet::lanes(context, command).await,
        Command::Runtime(command) => fleet::runtimes(context, command).await,
        Command::Doctor => doctor::run(context).await,
        Command::NeedsYou => inbox::needs_you(context).await,
        Command::Digest { since } => digest::run(context, since.as_deref()).await,
        Command::Watch { ticket, after, lines } => {
            watch::run(context, ticket.as_ref(), after, lines).await
        }
        Command::Top => watch::top(context).await,
        Command::Operator(command) => operator::run(context, command).await,
        Command::Workspace(command) => workspace::run(context, command).await,
        Command::Project(command) => project::run(context, command).await,
        Command::Token(command) => token::run(context, command).await,
        Command::Check { file } => check::check(context, file.as_deref()).await,
        Command::Workflow(command) => check::workflow(context, command).await,
        Command::Config(command) => check::config(context, command).await,
        Command::Fsck => fsck::fsck(context).await,
        Command::Backup { file } => fsck::backup(context, &file).await,
        Command::Restore { file } => fsck::restore(context, &file).await,
        Command::Gc { dry_run } => fsck::gc(context, dry_run).await,
        Command::Export => export::run(context).await,
        Command::Runner { .. } => not_built("runner", "`mission up` runs lanes on its own host"),
        Command::Mcp
        | Command::Report(_)
        | Command::Generate(_)
        | Command::LaneShim { .. }
        | Command::LaneGuard { .. }
        | Command::RunnerLocal { .. }
        | Command::ScriptedAgent { .. }
        | Command::ServeStatic { .. } => unreachable!("`execute` has run these"),
    }
}

/// Says that a command is there by name only, and what can be done instead.
pub(crate) fn not_built(name: &str, instead: &str) -> Done {
    let text = format!(
        "`mission {name}` is not built yet: this version knows its name only, and nothing was done"
    );
    Err(Failure::refused("not_built_yet", text).hint(instead))
}

/// Returns `text`, or standard input where it is `-`.
pub(crate) fn text_or_stdin(text: &str) -> Result<String, Failure> {
    if text != "-" {
        return Ok(text.to_owned());
    }
    let mut bytes = Vec::new();
    std::io::Read::read_to_end(&mut std::io::stdin().lock(), &mut bytes)
        .map_err(|e| Failure::usage(format!("standard input could not be read: {e}")))?;
    String::from_utf8(bytes).map_err(|_| Failure::usage("standard input is not UTF-8 text"))
}

/// Asks on the terminal; none where there is no terminal to ask on.
pub(crate) fn asked(question: &str) -> Option<bool> {
    use std::io::{IsTerminal as _, Write as _};
    let (stdin, mut stderr) = (std::io::stdin(), std::io::stderr());
    if !stdin.is_terminal() || !stderr.is_terminal() {
        return None;
    }
    let _ = write!(stderr, "{question} [y/N] ").and_then(|()| stderr.flush());
    let mut line = String::new();
    stdin.read_line(&mut line).ok()?;
    Some(matches!(line.trim(), "y" | "Y" | "yes"))
}

#[cfg(test)]
mod tests;
