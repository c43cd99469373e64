//! The tour (docs/tour) shows the source as it is, links to what is there, and names what exists.
//!
//! An excerpt is a region of a source file, from a line `// tour: NAME` to a line `// end`; a page holds it between
//! `<!-- tour: NAME -->` and `<!-- end -->`. `TOUR=write cargo test --test tour` puts the source's text into the pages.
//!
//! In a page, what stands in code quotes is ours and is looked for in the source; Kafka's names are in italics.
//! `tests/tour_exercises.rs` runs the commands.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// The tour, and its translations: the same pages with the same excerpts.
const FOLDERS: &[&str] = &["docs/tour", "docs/zh/tour"];
/// Other pages whose links are looked at, those of them that are there.
const LINKED: &[&str] = &[
    "README.md",
    "README.zh.md",
    "ARCHITECTURE.md",
    "docs/questions.md",
    "docs/zh/questions.md",
    "docs/lab/README.md",
];
/// Two screens.
const PAGE_LINES_MAX: usize = 155;
const EXCERPT_LINES_MAX: usize = 25;
const MEND: &str =
    "run TOUR=write cargo test --test tour, and read the page again: does it still say what the code does?";

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A page of one of the folders that are there.
struct Page {
    path: PathBuf,
    text: String,
}

impl Page {
    fn name(&self) -> String {
        self.path.strip_prefix(root()).unwrap().display().to_string()
    }

    /// `../../` from the page to the root.
    fn up(&self) -> String {
        "../".repeat(self.name().matches('/').count())
    }

    /// Its excerpts: where the text between the marks begins and ends, and the name.
    fn excerpts(&self) -> Vec<(usize, usize, String)> {
        let mut found = Vec::new();
        for (at, mark) in self.text.match_indices("<!-- tour: ") {
            let name = self.text[at + mark.len()..].split(" -->\n").next().unwrap().to_string();
            let begin = at + mark.len() + name.len() + " -->\n".len();
            let length = self.text[begin..].find("<!-- end -->");
            let length = length.unwrap_or_else(|| panic!("{}: no <!-- end --> after {name}", self.name()));
            found.push((begin, begin + length, name));
        }
        found
    }

    /// Its text without fenced code.
    fn prose(&self) -> String {
        let mut is_code = false;
        let is_prose = |line: &&str| {
            let is_fence = line.starts_with("```");
            is_code ^= is_fence;
            !is_code && !is_fence
        };
        self.text.lines().filter(is_prose).collect::<Vec<_>>().join("\n")
    }
}

fn pages_of(folder: &str) -> Vec<Page> {
    let Ok(entries) = std::fs::read_dir(root().join(folder)) else { return Vec::new() };
    let paths = entries.map(|entry| entry.unwrap().path());
    let mut paths: Vec<_> = paths.filter(|path| path.extension().is_some_and(|suffix| suffix == "md")).collect();
    paths.sort();
    paths.into_iter().map(|path| Page { text: std::fs::read_to_string(&path).unwrap(), path }).collect()
}

fn pages() -> Vec<Page> {
    FOLDERS.iter().flat_map(|folder| pages_of(folder)).collect()
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let (folders, files): (Vec<_>, Vec<_>) = entries.partition(|path| path.is_dir());
    let own = files.into_iter().filter(|path| path.extension().is_some_and(|suffix| suffix == "rs"));
    own.chain(folders.iter().flat_map(|folder| rust_files(folder))).collect()
}

/// The regions of the source by name: the file, and the text without the marks' indentation.
fn regions() -> BTreeMap<String, (String, String)> {
    let mut regions = BTreeMap::new();
    for path in rust_files(&root().join("src")) {
        let file = path.strip_prefix(root()).unwrap().display().to_string();
        let mut open: Option<(String, usize, String)> = None;
        for line in std::fs::read_to_string(&path).unwrap().lines() {
            let mark = line.trim_start();
            if let Some(name) = mark.strip_prefix("// tour: ") {
                assert!(open.is_none(), "{file}: {name} begins inside of another region");
                open = Some((name.to_string(), line.len() - mark.len(), String::new()));
            } else if mark == "// end" {
                let (name, _, text) = open.take().unwrap_or_else(|| panic!("{file}: // end without // tour:"));
                let twice = regions.insert(name.clone(), (file.clone(), text));
                assert!(twice.is_none(), "{file}: there are two regions named {name}");
            } else if let Some((_, indentation, text)) = &mut open {
                *text += line.get(*indentation..).unwrap_or("");
                text.push('\n');
            }
        }
        assert!(open.is_none(), "{file}: {} has no // end", open.unwrap().0);
    }
    regions
}

