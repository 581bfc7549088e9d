//! Writes the manual pages and the completions for shells, from the command line's own definition; part of no program.
//!
//!     cargo run --example manual FOLDER
//!
//! `roamd.8.in` beside this is the page that people write: the words between at signs are filled in here. The other pages
//! are one for each command, as `git-log(1)` is to `git(1)`, so that `man roamd status` finds them.

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::{env, io};

use clap::Command;
use clap_complete::Shell;
use clap_mangen::Man;
use jiff::fmt::rfc2822;

const PAGE: &str = include_str!("roamd.8.in");
const CHANGELOG: &str = include_str!("changelog");

/// What stands at the end of the pages that are made whole.
const SEE_ALSO: &str = ".SH \"SEE ALSO\"\n.BR roamd (8)\n";

fn main() -> Result<(), Box<dyn Error>> {
    let folder = PathBuf::from(env::args_os().nth(1).ok_or("usage: manual FOLDER")?);
    let date = last_change()?;
    fs::create_dir_all(&folder)?;
    for program in roamd::cli::definitions() {
        // The command `help` would be a page and a word of its own without anything to say.
        let mut program = program.disable_help_subcommand(true);
        for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
            let name = program.get_name().to_owned();
            clap_complete::generate_to(shell, &mut program, name, &folder)?;
        }
        program.build();
        write_pages(&program, &date, &folder)?;
    }
    Ok(())
}

/// The page of a program, and one of each of its commands.
fn write_pages(program: &Command, date: &str, folder: &Path) -> io::Result<()> {
    let page = page(program, date);
    let mut text = Vec::new();
    if program.has_subcommands() {
        text.extend(filled(&page, program)?);
    } else {
        page.render_title(&mut text)?;
        page.render_name_section(&mut text)?;
        page.render_synopsis_section(&mut text)?;
        page.render_description_section(&mut text)?;
        page.render_options_section(&mut text)?;
        text.extend(SEE_ALSO.bytes());
    }
    fs::write(folder.join(page.get_filename()), text)?;
    // The relay is a program too, which has the page of that name.
    let commands = program.get_subcommands().filter(|command| command.get_name() != "relay");
    commands.into_iter().try_for_each(|command| write_pages(command, date, folder))
}

/// Writes one part of a page.
type Render = fn(&Man, &mut Vec<u8>) -> io::Result<()>;

/// The page with the parts of it that the definition has.
fn filled(page: &Man, program: &Command) -> io::Result<Vec<u8>> {
    let mut text = PAGE.to_owned();
    let parts: [(&str, Render); 5] = [
        ("@TITLE@", |page, part| page.render_title(part)),
        ("@NAME@", |page, part| page.render_name_section(part)),
        ("@SYNOPSIS@", |page, part| page.render_synopsis_section(part)),
        ("@OPTIONS@", |page, part| page.render_options_section(part)),
        ("@COMMANDS@", |page, part| page.render_subcommands_section(part)),
    ];
    for (word, render) in parts {
        let mut part = Vec::new();
        render(page, &mut part)?;
        let part = String::from_utf8(part).map_err(io::Error::other)?;
        let word = format!("{word}\n");
        if !text.contains(&word) {
            return Err(io::Error::other(format!("the page of {} has no {word}", program.get_name())));
        }
        text = text.replace(&word, &part);
    }
    Ok(text.into_bytes())
}

fn page(command: &Command, date: &str) -> Man {
    let usage = usage(command);
    Man::new(command.clone().override_usage(usage).subcommand_help_heading("COMMANDS"))
        .title(command.get_display_name().unwrap_or_else(|| command.get_name()).to_uppercase())
        .section("8")
        .date(date)
        .source(concat!("roamd ", env!("CARGO_PKG_VERSION")))
        .manual("System administration")
}

/// How it is called, with the names of values, which `clap_mangen` leaves out.
fn usage(command: &Command) -> String {
    let mut usage = command.get_bin_name().unwrap_or_else(|| command.get_name()).to_owned();
    for argument in
        command.get_arguments().filter(|argument| !["help", "version"].contains(&argument.get_id().as_str()))
    {
        let value = argument.get_value_names().filter(|_| argument.get_action().takes_values());
        let mut words: Vec<String> =
            argument.get_long().map(|long| format!("--{long}")).into_iter().collect();
        words.extend(value.into_iter().flatten().map(ToString::to_string));
        let words = words.join(" ");
        let (opens, closes) = if argument.is_required_set() { ("", "") } else { ("[", "]") };
        usage.extend([" ", opens, &words, closes]);
    }
    if command.has_subcommands() {
        usage += " COMMAND [OPTIONS]";
    }
    usage
}

/// The day of the changelog's first entry, so that the same sources make the same pages.
fn last_change() -> Result<String, Box<dyn Error>> {
    let end = CHANGELOG.lines().find(|line| line.starts_with(" -- ")).ok_or("the changelog has no entry")?;
    let (_, time) = end.rsplit_once("  ").ok_or("the changelog's first entry has no date")?;
    Ok(rfc2822::parse(time)?.date().to_string())
}
