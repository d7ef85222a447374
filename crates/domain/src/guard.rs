//! Which command lines need a person, by how they begin and by what they move. Pure: nothing is run or looked up here.

use crate::rules::{Policy, words};

words!(
    /// What a guarded command does to the world outside, as far as its words tell.
    Effect {
        /// It sends commits to another repository.
        Push = "push",
        /// It puts something where others use it.
        Deploy = "deploy",
        /// It starts, stops or restarts a service.
        Restart = "restart",
        /// Something else that the policy names.
        Other = "other",
    }
);

/// Programs that put something where others use it.
const DEPLOYING: [&str; 18] = [
    "docker",
    "podman",
    "kubectl",
    "helm",
    "terraform",
    "tofu",
    "pulumi",
    "ansible",
    "ansible-playbook",
    "fly",
    "flyctl",
    "heroku",
    "vercel",
    "netlify",
    "firebase",
    "wrangler",
    "rsync",
    "scp",
];

/// Programs that drive services.
const SERVING: [&str; 6] =
    ["systemctl", "service", "initctl", "rc-service", "supervisorctl", "pm2"];

/// Options of git whose value is the next word.
pub const GIT_VALUES: [&str; 7] =
    ["-c", "-C", "--git-dir", "--work-tree", "--namespace", "--config-env", "--attr-source"];

/// Words of git that send commits away besides `push`.
const SENDING: [&str; 3] = ["push", "send-pack", "http-push"];

/// Options of `git push` that name no branch, and may move any.
const SWEEPING: [&str; 3] = ["--all", "--branches", "--mirror"];

impl Policy {
    /// Returns why `argv` needs a person, or nothing where it does not.
    pub fn guards(&self, argv: &[String]) -> Option<String> {
        let begins = self.guard.iter().find(|prefix| begins_with(argv, prefix));
        if let Some(prefix) = begins {
            return Some(format!("`{}` needs a person's approval", prefix.join(" ")));
        }
        let branch = moved_branch(argv, &self.protect)?;
        Some(format!("it may move {branch}, which the policy `{}` protects", self.id))
    }

    /// Returns the programs that a guard must stand in front of.
    pub fn guarded_programs(&self) -> Vec<String> {
        let mut programs: Vec<String> =
            self.guard.iter().filter_map(|it| it.first().cloned()).collect();
        if !self.protect.is_empty() {
            programs.push("git".into());
        }
        programs.sort();
        programs.dedup();
        programs
    }

    /// Returns whether every use of `program` needs a person.
    pub fn guards_all_of(&self, program: &str) -> bool {
        self.guard.iter().any(|it| it.len() == 1 && it[0] == program)
    }
}

/// Returns what `argv` does outside, as far as its words tell.
pub fn effect_of(argv: &[String]) -> Effect {
    let program = program_of(argv);
    let says = |word: &str| argv.iter().skip(1).any(|it| it == word);
    match program {
        "git" if SENDING.iter().any(|it| says(it)) => Effect::Push,
        it if SERVING.contains(&it) => Effect::Restart,
        "docker" | "podman" | "kubectl" if says("restart") => Effect::Restart,
        "npm" | "pnpm" | "yarn" | "cargo" | "twine" | "gem"
            if says("publish") || says("upload") =>
        {
            Effect::Deploy
        }
        it if DEPLOYING.contains(&it) => Effect::Deploy,
        _ => Effect::Other,
    }
}

/// Returns the program's name without its path.
fn program_of(argv: &[String]) -> &str {
    let first = argv.first().map_or("", String::as_str);
    first.rsplit('/').next().unwrap_or(first)
}

/// Returns whether `argv` begins with `prefix`. Options between the words do not count, and since nobody knows which of
/// them take a value, both readings are tried: a guard would rather ask once too often.
fn begins_with(argv: &[String], prefix: &[String]) -> bool {
    let Some((program, rest)) = prefix.split_first() else { return false };
    program_of(argv) == program && follows(argv.get(1..).unwrap_or_default(), rest)
}

fn follows(argv: &[String], prefix: &[String]) -> bool {
    let Some((wanted, more)) = prefix.split_first() else { return true };
    match argv.split_first() {
        None => false,
        Some((word, rest)) if word == wanted => follows(rest, more),
        Some((word, rest)) if word.starts_with('-') => {
            let takes_a_value = rest.get(1..).unwrap_or_default();
            follows(rest, prefix) || (!rest.is_empty() && follows(takes_a_value, prefix))
        }
        Some(_) => false,
    }
}

