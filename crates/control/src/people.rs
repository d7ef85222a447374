//! People of this home: who is signed in where, who is invited, and how an owner changes what they may do or ends it.

use std::collections::BTreeMap;

use mission_domain::access::Access;
use mission_domain::home::HomeCommand;
use mission_domain::ids::Timestamp;
use mission_domain::principal::{self, Principal};
use mission_store::{Secret, SecretKind};
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::execute::Control;
use crate::home::{Caller, TokenRole, hash};

/// How long an invitation holds, in seconds.
const INVITATION_S: i64 = 86_400;

/// The label of an invitation's secret: a link that `mission sign-in` printed has none.
pub(crate) const INVITATION: &str = "invitation";

/// The label of sessions from before their browser was kept.
const UNNAMED: &str = "page";

/// How many characters of a digest name a session.
const ID_CHARS: usize = 12;

/// What a person comes in with.
const DOORS: [SecretKind; 3] = [SecretKind::Session, SecretKind::SignIn, SecretKind::Token];

/// One signed-in browser, never its secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionDoc {
    /// What ends it: the beginning of its secret's digest.
    pub id: String,
    /// Who is signed in.
    pub principal: String,
    /// What they may do.
    pub role: String,
    /// What the browser called itself and where it was when it signed in, like `Firefox on Linux, 192.0.2.7`; nothing where that was
    /// not kept yet.
    pub browser: Option<String>,
    /// Since when.
    pub created_at: Timestamp,
    /// Until when.
    pub expires_at: Option<Timestamp>,
}

/// One person of this home: somebody who is signed in, invited, or has a token that speaks as them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PersonDoc {
    /// Their name.
    pub name: String,
    /// What they may do.
    pub role: String,
    /// In how many browsers they are signed in.
    pub browsers: usize,
    /// Until when a link waits for them that they have not opened yet.
    pub invited_until: Option<Timestamp>,
    /// Whether this home is theirs: their role stands and nobody removes them.
    pub is_home_owner: bool,
}

impl Control {
    /// Returns every signed-in browser, the newest first.
    ///
    /// # Errors
    /// What the store said.
    pub async fn sessions(&self) -> Result<Vec<SessionDoc>> {
        let now = self.now();
        let all = self.store().secrets(SecretKind::Session).await?.into_iter();
        let live = all.filter(|it| it.expires_at.is_none_or(|at| at > now));
        let mut docs: Vec<SessionDoc> = live
            .map(|it| SessionDoc {
                id: it.hash.chars().take(ID_CHARS).collect(),
                principal: it.principal,
                role: it.role,
                browser: Some(it.label).filter(|it| it != UNNAMED),
                created_at: it.created_at,
                expires_at: it.expires_at,
            })
            .collect();
        docs.sort_by_key(|it| std::cmp::Reverse(it.created_at));
        Ok(docs)
    }

    /// Returns the name under which `sessions` lists the session of `secret`.
    pub fn session_id(secret: &str) -> String {
        hash(secret).chars().take(ID_CHARS).collect()
    }

    /// Signs a browser out. Everybody may end their own sessions, an owner all.
    ///
    /// # Errors
    /// There is none of that name, or it is somebody else's.
    pub async fn end_session(&self, id: &str, by: &Caller) -> Result<()> {
        let all = self.store().secrets(SecretKind::Session).await?;
        let found = all.into_iter().find(|it| id.len() == ID_CHARS && it.hash.starts_with(id));
        let found = found.ok_or_else(|| Error::Missing(format!("session `{id}`")))?;
        if by.role != TokenRole::Owner && found.principal != by.principal.to_string() {
            return Err(Error::Missing(format!("session `{id}` of yours")));
        }
        self.store().drop_secret(SecretKind::Session, &found.hash).await?;
        Ok(())
    }

