//! Every way to write a bad file that we know of, with what it is told.

use super::{project, told};

/// Gates that are right, to put a wrong one beside them.
const CODE: &str = "{ id = \"implementation\", role = \"coder\", decided_by = \"controller\" }";

fn gates(more: &str) -> String {
    format!("[workflow.mine]\ngates = [\n  {CODE},\n  {more}\n]\n")
}

#[test]
fn every_bad_file_is_told_line_column_and_what_to_do() {
    let table: Vec<(&str, String)> = vec![
        ("unclosed header", "[project\nkey = \"MC\"\n".into()),
        ("no value", "[project]\nkey =\n".into()),
        ("same key twice", "[project]\nkey = \"MC\"\nkey = \"MD\"\n".into()),
        ("same table twice", "[project]\n[project]\n".into()),
        ("two syntax errors", "a = = 1\n\nb = ]\n".into()),
        ("open string", "[project]\nkey = \"MC\n".into()),
        ("key too deep", format!("{}x = 1", "a.".repeat(200))),
        ("list too deep", format!("a = {}", "[".repeat(500))),
        ("unknown table", "[projct]\nkey = \"MC\"\n".into()),
        ("unknown top-level key", "\n  nonsense = 1\n".into()),
        ("the home's key", "listen = \"127.0.0.1:1\"\n".into()),
        ("table that is none", "project = 3\n".into()),
        ("tables that are none", "role = [1]\n".into()),
        ("unknown key", "[project]\nworkflw = \"standard\"\n".into()),
        ("key nothing is like", "[project]\nzzz = 1\n".into()),
        ("wrong type", "[role.coder]\nslots = \"two\"\n".into()),
        ("number out of range", "[role.coder]\nslots = 0\n".into()),
        ("number past all ranges", "[role.coder]\nslots = 99999999999999999999\n".into()),
        ("date", "[project]\nkey = 2026-01-01\n".into()),
        ("column counts characters", "[project]\nsetup = { after_create = \"äöü 漢字\", timeout = \"5x\" }\n".into()),
        ("windows line ends", "[project]\r\nkey = \"MC\"\r\nland = \"squash\"\r\n".into()),
        ("byte order mark", "\u{feff}nonsense = 1\n".into()),
        ("project key", "[project]\nkey = \"mc\"\n".into()),
        ("branch with dots", "[project]\ndefault_branch = \"../evil\"\n".into()),
        ("branch with a control character", "[project]\ndefault_branch = \"a\\u0007b\"\n".into()),
        ("branch like an option", "[project]\ndefault_branch = \"--force\"\n".into()),
        ("unknown default workflow", "[project]\nworkflow = \"standrad\"\n".into()),
        ("bad glob", "[project]\nvisual_paths = [\"web/**\", \"a[\"]\n".into()),
        ("string for a list", "[project]\nvisual_paths = \"web/**\"\n".into()),
        ("empty check", "[project]\nchecks = [\"cargo test\", \" \"]\n".into()),
        ("check without a command", "[project]\nchecks = [{ advisory = true }]\n".into()),
        ("check with a typo", "[project]\nchecks = [{ run = \"x\", advisary = true }]\n".into()),
        ("NUL", "[project]\nsetup = { after_create = \"a\\u0000b\" }\n".into()),
        ("duration without unit", "[project]\nsetup = { timeout = 5 }\n".into()),
        ("duration of nothing", "[project]\nsetup = { timeout = \"0s\" }\n".into()),
        ("areas that are none", "[project.preview]\ncommand = \"x\"\nready = \"http://127.0.0.1:$PORT/\"\nclock = \"noon\"\nignore = [{ area = [1, 2] }, { page = \"/\" }, { area = [0, 0, -1, 5], on = 3 }]\n".into()),
        ("preview without a command", "[project.preview]\nready = \"localhost\"\npages = [\"x\"]\nwidths = [10]\n".into()),
        ("budget", "[budget]\nticket = { cost_usd = -1, tokens = 0, wall = \"long\" }\n".into()),
        ("lane's budget", "[budget]\nlane = { token = 5 }\nday = { wall = \"0h\" }\n".into()),
        ("time zone", "[project]\ntime_zone = \"Europe/Atlantis\"\n".into()),
        ("unknown driver", "[runtime.mine]\ndriver = \"exce\"\ncommand = [\"x\"]\n".into()),
        ("command as a line", "[runtime.mine]\ncommand = \"my agent\"\n".into()),
        ("runtime without a command", "[runtime.mine]\nmodel = \"m\"\n".into()),
        ("empty command", "[runtime.mine]\ncommand = []\n".into()),
        ("command for a person", "[runtime.ada]\ndriver = \"person\"\ncommand = [\"x\"]\n".into()),
        ("our own variables", "[runtime.codex]\nenv = { allow = [\"A B\", \"MISSION_HOME\"], set = { MISSION_TOKEN = \"x\" } }\n".into()),
        ("size", "[runtime.codex]\nlimits = { memory = \"8 gigs\", wall = \"2 weeks\" }\n".into()),
        ("name of a runtime", "[runtime.Codex]\ncommand = [\"x\"]\n".into()),
        ("lifecycle", "[runtime.codex]\nlifecycle = \"for-ever\"\n".into()),
        ("session that nobody keeps", "[runtime.mine]\ndriver = \"exec\"\ncommand = [\"x\"]\nlifecycle = \"persistent\"\n".into()),
        ("limits of a session that is not kept", "[runtime.codex]\nsession = { tickets = 2 }\n".into()),
        ("limits of a session", "[runtime.codex]\nlifecycle = \"persistent\"\nsession = { tickets = 0, age = \"soon\", tokens = -1, cost = 2 }\n".into()),
        ("unknown runtime", "[role.coder]\nruntimes = [\"codex\", \"cluade\", \"codex\"]\n".into()),
        ("no runtime", "[role.coder]\nruntimes = []\n".into()),
        ("unknown evidence", "[role.coder]\nevidence = [\"comit\"]\n".into()),
        ("role that is none", "[role.controller]\nslots = 1\n".into()),
        ("instructions elsewhere", "[role.coder]\ninstructions = \"../../secrets.md\"\n".into()),
        ("a shadow that decides", "[role.qa]\nmode = \"shadow\"\n".into()),
        ("empty workflow", "[workflow.mine]\ngates = []\n".into()),
        ("workflow without gates", "[workflow.mine]\n".into()),
        ("gate without id and role", gates("{ decided_by = \"person\" }")),
        ("gate without a role", gates("{ id = \"review\" }")),
        ("gate's name", gates("{ id = \"Q A\", role = \"qa\" }")),
        ("two gates of one name", gates(CODE)),
        ("unknown role", gates("{ id = \"review\", role = \"qaa\", decided_by = \"role:qb\" }")),
        ("person as role", gates("{ id = \"review\", role = \"person\" }")),
        ("nobody decides", gates("{ id = \"review\", role = \"qa\", decided_by = [] }")),
        ("decider that is none", gates("{ id = \"review\", role = \"qa\", decided_by = [\"qa\", \"person:\"] }")),
        ("decides on its own work", gates("{ id = \"notes\", role = \"planner\", decided_by = [\"person\", \"role:planner\"] }")),
        ("judges its own work", gates("{ id = \"review\", role = \"coder\", judges = \"implementation\", decided_by = \"role:coder\" }")),
        ("decides on a review of its own work", gates("{ id = \"review\", role = \"qa\", judges = \"implementation\", decided_by = [\"role:qa\", \"role:coder\"] }")),
        ("own work by override", "[workflow.standard.gate.qa_review]\nmax_rounds = 2\njudges = []\n".into()),
        ("judges what comes later", gates("{ id = \"review\", role = \"qa\", judges = [\"review\", \"implementatio\"] }")),
        ("sends ahead", "[workflow.standard.gate.plan]\nsends_back_to = \"implementation\"\n".into()),
        ("sends to nobody", "[workflow.standard.gate.qa_review]\nsends_back_to = \"first_validation\"\n".into()),
        ("sends to an unknown gate", "[workflow.standard.gate.qa_review]\nsends_back_to = \"implmentation\"\n".into()),
        ("final validation by an agent", gates("{ id = \"final_validation\", role = \"qa\", decided_by = \"person\" }")),
        ("evidence from the controller", gates("{ id = \"first_validation\", role = \"controller\", requires = \"commit\" }")),
        ("gate after the landing", gates("{ id = \"final_validation\", role = \"controller\" },\n  { id = \"review\", role = \"qa\" }")),
        ("override of an unknown gate", "[workflow.standard.gate.qa_reveiw]\nmax_rounds = 2\n".into()),
        ("override of an unknown key", "[workflow.standard.gate.qa_review]\nmax_round = 2\nid = \"x\"\n".into()),
        ("override that is no table", "[workflow.standard]\ngate = 1\n".into()),
        ("rounds", "[workflow.standard.gate.qa_review]\nmax_rounds = 0\nwhen = \"sometimes\"\n".into()),
        ("guard", "[policy.default]\nguard = [\"git push\", []]\nprotect = [\"a..b\"]\n".into()),
        ("cron", "[schedule.audit]\ncron = \"0 25 * * *\"\nticket = { title = \"x\" }\n".into()),
        ("cron of three", "[schedule.audit]\ncron = \"0 2 *\"\nticket = { title = \"x\", workflow = \"quickfix\", policy = \"strict\" }\n".into()),
        ("cron that never comes", "[schedule.audit]\ncron = \"0 2 31 4 *\"\nticket = { title = \"x\" }\n".into()),
        ("cron with a step from a number", "[schedule.audit]\ncron = \"5/10 2 * * *\"\nticket = { title = \"x\" }\n".into()),
        ("zone of a schedule", "[schedule.audit]\ncron = \"0 2 * * *\"\ntime_zone = \"Mars/Olympus\"\nticket = { title = \"x\" }\n".into()),
        ("schedule without a ticket", "[schedule.audit]\ncron = \"@daily\"\n".into()),
        ("role that names everything wrong", "[role.qa]\npermission = 1\nslots = 0\ntools = 1\nevidence = [1, \"x\"]\nmode = \"z\"\ninstructions = 1\nruntimes = 1\n".into()),
        ("own keys wrong and workflows too", "[schedule.x]\ncron = 1\nticket = { title = \"\", body = 1, labels = 1, priority = \"now\" }\n[policy.x]\nguard = 1\nprotect = 1\napproval_expires = 1\n".into()),
        ("all at once", "[project]\nkey = \"x\"\nland = \"y\"\n[role.qa]\nmode = \"z\"\n".into()),
    ];
    assert!(table.len() >= 30);
    let mut page = String::new();
    for (what, text) in table {
        let told = told(project(&text));
        assert_ne!(told, "accepted", "{what}");
        assert!(!told.contains("built-in:"), "{what}: {told}");
        page.push_str(&format!("# {what}\n{told}\n\n"));
    }
    insta::assert_snapshot!(page);
}

#[test]
fn a_bad_home_is_told_under_its_own_name() {
    let text = "listen = \"4207\"\ndatabase_url = \"mysql://u:secret@h/d\"\npeople = [\"ada\", \"a b\", \"ada\"]\nport = 1\n[runtime.x]\n";
    let result = crate::config::home(crate::config::Source { name: "config.toml", text });
    let told = told(result);
    assert!(!told.contains("secret"));
    insta::assert_snapshot!(told);
}

#[test]
fn both_files_are_told_in_one_go() {
    let told = told(super::both("[role.qa]\nslots = 0\n", "\n[role.qa]\nmode = \"x\"\n"));
    insta::assert_snapshot!(told);
}
