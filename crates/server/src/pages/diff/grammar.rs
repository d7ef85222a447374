//! Which grammar colours a file, by its name.

/// The folder of the vendored highlighter below `/assets/`.
const FOLDER: &str = "vendor/highlight-11.12.0";

/// Grammars with the endings and names of their files.
const GRAMMARS: [(&str, &[&str]); 26] = [
    ("rust", &["rs"]),
    ("typescript", &["ts", "tsx", "mts", "cts"]),
    ("javascript", &["js", "jsx", "mjs", "cjs"]),
    ("python", &["py", "pyi"]),
    ("go", &["go"]),
    ("java", &["java"]),
    ("c", &["c", "h"]),
    ("cpp", &["cc", "cpp", "cxx", "hh", "hpp", "hxx"]),
    ("csharp", &["cs"]),
    ("ruby", &["rb", "gemfile", "rakefile"]),
    ("php", &["php"]),
    ("bash", &["sh", "bash", "zsh"]),
    ("yaml", &["yaml", "yml"]),
    ("json", &["json", "jsonc", "webmanifest"]),
    ("ini", &["toml", "ini", "cfg", "conf"]),
    ("xml", &["html", "htm", "xml", "svg", "vue", "svelte"]),
    ("css", &["css"]),
    ("scss", &["scss", "sass", "less"]),
    ("sql", &["sql"]),
    ("markdown", &["md", "markdown"]),
    ("dockerfile", &["dockerfile", "containerfile"]),
    ("kotlin", &["kt", "kts"]),
    ("swift", &["swift"]),
    ("lua", &["lua"]),
    ("makefile", &["makefile", "mk"]),
    ("protobuf", &["proto"]),
];

/// Returns the address of the highlighter.
pub(super) fn engine() -> String {
    super::super::assets::url(&format!("{FOLDER}/core.js"))
}

/// Returns the address of the grammar for the file at `path`, if there is one.
pub(super) fn of(path: &str) -> Option<String> {
    let name = path.rsplit('/').next()?.to_ascii_lowercase();
    let ending = name.rsplit('.').next()?;
    let (grammar, _) = GRAMMARS.iter().find(|(_, endings)| endings.contains(&ending))?;
    Some(super::super::assets::url(&format!("{FOLDER}/{grammar}.js")))
}

#[cfg(test)]
mod tests {
    use super::{GRAMMARS, engine, of};
    use crate::pages::assets::asset;

    #[test]
    fn every_grammar_is_there_and_a_file_finds_its_own_by_its_name() {
        let is_there = |url: &str| {
            let path = url.strip_prefix("/assets/").and_then(|it| it.split('?').next());
            asset(path.expect("an address")).is_some()
        };
        assert!(is_there(&engine()));
        for (grammar, endings) in GRAMMARS {
            let found = of(&format!("some/where/x.{}", endings[0])).expect(grammar);
            assert!(found.contains(&format!("/{grammar}.js")) && is_there(&found), "{found}");
        }
        assert!(of("a/Dockerfile").is_some_and(|it| it.contains("/dockerfile.js")));
        assert_eq!((of("a.rs/LICENSE"), of("x.bin"), of("")), (None, None, None));
    }
}