/// Returns the protected branch that this `git push` may move, in words.
fn moved_branch(argv: &[String], protect: &[String]) -> Option<String> {
    if protect.is_empty() || program_of(argv) != "git" {
        return None;
    }
    let sends = |word: &&str| begins_with(argv, &["git".to_owned(), (*word).to_owned()]);
    let verb = SENDING.iter().find(|it| sends(it))?;
    let at = argv.iter().position(|it| it == verb)?;
    let words = argv.get(at + 1..).unwrap_or_default();
    if let Some(option) = words.iter().find(|it| SWEEPING.contains(&it.as_str())) {
        return Some(format!("every branch (`{option}`)"));
    }
    // The first word that is no option is the repository; an option's value may look like one, which only asks more.
    let named: Vec<&String> = words.iter().filter(|it| !it.starts_with('-')).collect();
    let refs = named.get(1..).unwrap_or_default();
    if refs.is_empty() {
        return Some("whatever branch git is set to push".into());
    }
    refs.iter().find_map(|it| protected(it, protect))
}

/// Returns the protected branch that a refspec may move.
fn protected(refspec: &str, protect: &[String]) -> Option<String> {
    let spec = refspec.trim_start_matches('+');
    let to = spec.rsplit_once(':').map_or(spec, |it| it.1);
    let to = to.strip_prefix("refs/heads/").unwrap_or(to);
    if to.is_empty() || to.contains('*') || to == "HEAD" || to == "@" {
        return Some(format!("whatever `{refspec}` means"));
    }
    let matches =
        |glob: &&String| globset::Glob::new(glob).is_ok_and(|it| it.compile_matcher().is_match(to));
    protect.iter().find(matches).map(|_| format!("`{to}`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy() -> Policy {
        let words = |text: &str| text.split(' ').map(str::to_owned).collect();
        let guard = ["git push", "systemctl", "docker", "terraform apply"].map(words);
        let (id, protect) = ("default".into(), vec!["main".into(), "release/*".into()]);
        Policy { id, guard: guard.into(), protect, approval_expires_s: 60 }
    }

    fn argv(line: &str) -> Vec<String> {
        line.split(' ').map(str::to_owned).collect()
    }

    #[test]
    fn a_guarded_beginning_is_found_behind_paths_and_options() {
        for line in [
            "git push",
            "git push origin HEAD:topic",
            "/usr/bin/git push",
            "git -C elsewhere push",
            "git -c user.name=x -c core.pager=cat push origin",
            "git --no-pager push",
            "git --git-dir x push",
            "docker",
            "docker compose up",
            "./bin/docker ps",
            "systemctl restart web",
            "terraform -chdir=prod apply",
            "terraform -chdir prod apply -auto-approve",
        ] {
            assert!(policy().guards(&argv(line)).is_some(), "{line}");
        }
    }

    #[test]
    fn what_the_policy_does_not_name_is_let_through() {
        for line in [
            "git status",
            "git commit -m push",
            "git log --grep push",
            "git stash push",
            "git -C docker status",
            "terraform plan",
            "docker-compose up",
            "cargo test",
            "",
        ] {
            assert_eq!(policy().guards(&argv(line)), None, "{line}");
        }
    }

    #[test]
    fn without_a_guard_on_git_the_protected_branches_are_guarded_still() {
        let policy = Policy { guard: Vec::new(), ..policy() };
        for line in [
            "git push",
            "git push origin",
            "git push origin main",
            "git push origin +main",
            "git push -f origin HEAD:main",
            "git push origin HEAD:refs/heads/release/1.0",
            "git push origin topic release/2",
            "git push origin HEAD",
            "git push origin :",
            "git push origin refs/heads/*:refs/heads/*",
            "git push --mirror origin",
            "git push --all",
            "git send-pack host:repo main",
            "git push origin :main",
        ] {
            assert!(policy.guards(&argv(line)).is_some(), "{line}");
        }
        for line in ["git push origin topic", "git push origin HEAD:topic", "git fetch origin main"]
        {
            assert_eq!(policy.guards(&argv(line)), None, "{line}");
        }
        assert_eq!(policy.guarded_programs(), ["git"]);
    }

    #[test]
    fn the_effect_is_told_by_the_words() {
        for (line, effect) in [
            ("git push origin main", Effect::Push),
            ("/usr/bin/git -C x push", Effect::Push),
            ("systemctl restart web", Effect::Restart),
            ("kubectl rollout restart deployment/web", Effect::Restart),
            ("kubectl apply -f x.yml", Effect::Deploy),
            ("terraform apply", Effect::Deploy),
            ("npm publish", Effect::Deploy),
            ("rm -rf x", Effect::Other),
        ] {
            assert_eq!(effect_of(&argv(line)), effect, "{line}");
        }
    }
}
