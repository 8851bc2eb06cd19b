//! Flags made from the settings' table, so that every value has one without being written twice.

use std::path::PathBuf;

use clap::{Arg, ArgMatches, Args, Command, FromArgMatches, parser::ValueSource};

use crate::settings::{Kind, PASSED_ON, Settings, SettingsError, Source, TABLE, flag_of_key};

/// `--config FILE`, one flag for each setting, and `--set KEY=VALUE` for passed-on properties.
#[derive(Debug, Clone, Default)]
pub(crate) struct SettingFlags {
    config: Option<PathBuf>,
    given: Vec<(String, String, String)>,
}

impl SettingFlags {
    /// File, then environment, then flags.
    pub(crate) fn settings(&self) -> Result<Settings, SettingsError> {
        let mut settings = Settings::defaults();
        if let Some(path) = &self.config {
            settings.file(path)?;
        }
        settings.environment(std::env::vars())?;
        for (key, value, flag) in &self.given {
            settings.set(key, value.clone(), Source::Flag(flag.clone()))?;
        }
        Ok(settings)
    }
}

impl FromArgMatches for SettingFlags {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let mut flags = Self::default();
        flags.update_from_arg_matches(matches)?;
        Ok(flags)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        self.config = matches.get_one::<PathBuf>("config").cloned();
        for it in TABLE {
            if matches.value_source(it.key) == Some(ValueSource::CommandLine)
                && let Some(value) = matches.get_one::<String>(it.key)
            {
                self.given.push((it.key.to_owned(), value.clone(), format!("--{}", flag_of_key(it.key))));
            }
        }
        for pair in matches.get_many::<String>("set").into_iter().flatten() {
            let (key, value) = pair.split_once('=').ok_or_else(|| {
                clap::Error::raw(
                    clap::error::ErrorKind::ValueValidation,
                    format!("--set {pair}: KEY=VALUE is wanted\n"),
                )
            })?;
            self.given.push((key.to_owned(), value.to_owned(), format!("--set {key}")));
        }
        Ok(())
    }
}

impl Args for SettingFlags {
    fn augment_args(command: Command) -> Command {
        let config = Arg::new("config")
            .long("config")
            .value_name("FILE")
            .value_parser(clap::value_parser!(PathBuf))
            .help("TOML file; the environment and flags are laid over it");
        let set = Arg::new("set").long("set").value_name("KEY=VALUE").action(clap::ArgAction::Append).help(
            format!(
                "any setting by its key; also {} for properties that are passed on",
                PASSED_ON.map(|it| format!("{it}NAME")).join(" and ")
            ),
        );
        TABLE.iter().fold(command.arg(config).arg(set), |command, it| command.arg(flag(it)))
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

fn flag(it: &'static crate::settings::Setting) -> Arg {
    let value_name = match it.kind {
        Kind::Text => "TEXT",
        Kind::Secret => "SECRET",
        Kind::Number => "NUMBER",
        Kind::Switch => "true|false",
        Kind::Path => "PATH",
        Kind::Address => "HOST:PORT",
        Kind::List => "A,B",
    };
    let default = if it.default.is_empty() { String::new() } else { format!(" [{}]", it.default) };
    Arg::new(it.key)
        .long(flag_of_key(it.key))
        .value_name(value_name)
        .help(format!("{}{default}", it.help))
        .help_heading("Settings (file < environment TRIBUTARY_SECTION__KEY < flag)")
        .hide(it.key.starts_with("demo."))
}
