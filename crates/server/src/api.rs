//! The JSON API: one table says what there is; the router and the OpenAPI document are made of it.

mod access;
mod approvals;
mod attempts;
mod console;
mod extract;
mod fleet;
mod home;
mod messages;
mod metrics;
mod tickets;

pub(crate) use fleet::{close_breaker, switch_lane};

use std::sync::{Arc, LazyLock};

use axum::Router;
use axum::extract::State;
use axum::handler::Handler;
use axum::http::{Method, header};
use axum::response::IntoResponse;
use axum::routing::{MethodFilter, get, on};

use crate::app::Site;
use crate::openapi::{self, Route};
use crate::problem::Problem;

/// Routes with what is said of them.
#[derive(Default)]
struct Table {
    router: Router<Site>,
    routes: Vec<Route>,
}

impl Table {
    fn add<H, T>(mut self, route: Route, handler: H) -> Self
    where
        H: Handler<T, Site>,
        T: 'static,
    {
        let filter = match route.method {
            Method::POST => MethodFilter::POST,
            Method::PATCH => MethodFilter::PATCH,
            Method::DELETE => MethodFilter::DELETE,
            _ => MethodFilter::GET,
        };
        self.router = self.router.route(&format!("/api/v1{}", route.path), on(filter, handler));
        self.routes.push(route);
        self
    }
}

/// Returns the API's routes, with its own description and the probes.
pub(crate) fn router() -> Router<Site> {
    let Table { router, routes } = table();
    // Made when it is first asked for: a command that asks for one ticket does not wait for it.
    let document = Arc::new(LazyLock::new(move || openapi::document(&routes).to_string()));
    let described = move || {
        let document = document.clone();
        async move { ([(header::CONTENT_TYPE, "application/json")], LazyLock::force(&document).clone()) }
    };
    router
        .route("/api/openapi.json", get(described))
        .route("/healthz", get(async || "ok\n"))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics::metrics))
        .route("/api/{*rest}", axum::routing::any(nothing))
        .method_not_allowed_fallback(wrong_method)
}

/// Answers whether the store does.
async fn ready(State(site): State<Site>) -> Result<&'static str, Problem> {
    site.control.store().watermark().await?;
    Ok("ready\n")
}

async fn nothing() -> Problem {
    Problem::not_found("there is nothing at this address; `/api/openapi.json` lists what there is")
}

async fn wrong_method() -> impl IntoResponse {
    let status = axum::http::StatusCode::METHOD_NOT_ALLOWED;
    let detail = "this address does not take this method; `/api/openapi.json` lists what it takes";
    Problem::new(status, "method_not_allowed", detail)
}

fn table() -> Table {
    let table = tickets(Table::default());
    let table = gates(table);
    let table = attempts(table);
    let table = approvals(table);
    let table = fleet(table);
    let table = home(table);
    access(table)
}

fn tickets(table: Table) -> Table {
    use tickets as t;
    let get = |path, says| Route::get(path, says);
    let post = |path, says| Route::post(path, says).gives("Ticket");
    table
        .add(get("/tickets", "Lists tickets").query("project state role campaign fields").gives("{tickets:[Ticket],next:string?}"), t::list)
        .add(post("/tickets", "Files a ticket").body("title! body project workflow kind campaign_workflow parent blocked_by:[] not_before labels:[] priority policy park:bool channel").made(), t::open)
        .add(get("/tickets/{key}", "Returns one ticket").gives("Ticket"), t::show)
        .add(Route::patch("/tickets/{key}", "Changes words, labels and links of a ticket").body("title body priority labels:[] add_blockers:[] remove_blockers:[] not_before").gives("Ticket"), t::edit)
        .add(post("/tickets/{key}/park", "Sets a ticket aside").body("tree:bool"), t::park)
        .add(post("/tickets/{key}/unpark", "Takes a parked ticket up again"), t::unpark)
        .add(post("/tickets/{key}/cancel", "Ends a ticket").body("reason!"), t::cancel)
        .add(post("/tickets/{key}/supersede", "Replaces a ticket by others").body("by:[]!"), t::supersede)
        .add(post("/tickets/{key}/retry", "Gives a blocked ticket fresh attempts").body("reason!"), t::retry)
        .add(post("/tickets/{key}/reopen", "Takes a ticket up after its end"), t::reopen)
        .add(post("/tickets/{key}/comment", "Writes something for the record").body("text!"), t::comment)
        .add(get("/tickets/{key}/why", "Names the one thing that holds a ticket").gives("Why"), t::why)
}

