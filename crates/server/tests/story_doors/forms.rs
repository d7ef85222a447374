//! Pages and their forms, without a script.

use axum::http::Method;
use mission_domain::ids::Timestamp;
use mission_domain::ticket::LaneRecord;
use mission_server::pages::board::COLUMN_WINDOW;
use serde_json::json;

use crate::stage::{Reply, Stage};

/// Returns the token against forged forms that a page holds.
pub(crate) fn csrf_in(page: &str) -> String {
    let (_, rest) = page.split_once("name=\"csrf\" value=\"").expect("a form with its token");
    rest.split('"').next().unwrap().to_owned()
}

/// Somebody at a browser without scripts.
struct Browser<'a> {
    stage: &'a Stage,
    cookie: String,
    csrf: String,
}

impl<'a> Browser<'a> {
    async fn of(stage: &'a Stage) -> Self {
        let cookie = stage.signs_in().await;
        let mut browser = Self { stage, cookie, csrf: String::new() };
        browser.csrf = csrf_in(&browser.get("/needs-you").await.expect(200).text());
        browser
    }

    async fn get(&self, path: &str) -> Reply {
        self.stage.ask(Method::GET, path).header("cookie", &self.cookie).send().await
    }

    async fn post(&self, path: &str, fields: &[(&str, &str)]) -> Reply {
        let fields = [&[("csrf", self.csrf.as_str())], fields].concat();
        let ask = self.stage.ask(Method::POST, path).header("cookie", &self.cookie);
        ask.header("origin", "http://mission.local").form(&fields).send().await
    }

    /// Invites somebody, and returns the browser in which they came in and the link that they used.
    async fn invites(&self, name: &str, role: &str) -> (Self, String) {
        let invite = [("name", name), ("role", role)];
        let page = self.post("/settings/invite", &invite).await.expect(200).text();
        let link = link_in(&page);
        let reply = self.stage.ask(Method::GET, &link).send().await.expect(303);
        let cookie = reply.header("set-cookie").split(';').next().unwrap_or_default().to_owned();
        (Self { stage: self.stage, cookie, csrf: String::new() }, link)
    }

    #[track_caller]
    fn leads(reply: Reply, to: &str) {
        let reply = reply.expect(303);
        // What was done is told where the form leads.
        let path = reply.header("location").split("?did=").next().unwrap_or_default();
        assert_eq!(path, to);
    }
}

#[tokio::test]
async fn a_ticket_goes_its_way_by_forms_alone() {
    let stage = Stage::new().await;
    let browser = Browser::of(&stage).await;
    let fields = [
        ("project", "MC"),
        ("title", "A dark scheme"),
        ("body", "Please\r\nsoon"),
        ("labels", "visual, ui"),
        ("kind", "task"),
        ("priority", "high"),
        ("workflow", ""),
        ("parent", ""),
        ("blocked_by", ""),
    ];
    Browser::leads(browser.post("/tickets", &fields).await, "/tickets/MC-1");
    let key = "MC-1".parse().unwrap();
    let ticket = stage.control.ticket_doc(&key).await.unwrap();
    assert_eq!((ticket.source.channel.as_str(), ticket.body.as_str()), ("page", "Please\nsoon"));
    assert_eq!(ticket.labels, ["visual", "ui"]);
    let packet = stage.delivers_a_plan(&key, 1, "plan").await;
    let page = browser.get("/needs-you").await.expect(200).text();
    assert!(page.contains("id=\"ask-MC-1\""), "the decision is not listed");
    let pass = [
        ("gate", "plan"),
        ("packet", packet.as_str()),
        ("verdict", "pass"),
        ("reason", ""),
        ("back", "needs-you"),
    ];
    Browser::leads(browser.post("/tickets/MC-1/verdict", &pass).await, "/needs-you");
    assert_eq!(stage.control.ticket_doc(&key).await.unwrap().gates[0].state, "passed");
    let back = ("back", "ticket");
    Browser::leads(
        browser.post("/tickets/MC-1/withdraw", &[("gate", "plan"), back]).await,
        "/tickets/MC-1",
    );
    Browser::leads(
        browser.post("/tickets/MC-1/say", &[("text", "hello"), back]).await,
        "/tickets/MC-1",
    );
    Browser::leads(browser.post("/tickets/MC-1/park", &[back]).await, "/tickets/MC-1");
    Browser::leads(browser.post("/tickets/MC-1/unpark", &[back]).await, "/tickets/MC-1");
    Browser::leads(
        browser.post("/tickets/MC-1/cancel", &[("reason", "no need"), back]).await,
        "/tickets/MC-1",
    );
    Browser::leads(browser.post("/tickets/MC-1/reopen", &[back]).await, "/tickets/MC-1");
    Browser::leads(browser.post("/lanes/coder/pause", &[("project", "MC")]).await, "/fleet");
    Browser::leads(browser.post("/lanes/coder/resume", &[("project", "MC")]).await, "/fleet");
    for path in [
        "/",
        "/board",
        "/board?by=campaign",
        "/board?by=role&mine=yes&all=todo&from=0",
        "/fleet",
        "/tickets/new",
        "/tickets/MC-1",
        "/packets",
        "/calibration",
        "/policy",
        "/digest",
        "/projects",
        "/palette?q=dark",
        "/settings",
        "/settings?part=all&q=role.coder",
        "/settings?part=workflows",
    ] {
        let status = browser.get(path).await.status.as_u16();
        assert_eq!(status, if path == "/" { 303 } else { 200 }, "{path}");
    }
}

