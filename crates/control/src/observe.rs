//! Looks at a delivery: what git says, what is missing, pictures taken, and the packet of it all.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use mission_domain::ids::{AttemptId, Commit, TicketKey};
use mission_domain::principal::{Contributor, Principal};
use mission_domain::rules::{EvidenceKind, IgnoredArea, Permission, Preview as PreviewRules};
use mission_domain::ticket::{Attempt, ChangeKind, Command, Gate, Head, Observation, Ticket};
use mission_evidence::difference::{Area, difference};
use mission_evidence::git::Git;
use mission_evidence::packet::{Packet, Screenshot, two_decimals};
use mission_evidence::preview::{PagePicture, Preview, PreviewSpec};
use mission_evidence::screenshot::{Browser, Scheme, Target, View};

use crate::error::{Error, Result};
use crate::execute::Control;
use crate::launch::{make_private, permission};
use crate::projects::Project;

/// How long a preview may take to answer, and how long it may live.
const PREVIEW_READY: Duration = Duration::from_secs(30);
const PREVIEW_LIFE: Duration = Duration::from_secs(180);

/// How long one picture may take.
const PICTURE: Duration = Duration::from_secs(40);

/// The window that a picture of a reported address is taken in.
const REPORTED_VIEW: View = View { width: 1440, height: 900, scheme: Scheme::Light, clock: None };

impl Control {
    /// Looks at what `attempt` delivered, and seals or refuses it.
    pub(crate) async fn observe(&self, key: &TicketKey, attempt: AttemptId) -> Result<()> {
        let (ticket, _) = self.ticket(key).await?;
        let Some(gate) = ticket.observed_gate(attempt).cloned() else { return Ok(()) };
        let Some(attempt) = ticket.attempt(attempt).cloned() else { return Ok(()) };
        let seen = match self.look(&ticket, &gate, &attempt).await {
            Ok(seen) => seen,
            Err(error) => {
                let (gate, cause) = (gate.rule.id, error.in_full());
                let command = Command::FailToRun { gate, cause };
                self.execute(key, command, &Principal::Controller).await?;
                return Ok(());
            }
        };
        let command = Command::Seal { attempt: attempt.id, seen: Box::new(seen) };
        self.execute(key, command, &Principal::Controller).await?;
        Ok(())
    }

    async fn look(
        &self,
        ticket: &Arc<Ticket>,
        gate: &Gate,
        attempt: &Attempt,
    ) -> Result<Observation> {
        let project = self.project(ticket.key.project()).await?;
        let mut packet = self.new_packet(ticket, gate, Some(attempt));
        let mut missing = Vec::new();
        let writes = permission(&project, &attempt.role) == Permission::Write;
        let moved = if writes { self.fetched_head(ticket, &project).await? } else { None };
        let head = moved.as_ref().map(|it| &it.0).or(ticket.head.as_ref());
        if let Some(head) = head {
            packet.commit = Some(head.commit.clone());
            packet.tree = Some(head.tree.clone());
            packet.base = Some(head.base.clone());
            let git = Git::at(&project.path);
            packet.files = git.changed_files(&head.base, &head.commit).await?;
        }
        let requires = |kind: EvidenceKind| gate.rule.requires.contains(&kind);
        let has_commit = head.is_some_and(|it| it.commit != it.base);
        if requires(EvidenceKind::Commit) && !has_commit {
            missing.push("a commit on the ticket's branch (there is none since the base)".into());
        }
        if let (true, Some(head)) = (moved.is_some(), head)
            && !Git::at(&project.path).is_ancestor(&head.base, &head.commit).await?
        {
            // Nothing could ever merge it, whoever passes it.
            let branch = &project.rules.default_branch;
            missing.push(format!(
                "commits that grow from `{branch}`: the ticket's branch shares no history with it (`git rebase --root --onto {branch}`)"
            ));
        }
        if let (true, Some(head)) = (writes, head)
            && let Some(landed) = self.left_out(ticket, &project, &head.commit).await?
        {
            let branch = &project.rules.default_branch;
            missing.push(format!(
                "commits that grow from what landed before, {}: what is there already counts for nothing (`git rebase {branch}`)",
                landed.short()
            ));
        }
        if requires(EvidenceKind::ChangedFiles) && packet.files.is_empty() {
            missing.push("changed files (git sees none)".into());
        }
        let wants_pictures = requires(EvidenceKind::Screenshots);
        self.take_pictures(&mut packet, &project, attempt, wants_pictures).await?;
        if wants_pictures && packet.screenshots.is_empty() {
            missing.push("screenshots (`mission report evidence screenshot URL`; or set `[project.preview]`, and Mission Control takes them)".into());
        }
        let contributors = self.contributors(ticket, attempt, moved.is_some());
        Ok(Observation {
            head: moved,
            contributors,
            packet: self.seal(&packet)?,
            missing,
            findings: Vec::new(),
            answers: Vec::new(),
            block: None,
            ask_person: None,
        })
    }

