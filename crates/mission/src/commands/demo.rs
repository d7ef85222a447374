//! `mission demo`: the main job in a home and a repository of its own, with scripted agents and a scripted person.
//!
//! Three steps that can also be run one by one, each by a process of its own: make the stage, drive the campaign, verify the end.

mod drive;
mod ends;
mod leftovers;
mod link;
mod narrate;
mod needs;
mod person;
mod server;
mod stage;
mod verify;

use std::path::Path;
use std::time::{Duration, Instant};

use super::Done;
use crate::cli::session::DemoArgs;
use crate::context::{Context, note, print, print_text};
use crate::failure::Failure;
use drive::Patience;
use ends::Ends;
use link::Link;
use narrate::Narrator;
use server::Served;
use stage::Stage;

/// How long the scripted person leaves a decision to somebody at the page.
const ANSWER_AFTER: Duration = Duration::from_secs(5);

/// How long the campaign may take at most; a test that kills the server again and again needs the longer one.
const DEADLINE: Duration = Duration::from_secs(300);
const LONG_DEADLINE: Duration = Duration::from_secs(1_800);

/// Runs the demo, or the one step of it that a hidden flag names.
pub(crate) async fn run(context: &Context, args: &DemoArgs) -> Done {
    if !args.speed.is_finite() || args.speed <= 0.0 {
        return Err(Failure::usage("`--speed` takes a number above 0, like 2"));
    }
    match (&args.prepare_only, &args.drive, &args.verify) {
        (Some(dir), _, _) => prepare_only(dir, args).await,
        (_, Some(dir), _) => drive_only(context, dir).await,
        (_, _, Some(dir)) => verify_only(context, dir).await,
        (None, None, None) => whole(context, args).await,
    }
}

async fn whole(context: &Context, args: &DemoArgs) -> Done {
    needs::meet(!args.no_browser)?;
    let mut ends = Ends::listen().map_err(|error| {
        let text = format!("the demo cannot listen for its end: {error}");
        Failure::new(crate::failure::Exit::No, "signals", text)
    })?;
    let temporary = match &args.keep {
        Some(_) => None,
        None => {
            Some(tempfile::Builder::new().prefix("mission-demo-").tempdir().map_err(no_folder)?)
        }
    };
    let dir = args.keep.as_deref().or(temporary.as_ref().map(tempfile::TempDir::path));
    let dir = dir.ok_or_else(|| Failure::usage("name a folder with `--keep DIR`"))?;
    let stage = Stage::make(dir, args)?;
    let served = server::start(&stage).await?;
    let played = play(context, args, &stage, &served, &mut ends).await;
    let stopped = served.stop().await;
    let verified = match played {
        Ok(report) => stopped.map(|()| report),
        Err(failure) => Err(failure),
    };
    let mut report = verified?;
    report.add_rest(&stage, &server::exe()?);
    print_text(&report.closing(&context.screen));
    if args.keep.is_some() {
        print_text(&format!("\nKept in {}\n", stage.dir().display()));
    }
    if report.is_good() { Ok(()) } else { Err(Failure::printed_no()) }
}

/// Drives the campaign and shows how it ended; on a terminal the page then stays up until Ctrl-C, or until the terminal is closed.
async fn play(
    context: &Context,
    args: &DemoArgs,
    stage: &Stage,
    served: &Served,
    ends: &mut Ends,
) -> Result<verify::Report, Failure> {
    let screen = &context.screen;
    let is_watched = screen.columns.is_some()
        && std::io::IsTerminal::is_terminal(&std::io::stdout())
        && !args.headless;
    let answer_after = if args.headless { Duration::ZERO } else { ANSWER_AFTER };
    stage.register(&served.person()).await?;
    let link = served.scripted();
    print_text(&narrate::opening(
        screen,
        stage,
        served.url(),
        served.sign_in_link().filter(|_| !args.headless),
    ));
    let mut narrator = Narrator::new(*screen, Instant::now(), stage);
    let patience = Patience { answer_after, deadline: DEADLINE };
    let driven = tokio::select! {
        driven = drive::drive(stage, &link, &mut narrator, patience) => driven,
        () = ends.told() => Err(Failure::new(crate::failure::Exit::No, "interrupted", "the demo was interrupted; everything it started is ended")),
    };
    driven?;
    let report = verify::tickets(stage, &served.person()).await?;
    print_text(&report.table(screen));
    if is_watched {
        let left = drive::leave_to_person(&link).await?;
        print_text(&narrate::your_turn(screen, served.url(), &left));
        ends.told().await;
        print("\n");
        drive::cancel_the_rest(stage, &served.person()).await?;
    }
    verify::clean(&served.person()).await?;
    Ok(report)
}

async fn prepare_only(dir: &Path, args: &DemoArgs) -> Done {
    needs::meet(!args.no_browser)?;
    let stage = Stage::make(dir, args)?;
    let served = server::start(&stage).await?;
    let registered = stage.register(&served.person()).await;
    let kept = stage.keep_token(&served.scripted());
    served.stop().await?;
    registered.and(kept)
}

async fn drive_only(context: &Context, dir: &Path) -> Done {
    let stage = Stage::read(dir)?;
    let link = Link::of_home(stage.home()?, stage.token()?);
    let mut narrator = Narrator::new(context.screen, Instant::now(), &stage);
    let patience = Patience { answer_after: Duration::ZERO, deadline: LONG_DEADLINE };
    drive::drive(&stage, &link, &mut narrator, patience).await
}

async fn verify_only(context: &Context, dir: &Path) -> Done {
    let stage = Stage::read(dir)?;
    let link = Link::of_store(stage.home()?);
    let mut report = verify::tickets(&stage, &link).await?;
    verify::clean(&link).await?;
    report.add_rest(&stage, &server::exe()?);
    print_text(&report.table(&context.screen));
    print_text(&report.closing(&context.screen));
    if report.is_good() { Ok(()) } else { Err(Failure::printed_no()) }
}

fn no_folder(error: std::io::Error) -> Failure {
    note("the demo needs a folder for its home and its repository");
    Failure::file(&std::env::temp_dir(), &error)
}