#[tokio::test]
async fn what_a_person_said_is_taken_back_by_a_form_and_too_late_is_told_as_that() {
    let stage = Stage::new().await;
    let key = stage.files("Talked about").await;
    let browser = Browser::of(&stage).await;
    let back = ("back", "ticket");
    browser.post("/tickets/MC-1/say", &[("text", "use red"), back]).await.expect(303);
    let page = browser.get("/tickets/MC-1").await.expect(200).text();
    assert!(page.contains("action=\"/tickets/MC-1/take-back\""), "{page}");
    let fields = [("message", "M-1"), back];
    let forged = stage.ask(Method::POST, "/tickets/MC-1/take-back");
    let forged = forged.header("cookie", &browser.cookie).form(&fields).send().await;
    assert_eq!(forged.status.as_u16(), 403, "{}", forged.text());
    Browser::leads(browser.post("/tickets/MC-1/take-back", &fields).await, "/tickets/MC-1");
    let page = browser.get("/tickets/MC-1?did=MC-1").await.expect(200).text();
    assert!(page.contains("data-msg=\"withdrawn\"") && !page.contains("/take-back\""), "{page}");
    assert!(page.contains("took messages back"), "{page}");
    let twice = browser.post("/tickets/MC-1/take-back", &fields).await.expect(409).text();
    assert!(twice.contains("is withdrawn already"), "{twice}");

    let attempt = stage.is_claimed(&key, 1).await;
    browser.post("/tickets/MC-1/say", &[("text", "use blue"), back]).await.expect(303);
    let ids = vec!["M-2".parse().unwrap()];
    stage.records(&key, attempt, LaneRecord::Delivered { ids }).await;
    let late = browser.post("/tickets/MC-1/take-back", &[("message", "M-2"), back]).await;
    let late = late.expect(409).text();
    assert!(late.contains("was delivered before it could be taken back"), "{late}");
    assert!(late.contains("See MC-1"), "{late}");
}

#[tokio::test]
async fn a_long_column_is_cut_counts_all_its_tickets_and_shows_the_rest_when_asked() {
    let stage = Stage::new().await;
    for n in 0..COLUMN_WINDOW + 2 {
        stage.files(&format!("Ticket {n}")).await;
    }
    let browser = Browser::of(&stage).await;
    let page = browser.get("/board").await.expect(200).text();
    let cards = |page: &str| page.matches("id=\"ticket-MC-").count();
    assert_eq!(cards(&page), COLUMN_WINDOW);
    let all = format!("Show all {}", COLUMN_WINDOW + 2);
    let (way, _) = page.split_once(&all).expect("the column says how many there are");
    let (_, way) = way.rsplit_once("href=\"").expect("and leads there");
    let way = way.split(['"', '#']).next().unwrap_or_default().replace("&amp;", "&");
    assert_eq!(cards(&browser.get(&way).await.expect(200).text()), COLUMN_WINDOW + 2);
    let rest = browser.get(&format!("{way}&from={COLUMN_WINDOW}")).await.expect(200).text();
    assert_eq!(cards(&rest), 2);
}