    /// Returns a one-time code with which `name` signs in as a person of this home, good for a day.
    ///
    /// # Errors
    /// A caller who is no owner, an unknown role, or a name that is none.
    pub async fn invite(&self, name: &str, role: &str, by: &Caller) -> Result<String> {
        owners_only(by)?;
        let _turn = self.inner.doors_turn.lock().await;
        let role = role_of_a_person(role)?;
        principal::check_person(name).map_err(Error::Invalid)?;
        let is_word = |it: &str| it.eq_ignore_ascii_case(name);
        let home = self.home();
        let mut rules = Vec::new();
        for key in home.projects.keys() {
            rules.push(self.project(key).await?.rules.clone());
        }
        let lanes = rules.iter().flat_map(|it| {
            it.roles.keys().map(|it| it.as_str()).chain(it.runtimes.keys().map(|it| it.as_str()))
        });
        if lanes.into_iter().any(is_word) {
            let text = format!("a role or runtime is called `{name}`; choose another name");
            return Err(Error::Invalid(text));
        }
        let known = self.people().await?;
        match known.into_iter().find(|it| it.name.eq_ignore_ascii_case(name)) {
            Some(PersonDoc { name, role, browsers: 0, invited_until: Some(until), .. }) => {
                let until = until.strftime("%-d %B %H:%M UTC");
                let text = format!(
                    "`{name}` is invited already ({role}, until {until}) and has not opened the link, so it can still let \
                     somebody in. Withdraw that invitation first: on the page Settings, under People; then invite anew"
                );
                return Err(Error::Invalid(text));
            }
            Some(_) => {
                let text = format!(
                    "there is a person `{name}` already, and whoever took this link would act under that name. Choose \
                     another name; where it is the same person anew, remove them first: on the page Settings, under People"
                );
                return Err(Error::Invalid(text));
            }
            None => {}
        }
        let access = Access::Invited { name: name.into(), role: role.word() };
        self.note_access(access, by).await?;
        let principal = Principal::Person(name.into());
        let (kind, life) = (SecretKind::SignIn, Some(INVITATION_S));
        self.new_secret(kind, &principal, role, None, INVITATION, life).await
    }

    /// Returns everybody who comes in as a person of this home, by name: the owner of the home first.
    ///
    /// # Errors
    /// What the store said.
    pub async fn people(&self) -> Result<Vec<PersonDoc>> {
        let owner = self.owner();
        let person = |name: &str, role: &str| PersonDoc {
            name: name.into(),
            role: role.into(),
            browsers: 0,
            invited_until: None,
            is_home_owner: name.eq_ignore_ascii_case(&owner),
        };
        let mut known = BTreeMap::new();
        known.insert(owner.to_ascii_lowercase(), person(&owner, &TokenRole::Owner.word()));
        // Sessions come first: their role is what a person may do now.
        for secret in self.doors().await? {
            let Some(name) = secret.principal.strip_prefix("person:") else { continue };
            let entry = known.entry(name.to_ascii_lowercase());
            let entry = entry.or_insert_with(|| person(name, &secret.role));
            match secret.kind {
                SecretKind::Session => entry.browsers += 1,
                SecretKind::SignIn if secret.label == INVITATION => {
                    entry.invited_until = secret.expires_at;
                }
                SecretKind::SignIn | SecretKind::Token => {}
            }
        }
        let mut people: Vec<PersonDoc> = known.into_values().collect();
        people.sort_by_key(|it| !it.is_home_owner);
        Ok(people)
    }

    /// Changes what a person may do, in every browser and by every token that speaks as them, at once. A token that may less stays so.
    ///
    /// # Errors
    /// A caller who is no owner, an unknown role, nobody of that name, oneself, or the owner of the home.
    pub async fn change_role(&self, name: &str, role: &str, by: &Caller) -> Result<()> {
        let role = role_of_a_person(role)?;
        let _turn = self.inner.doors_turn.lock().await;
        let theirs = self.theirs(name, by).await?;
        let access = Access::RoleChanged { name: name.into(), role: role.word() };
        self.note_access(access, by).await?;
        for secret in theirs {
            let may = TokenRole::read(&secret.role);
            let stays = secret.kind == SecretKind::Token && may.map(rank) <= Some(rank(role));
            // What was ended or taken meanwhile does not come back.
            if !stays && self.store().drop_secret(secret.kind, &secret.hash).await? {
                self.store().put_secret(&Secret { role: role.word(), ..secret }).await?;
            }
        }
        Ok(())
    }

