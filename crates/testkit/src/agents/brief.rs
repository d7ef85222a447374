//! What an agent reads out of its brief.

/// Returns the findings that `brief` lists, like `F-1`, each once, in their order: one at the start of each list item.
pub(super) fn findings(brief: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for line in brief.lines() {
        let Some(item) = line.trim_start().strip_prefix("- ") else { continue };
        let item = item.trim_start_matches(['*', '`', ' ']);
        let number = item.strip_prefix("F-").unwrap_or_default();
        let digits: String = number.chars().take_while(char::is_ascii_digit).collect();
        let finding = format!("F-{digits}");
        if !digits.is_empty() && !found.contains(&finding) {
            found.push(finding);
        }
    }
    found
}

/// Returns what a person decided: their answer among the messages, else what the plan says of it.
pub(super) fn decided(brief: &str) -> Option<String> {
    let answer = brief.lines().find_map(|line| line.split_once(" (answer): ").map(|it| it.1));
    let planned = || brief.lines().find_map(|line| line.strip_prefix(DECIDED));
    answer.or_else(planned).map(|text| text.trim().to_owned()).filter(|text| !text.is_empty())
}

/// What stands in a plan before what a person decided.
pub(super) const DECIDED: &str = "Decided by a person: ";

/// Returns the commit that `brief` calls the base.
pub(super) fn base(brief: &str) -> Option<String> {
    let (_, rest) = brief.split_once("Base commit:")?;
    let hash: String =
        rest.trim_start_matches([' ', '`']).chars().take_while(char::is_ascii_hexdigit).collect();
    (hash.len() >= 40).then_some(hash)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn findings_are_read_once_each_from_the_list_and_nothing_else_is_taken_for_one() {
        let brief = "- **F-1** web/app.js:14\n- F-2: UTF-8\n- F-x\n- RF-9\n- F-1 again\nanswer F-3 with `mission report answer F-3 fixed`";
        assert_eq!(findings(brief), ["F-1", "F-2"]);
        assert_eq!(findings("nothing"), Vec::<String>::new());
    }

    #[test]
    fn a_decision_is_read_from_the_answer_and_later_from_the_plan() {
        let asked = "## Messages\n\n- person:ada (answer): the town's\n";
        assert_eq!(decided(asked).as_deref(), Some("the town's"));
        let planned = format!("## The plan\n\n{DECIDED}the town's\n");
        assert_eq!(decided(&planned).as_deref(), Some("the town's"));
        assert_eq!(decided("- person:ada (instruction): hurry"), None);
    }

    #[test]
    fn the_base_is_a_whole_commit() {
        let hash = "0123456789abcdef0123456789abcdef01234567";
        assert_eq!(base(&format!("Base commit: `{hash}`\nHead")).as_deref(), Some(hash));
        assert_eq!(base("Base commit: `0123`"), None);
    }
}
