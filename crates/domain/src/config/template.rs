//! The `mission.toml` that `mission init` writes: what was found is set, everything else is shown as it is anyway.

use std::fmt::Write as _;

use super::Found;
use super::defaults::agents;
use super::names::shown;
use super::tree::quoted;
use crate::ids::ProjectKey;

/// The gates of the built-in workflows that judge, by workflow.
const REVIEWS: [(&str, &[&str]); 4] = [
    ("standard", &["qa_review", "user_testing", "design_signoff"]),
    ("visual-redesign", &["qa_review", "user_testing", "design_signoff"]),
    ("quick-fix", &["qa_review"]),
    ("docs", &["qa_review"]),
];

/// Returns a commented `mission.toml` for the repository in `folder_name`.
///
/// `rules` reads it as the built-ins, with the checks that were found. Where only one agent was found, reviews ask
/// for another principal instead of another runtime, and the text says so.
pub fn commented_template(folder_name: &str, found: &Found) -> String {
    let mut text = String::from(HEAD);
    text.push_str(&seen(found));
    text.push_str(&project(folder_name, found));
    text.push_str(MIDDLE);
    text.push_str(&lanes(found));
    if let [only] = agents(found).as_slice()
        && found.programs.iter().any(|program| program == only)
    {
        text.push_str(&one_runtime(only));
    }
    text.push_str(TAIL);
    text
}

const HEAD: &str = "\
# What Mission Control asks of this repository's tickets. It is read from the default branch only.
# A line behind `#` shows what holds anyway, or an example where it says so.
# `mission check` reads this file; `mission config explain KEY` tells where a value comes from.
";

fn seen(found: &Found) -> String {
    let programs: Vec<_> = found.programs.iter().map(|program| shown(program)).collect();
    match programs.as_slice() {
        [] => "# No agent was found here: install one, or name your own under [runtime.NAME].\n"
            .into(),
        programs => format!("# Found here: {}.\n", programs.join(", ")),
    }
}

fn project(folder_name: &str, found: &Found) -> String {
    let key = ProjectKey::from_folder(folder_name);
    let branch = quoted(found.default_branch.as_deref().unwrap_or("main"));
    let mut text = format!(
        "
[project]
key = \"{key}\"                      # ticket keys {key}-1, {key}-2 …
default_branch = {branch}
# workflow = \"standard\"           # standard | visual-redesign | quick-fix | docs | research, or one of your own
# visual_paths = []               # a change there needs the design gates; for example [\"web/**\", \"**/*.css\"]
# user_facing_paths = []          # a change there needs user testing; for example [\"web/**\"]
"
    );
    text.push_str(
        "\n# Run again on every ticket, in a clean checkout, besides what the agents claim.\n",
    );
    if found.checks.is_empty() {
        text.push_str("# None was found. For example: checks = [\"cargo test\", { run = \"cargo deny check\", advisory = true }]\n");
        text.push_str("checks = []\n");
    } else {
        text.push_str("checks = [\n");
        for check in &found.checks {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "  {},", quoted(check));
        }
        text.push_str("]\n");
    }
    text
}

const MIDDLE: &str = "# network = false                 # whether these commands may use the network; else only this machine
# land = \"merge\"                  # merge | rebase | fast-forward | never
# setup = { after_create = \"\", before_run = \"\", timeout = \"5m\" }   # in a fresh workspace; before each attempt

# How to start the page for screenshots; none unless written. For example:
# [project.preview]
# command = \"npm run preview -- --port $PORT\"
# ready = \"http://127.0.0.1:$PORT/\"
# pages = [\"/\"]
# widths = [1440, 900, 390]
# schemes = [\"light\", \"dark\"]

# No budget unless written. For example:
# [budget]
# ticket = { cost_usd = 20, tokens = 5_000_000, wall = \"8h\" }
# day = { cost_usd = 100 }                                       # all tickets together; the day is that of project.time_zone
# lane = { cost_usd = 40 }                                       # each lane in one day
";

fn lanes(found: &Found) -> String {
    let agents = agents(found);
    let list = |shift: usize| {
        let agents = agents.iter().cycle().skip(shift).take(agents.len());
        agents.map(|agent| quoted(agent)).collect::<Vec<_>>().join(", ")
    };
    let (writes, judges) = (list(0), list(usize::from(agents.len() > 1)));
    format!(
        "
# The first healthy and eligible runtime is taken; the rest are the fallback. Roles: planner, designer,
# coder, qa, tester, validator, and any that you add.
# [role.coder]
# runtimes = [{writes}]
# slots = 2
# [role.qa]
# runtimes = [{judges}]

# A runtime of your own; for example, with the brief on standard input:
# [runtime.mine]
# driver = \"exec\"                 # exec | tmux | person | external | codex | claude | acp
# command = [\"sh\", \"-c\", \"…\"]
# limits = {{ wall = \"2h\", stall = \"20m\" }}
"
    )
}

fn one_runtime(only: &str) -> String {
    let mut text = format!(
        "
# Only `{only}` was found, so whoever reviews runs the same program as whoever wrote. The reviews are asked to be
# another principal, and each sign-off shows that. Take these out once a second runtime is here.
"
    );
    for (workflow, gates) in REVIEWS {
        let _ = writeln!(text, "[workflow.{workflow}.gate]");
        for gate in gates {
            let _ = writeln!(text, "{gate} = {{ independent = \"principal\" }}");
        }
    }
    text
}

const TAIL: &str = "
# A workflow of your own; for example:
# [workflow.mine]
# gates = [
#   { id = \"implementation\", role = \"coder\", decided_by = \"controller\" },
#   { id = \"first_validation\", role = \"controller\", decided_by = \"controller\" },
#   { id = \"qa_review\", role = \"qa\", judges = \"implementation\", decided_by = \"role:qa\" },
#   { id = \"final_validation\", role = \"controller\", decided_by = [\"controller\", \"person\"] },
# ]

# Commands that wait for a person, and branches that nobody but Mission Control moves (the default branch too).
# [policy.default]
# guard = [[\"git\", \"push\"], [\"systemctl\"], [\"docker\"], [\"kubectl\"], [\"terraform\", \"apply\"]]
# approval_expires = \"24h\"

# A ticket that is filed again and again; for example:
# [schedule.nightly-audit]
# cron = \"0 2 * * *\"
# ticket = { title = \"Dependency audit\", workflow = \"quick-fix\", labels = [\"audit\"] }
";
