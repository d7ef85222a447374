//! What a viewer does to the session: each act is a command under their own name, and refused where they may not.

use axum::extract::ws::WebSocket;
use axum::http::Method;
use base64::Engine as _;
use mission_domain::ids::{AttemptId, TicketKey};
use serde_json::json;

use super::{Console, MOST_SAID, Over, Said, tell};
use crate::app::Site;
use crate::auth::{self, Who};
use crate::problem::{Answer, Problem};

/// Returns whether `who` may take the session of `id` over.
pub(super) async fn may_take_over(site: &Site, who: &Who, id: AttemptId) -> bool {
    let path = format!("/attempts/{id}/take-over");
    who.principal().is_person() && auth::permit(site, who, &Method::POST, &path).await.is_ok()
}

impl Console {
    /// Takes in one message of the browser. What is refused is told, and nothing else happens.
    pub(super) async fn hear(&mut self, socket: &mut WebSocket, text: &str) -> Result<(), Over> {
        let said = match serde_json::from_str(text) {
            Ok(Said::Shown { bytes }) => {
                self.shown = self.shown.saturating_add(bytes).min(self.sent);
                return Ok(());
            }
            Ok(said) => said,
            Err(e) => {
                return refuse(socket, &Problem::bad(format!("this is no message: {e}"))).await;
            }
        };
        self.still_may(socket).await?;
        match self.act(said).await {
            Ok(()) => Ok(()),
            Err(problem) => refuse(socket, &problem).await,
        }
    }

    async fn act(&mut self, said: Said) -> Answer<()> {
        if !may_take_over(&self.site, &self.who, self.id).await {
            let detail = "you may look and not type: that takes a person with the role `operator`";
            return Err(Problem::refused("viewer", detail));
        }
        let (control, by) = (self.site.control.clone(), &self.who.principal().clone());
        match said {
            Said::Shown { .. } => Ok(()),
            Said::TakeOver => {
                self.attempt = control.take_over(self.id, by).await?;
                self.keep();
                Ok(())
            }
            Said::GiveBack => {
                self.attempt = control.give_back(self.id, by).await?;
                self.has_it = false;
                Ok(())
            }
            Said::Keys { data } => {
                self.holds_it()?;
                let keys = base64::engine::general_purpose::STANDARD.encode(data);
                Ok(control.press(self.id, by, keys)?)
            }
            Said::Say { text } => {
                self.holds_it()?;
                let key: TicketKey = self.attempt.ticket.parse().map_err(
                    |e: <TicketKey as std::str::FromStr>::Err| Problem::not_found(e.to_string()),
                )?;
                control.say(&key, text, Some(self.attempt.role.clone()), by).await?;
                Ok(())
            }
            // It writes nothing into the session, so nobody has to share in the work for it.
            Said::Interrupt => {
                control.interrupt_attempt(self.id, by).await?;
                Ok(())
            }
        }
    }

    /// Refuses whoever does not hold the session. One that was theirs before the server's restart goes on with this connection.
    fn holds_it(&mut self) -> Answer<()> {
        let detail = "take the session over before you write into it";
        self.is_mine().then_some(()).ok_or_else(|| Problem::refused("not_held", detail))?;
        if !self.has_it {
            self.keep();
        }
        Ok(())
    }

    /// Ties the session to this connection.
    fn keep(&mut self) {
        self.has_it = true;
        self.site.control.keep_while_connected(self.id);
    }

    /// Ends the connection of whoever signed out, or was signed out, since it was opened.
    async fn still_signed_in(&mut self) -> Result<(), Over> {
        match auth::identify(&self.site, &self.headers).await {
            Ok(Some(who)) => {
                self.who = who;
                Ok(())
            }
            Ok(None) => Err(Over::SignedOut),
            // A store that does not answer says nothing about who is signed in.
            Err(_) => Ok(()),
        }
    }

    /// Looks whether whoever looks may do more or less than before. Who may no longer type gives the session back: messages wait
    /// while somebody holds it.
    pub(super) async fn still_may(&mut self, socket: &mut WebSocket) -> Result<(), Over> {
        self.still_signed_in().await?;
        let may = may_take_over(&self.site, &self.who, self.id).await;
        if may == self.may {
            return Ok(());
        }
        self.may = may;
        if !may && self.is_mine() {
            self.let_go().await;
            self.has_it = false;
        }
        self.look_again(socket).await
    }

    /// Gives the session back for a viewer who went away.
    pub(super) async fn let_go(&self) {
        if let Err(error) = self.site.control.give_back(self.id, self.who.principal()).await {
            tracing::info!("{} was not given back: {}", self.id, error.in_full());
        }
    }
}

async fn refuse(socket: &mut WebSocket, problem: &Problem) -> Result<(), Over> {
    let text: String = problem.detail.chars().take(MOST_SAID / 8).collect();
    tell(socket, &json!({ "type": "refused", "code": problem.code, "text": text })).await
}