fn gates(table: Table) -> Table {
    use tickets as t;
    table
        .add(
            Route::post("/tickets/{key}/verdict", "Gives a person's verdict on a gate")
                .body("verdict! gate reason findings:[Finding] packet")
                .gives("Ticket"),
            t::verdict,
        )
        .add(
            Route::post("/tickets/{key}/withdraw", "Takes the last verdict back")
                .body("gate")
                .gives("Ticket"),
            t::withdraw,
        )
        .add(
            Route::get("/tickets/{key}/packets", "Returns the newest packet of each gate")
                .query("gate")
                .gives("{packets:[Packet]}"),
            t::packets,
        )
        .add(
            Route::get("/packets", "Lists the newest packet of each gate of a project's tickets")
                .query("project ticket gate")
                .gives("{packets:[Packet],next:string?}"),
            t::all_packets,
        )
        .add(
            Route::get(
                "/tickets/{key}/packets/export",
                "Returns the signed envelopes of each gate",
            )
            .query("gate")
            .gives("{envelopes:[Envelope]}"),
            t::envelopes,
        )
        .add(
            Route::post("/tickets/{key}/answer", "Answers the open question")
                .body("text!")
                .gives("Ticket"),
            messages::answer,
        )
        .add(
            Route::post("/tickets/{key}/say", "Writes to whoever works the ticket")
                .body("text! to")
                .gives("Message"),
            messages::say,
        )
        .add(
            Route::post(
                "/tickets/{key}/messages/{id}/withdraw",
                "Takes back a queued message that a person said",
            )
            .gives("Message"),
            messages::withdraw,
        )
        .add(
            Route::get("/messages", "Lists messages with their states")
                .query("ticket")
                .gives("{messages:[Message],next:string?}"),
            messages::list,
        )
}

fn attempts(table: Table) -> Table {
    use attempts as a;
    table
        .add(Route::get("/attempts", "Lists attempts").query("ticket").gives("{attempts:[Attempt],next:string?}"), a::list)
        .add(Route::post("/attempts", "Takes a ticket for an external lane").body("ticket!").made().gives("Attempt"), a::claim)
        .add(Route::get("/attempts/{id}", "Returns one attempt").gives("Attempt"), a::show)
        .add(Route::get("/attempts/{id}/brief", "Returns what the attempt was told when it began, as Markdown").text(), a::brief)
        .add(Route::get("/attempts/{id}/log", "Returns what the attempt printed, from a byte on; `x-next-offset` says where it goes on").query("offset").text(), a::log)
        .add(Route::post("/attempts/{id}/stop", "Stops an attempt").gives("Attempt"), a::stop)
        .add(
            Route::post("/attempts/{id}/interrupt", "Ends an attempt's turn in flight; the attempt goes on")
                .gives("Attempt"),
            a::interrupt,
        )
        .add(Route::get("/attempts/{id}/console", "Opens the attempt's console: a WebSocket with its journal, from a byte on").query("after").text(), console::console)
        .add(Route::post("/attempts/{id}/take-over", "Lets a person have the attempt's session").gives("Attempt"), console::take_over)
        .add(Route::post("/attempts/{id}/give-back", "Lets the agent have its session alone again").gives("Attempt"), console::give_back)
        .add(Route::get("/attempts/{id}/recording", "Returns what the attempt printed with its times, as asciicast v2, up to now where it runs").text(), console::recording)
        .add(Route::post("/attempts/{id}/report", "Says how far the work is").body("kind! summary text verdict reason findings:[Finding]").gives("Attempt"), a::report)
        .add(Route::post("/attempts/{id}/evidence", "Hands evidence in").body("kind! text url file artifact command paths:[] answer").gives("Attempt"), a::evidence)
}

fn approvals(table: Table) -> Table {
    use approvals as a;
    table
        .add(
            Route::get("/approvals", "Lists guarded commands that lanes asked for")
                .query("ticket state")
                .gives("{approvals:[Approval],next:string?}"),
            a::list,
        )
        .add(Route::get("/approvals/{id}", "Returns one approval").gives("Approval"), a::show)
        .add(
            Route::get(
                "/approvals/{id}/difference",
                "Returns what was there when it was asked for",
            )
            .text(),
            a::difference,
        )
        .add(
            Route::post("/approvals/{id}/approve", "Permits a guarded command, once")
                .gives("Approval"),
            a::approve,
        )
        .add(
            Route::post("/approvals/{id}/deny", "Refuses a guarded command, and tells the lane")
                .body("reason!")
                .gives("Approval"),
            a::deny,
        )
}