    /// Returns what an earlier round landed as, where the default branch holds it and `commit` does not grow from it.
    pub(crate) async fn left_out(
        &self,
        ticket: &Ticket,
        project: &Project,
        commit: &Commit,
    ) -> Result<Option<Commit>> {
        let Some(landed) = &ticket.landed_before else { return Ok(None) };
        let git = Git::at(&project.path);
        let tip = git.branch(&project.rules.default_branch).await?;
        let is_left_out =
            git.is_ancestor(landed, &tip).await? && !git.is_ancestor(landed, commit).await?;
        Ok(is_left_out.then(|| landed.clone()))
    }

    /// Fetches the ticket's branch and returns its head where that differs from the one known.
    pub(crate) async fn fetched_head(
        &self,
        ticket: &Ticket,
        project: &Project,
    ) -> Result<Option<(Head, ChangeKind)>> {
        let workspace = self.workspace_of(&ticket.key, project);
        if !workspace.exists() {
            return Ok(None);
        }
        let Some(commit) = workspace.fetch_back().await? else { return Ok(None) };
        let known = ticket.head.as_ref();
        if known.is_some_and(|it| it.commit == commit) {
            return Ok(None);
        }
        let head = self.head_at(&commit, project).await?;
        let change = match known {
            None => ChangeKind::Code,
            Some(old) if old.tree == head.tree => ChangeKind::NoCodeChange,
            Some(old) => {
                let git = Git::at(&project.path);
                let before = git.patch_id(&old.base, &old.commit).await?;
                let after = git.patch_id(&head.base, &head.commit).await?;
                let same = before.is_some() && before == after;
                if same { ChangeKind::TrivialRebase } else { ChangeKind::Code }
            }
        };
        Ok(Some((head, change)))
    }

    pub(crate) async fn head_at(&self, commit: &Commit, project: &Project) -> Result<Head> {
        let git = Git::at(&project.path);
        let tip = git.branch(&project.rules.default_branch).await?;
        let base = git.merge_base(&tip, commit).await?.unwrap_or(tip);
        let files = git.changed_files(&base, commit).await?;
        let tree = git.tree_of(commit).await?;
        let paths = files.into_iter().flat_map(|it| it.old_path.into_iter().chain([it.path]));
        let (paths, left_out) = project.rules.telling(paths.collect());
        Ok(Head { commit: commit.clone(), tree, base, paths, left_out })
    }

    /// Returns everybody who had a hand in the branch; who moved it in this attempt is the attempt.
    fn contributors(&self, ticket: &Ticket, attempt: &Attempt, moved: bool) -> Vec<Contributor> {
        let mut all = ticket.contributors.clone();
        let workers = if moved { attempt.workers() } else { Vec::new() };
        for worker in workers {
            if !all.contains(&worker) {
                all.push(worker);
            }
        }
        all
    }

    /// Takes the pictures that the gate or the lane asks for, and keeps them as artifacts.
    async fn take_pictures(
        &self,
        packet: &mut Packet,
        project: &Project,
        attempt: &Attempt,
        wanted: bool,
    ) -> Result<()> {
        let reported = attempt.evidence.iter().filter_map(|it| it.url.clone());
        let reported: Vec<String> = reported.collect();
        if !wanted && reported.is_empty() {
            return Ok(());
        }
        let path = std::env::var("PATH").unwrap_or_default();
        let browser = Browser::find(&path).ok_or_else(|| {
            Error::Missing(
                "Chromium on the PATH, and this gate needs pictures. Install it (`apt-get install chromium`), then retry"
                    .into(),
            )
        })?;
        match (&project.rules.preview, &packet.commit, &packet.base) {
            (Some(preview), Some(head), Some(base)) if wanted => {
                let (head, base) = (head.clone(), base.clone());
                let (before, after) = tokio::try_join!(
                    self.pictures_at(&browser, project, preview, &base),
                    self.pictures_at(&browser, project, preview, &head),
                )?;
                packet.screenshots = self.compared(before, after, preview)?;
            }
            _ => {
                for url in reported {
                    packet.screenshots.push(self.reported_picture(&browser, &url).await?);
                }
            }
        }
        Ok(())
    }

