//! The lines of tmux's control mode: what is said between `%begin` and `%end` or `%error` is a command's reply, the rest is news.

/// What a command printed, or what tmux says against it.
pub(crate) type Reply = Result<String, String>;

/// What one or more lines amount to.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Said {
    Reply(Reply),
    /// With what the client says of it.
    ServerEnded(String),
}

/// Reads line by line.
#[derive(Debug, Default)]
pub(crate) struct Lines {
    printed: Option<Vec<String>>,
}

impl Lines {
    /// Takes the next line, without its end, and returns what is complete with it.
    pub(crate) fn take(&mut self, line: &str) -> Option<Said> {
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        if let Some(printed) = &mut self.printed {
            let is_good = match word {
                "%end" => true,
                "%error" => false,
                _ => {
                    printed.push(line.to_owned());
                    return None;
                }
            };
            let text = self.printed.take().unwrap_or_default().join("\n");
            return Some(Said::Reply(if is_good { Ok(text) } else { Err(text) }));
        }
        match word {
            "%begin" => {
                self.printed = Some(Vec::new());
                None
            }
            // Without a reason it is the client's session alone that ended.
            "%exit" if rest.starts_with("server") => Some(Said::ServerEnded(rest.to_owned())),
            _ => None,
        }
    }
}

/// Returns `word` so that tmux takes it as one word and as nothing else.
pub(crate) fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replies_and_news_are_told_apart() {
        let mut lines = Lines::default();
        let mut said = |text: &str| text.lines().filter_map(|line| lines.take(line)).collect();
        let replies: Vec<Said> = said("%begin 1 2 1\n@1\n%end 1 2 1\n%window-add @1\n");
        assert_eq!(replies, [Said::Reply(Ok("@1".into()))]);
        let refused: Vec<Said> = said("%begin 1 3 1\nduplicate session: mc-MC-7\n%error 1 3 1");
        assert_eq!(refused, [Said::Reply(Err("duplicate session: mc-MC-7".into()))]);
        let news: Vec<Said> = said("%sessions-changed\n%unlinked-window-close @2\n%exit\n");
        assert_eq!(news, []);
        let end: Vec<Said> = said("%exit server exited unexpectedly\n");
        assert_eq!(end, [Said::ServerEnded("server exited unexpectedly".into())]);
    }

    #[test]
    fn a_word_with_quotes_stays_one_word() {
        assert_eq!(quoted("/tmp/ada's #{home}"), r"'/tmp/ada'\''s #{home}'");
    }
}