/// What a page holds between the marks of an excerpt.
fn shown(page: &Page, file: &str, text: &str) -> String {
    format!("[{file}]({}{file})\n\n```rust\n{text}```\n", page.up())
}

#[test]
fn excerpts_are_the_source() {
    let regions = regions();
    let is_writing = std::env::var("TOUR").is_ok_and(|value| value == "write");
    let mut used = BTreeSet::new();
    for page in pages() {
        let (mut text, mut done) = (String::new(), 0);
        for (begin, end, name) in page.excerpts() {
            let region = regions.get(&name);
            let (file, code) = region.unwrap_or_else(|| panic!("{}: no region {name} in src", page.name()));
            assert!(code.lines().count() <= EXCERPT_LINES_MAX, "{file}: {name} is longer than an excerpt should be");
            let wanted = shown(&page, file, code);
            let is_same = page.text[begin..end] == wanted;
            assert!(is_same || is_writing, "{}: {name} is not what {file} says; {MEND}", page.name());
            text += &page.text[done..begin];
            text += &wanted;
            used.insert(name);
            done = end;
        }
        if is_writing && done > 0 {
            std::fs::write(&page.path, text + &page.text[done..]).unwrap();
        }
    }
    for (name, (file, _)) in regions {
        assert!(used.contains(&name), "{file}: no page shows the region {name}");
    }
}

#[test]
fn a_translation_has_the_excerpts_and_the_commands_of_its_original() {
    let originals = pages_of(FOLDERS[0]);
    for page in FOLDERS[1..].iter().flat_map(|folder| pages_of(folder)) {
        let original = originals.iter().find(|original| original.path.file_name() == page.path.file_name());
        let original = original.unwrap_or_else(|| panic!("{} is no page of {}", page.name(), FOLDERS[0]));
        let names = |page: &Page| page.excerpts().into_iter().map(|(.., name)| name).collect::<Vec<_>>();
        assert_eq!(names(&page), names(original), "{}", page.name());
        let runs = |page: &Page| -> Vec<String> {
            let parts = page.text.split("<!-- run -->\n```sh\n").skip(1);
            parts.map(|part| part.split("```\n").next().unwrap().to_string()).collect()
        };
        assert_eq!(runs(&page), runs(original), "{}", page.name());
    }
}

#[test]
fn a_page_is_two_screens_and_the_index_leads_to_it() {
    for folder in FOLDERS {
        let pages = pages_of(folder);
        let index = pages.iter().find(|page| page.path.ends_with("README.md"));
        for page in &pages {
            let lines = page.text.lines().count();
            assert!(lines <= PAGE_LINES_MAX, "{} has {lines} lines", page.name());
            let file = page.path.file_name().unwrap().to_str().unwrap();
            let is_listed = index.is_none_or(|index| file == "README.md" || index.text.contains(&format!("({file})")));
            assert!(is_listed, "{folder}/README.md does not lead to {file}");
        }
    }
    assert!(pages().len() > 5, "does this test still find the pages?");
}

/// The anchors that GitHub gives a page's headings.
fn anchors(text: &str) -> Vec<String> {
    let headings = text.lines().filter(|line| line.starts_with('#'));
    let slug = |heading: &str| {
        let kept = |c: char| c.is_alphanumeric() || c == ' ' || c == '-' || c == '_';
        let title = heading.trim_start_matches('#').trim().to_lowercase();
        title.chars().filter(|c| kept(*c)).collect::<String>().replace(' ', "-")
    };
    headings.map(slug).collect()
}

#[test]
fn links_lead_somewhere() {
    let beside = LINKED.iter().map(|name| root().join(name)).filter(|path| path.exists());
    let with_links: Vec<Page> =
        beside.map(|path| Page { text: std::fs::read_to_string(&path).unwrap(), path }).collect();
    let mut links = 0;
    for page in pages().iter().chain(&with_links) {
        for part in page.prose().split("](").skip(1) {
            let target = part.split([')', ' ']).next().unwrap();
            if target.starts_with("http") {
                continue;
            }
            links += 1;
            let (file, anchor) = target.split_once('#').unwrap_or((target, ""));
            let path = if file.is_empty() { page.path.clone() } else { page.path.parent().unwrap().join(file) };
            assert!(path.exists(), "{}: {target} is a dead link", page.name());
            if !anchor.is_empty() {
                let there = anchors(&std::fs::read_to_string(&path).unwrap());
                assert!(there.iter().any(|known| known == anchor), "{}: no heading for {target}", page.name());
            }
        }
    }
    assert!(links > 40, "only {links} links were found: does this test still read the pages?");
}

