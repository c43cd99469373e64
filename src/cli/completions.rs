//! `sendlog completions SHELL`: what Tab offers, made from the table of commands.
//!
//! Always true: a command or a flag that is in the table is offered, and nothing else; a flag that takes a directory or a
//! file is followed by names of those, `--set` by the keys.
//! Not done: no broker and no directory is asked for names of topics.

use std::process::ExitCode;

use getopts::Matches;

use crate::base::Error;
use crate::cli::flags::{Flag, Takes, HELP};
use crate::cli::options::refuse;
use crate::cli::{say, Command, COMMANDS};
use crate::config::KEYS;

pub const COMMAND: Command = Command {
    name: "completions",
    what: "what a shell completes, as a script for it",
    operands: "bash|fish|zsh",
    about: "Prints a script that has a shell complete commands, options and keys.",
    flags: &[&[HELP]],
    examples: &[
        "sendlog completions bash >/etc/bash_completion.d/sendlog",
        "sendlog completions fish >~/.config/fish/completions/sendlog.fish",
        "sendlog completions zsh >/usr/local/share/zsh/site-functions/_sendlog",
    ],
    subcommands: &[],
    main,
};

fn main(matches: &Matches) -> ExitCode {
    let shells: Vec<&str> = matches.free.iter().map(String::as_str).collect();
    say(&match shells[..] {
        ["bash"] => bash(),
        ["fish"] => fish(),
        ["zsh"] => zsh(),
        _ => {
            let cause = format!("'{}' is not a shell that is known here", shells.join(" "));
            return refuse(&Error::unusable(cause, "give one of bash, fish, zsh"));
        }
    });
    ExitCode::SUCCESS
}

/// What may stand behind a flag.
enum Values {
    Nothing,
    Folders,
    Files,
    Keys,
    Unknown,
}

fn values(flag: &Flag) -> Values {
    match flag.takes {
        Takes::Nothing | Takes::Perhaps(_) => Values::Nothing,
        Takes::One("DIR") => Values::Folders,
        Takes::One("FILE") => Values::Files,
        Takes::Each("KEY=VALUE") => Values::Keys,
        Takes::One(_) | Takes::Each(_) => Values::Unknown,
    }
}

fn long_flags(command: &Command) -> String {
    let flags: Vec<String> = command.all_flags().map(|flag| format!("--{}", flag.name)).collect();
    flags.join(" ")
}

/// The words that a command takes beside its options.
fn operands(command: &Command) -> Vec<&'static str> {
    let is_choice = command.operands.contains('|');
    command
        .operands
        .split('|')
        .filter(|_| is_choice)
        .chain(command.subcommands.iter().map(Command::word))
        .collect()
}

/// Whether something else than options is completed behind its options.
fn has_values(command: &Command) -> bool {
    command
        .all_flags()
        .any(|flag| matches!(values(flag), Values::Folders | Values::Files | Values::Keys))
}

fn commands() -> String {
    COMMANDS.iter().map(|command| command.name).collect::<Vec<_>>().join(" ")
}

fn keys() -> String {
    KEYS.iter().map(|key| format!("{}=", key.name)).collect::<Vec<_>>().join(" ")
}

fn bash() -> String {
    let server = &COMMANDS[0];
    let (mut cases, mut subcases) = (String::new(), String::new());
    for command in COMMANDS {
        let words = [&operands(command).join(" "), long_flags(command).as_str()].join(" ");
        cases += &format!("        {}) words='{}' ;;\n", command.name, words.trim());
        for subcommand in command.subcommands {
            subcases += &format!("        '{}') words='{}' ;;\n", subcommand.name, long_flags(subcommand));
        }
    }
    let plain: Vec<&str> = COMMANDS.iter().filter(|command| !has_values(command)).map(|command| command.name).collect();
    format!(
        r#"# sendlog's completion for bash, made by `sendlog completions bash`
_sendlog() {{
    local word=${{COMP_WORDS[COMP_CWORD]}} previous=${{COMP_WORDS[COMP_CWORD - 1]}} words
    COMPREPLY=()
    case ${{COMP_WORDS[1]}} in
        {plain}) previous= ;;
    esac
    case $previous in
        --data) COMPREPLY=($(compgen -d -- "$word")); return ;;
        --config) COMPREPLY=($(compgen -f -- "$word")); return ;;
        --set) compopt -o nospace; COMPREPLY=($(compgen -W '{keys}' -- "$word")); return ;;
    esac
    case ${{COMP_WORDS[1]}} in
{cases}        *) words='{flags}' ;;
    esac
    if [ "$COMP_CWORD" = 1 ]; then words="{commands} $words"; fi
    if [ "$COMP_CWORD" -gt 2 ]; then
        case "${{COMP_WORDS[1]}} ${{COMP_WORDS[2]}}" in
{subcases}        esac
    fi
    COMPREPLY=($(compgen -W "$words" -- "$word"))
}}
complete -F _sendlog sendlog
"#,
        plain = plain.join("|"),
        keys = keys(),
        flags = long_flags(server),
        commands = commands(),
    )
}

