//! What an agent reads out of its brief.

/// Returns the findings that `brief` names, like `F-1`, each once, in their order.
pub(super) fn findings(brief: &str) -> Vec<String> {
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '-';
    let mut found: Vec<String> = Vec::new();
    for word in brief.split(|c: char| !is_word(c)) {
        let number = word.strip_prefix("F-").filter(|number| !number.is_empty());
        let is_finding = number.is_some_and(|number| number.chars().all(|c| c.is_ascii_digit()));
        if is_finding && !found.iter().any(|other| other == word) {
            found.push(word.to_owned());
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn findings_are_read_once_each_and_nothing_else_is_taken_for_one() {
        let brief = "- **F-1** web/app.js:14 …\n- F-2: UTF-8, F-x, RF-9\nanswer F-1 with `mission report answer F-1 fixed`";
        assert_eq!(findings(brief), ["F-1", "F-2"]);
        assert_eq!(findings("nothing"), Vec::<String>::new());
    }
}