/// System calls as the kernel names them, and a program.
const OUTSIDE: &[&str] = &["sendto", "writev", "pread64", "strace"];

/// The code of the crate and of the examples, comments left out: where names are looked for.
struct Source {
    words: BTreeSet<String>,
    text: String,
}

impl Source {
    fn read() -> Source {
        let files = ["src", "examples"].map(|folder| rust_files(&root().join(folder))).concat();
        let texts = files.iter().map(|path| std::fs::read_to_string(path).unwrap());
        let code = |text: String| {
            let lines = text.lines().filter(|line| !line.trim_start().starts_with("//"));
            lines.collect::<Vec<_>>().join("\n")
        };
        let text = texts.map(code).collect::<Vec<_>>().join("\n");
        let words = text.split(|c: char| !c.is_alphanumeric() && c != '_').map(str::to_string).collect();
        Source { words, text }
    }

    fn defines(&self, name: &str) -> bool {
        let kinds = ["fn", "struct", "enum", "trait", "type", "const", "static", "mod"];
        let is_defined = |kind: &str| {
            self.text.match_indices(&format!("{kind} {name}")).any(|(at, found)| {
                let next = self.text[at + found.len()..].chars().next();
                next.is_some_and(|next| !next.is_alphanumeric() && next != '_')
            })
        };
        kinds.iter().any(|kind| is_defined(kind))
    }

    /// Why this is no name of ours; `None` where it is one, or no name at all.
    fn objects_to(&self, quoted: &str) -> Option<&'static str> {
        let is_word = |text: &str| text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') && !text.is_empty();
        let folders = ["src/", "tests/", "docs/", "examples/", "bench/", "fuzz/"];
        let is_path = folders.iter().any(|folder| quoted.starts_with(folder)) && !quoted.contains([' ', '*', '<']);
        let call = quoted.strip_suffix("()");
        let parts: Vec<&str> = call.unwrap_or(quoted).split("::").collect();
        let key = quoted.split('=').next().unwrap();
        let key_parts: Vec<&str> = key.split('.').collect();
        let is_key = key_parts.len() > 1 && key_parts.iter().all(|part| is_word(part)) && key == key.to_lowercase();
        let is_file =
            ["log", "index", "timeindex", "md", "sh", "rs", "snapshot", "c", "svg"].contains(key_parts.last()?);
        if is_path {
            (!root().join(quoted.trim_end_matches('/')).exists()).then_some("no such file")
        } else if let Some(flag) = quoted.strip_prefix("--").map(|flag| flag.split(['=', ' ']).next().unwrap()) {
            (!self.text.contains(&format!("\"{flag}\""))).then_some("no such flag")
        } else if is_key && !is_file {
            (!self.text.contains(&format!("\"{key}\""))).then_some("no such key")
        } else if !parts.iter().all(|part| is_word(part)) || quoted.starts_with(|c: char| c.is_ascii_digit()) {
            None
        } else if parts.len() > 1 || call.is_some() {
            let known = parts.iter().all(|part| self.defines(part) || self.words.contains(*part));
            let last_defined = call.is_none() || self.defines(parts[parts.len() - 1]);
            (!known || !last_defined).then_some("nothing has that name")
        } else {
            (!self.words.contains(quoted) && !OUTSIDE.contains(&quoted)).then_some("nothing has that name")
        }
    }
}

#[test]
fn names_in_code_quotes_are_ours_and_exist() {
    let source = Source::read();
    for (name, is_known) in [
        ("Segment::append", true),
        ("Segment::appendix", false),
        ("send_file()", true),
        ("sent_file()", false),
        ("src/log/mod.rs", true),
        ("src/log/mud.rs", false),
        ("flush.mode=os", true),
        ("flush.mood", false),
        ("--records", true),
        ("--discords", false),
        ("WaitCell", true),
        ("LogCleaner", false),
        ("wait", true),
        ("waite", false),
        ("fdatasync", true),
    ] {
        assert_eq!(source.objects_to(name).is_none(), is_known, "{name}");
    }
    let mut looked_at = 0;
    for page in pages() {
        let prose = page.prose();
        for quoted in prose.split('`').skip(1).step_by(2) {
            looked_at += 1;
            // A word of the page's own drawing or commands.
            let is_plain = quoted.chars().all(|c| c.is_ascii_lowercase());
            let is_of_the_page = is_plain && page.text.matches(quoted).count() > prose.matches(quoted).count();
            if let Some(why) = source.objects_to(quoted).filter(|_| !is_of_the_page) {
                panic!("{}: `{quoted}`: {why} (Kafka's names are in italics)", page.name());
            }
        }
    }
    assert!(looked_at > 60, "only {looked_at} names were found: does this test still read the pages?");
}
