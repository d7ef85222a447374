//! People, sessions and tokens: who somebody is, by what they can show. Secrets are kept by their digest alone.

use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;

use mission_domain::access::Access;
use mission_domain::ids::{AttemptId, Digest, ProjectKey, Timestamp};
use mission_domain::principal::Principal;
use mission_domain::ticket::{Attempt, Ticket};
use mission_store::{Secret, SecretKind};
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::execute::Control;
use crate::people::INVITATION;

/// How long a sign-in link holds, in seconds.
const SIGN_IN_S: i64 = 600;

/// How long a session holds, in seconds.
const SESSION_S: i64 = 30 * 86_400;

/// What a caller may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TokenRole {
    /// Look.
    Viewer,
    /// Also file, decide and steer.
    Operator,
    /// Also make tokens and projects.
    Owner,
    /// Report for one attempt, and read its ticket.
    Attempt(AttemptId),
}

impl TokenRole {
    pub(crate) fn word(self) -> String {
        match self {
            Self::Viewer => "viewer".into(),
            Self::Operator => "operator".into(),
            Self::Owner => "owner".into(),
            Self::Attempt(id) => id.to_string(),
        }
    }

    pub(crate) fn read(word: &str) -> Option<Self> {
        match word {
            "viewer" => Some(Self::Viewer),
            "operator" => Some(Self::Operator),
            "owner" => Some(Self::Owner),
            other => other.parse().ok().map(Self::Attempt),
        }
    }
}

/// Somebody who was authenticated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// Who.
    pub principal: Principal,
    /// What they may do.
    pub role: TokenRole,
    /// The one project they may do it in, if limited.
    pub project: Option<ProjectKey>,
}

/// One token as it is listed: never the secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenDoc {
    /// Its name.
    pub name: String,
    /// The principal it speaks as.
    pub principal: String,
    /// What it may do.
    pub role: String,
    /// The one project it is limited to.
    pub project: Option<String>,
    /// When it was made.
    pub created_at: Timestamp,
}

impl Control {
    /// Returns the name of the person whose home this is: the machine's user.
    pub fn owner(&self) -> String {
        let name = std::env::var("MISSION_USER").or_else(|_| std::env::var("USER"));
        let name = name.ok().filter(|it| !it.is_empty());
        name.unwrap_or_else(|| "owner".into())
    }

    /// Returns who shows this token, if anybody.
    ///
    /// # Errors
    /// What the store said.
    pub async fn authenticate(&self, token: &str) -> Result<Option<Caller>> {
        let found = self.store().secret(SecretKind::Token, &hash(token)).await?;
        let Some(caller) = found.and_then(|it| self.caller(&it)) else { return Ok(None) };
        if let TokenRole::Attempt(id) = caller.role {
            let is_live = match self.key_of(id).await? {
                Some(key) => {
                    self.ticket(&key).await?.0.live_attempt().is_some_and(|it| it.id == id)
                }
                None => false,
            };
            return Ok(is_live.then_some(caller));
        }
        Ok(Some(caller))
    }

    /// Returns who shows this session, if anybody.
    ///
    /// # Errors
    /// What the store said.
    pub async fn session(&self, secret: &str) -> Result<Option<Caller>> {
        let found = self.store().secret(SecretKind::Session, &hash(secret)).await?;
        Ok(found.and_then(|it| self.caller(&it)))
    }

    fn caller(&self, secret: &Secret) -> Option<Caller> {
        if secret.expires_at.is_some_and(|at| at <= self.now()) {
            return None;
        }
        let principal: Principal = secret.principal.parse().ok()?;
        if principal == Principal::Scripted && !self.home().demo {
            return None;
        }
        let role = TokenRole::read(&secret.role)?;
        Some(Caller { principal, role, project: secret.project.clone() })
    }

    /// Returns a one-time code by which the home's owner signs in on a page, good for ten minutes. It is for who has the machine.
    ///
    /// # Errors
    /// What the store said.
    pub async fn owners_sign_in_code(&self) -> Result<String> {
        let (principal, role) = (Principal::Person(self.owner()), TokenRole::Owner);
        self.sign_in_code(&Caller { principal, role, project: None }).await
    }

