//! `sendlog completions SHELL`: what Tab offers, made from the table of commands.
//!
//! Always true: a command or a flag that is in the table is offered, and nothing else; a flag that takes a directory or a
//! file is followed by names of those, `--set` by the keys.

use std::process::ExitCode;

use getopts::Matches;

use crate::base::config::KEYS;
use crate::base::Error;
use crate::cli::flags::{Flag, Takes, HELP};
use crate::cli::options::refuse;
use crate::cli::{say, Command, COMMANDS};

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
    command.operands.split('|').filter(|word| !word.is_empty()).collect()
}

fn commands() -> String {
    COMMANDS.iter().map(|command| command.name).collect::<Vec<_>>().join(" ")
}

fn keys() -> String {
    KEYS.iter().map(|key| format!("{}=", key.name)).collect::<Vec<_>>().join(" ")
}

fn bash() -> String {
    let server = &COMMANDS[0];
    let mut cases = String::new();
    for command in COMMANDS {
        let words = [&operands(command).join(" "), long_flags(command).as_str()].join(" ");
        cases += &format!("        {}) words='{}' ;;\n", command.name, words.trim());
    }
    format!(
        r#"# sendlog's completion for bash, made by `sendlog completions bash`
_sendlog() {{
    local word=${{COMP_WORDS[COMP_CWORD]}} previous=${{COMP_WORDS[COMP_CWORD - 1]}} words
    COMPREPLY=()
    case $previous in
        --data) COMPREPLY=($(compgen -d -- "$word")); return ;;
        --config) COMPREPLY=($(compgen -f -- "$word")); return ;;
        --set) compopt -o nospace; COMPREPLY=($(compgen -W '{keys}' -- "$word")); return ;;
    esac
    case ${{COMP_WORDS[1]}} in
{cases}        *) words='{flags}' ;;
    esac
    if [ "$COMP_CWORD" = 1 ]; then words="{commands} $words"; fi
    COMPREPLY=($(compgen -W "$words" -- "$word"))
}}
complete -F _sendlog sendlog
"#,
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
    }
    text
}

fn zsh() -> String {
    // In a specification of _arguments a colon ends a part, and a bracket the explanation.
    let plain = |doc: &str| doc.replace('\'', "'\\''").replace('[', "(").replace(']', ")").replace(':', "\\:");
    let mut cases = String::new();
    for command in COMMANDS {
        cases += &format!("    {})\n        _arguments", command.name);
        for flag in command.all_flags() {
            let repeats = if matches!(flag.takes, Takes::Each(_)) { "*" } else { "" };
            let takes = match values(flag) {
                Values::Nothing => String::new(),
                Values::Folders => ":directory:_files -/".to_string(),
                Values::Files => ":file:_files".to_string(),
                Values::Keys => format!(":key:({})", keys()),
                Values::Unknown => ":value: ".to_string(),
            };
            cases += &format!(" \\\n            '{repeats}--{}[{}]{takes}'", flag.name, plain(flag.doc));
        }
        let operands = operands(command);
        if !operands.is_empty() {
            cases += &format!(" \\\n            '1:shell:({})'", operands.join(" "));
        }
        cases += "\n        ;;\n";
    }
    let list = COMMANDS.iter().map(|command| format!("'{}:{}'", command.name, plain(command.what)));
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