#[tokio::test]
async fn a_card_that_was_shown_is_shown_as_it_is_after_each_change() {
    let stage = Stage::new().await;
    let key = stage.files("Shown before and after").await;
    let browser = Browser::of(&stage).await;
    let before = browser.get("/board").await.expect(200).text();
    let again = browser.get("/board").await.expect(200).text();
    assert!(before.contains("Shown before and after") && again.contains("Shown before and after"));
    let column = |page: &str| {
        let (before, _) = page.split_once(&format!("id=\"ticket-{key}\"")).expect("its card");
        let (_, state) = before.rsplit_once("data-col=\"").expect("a column");
        state.split('"').next().unwrap_or_default().to_owned()
    };
    assert_ne!(column(&again), "parked");
    browser.post(&format!("/tickets/{key}/park"), &[("back", "ticket")]).await;
    assert_eq!(column(&browser.get("/board").await.expect(200).text()), "parked");
}

#[tokio::test]
async fn every_form_that_a_page_holds_has_a_route() {
    let stage = Stage::new().await;
    let key = stage.files("Plan first").await;
    stage.delivers_a_plan(&key, 1, "plan").await;
    stage.files("Blocked").await;
    let browser = Browser::of(&stage).await;
    let mut actions = std::collections::BTreeSet::new();
    for path in [
        "/needs-you",
        "/board",
        "/fleet",
        "/tickets/new",
        "/tickets/MC-1",
        "/tickets/MC-2",
        "/digest",
        "/settings",
    ] {
        let page = browser.get(path).await.expect(200).text();
        let forms = page.split("<form ").skip(1).filter(|it| it.contains("method=\"post\""));
        let action =
            |form: &str| form.split("action=\"").nth(1)?.split('"').next().map(str::to_owned);
        actions.extend(forms.filter_map(action));
    }
    actions.extend(
        [
            "/operator/O-1/undo",
            "/sign-in",
            "/tickets/MC-1/answer",
            "/tickets/MC-1/report",
            "/tickets/MC-1/retry",
            "/tickets/MC-1/reopen",
            "/tickets/MC-1/withdraw",
        ]
        .map(String::from),
    );
    assert!(actions.len() > 12, "{actions:?}");
    for action in actions.iter().filter(|it| *it != "/sign-in") {
        // A form from another session reaches its handler and is refused there.
        let ask = stage.ask(Method::POST, action).header("cookie", &browser.cookie);
        let refused = ask.form(&[("csrf", "wrong")]).send().await.expect(403).text();
        assert!(refused.contains("another session"), "{action}");
    }
}

#[tokio::test]
async fn a_verdict_on_a_packet_that_changed_says_who_was_first() {
    let stage = Stage::new().await;
    let key = stage.files("Plan first").await;
    let old = stage.delivers_a_plan(&key, 1, "first").await;
    let path = format!("/api/v1/tickets/{key}/verdict");
    let changes = json!({ "verdict": "changes", "reason": "too long" });
    stage.post(&path, changes).await.expect(200);
    stage.delivers_a_plan(&key, 2, "second").await;
    let browser = Browser::of(&stage).await;
    let stale = [
        ("gate", "plan"),
        ("packet", old.as_str()),
        ("verdict", "pass"),
        ("reason", ""),
        ("back", "ticket"),
    ];
    let page = browser.post("/tickets/MC-1/verdict", &stale).await.expect(409).text();
    assert!(page.contains("You were first: ") && page.contains("The packet changed"), "{page}");
    assert_eq!(stage.control.ticket_doc(&key).await.unwrap().gates[0].signoffs.len(), 1);
}

#[tokio::test]
async fn a_form_that_is_answered_in_place_gets_a_banner_or_the_address_to_go_to() {
    let stage = Stage::new().await;
    let key = stage.files("Parked twice").await;
    let browser = Browser::of(&stage).await;
    let park = async || {
        let ask = stage.ask(Method::POST, &format!("/tickets/{key}/park"));
        let ask = ask.header("cookie", &browser.cookie).header("origin", "http://mission.local");
        let ask = ask.header("x-mission-in-place", "");
        ask.form(&[("csrf", browser.csrf.as_str())]).send().await
    };
    let taken = park().await.expect(204);
    assert_eq!(taken.header("x-mission-in-place"), "/tickets/MC-1?did=MC-1");
    let refused = park().await.expect(409);
    assert_eq!(refused.header("x-mission-in-place"), "");
    let banner = refused.text();
    assert!(banner.starts_with("<div class=\"refused banner\""), "{banner}");
    assert!(banner.contains("You were first: ") && banner.contains("parked already"), "{banner}");
}