    /// Returns a one-time code by which `by` signs in on another page, as who they are and to do what they may, good for ten minutes.
    ///
    /// # Errors
    /// A caller who is no person, or what the store said.
    pub async fn sign_in_code(&self, by: &Caller) -> Result<String> {
        if !by.principal.is_person() {
            return Err(mission_domain::ticket::Rejection::NotAPerson(by.principal.clone()).into());
        }
        let (kind, life) = (SecretKind::SignIn, Some(SIGN_IN_S));
        self.new_secret(kind, &by.principal, by.role, by.project.clone(), "", life).await
    }

    /// Takes a sign-in code, once, and returns the session's secret. `browser` is what the session is called in lists.
    ///
    /// # Errors
    /// What the store said.
    pub async fn take_sign_in(&self, code: &str, browser: &str) -> Result<Option<String>> {
        let hash = hash(code);
        // A look comes first: a wrong code, which anybody may send, is never worth a write.
        if self.store().secret(SecretKind::SignIn, &hash).await?.is_none() {
            return Ok(None);
        }
        let _turn = self.inner.doors_turn.lock().await;
        let taken = self.store().take_secret(SecretKind::SignIn, &hash).await?;
        let is_invitation = taken.as_ref().is_some_and(|it| it.label == INVITATION);
        let Some(caller) = taken.and_then(|it| self.caller(&it)) else { return Ok(None) };
        if let (true, Principal::Person(name)) = (is_invitation, &caller.principal) {
            let (name, role) = (name.clone(), caller.role.word());
            self.note_access(Access::Joined { name, role, browser: browser.into() }, &caller)
                .await?;
        }
        let (kind, life) = (SecretKind::Session, Some(SESSION_S));
        let Caller { principal, role, project } = &caller;
        let secret = self.new_secret(kind, principal, *role, project.clone(), browser, life);
        secret.await.map(Some)
    }

    /// Ends a session.
    ///
    /// # Errors
    /// What the store said.
    pub async fn sign_out(&self, secret: &str) -> Result<()> {
        self.store().drop_secret(SecretKind::Session, &hash(secret)).await?;
        Ok(())
    }