fn fish() -> String {
    let mut text =
        String::from("# sendlog's completion for fish, made by `sendlog completions fish`\ncomplete -c sendlog -f\n");
    let quoted = |doc: &str| format!("'{}'", doc.replace('\'', "\\'"));
    for command in COMMANDS {
        let what = quoted(command.what);
        text += &format!("complete -c sendlog -n __fish_use_subcommand -a {} -d {what}\n", command.name);
    }
    for command in COMMANDS {
        let others: Vec<&str> = COMMANDS[1..].iter().map(|other| other.name).collect();
        let when = match command.name == COMMANDS[0].name {
            // Its name may be left out.
            true => format!("'not __fish_seen_subcommand_from {}'", others.join(" ")),
            false => format!("'__fish_seen_subcommand_from {}'", command.name),
        };
        for word in operands(command) {
            text += &format!("complete -c sendlog -n {when} -a {word}\n");
        }
        text += &fish_flags(command, &when);
        for subcommand in command.subcommands {
            let (name, word) = (command.name, subcommand.word());
            let when = format!("'__fish_seen_subcommand_from {name}; and __fish_seen_subcommand_from {word}'");
            text += &fish_flags(subcommand, &when);
        }
    }
    text
}

fn fish_flags(command: &Command, when: &str) -> String {
    let quoted = |doc: &str| format!("'{}'", doc.replace('\'', "\\'"));
    let mut text = String::new();
    for flag in command.all_flags() {
        let short = if flag.short.is_empty() { String::new() } else { format!(" -s {}", flag.short) };
        let takes = match values(flag) {
            Values::Nothing => String::new(),
            Values::Folders => " -x -a '(__fish_complete_directories)'".to_string(),
            Values::Files => " -r -F".to_string(),
            Values::Keys => format!(" -x -a '{}'", keys()),
            Values::Unknown => " -x".to_string(),
        };
        text += &format!("complete -c sendlog -n {when} -l {}{short}{takes} -d {}\n", flag.name, quoted(flag.doc));
    }
    text
}

fn zsh() -> String {
    let mut cases = String::new();
    for command in COMMANDS {
        let mut branches = String::new();
        for subcommand in command.subcommands {
            let arguments = zsh_arguments(subcommand);
            branches += &format!("            {}) {arguments}; return ;;\n", subcommand.word());
        }
        if !branches.is_empty() {
            let shift = "shift words; (( CURRENT-- ))";
            branches = format!("        if (( CURRENT > 2 )); then\n            {shift}\n            case $words[1] in\n{branches}            esac\n        fi\n");
        }
        cases += &format!("    {})\n{branches}        {}\n        ;;\n", command.name, zsh_arguments(command));
    }
    let list = COMMANDS.iter().map(|command| format!("'{}:{}'", command.name, zsh_text(command.what)));
    format!(
        r#"#compdef sendlog
# sendlog's completion for zsh, made by `sendlog completions zsh`
_sendlog() {{
    local -a commands=({list})
    if (( CURRENT == 2 )) && [[ $words[2] != -* ]]; then
        _describe command commands
        return
    fi
    local command={first}
    if [[ $words[2] != -* ]]; then
        command=$words[2]
        shift words
        (( CURRENT-- ))
    fi
    case $command in
{cases}    esac
}}
_sendlog "$@"
"#,
        list = list.collect::<Vec<_>>().join(" "),
        first = COMMANDS[0].name,
    )
}

/// In a specification of _arguments a colon ends a part, and a bracket the explanation.
fn zsh_text(doc: &str) -> String {
    doc.replace('\'', "'\\''").replace('[', "(").replace(']', ")").replace(':', "\\:")
}

fn zsh_arguments(command: &Command) -> String {
    let mut text = String::from("_arguments");
    for flag in command.all_flags() {
        let repeats = if matches!(flag.takes, Takes::Each(_)) { "*" } else { "" };
        let takes = match values(flag) {
            Values::Nothing => String::new(),
            Values::Folders => ":directory:_files -/".to_string(),
            Values::Files => ":file:_files".to_string(),
            Values::Keys => format!(":key:({})", keys()),
            Values::Unknown => ":value: ".to_string(),
        };
        text += &format!(" \\\n            '{repeats}--{}[{}]{takes}'", flag.name, zsh_text(flag.doc));
    }
    let operands = operands(command);
    if !operands.is_empty() {
        text += &format!(" \\\n            '1:word:({})'", operands.join(" "));
    }
    text
}