#[tokio::test]
async fn a_refused_ticket_keeps_what_was_typed() {
    let stage = Stage::new().await;
    let browser = Browser::of(&stage).await;
    let fields = [
        ("project", "MC"),
        ("title", "Kept <words>"),
        ("body", "all of it"),
        ("blocked_by", "MC-77"),
    ];
    let reply = browser.post("/tickets", &fields).await;
    assert!(reply.status.is_client_error(), "{}", reply.status);
    let page = reply.text();
    assert!(
        page.contains("Not filed.")
            && page.contains("Kept &lt;words&gt;")
            && page.contains("all of it")
    );
}

#[tokio::test]
async fn problems_are_pages_that_say_what_to_do() {
    let stage = Stage::new().await;
    let browser = Browser::of(&stage).await;
    for path in ["/tickets/MC-9", "/tickets/nonsense", "/nothing"] {
        let page = browser.get(path).await.expect(404);
        assert!(page.header("content-type").starts_with("text/html"), "{path}");
        assert!(page.text().contains("Not found"), "{path}");
    }
    stage.files("There").await;
    let page = browser.post("/tickets/MC-1/cancel", &[("reason", "")]).await.expect(422).text();
    assert!(page.contains("Not recorded."), "{page}");
}

#[tokio::test]
async fn the_project_in_view_is_remembered_and_a_key_finds_its_ticket() {
    let stage = Stage::new().await;
    stage.files("Find me").await;
    let browser = Browser::of(&stage).await;
    let switched = browser.get("/board?project=MC").await.expect(200);
    assert!(switched.header("set-cookie").starts_with("mission_project=MC;"));
    let cookie = format!("{}; mission_project=MC", browser.cookie);
    let page = stage.ask(Method::GET, "/board").header("cookie", &cookie).send().await.text();
    assert!(page.contains("/board?project=MC"), "the project is not remembered");
    let all = browser.get("/board?project=").await.expect(200);
    assert!(all.header("set-cookie").contains("Max-Age=0"));
    let unknown = browser.get("/board?project=NO").await.expect(200);
    assert_eq!(unknown.header("set-cookie"), "");
    Browser::leads(browser.get("/board?q=mc-1").await, "/tickets/MC-1");
    let found = browser.get("/board?q=find").await.expect(200).text();
    let lost = browser.get("/board?q=absent").await.expect(200).text();
    assert!(found.contains("id=\"ticket-MC-1\"") && !lost.contains("id=\"ticket-MC-1\""));
}

#[tokio::test]
async fn what_was_just_done_is_told_once_with_its_undo() {
    let stage = Stage::new().await;
    let key = stage.files("Told").await;
    let browser = Browser::of(&stage).await;
    let back = ("back", "ticket");
    let reply = browser.post("/tickets/MC-1/park", &[back]).await.expect(303);
    let page = browser.get(reply.header("location")).await.expect(200).text();
    let toast = page.split("id=\"toast\"").nth(1).expect("a toast");
    let toast = toast.split("</form>").next().unwrap_or_default();
    assert!(toast.contains("You parked it"), "{toast}");
    assert!(toast.contains("/tickets/MC-1/unpark") && toast.contains("data-key=\"u\""), "{toast}");
    let later = browser.get(&format!("/tickets/{key}")).await.expect(200).text();
    assert!(!later.contains("id=\"toast\""), "it is told once");
}

#[tokio::test]
async fn an_owner_invites_a_person_who_may_do_what_their_role_says() {
    let stage = Stage::new().await;
    stage.files("Looked at").await;
    let owner = Browser::of(&stage).await;
    let (mut vera, link) = owner.invites("vera", "viewer").await;
    let page = vera.get("/board").await.expect(200).text();
    assert!(page.contains("vera"), "she is not greeted");
    assert!(!page.contains("/tickets/new"), "she is offered what is refused");
    vera.get("/tickets/new").await.expect(403);
    let page = vera.get("/tickets/MC-1").await.expect(200).text();
    assert!(!page.contains("action=\"/tickets/"), "she is offered what is refused: {page}");
    vera.csrf = csrf_in(&page);
    vera.post("/tickets/MC-1/park", &[("back", "ticket")]).await.expect(403);
    vera.post("/settings/invite", &[("name", "eve"), ("role", "owner")]).await.expect(403);
    vera.post("/digest/seen", &[("until", "1")]).await.expect(303);
    let bad = owner.post("/settings/invite", &[("name", "a b"), ("role", "viewer")]).await;
    assert!(bad.expect(422).text().contains("is no name for a person"));
    let page = owner.get("/settings").await.expect(200).text();
    let ends = page.split("/settings/sessions/").filter_map(|it| it.split("/end").next());
    let last = ends.skip(1).find(|id| id.len() == 12).expect("a session").to_owned();
    owner.post(&format!("/settings/sessions/{last}/end"), &[]).await.expect(303);
    let left = [owner.get("/board").await, vera.get("/board").await];
    let in_session = left.iter().filter(|it| it.status.as_u16() == 200).count();
    assert_eq!(in_session, 1, "one of the two was signed out");
    stage.ask(Method::GET, &link).send().await.expect(403);
}