    /// Makes a token and returns its secret, which is shown once.
    ///
    /// # Errors
    /// An unknown role, a taken name, or a caller who may not.
    pub async fn new_token(
        &self,
        name: &str,
        role: &str,
        project: Option<ProjectKey>,
        person: bool,
        by: &Caller,
    ) -> Result<String> {
        if by.role != TokenRole::Owner || !by.principal.is_person() {
            return Err(mission_domain::ticket::Rejection::NotAPerson(by.principal.clone()).into());
        }
        let role =
            TokenRole::read(role).filter(|it| !matches!(it, TokenRole::Attempt(_))).ok_or_else(
                || Error::Invalid(format!("`{role}` is no role; write viewer, operator or owner")),
            )?;
        let safe = !name.is_empty()
            && name.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c));
        if !safe {
            return Err(Error::Invalid(format!(
                "`{name}` is no name for a token; use letters, digits, `-`, `_` and `.`"
            )));
        }
        if name.to_ascii_lowercase().parse::<Principal>().is_ok() {
            return Err(Error::Invalid(format!(
                "`{name}` is a word of Mission Control itself; choose another name for the token"
            )));
        }
        let _turn = self.inner.doors_turn.lock().await;
        if self.tokens().await?.iter().any(|it| it.name.eq_ignore_ascii_case(name)) {
            return Err(Error::Invalid(format!(
                "there is a token `{name}` already; revoke it first"
            )));
        }
        let principal = match (person, &by.principal) {
            (true, who) => who.clone(),
            (false, _) => Principal::External(name.into()),
        };
        let limit = project.as_ref().map(ToString::to_string);
        let access = Access::TokenMade { name: name.into(), role: role.word(), project: limit };
        self.note_access(access, by).await?;
        self.new_secret(SecretKind::Token, &principal, role, project, name, None).await
    }

    /// Makes the token of the demo's scripted person in place of the earlier ones; only in a home that the demo made.
    ///
    /// # Errors
    /// What the store said, or a home that is not the demo's.
    pub async fn scripted_token(&self) -> Result<String> {
        if !self.home().demo {
            return Err(mission_domain::ticket::Rejection::NoScriptHere.into());
        }
        let (kind, role) = (SecretKind::Token, TokenRole::Operator);
        let scripted = Principal::Scripted.to_string();
        let earlier = self.store().secrets(kind).await?;
        for secret in earlier.into_iter().filter(|it| it.principal == scripted) {
            self.store().drop_secret(kind, &secret.hash).await?;
        }
        self.new_secret(kind, &Principal::Scripted, role, None, "scripted", None).await
    }

    /// Returns all tokens but those of attempts and of this home's own credentials.
    ///
    /// # Errors
    /// What the store said.
    pub async fn tokens(&self) -> Result<Vec<TokenDoc>> {
        let all = self.store().secrets(SecretKind::Token).await?;
        let named = all.into_iter().filter(|it| !it.label.is_empty() && it.label != CREDENTIALS);
        let named =
            named.filter(|it| !matches!(TokenRole::read(&it.role), Some(TokenRole::Attempt(_))));
        Ok(named
            .map(|it| TokenDoc {
                name: it.label,
                principal: it.principal,
                role: it.role,
                project: it.project.map(|it| it.to_string()),
                created_at: it.created_at,
            })
            .collect())
    }

    /// Ends a token.
    ///
    /// # Errors
    /// There is none of that name.
    pub async fn revoke_token(&self, name: &str, by: &Caller) -> Result<()> {
        let all = self.store().secrets(SecretKind::Token).await?;
        let found = all.into_iter().find(|it| it.label == name && it.label != CREDENTIALS);
        let found = found.ok_or_else(|| Error::Missing(format!("token `{name}`")))?;
        self.note_access(Access::TokenRevoked { name: name.into() }, by).await?;
        self.store().drop_secret(SecretKind::Token, &found.hash).await?;
        Ok(())
    }

    /// Returns this person's token, made on first use in a file that only they can read.
    ///
    /// # Errors
    /// What the store or the file system said.
    pub async fn credentials(&self) -> Result<String> {
        let path = self.paths().credentials();
        if let Ok(token) = std::fs::read_to_string(&path) {
            let token = token.trim().to_owned();
            if self.authenticate(&token).await?.is_some() {
                return Ok(token);
            }
        }
        let principal = Principal::Person(self.owner());
        let (kind, role) = (SecretKind::Token, TokenRole::Owner);
        let token = self.new_secret(kind, &principal, role, None, CREDENTIALS, None).await?;
        let temporary = path.with_extension("new");
        let written = std::fs::OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&temporary)
            .and_then(|mut file| {
                file.write_all(token.as_bytes())?;
                file.sync_all()
            })
            .and_then(|()| std::fs::rename(&temporary, &path));
        written.map_err(Error::file(format!("write `{}`", path.display())))?;
        Ok(token)
    }

    /// Makes the token of one attempt. It ends with the attempt.
    pub(crate) async fn attempt_token(&self, ticket: &Ticket, attempt: &Attempt) -> Result<String> {
        let (kind, role) = (SecretKind::Token, TokenRole::Attempt(attempt.id));
        let project = Some(ticket.key.project().clone());
        self.new_secret(kind, &attempt.principal, role, project, "", Some(SESSION_S)).await
    }

    pub(crate) async fn new_secret(
        &self,
        kind: SecretKind,
        principal: &Principal,
        role: TokenRole,
        project: Option<ProjectKey>,
        label: &str,
        life_s: Option<i64>,
    ) -> Result<String> {
        let mut bytes = [0u8; 32];
        getrandom::fill(&mut bytes)
            .map_err(|e| Error::Invalid(format!("the system gave no randomness: {e}")))?;
        let secret: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        let now = self.now();
        let kept = Secret {
            kind,
            hash: hash(&secret),
            principal: principal.to_string(),
            role: role.word(),
            project,
            label: label.into(),
            created_at: now,
            expires_at: life_s.map(|life| now + jiff::SignedDuration::from_secs(life)),
        };
        self.store().put_secret(&kept).await?;
        Ok(secret)
    }
}

/// The label of this home's own credentials.
const CREDENTIALS: &str = "credentials";

pub(crate) fn hash(secret: &str) -> String {
    Digest::of(secret.as_bytes()).hex().to_owned()
}
