//! The Chinese pages (README.zh.md, docs/zh) are those of the English, as far as a test can see without reading Chinese.
//!
//! Each page has a translation, and each has the same headings, code, commands, names, figures and links: whoever changes an
//! English page is told of the Chinese one. Drawings may have Chinese labels, and as many lines.
//!
//! Not done: nobody but a reader sees what a sentence says. `tests/tour.rs` compares excerpts with the source, and looks whether
//! links lead somewhere.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path, PathBuf};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A block of code or text between two fences.
#[derive(Debug, PartialEq)]
struct Fenced {
    language: String,
    text: String,
    /// What the commands above it print.
    is_output: bool,
}

/// A page by its place in the repository.
struct Page {
    name: String,
    text: String,
    prose: String,
    fenced: Vec<Fenced>,
}

impl Page {
    fn read(name: &str) -> Page {
        let text = std::fs::read_to_string(root().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
        let (mut prose, mut fenced, mut is_code, mut above) = (String::new(), Vec::<Fenced>::new(), false, "");
        for line in text.lines() {
            match (line.strip_prefix("```"), is_code) {
                (Some(_), true) => is_code = false,
                (Some(language), false) => {
                    let is_output = above == "```" && fenced.last().is_some_and(|last| last.language == "sh");
                    fenced.push(Fenced { language: language.to_string(), text: String::new(), is_output });
                    is_code = true;
                }
                (None, true) => fenced.last_mut().unwrap().text += &format!("{line}\n"),
                (None, false) => prose += &format!("{line}\n"),
            }
            above = line;
        }
        Page { name: name.to_string(), text, prose, fenced }
    }

    /// How deep each heading is.
    fn headings(&self) -> Vec<usize> {
        let headings = self.prose.lines().filter(|line| line.starts_with('#'));
        headings.map(|line| line.chars().take_while(|c| *c == '#').count()).collect()
    }

    /// What stands in code quotes.
    fn names(&self) -> BTreeSet<String> {
        let quoted = self.prose.split('`').skip(1).step_by(2);
        quoted.map(|name| name.split_whitespace().collect::<Vec<_>>().join(" ")).collect()
    }

    /// Its numbers, `1,000` and `4.1` in one piece.
    fn numbers(&self) -> BTreeSet<String> {
        let parts = self.text.split(|c: char| !c.is_ascii_digit() && c != ',' && c != '.');
        let numbers = parts.map(|part| part.trim_matches([',', '.']).to_string());
        numbers.filter(|number| !number.is_empty()).collect()
    }

    /// The files that its links lead to.
    fn links(&self) -> BTreeSet<PathBuf> {
        let folder = Path::new(&self.name).parent().unwrap();
        let targets = self.prose.split("](").skip(1).map(|part| part.split([')', ' ', '#']).next().unwrap());
        let files = targets.filter(|target| !target.is_empty() && !target.starts_with("http"));
        files.map(|target| plain(&folder.join(target))).collect()
    }
}

/// A path without `..` in it.
fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        if part == Component::ParentDir {
            plain.pop();
        } else {
            plain.push(part);
        }
    }
    plain
}

/// The names of pages that are translated, and where the translation is.
fn pairs() -> Vec<(String, String)> {
    let mut pairs = vec![
        ("README.md".to_string(), "README.zh.md".to_string()),
        ("docs/questions.md".to_string(), "docs/zh/questions.md".to_string()),
    ];
    for entry in std::fs::read_dir(root().join("docs/tour")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        if name.ends_with(".md") {
            pairs.push((format!("docs/tour/{name}"), format!("docs/zh/tour/{name}")));
        }
    }
    assert!(pairs.len() > 8, "does this test still find the tour?");
    pairs
}

fn pages() -> Vec<(Page, Page)> {
    pairs().iter().map(|(english, chinese)| (Page::read(english), Page::read(chinese))).collect()
}

#[test]
fn each_page_has_a_translation_that_leads_to_it() {
    for (english, chinese) in pages() {
        let head = Page { prose: chinese.text.lines().take(4).collect::<Vec<_>>().join("\n"), ..chinese };
        assert!(
            head.links().contains(Path::new(&english.name)),
            "{} does not lead to {} at its top",
            head.name,
            english.name
        );
    }
    for name in std::fs::read_dir(root().join("docs/zh/tour")).unwrap().map(|entry| entry.unwrap().file_name()) {
        assert!(root().join("docs/tour").join(&name).exists(), "docs/zh/tour/{name:?} translates nothing");
    }
}

#[test]
fn a_translation_has_the_headings_and_the_code_of_its_original() {
    for (english, chinese) in pages() {
        let name = &chinese.name;
        assert_eq!(chinese.headings(), english.headings(), "{name}: its headings");
        let languages = |page: &Page| page.fenced.iter().map(|part| part.language.clone()).collect::<Vec<_>>();
        assert_eq!(languages(&chinese), languages(&english), "{name}: its fenced code");
        for (ours, theirs) in chinese.fenced.iter().zip(&english.fenced) {
            if ours.language == "text" && !ours.is_output {
                let (lines, wanted) = (ours.text.lines().count(), theirs.text.lines().count());
                assert_eq!(lines, wanted, "{name}: the lines of this drawing:\n{}", ours.text);
            } else {
                assert_eq!(ours, theirs, "{name}");
            }
        }
    }
}

#[test]
fn a_translation_has_the_names_the_figures_and_the_links_of_its_original() {
    let translated: BTreeMap<_, _> = pairs()
        .into_iter()
        .map(|(english, chinese)| (PathBuf::from(english), PathBuf::from(chinese)))
        .collect();
    for (english, chinese) in pages() {
        let name = &chinese.name;
        let missing: Vec<_> = english.names().difference(&chinese.names()).cloned().collect();
        assert!(missing.is_empty(), "{name} does not have {missing:?} in code quotes");
        let missing: Vec<_> = english.numbers().difference(&chinese.numbers()).cloned().collect();
        assert!(missing.is_empty(), "{name} does not have the numbers {missing:?}");
        let links = chinese.links();
        for path in english.links().iter().filter(|path| *path != Path::new(name)) {
            let is_there = links.contains(path) || translated.get(path).is_some_and(|ours| links.contains(ours));
            assert!(is_there, "{name} does not lead to {}", path.display());
        }
    }
}