#[tokio::test]
async fn nobody_is_invited_under_a_name_that_reads_as_somebody_elses_or_the_machines() {
    let stage = Stage::new().await;
    let owner = Browser::of(&stage).await;
    let invite = async |name: &str| {
        owner.post("/settings/invite", &[("name", name), ("role", "operator")]).await
    };
    for (name, why) in [
        ("controller", "a word of Mission Control"),
        ("Scripted", "a word of Mission Control"),
        ("owner", "a word of Mission Control"),
        ("\u{43e}wner", "is no name for a person"),
        ("Painter", "a role or runtime is called"),
    ] {
        assert!(invite(name).await.expect(422).text().contains(why), "{name}");
    }
    let own = stage.control.owner();
    let taken = invite(&own).await.expect(422).text();
    assert!(taken.contains("there is a person") || taken.contains("a word of"), "{taken}");
    invite("vera").await.expect(200);
    let waits = invite("Vera").await.expect(422).text();
    assert!(waits.contains("`vera` is invited already") && waits.contains("Withdraw"), "{waits}");
    let token = [("name", "controller"), ("role", "operator"), ("project", "")];
    let page = owner.post("/settings/tokens", &token).await.expect(422).text();
    assert!(page.contains("a word of Mission Control"), "{page}");
}

/// Returns the link that lets an invited person in.
fn link_in(page: &str) -> String {
    let code = page.split("/sign-in?code=").nth(1).and_then(|it| it.split('<').next());
    format!("/sign-in?code={}", code.expect("a link"))
}

#[tokio::test]
async fn an_invitation_is_listed_until_it_is_taken_and_can_be_withdrawn() {
    let stage = Stage::new().await;
    let owner = Browser::of(&stage).await;
    let invite = async |name: &str| {
        let fields = [("name", name), ("role", "viewer")];
        link_in(&owner.post("/settings/invite", &fields).await.expect(200).text())
    };
    let people = async || owner.get("/settings").await.expect(200).text();
    let withdrawn = "/settings/people/greta/withdraw";
    let lost = invite("greta").await;
    let page = people().await;
    assert!(page.contains("a link, not opened yet, until") && page.contains(withdrawn), "{page}");
    owner.post(withdrawn, &[]).await.expect(303);
    assert!(!people().await.contains(withdrawn));
    stage.ask(Method::GET, &lost).send().await.expect(403);
    let taken = invite("greta").await;
    stage.ask(Method::GET, &taken).send().await.expect(303);
    assert!(!people().await.contains(withdrawn));
    // Too late is said, and takes nobody out.
    let late = owner.post(withdrawn, &[]).await.expect(404).text();
    assert!(late.contains("the link was opened"), "{late}");
    let again = [("name", "greta"), ("role", "viewer")];
    let taken = owner.post("/settings/invite", &again).await.expect(422).text();
    assert!(taken.contains("there is a person `greta`"), "{taken}");
}

