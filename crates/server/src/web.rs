//! The pages' doors: each GET fills one view, each form post is one command and leads back.

mod board;
mod browser;
mod files;
mod forms;
mod home;
mod packets;
mod palette;
pub(crate) mod read;
mod shell;
mod sign_in;
mod ticket;
mod views;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse as _, Redirect, Response};
use axum::routing::{get, post};
use mission_domain::doc::EventDoc;
use mission_domain::ids::TicketKey;
use mission_domain::told;
use mission_store::EventFilter;

pub(crate) use board::{band_of, board_filter, is_wanted, person, tally};
pub(crate) use read::{Rows, Tally};
pub(crate) use shell::{Visitor, broken_rules, in_query};
pub(crate) use ticket::{attempt_shown, tail, view as ticket_view};
pub(crate) use views::{Limited, attempts_now, consoles, ended, limited};

use crate::app::Site;
use crate::auth::Who;
use crate::pages;
use crate::pages::view::{ProblemView, Shell};
use crate::problem::Problem;

/// Returns the routes of pages, forms, files and live fragments.
pub(crate) fn router(site: &Site) -> Router<Site> {
    Router::new()
        .route("/", get(async || Redirect::to("/needs-you")))
        .route("/needs-you", get(views::needs_you))
        .route("/board", get(board::board))
        .route("/fleet", get(views::fleet))
        .route("/tickets/new", get(views::new_ticket))
        .route("/packets", get(packets::list))
        .route("/projects", get(home::projects))
        .route("/digest", get(home::digest))
        .route("/digest/seen", post(home::seen))
        .route("/policy", get(home::policy))
        .route("/calibration", get(home::calibration))
        .route("/settings", get(home::settings))
        .route("/settings/invite", post(home::invite))
        .route("/settings/people/{name}/role", post(home::change_role))
        .route("/settings/people/{name}/remove", post(home::remove_person))
        .route("/settings/people/{name}/withdraw", post(home::withdraw_invitation))
        .route("/settings/tokens", post(home::new_token))
        .route("/settings/tokens/{name}/revoke", post(home::revoke))
        .route("/settings/sessions/{id}/end", post(home::end_session))
        .route("/palette", get(palette::palette))
        .route("/tickets/{key}", get(ticket::page))
        .route("/tickets/{key}/packets/{gate}", get(packets::packet))
        .route("/tickets/{key}/packets/{gate}/diff", get(packets::diff))
        .route("/tickets/{key}/packets/{gate}/pictures/{commit}", get(packets::picture))
        .route("/tickets", post(forms::file))
        .route("/tickets/{key}/{verb}", post(forms::act))
        .route("/operator/{id}/undo", post(forms::undo))
        .route("/lanes/{role}/{verb}", post(forms::switch))
        .route("/runtimes/{name}/resume", post(forms::try_runtime))
        .route("/sign-in", get(sign_in::page).post(sign_in::post))
        .route("/sign-out", post(sign_in::out))
        .route("/signed-in", get(sign_in::who))
        .route("/artifacts/{hex}", get(files::artifact))
        .route("/assets/{*path}", get(files::asset))
        .route("/live", get(crate::live::live))
        .fallback(async || Problem::not_found("there is no page at this address"))
        .method_not_allowed_fallback(async || {
            Problem::new(
                StatusCode::METHOD_NOT_ALLOWED,
                "method_not_allowed",
                "this address only takes a form",
            )
        })
        .layer(from_fn_with_state(site.clone(), dress))
}

/// Whether a form is answered where it stands, and the answer's mark that it is: a problem as a banner, a redirect by its address.
const IN_PLACE: HeaderName = HeaderName::from_static("x-mission-in-place");