    /// Ends everything that a person comes in with: their browsers, their invitation, the tokens that speak as them. What they did
    /// stays on record under their name.
    ///
    /// # Errors
    /// A caller who is no owner, nobody of that name, oneself, or the owner of the home.
    pub async fn remove_person(&self, name: &str, by: &Caller) -> Result<()> {
        let _turn = self.inner.doors_turn.lock().await;
        let theirs = self.theirs(name, by).await?;
        self.note_access(Access::PersonRemoved { name: name.into() }, by).await?;
        for secret in theirs {
            self.store().drop_secret(secret.kind, &secret.hash).await?;
        }
        Ok(())
    }

    /// Puts a change of who may come in on record. Where it lets somebody in it comes before the change: what is not on record is not done.
    pub(crate) async fn note_access(&self, access: Access, by: &Caller) -> Result<()> {
        self.execute_home(HomeCommand::RecordAccess { access }, &by.principal).await
    }

    /// Takes an invitation back: its link lets nobody in any more. Who has opened it stays.
    ///
    /// # Errors
    /// A caller who is no owner, or no invitation of that name that still waits.
    pub async fn withdraw_invitation(&self, name: &str, by: &Caller) -> Result<()> {
        let _turn = self.inner.doors_turn.lock().await;
        let secrets = self.theirs(name, by).await?.into_iter();
        let waits = secrets.filter(|it| it.kind == SecretKind::SignIn && it.label == INVITATION);
        let mut was_there = false;
        for secret in waits {
            was_there |= self.store().drop_secret(secret.kind, &secret.hash).await?;
        }
        if was_there {
            let access = Access::InvitationWithdrawn { name: name.into() };
            self.note_access(access, by).await?;
        }
        let gone = format!(
            "invitation for `{name}` to withdraw: the link was opened, or its day is over. Settings lists who is there now"
        );
        was_there.then_some(()).ok_or(Error::Missing(gone))
    }

    /// Returns what the person `name` comes in with, for an owner who changes it.
    async fn theirs(&self, name: &str, by: &Caller) -> Result<Vec<Secret>> {
        owners_only(by)?;
        let is_theirs = |principal: &str| {
            principal.strip_prefix("person:").is_some_and(|it| it.eq_ignore_ascii_case(name))
        };
        if is_theirs(&by.principal.to_string()) {
            let text = "this is about yourself: another owner changes your role or removes you, and `Sign out` ends a session of yours";
            return Err(Error::Invalid(text.into()));
        }
        if self.owner().eq_ignore_ascii_case(name) {
            let text = format!(
                "this home is `{name}`'s, who comes in by the machine itself, so their role stands and nobody removes them; their sessions can be ended one by one"
            );
            return Err(Error::Invalid(text));
        }
        let mut all = self.doors().await?;
        all.retain(|it| is_theirs(&it.principal));
        let nobody = || Error::Missing(format!("person `{name}`. Settings lists who is there now"));
        if all.is_empty() { Err(nobody()) } else { Ok(all) }
    }

    /// Returns every secret that still opens something: sessions first, then links, then tokens.
    async fn doors(&self) -> Result<Vec<Secret>> {
        let now = self.now();
        let mut doors = Vec::new();
        for kind in DOORS {
            let all = self.store().secrets(kind).await?.into_iter();
            doors.extend(all.filter(|it| it.expires_at.is_none_or(|at| at > now)));
        }
        Ok(doors)
    }
}

/// Refuses who is no owner, or no person.
fn owners_only(by: &Caller) -> Result<()> {
    if by.role == TokenRole::Owner && by.principal.is_person() {
        return Ok(());
    }
    Err(mission_domain::ticket::Rejection::NotAPerson(by.principal.clone()).into())
}

/// Returns the role that a person may have under this word.
fn role_of_a_person(word: &str) -> Result<TokenRole> {
    match TokenRole::read(word) {
        Some(role @ (TokenRole::Viewer | TokenRole::Operator | TokenRole::Owner)) => Ok(role),
        Some(TokenRole::Attempt(_)) | None => {
            let text = format!("`{word}` is no role; choose viewer, operator or owner");
            Err(Error::Invalid(text))
        }
    }
}

/// Returns how much a role may do, compared with others.
fn rank(role: TokenRole) -> u8 {
    match role {
        TokenRole::Attempt(_) => 0,
        TokenRole::Viewer => 1,
        TokenRole::Operator => 2,
        TokenRole::Owner => 3,
    }
}