#[tokio::test]
async fn an_owner_changes_a_role_and_removes_a_person_in_one_act() {
    let stage = Stage::new().await;
    stage.files("Looked at").await;
    let owner = Browser::of(&stage).await;
    let fields = [("name", "greta"), ("role", "owner")];
    let link = link_in(&owner.post("/settings/invite", &fields).await.expect(200).text());
    let reply = stage.ask(Method::GET, &link).send().await.expect(303);
    let cookie = reply.header("set-cookie").split(';').next().unwrap_or_default().to_owned();
    let mut greta = Browser { stage: &stage, cookie, csrf: String::new() };
    greta.csrf = csrf_in(&greta.get("/needs-you").await.expect(200).text());
    let own = stage.control.owner();
    for (who, name, why) in
        [(&greta, own.as_str(), "this home is"), (&owner, own.as_str(), "about yourself")]
    {
        let refused = who.post(&format!("/settings/people/{name}/remove"), &[]).await;
        assert!(refused.expect(422).text().contains(why), "{name}");
    }
    let nobody = owner.post("/settings/people/nobody/role", &[("role", "viewer")]).await;
    nobody.expect(404);
    let role = |role| [("role", role)];
    owner.post("/settings/people/greta/role", &role("boss")).await.expect(422);
    owner.post("/settings/people/greta/role", &role("viewer")).await.expect(303);
    greta.get("/needs-you").await.expect(200);
    greta.post("/tickets/MC-1/park", &[("back", "ticket")]).await.expect(403);
    greta.post("/settings/people/greta/role", &role("owner")).await.expect(403);
    owner.post("/settings/people/greta/role", &role("operator")).await.expect(303);
    greta.post("/tickets/MC-1/park", &[("back", "ticket")]).await.expect(303);
    owner.post("/settings/people/greta/remove", &[]).await.expect(303);
    let out = greta.get("/needs-you").await.expect(303);
    assert_eq!(out.header("location"), "/sign-in");
    let page = owner.get("/settings").await.expect(200).text();
    assert!(!page.contains("/settings/people/greta"), "{page}");
}

#[tokio::test]
async fn who_let_whom_in_is_on_record_and_what_was_refused_is_not() {
    let stage = Stage::new().await;
    let owner = Browser::of(&stage).await;
    let own = format!("person:{}", stage.control.owner());
    let invite = [("name", "greta"), ("role", "viewer")];
    let link = link_in(&owner.post("/settings/invite", &invite).await.expect(200).text());
    owner.post("/settings/invite", &invite).await.expect(422);
    stage.ask(Method::GET, &link).send().await.expect(303);
    owner.post("/settings/people/greta/role", &[("role", "owner")]).await.expect(303);
    owner.post("/settings/people/greta/role", &[("role", "boss")]).await.expect(422);
    owner.post("/settings/people/greta/remove", &[]).await.expect(303);
    let lost = [("name", "hugo"), ("role", "operator")];
    owner.post("/settings/invite", &lost).await.expect(200);
    owner.post("/settings/people/hugo/withdraw", &[]).await.expect(303);
    let token = [("name", "ci"), ("role", "operator"), ("project", "MC")];
    owner.post("/settings/tokens", &token).await.expect(200);
    owner.post("/settings/tokens", &token).await.expect(422);
    owner.post("/settings/tokens/ci/revoke", &[]).await.expect(303);

    let told = [
        (own.as_str(), "invited greta as viewer"),
        ("person:greta", "opened the invitation and came in as viewer, in unknown browser"),
        (own.as_str(), "made greta owner"),
        (own.as_str(), "removed greta"),
        (own.as_str(), "invited hugo as operator"),
        (own.as_str(), "withdrew the invitation of hugo"),
        (own.as_str(), "made the token ci as operator of MC alone"),
        (own.as_str(), "revoked the token ci"),
    ];
    let page = owner.get("/settings?part=people").await.expect(200).text();
    let list = page.split("Who let whom in").last().expect("the list");
    let told_here: Vec<usize> = told.iter().rev().filter_map(|it| list.find(it.1)).collect();
    assert!(told_here.is_sorted() && told_here.len() == told.len(), "{list}");
    let log = owner.get("/api/v1/events?limit=1000").await.expect(200).json();
    let log = log["events"].as_array().expect("events");
    let kept: Vec<_> = log.iter().filter(|it| it["type"] == "access_changed").collect();
    let by: Vec<_> = kept.iter().map(|it| it["principal"].as_str().expect("who")).collect();
    assert_eq!(by, told.map(|it| it.0), "{kept:?}");
}

#[tokio::test]
async fn sessions_are_told_apart_by_their_browsers() {
    let stage = Stage::new().await;
    let owner = Browser::of(&stage).await;
    let fields = [("name", "greta"), ("role", "viewer")];
    let link = link_in(&owner.post("/settings/invite", &fields).await.expect(200).text());
    let claimed = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0";
    stage.ask(Method::GET, &link).header("user-agent", claimed).send().await.expect(303);
    let page = owner.get("/settings").await.expect(200).text();
    let rows: Vec<&str> =
        page.split("<tr>").filter(|it| it.contains("/settings/sessions/")).collect();
    let own = rows.iter().find(|it| it.contains("this browser")).expect("one's own is marked");
    assert!(own.contains("unknown browser"), "{own}");
    assert!(
        rows.iter().any(|it| it.contains("greta") && it.contains("Firefox on Linux")),
        "{page}"
    );
}