    async fn reported_picture(&self, browser: &Browser, url: &str) -> Result<Screenshot> {
        let scratch = self.scratch()?;
        let file = scratch.path().join("page.png");
        let target = Target::Url(url.to_owned());
        let picture = browser.capture(&target, REPORTED_VIEW, PICTURE, &file).await?;
        let after = self.artifacts().put_file(&picture.path)?;
        Ok(Screenshot {
            page: url.to_owned(),
            width: picture.width,
            height: picture.height,
            scheme: REPORTED_VIEW.scheme,
            before: None,
            after: Some(after),
            difference: None,
            difference_percent: None,
            difference_area: None,
            not_compared: Vec::new(),
        })
    }

    /// Starts the page at `commit` in a clean checkout and captures it at all widths and in both schemes.
    async fn pictures_at(
        &self,
        browser: &Browser,
        project: &Project,
        rules: &PreviewRules,
        commit: &Commit,
    ) -> Result<Vec<(PagePicture, Vec<u8>)>> {
        let scratch = self.scratch_dir()?;
        let checkout =
            mission_evidence::checkout::Checkout::make(&project.path, commit, &scratch).await?;
        let spec = PreviewSpec {
            command: &rules.command,
            ready: &rules.ready,
            deadline: PREVIEW_READY,
            lifetime: PREVIEW_LIFE,
        };
        let env = self.check_env(checkout.tmp(), project);
        let log = checkout.tmp().join("preview.log");
        let preview = Preview::start(&spec, &checkout.dir(), &env, &log).await?;
        let schemes: Vec<Scheme> = rules.schemes.iter().copied().map(scheme).collect();
        let pictures = preview
            .capture(browser, &rules.pages, &rules.widths, &schemes, rules.clock, &checkout.tmp())
            .await?;
        let read = |it: PagePicture| {
            let failed = Error::file(format!("read `{}`", it.picture.path.display()));
            std::fs::read(&it.picture.path).map_err(failed).map(|bytes| (it, bytes))
        };
        pictures.into_iter().map(read).collect()
    }

    fn compared(
        &self,
        before: Vec<(PagePicture, Vec<u8>)>,
        after: Vec<(PagePicture, Vec<u8>)>,
        rules: &PreviewRules,
    ) -> Result<Vec<Screenshot>> {
        let artifacts = self.artifacts();
        let mut all = Vec::new();
        for ((old, old_bytes), (new, new_bytes)) in before.into_iter().zip(after) {
            let not_compared = ignored(rules, &new);
            let apart = difference(&old_bytes, &new_bytes, &not_compared)?;
            all.push(Screenshot {
                page: new.page,
                width: new.width,
                height: new.picture.height,
                scheme: new.scheme,
                before: Some(artifacts.put(&old_bytes)?),
                after: Some(artifacts.put(&new_bytes)?),
                difference: Some(artifacts.put(&apart.picture)?),
                difference_percent: Some(two_decimals(apart.percent)),
                difference_area: apart.area,
                not_compared,
            });
            drop(old);
        }
        Ok(all)
    }

    /// Returns the folder that clean checkouts are made in.
    pub(crate) fn scratch_dir(&self) -> Result<PathBuf> {
        let dir = self.paths().scratch();
        make_private(&dir)?;
        Ok(dir)
    }

    /// Returns a folder of one's own there, which goes with the value.
    ///
    /// # Errors
    /// What the system said.
    pub(crate) fn scratch(&self) -> Result<tempfile::TempDir> {
        let dir = self.scratch_dir()?;
        tempfile::tempdir_in(&dir).map_err(Error::file(format!("use `{}`", dir.display())))
    }
}

/// Returns what of a picture is not compared, as the project says.
fn ignored(rules: &PreviewRules, of: &PagePicture) -> Vec<Area> {
    let is_for = |it: &&IgnoredArea| {
        it.page.as_ref().is_none_or(|page| *page == of.page)
            && it.at.is_none_or(|width| width == of.width)
    };
    let area = |it: &IgnoredArea| {
        let [x, y, width, height] = it.area;
        Area { x, y, width, height }
    };
    rules.ignore.iter().filter(is_for).map(area).collect()
}

fn scheme(scheme: mission_domain::rules::Scheme) -> Scheme {
    match scheme {
        mission_domain::rules::Scheme::Light => Scheme::Light,
        mission_domain::rules::Scheme::Dark => Scheme::Dark,
    }
}