/// Turns a problem into a page, and remembers the project that was switched to.
async fn dress(State(site): State<Site>, request: Request, next: Next) -> Response {
    let is_in_place = request.headers().contains_key(IN_PLACE);
    let switched = shell::switched(&site, request.uri());
    let path = request.uri().path().to_owned();
    let (mut parts, body) = request.into_parts();
    let visitor = Visitor::of(&site, &mut parts);
    let who = parts.extensions.get::<Who>().cloned();
    let mut response = next.run(Request::from_parts(parts, body)).await;
    if let Some(problem) = response.extensions_mut().remove::<Problem>() {
        let shell = match &visitor {
            Some(visitor) => visitor.shell().await.ok(),
            None => None,
        };
        let view = problem_view(&site, who.as_ref(), shell, &path, &problem).await;
        response = if is_in_place {
            let mark = [(IN_PLACE, HeaderValue::from_static(""))];
            (problem.status, mark, pages::problem::part(&view)).into_response()
        } else {
            (problem.status, pages::problem::page(&view)).into_response()
        };
    } else if is_in_place && let Some(to) = response.headers_mut().remove(header::LOCATION) {
        *response.status_mut() = StatusCode::NO_CONTENT;
        response.headers_mut().insert(IN_PLACE, to);
    }
    if let Some(cookie) = switched.and_then(|it| HeaderValue::from_str(&it).ok()) {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    response
}

/// Returns a problem as a page for who is not signed in.
pub(crate) fn bare_problem(problem: &Problem) -> Response {
    let page = |view| (problem.status, pages::problem::page(&view)).into_response();
    if problem.status != StatusCode::UNAUTHORIZED {
        return page(said(problem, None, kind_of(problem), None));
    }
    // What is wrong is told to programs in their words, and to people in theirs.
    let detail = "you are signed out: your session was ended, or its time is over".to_owned();
    let told = Problem { detail, ..problem.clone() };
    let way = Some(("/sign-in".to_owned(), "Sign in".to_owned()));
    page(said(&told, None, pages::view::Problem::Refused, way))
}

async fn problem_view(
    site: &Site,
    who: Option<&Who>,
    shell: Option<Shell>,
    path: &str,
    problem: &Problem,
) -> ProblemView {
    let key = path.strip_prefix("/tickets/").and_then(|it| it.split('/').next());
    let key = key.and_then(|it| it.parse::<TicketKey>().ok());
    let kind = match (&key, who) {
        // Who takes their own word back too late comes second to nobody.
        (Some(key), Some(_)) if problem.status == StatusCode::CONFLICT && !takes_back(path) => {
            first(site, key).await.unwrap_or_else(|| kind_of(problem))
        }
        _ => kind_of(problem),
    };
    let way = match key {
        Some(key) if problem.status == StatusCode::NOT_FOUND => {
            site.rows.read(site).await.ok().and_then(|it| it.rows.contains_key(&key).then_some(key))
        }
        key => key,
    };
    let way = way.map(|key| (pages::words::ticket_path(&key.to_string()), format!("See {key}")));
    said(problem, shell, kind, way)
}

fn takes_back(path: &str) -> bool {
    path.ends_with("/withdraw") || path.ends_with("/take-back")
}

/// What may have been first: a decision, or what made it one about something else.
const FIRST: [&str; 15] = [
    "judged",
    "verdict_withdrawn",
    "question_answered",
    "approval_given",
    "approval_denied",
    "approval_expired",
    "approval_voided",
    "cancelled",
    "superseded",
    "parked",
    "unparked",
    "reopened",
    "retried",
    "packet_sealed",
    "staled",
];

/// Returns whether a person, or a demo's scripted one, decided something that somebody else may be about to decide.
pub(crate) fn is_a_persons_decision(event: &EventDoc) -> bool {
    let who = told::who(event);
    FIRST.contains(&event.kind.as_str()) && (who.starts_with("person:") || who == "scripted")
}

/// So many of a ticket's newest events are looked through for it.
const LOOKED_AT: u32 = 60;

/// Returns who decided on the ticket last: whoever that was, they were first.
async fn first(site: &Site, key: &TicketKey) -> Option<pages::view::Problem> {
    let ticket = Some(key.clone());
    let limit = Some(LOOKED_AT);
    let filter = EventFilter { ticket, newest_first: true, limit, ..EventFilter::default() };
    let events = site.control.store().events(&filter).await.ok()?;
    let decided = || events.iter().filter(|it| FIRST.contains(&it.kind.as_str()));
    // What the controller did on top of a person's word is not what was decided first.
    let of_person = decided().find(|it| is_a_persons_decision(it));
    let last = of_person.or_else(|| decided().next())?;
    let (who, what) = (told::who(last).to_owned(), told::told(last));
    Some(pages::view::Problem::Conflict { who, what, at: last.at })
}

fn kind_of(problem: &Problem) -> pages::view::Problem {
    match problem.status {
        StatusCode::NOT_FOUND => pages::view::Problem::NotFound,
        status if status.is_server_error() => pages::view::Problem::Failed,
        _ => pages::view::Problem::Refused,
    }
}

fn said(
    problem: &Problem,
    shell: Option<Shell>,
    kind: pages::view::Problem,
    way_on: Option<(String, String)>,
) -> ProblemView {
    let next = match (&kind, problem.status) {
        (_, StatusCode::UNAUTHORIZED) => {
            "Sign in again, then go back: what you typed is still in the form. On the host, `mission sign-in` prints a link; who was invited asks for a new one."
        }
        (pages::view::Problem::Conflict { .. }, _) => {
            "Look at what is there now, then decide again if it is still yours to decide."
        }
        (pages::view::Problem::NotFound, _) => "See the board, or search for it.",
        (pages::view::Problem::Failed, _) => {
            "Try again; if it fails again, the log in the home's `log/` folder says why."
        }
        (pages::view::Problem::Refused, _) => "Go back: what you typed is still in the form.",
    };
    ProblemView { shell, kind, what: problem.detail.clone(), next: next.into(), way_on }
}