#[tokio::test]
async fn a_token_is_shown_once_and_revoked() {
    let stage = Stage::new().await;
    let owner = Browser::of(&stage).await;
    let fields = [("name", "ci"), ("role", "operator"), ("project", "")];
    let page = owner.post("/settings/tokens", &fields).await.expect(200).text();
    let secret = page.split("<div class=\"cmd\"><code>").nth(1).and_then(|it| it.split('<').next());
    let secret = secret.expect("a secret").to_owned();
    stage.ask(Method::GET, "/api/v1/tickets").token(&secret).send().await.expect(200);
    let later = owner.get("/settings").await.expect(200).text();
    assert!(!later.contains(&secret) && later.contains("external:ci"));
    let again = owner.post("/settings/tokens", &fields).await;
    assert!(again.expect(422).text().contains("revoke it first"));
    owner.post("/settings/tokens/ci/revoke", &[]).await.expect(303);
    stage.ask(Method::GET, "/api/v1/tickets").token(&secret).send().await.expect(401);
}

#[tokio::test]
async fn comments_on_lines_become_findings_together_with_the_typed_ones() {
    let stage = Stage::new().await;
    let key = stage.files("Reviewed").await;
    let packet = stage.delivers_a_plan(&key, 1, "plan").await;
    let browser = Browser::of(&stage).await;
    let fields = [
        ("gate", "plan"),
        ("packet", packet.as_str()),
        ("verdict", "changes"),
        ("reason", "see the lines"),
        ("finding", "src/lib.rs:7:first line\r\nsecond line: with a colon"),
        ("finding", "docs/a.md:1:short"),
        ("findings", "README.md:2:typed\r\n"),
        ("back", "ticket"),
    ];
    Browser::leads(browser.post("/tickets/MC-1/verdict", &fields).await, "/tickets/MC-1");
    let ticket = stage.control.ticket_doc(&key).await.unwrap();
    let found: Vec<_> =
        ticket.findings.iter().map(|it| (it.file.as_deref(), it.line, it.text.as_str())).collect();
    assert_eq!(
        found,
        [
            (Some("src/lib.rs"), Some(7), "first line\nsecond line: with a colon"),
            (Some("docs/a.md"), Some(1), "short"),
            (Some("README.md"), Some(2), "typed"),
        ]
    );
}

#[tokio::test]
async fn what_changed_lately_stands_beside_the_decisions_until_it_was_seen() {
    let stage = Stage::new().await;
    stage.files("Filed just now").await;
    let browser = Browser::of(&stage).await;
    let page = browser.get("/needs-you").await.expect(200).text();
    assert!(page.contains("Last 24 hours") && page.contains("1 ticket filed"), "{page}");
    // On the phone, so to say.
    let phone = Browser::of(&stage).await;
    let until = (stage.control.now().as_second() + 60).to_string();
    let reply = phone.post("/digest/seen", &[("until", &until)]).await.expect(303);
    assert!(!reply.headers.contains_key("set-cookie"), "a browser keeps nothing of it");
    for path in ["/needs-you", "/digest"] {
        let page = browser.get(path).await.expect(200).text();
        assert!(page.contains("Since you last looked"), "{path}: {page}");
    }
    let digest = stage.get("/api/v1/digest?since=seen").await.expect(200).json();
    let (since, now) = (digest["since"].as_str().unwrap(), stage.control.now());
    assert!(since.parse::<Timestamp>().unwrap() <= now, "nobody has seen what is to come");
    assert_eq!(digest["tickets"], json!([]), "{digest}");

    // A page that was made before is late, and unsees nothing.
    browser.post("/digest/seen", &[("until", "1")]).await.expect(303);
    let again = stage.get("/api/v1/digest?since=seen").await.expect(200).json();
    assert_eq!(again["since"], digest["since"]);
    browser.post("/digest/seen", &[("until", "soon")]).await.expect(400);
    browser.post("/digest/seen", &[("until", "1"), ("project", "m c")]).await.expect(400);
}