fn fleet(table: Table) -> Table {
    use fleet as f;
    table
        .add(Route::get("/projects", "Lists projects").gives("{projects:[Project]}"), f::projects)
        .add(
            Route::post("/projects", "Registers a repository")
                .body("path! trust:bool")
                .made()
                .gives("Project"),
            f::add_project,
        )
        .add(
            Route::delete("/projects/{key}", "Forgets a repository; its tickets and files stay"),
            f::remove_project,
        )
        .add(
            Route::get("/roles", "Lists roles").query("project").gives("{roles:[object]}"),
            f::roles,
        )
        .add(
            Route::get("/budgets", "Says how much of each budget is used")
                .query("project")
                .gives("{budgets:[Budget]}"),
            f::budgets,
        )
        .add(
            Route::get("/schedules", "Lists schedules with their last runs and their next")
                .query("project")
                .gives("{schedules:[Schedule]}"),
            f::schedules,
        )
        .add(Route::get("/lanes", "Lists lanes").query("project").gives("{lanes:[Lane]}"), f::lanes)
        .add(
            Route::post("/lanes/{role}/pause", "Lets a lane take no more work")
                .body("project")
                .gives("Lane"),
            f::pause,
        )
        .add(
            Route::post("/lanes/{role}/resume", "Lets a lane take work again")
                .body("project")
                .gives("Lane"),
            f::resume,
        )
        .add(
            Route::get("/runtimes", "Lists runtimes with their breakers")
                .query("project")
                .gives("{runtimes:[Runtime]}"),
            f::runtimes,
        )
        .add(
            Route::post(
                "/runtimes/{name}/resume",
                "Closes a runtime's breaker, so that the next ticket tries it again",
            )
            .gives("{runtimes:[Runtime]}"),
            f::resume_runtime,
        )
        .add(
            Route::get("/workflows/{name}", "Returns a workflow's gates")
                .query("project")
                .gives("Workflow"),
            f::workflow,
        )
        .add(
            Route::get("/check", "Lists what is wrong with the rules")
                .query("project")
                .gives("{problems:[object]}"),
            f::check,
        )
}

fn home(table: Table) -> Table {
    use home as h;
    table
        .add(Route::get("/needs-you", "Lists what waits for a person, ranked").gives("{items:[NeedsYou]}"), h::needs_you)
        .add(Route::get("/digest", "Returns what changed since a moment, by default since a day ago; `since=seen` begins where whoever asks last marked it as seen").query("since project").gives("Digest"), h::digest)
        .add(Route::post("/digest/seen", "Keeps up to when whoever asks has seen what changed; it never moves back").body("until! project").gives("{seen:string}"), h::seen)
        .add(Route::get("/events", "Returns the event log after `after`; with `Accept: text/event-stream` it streams and resumes with `Last-Event-ID`; `tail` begins that many events before now").query("after:int tail:int ticket project limit:int").gives("{events:[Event],next:int}"), crate::events::events)
        .add(Route::get("/operator/log", "Lists what the operator did").gives("{acts:[OperatorAct]}"), h::operator_log)
        .add(Route::post("/operator/sweep", "Corrects what has a rule; a dry run only tells").body("dry_run:bool").gives("{corrections:[object]}"), h::sweep)
        .add(Route::post("/operator/undo/{id}", "Undoes an act of the operator").gives("OperatorAct"), h::undo)
        .add(Route::get("/workspaces", "Lists working copies").gives("{workspaces:[object]}"), h::workspaces)
        .add(Route::post("/workspaces/clean", "Removes working copies that nobody needs").body("dry_run:bool").gives("{workspaces:[object]}"), h::clean)
        .add(Route::post("/workspaces/{key}/restore", "Makes a removed working copy again").gives("object"), h::restore)
}

fn access(table: Table) -> Table {
    use access as a;
    table
        .add(Route::get("/tokens", "Lists tokens").gives("{tokens:[object]}"), a::list)
        .add(
            Route::post("/tokens", "Makes a token; it is told once")
                .body("name! role! project person:bool")
                .made()
                .gives("{token:string}"),
            a::make,
        )
        .add(Route::delete("/tokens/{name}", "Revokes a token"), a::revoke)
        .add(
            Route::post("/sign-in-link", "Makes a link that signs in once").gives("{url:string}"),
            a::link,
        )
        .add(
            Route::post("/down", "Stops the server")
                .body("stop_lanes:bool")
                .gives("{stopping:bool}"),
            a::down,
        )
}