#[tokio::test]
async fn what_one_person_has_seen_is_new_to_another_and_in_one_project_is_not_seen_in_all() {
    let stage = Stage::new().await;
    stage.files("Filed just now").await;
    let until = stage.control.now();
    let path = "/api/v1/digest/seen";
    let here = json!({ "until": until, "project": "MC" });
    let kept = stage.post(path, here).await.expect(200).json();
    assert_eq!(kept["seen"].as_str().unwrap().parse::<Timestamp>().unwrap(), until);
    let since = async |query: &str| {
        let digest = stage.get(&format!("/api/v1/digest?since=seen{query}")).await.expect(200);
        digest.json()["since"].as_str().unwrap().parse::<Timestamp>().unwrap()
    };
    assert_eq!(since("&project=MC").await, until);
    assert!(since("").await < until, "of the other projects nothing was seen");
    let owner = Browser::of(&stage).await;
    let (mut vera, _) = owner.invites("vera", "viewer").await;
    let page = vera.get("/digest?project=MC").await.expect(200).text();
    assert!(page.contains("The last 24 hours") && page.contains("MC-1"), "it is new to her");
    assert!(page.contains("name=\"project\" value=\"MC\""), "what she marks is what she sees");
    // Who may only look says that they looked, too.
    vera.csrf = csrf_in(&page);
    let until = until.as_second().to_string();
    vera.post("/digest/seen", &[("until", &until), ("project", "MC")]).await.expect(303);
    let page = vera.get("/digest?project=MC").await.expect(200).text();
    assert!(page.contains("Since you last looked"), "{page}");
    stage.get("/api/v1/digest?since=yesterday").await.expect_code(400, "bad_request");

    // It is kept with the home, and so outlives the server.
    let log = stage.get("/api/v1/events?limit=1000").await.expect(200).json();
    let kept = log["events"].as_array().unwrap().iter().filter(|it| it["type"] == "digest_seen");
    let who: Vec<_> = kept.map(|it| it["body"]["who"].as_str().unwrap()).collect();
    assert_eq!((who.len(), who[1]), (2, "person:vera"), "{who:?}");
}

#[tokio::test]
async fn a_digest_of_many_tickets_is_read_a_leaf_at_a_time() {
    let stage = Stage::new().await;
    for n in 1..=51 {
        stage.files(&format!("One of many, {n}")).await;
    }
    let browser = Browser::of(&stage).await;
    let page = browser.get("/digest").await.expect(200).text();
    assert_eq!(page.matches("filed the ticket").count(), 50);
    assert!(page.contains("51 tickets filed") && page.contains("1–50 of 51"), "{page}");
    assert!(page.contains("href=\"/digest?from=50\">Older") && !page.contains("Newer"));
    let last = browser.get("/digest?from=50").await.expect(200).text();
    assert_eq!(last.matches("filed the ticket").count(), 1);
    assert!(last.contains("href=\"/digest?from=0\">Newer") && !last.contains("Older"));
}

#[tokio::test]
async fn a_refused_ticket_says_of_every_wrong_field_what_is_wrong_and_goes_to_the_first() {
    let stage = Stage::new().await;
    let browser = Browser::of(&stage).await;
    let field = |page: &str, name: &str| {
        let (_, rest) = page.split_once(&format!(" name=\"{name}\"")).expect("the field");
        rest.split('>').next().unwrap_or_default().to_owned()
    };
    let typed = [("title", "Good"), ("parent", "ZZ-1"), ("blocked_by", "MC-999, nonsense")];
    let page = browser.post("/tickets", &typed).await.expect(422).text();
    for said in ["Campaign: there is no ticket", "Waits for: there is no ticket", "nonsense"] {
        assert!(page.contains(said), "{said}");
    }
    assert!(!page.contains("mission ticket"), "a page names no command of a terminal");
    let marked = "aria-invalid=\"true\" aria-describedby=\"problem\"";
    assert!(field(&page, "parent").contains(marked) && field(&page, "blocked_by").contains(marked));
    assert!(field(&page, "parent").contains("autofocus"));
    assert!(
        !field(&page, "title").contains("autofocus") && !field(&page, "title").contains(marked)
    );
    let page = browser.post("/tickets", &[("title", "   ")]).await.expect(422).text();
    assert!(page.contains("The title is empty.") && field(&page, "title").contains(marked));
    let long = "x".repeat(600);
    let page = browser.post("/tickets", &[("title", &long)]).await.expect(422).text();
    assert!(page.contains("The title has 600 characters; 200 fit.") && page.contains(&long));
    assert!(!field(&page, "title").contains("maxlength"));
}
