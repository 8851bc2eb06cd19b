//! Every value a user can set: one table from which file, environment, flags, help and `--print-config` are made.
//!
//! In: a TOML file, the environment and flags, the later over the earlier. Out: [`Settings`], each value with where it came from. An unknown key
//! is an error that names the nearest known one. Not here: what a value means to a role (`config`). Start at [`TABLE`].

mod table;

use std::{
    collections::BTreeMap,
    fmt,
    path::{Path, PathBuf},
};

pub(crate) use self::table::{Kind, PASSED_ON, Setting, TABLE};

/// Where a value came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Source {
    Default,
    File(PathBuf),
    Environment(String),
    Flag(String),
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Environment(name) => write!(f, "${name}"),
            Self::Flag(name) => f.write_str(name),
        }
    }
}

/// Why the settings cannot be used. The message says which key and what to do.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SettingsError {
    #[error("cannot read {path}")]
    Unreadable {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    #[error("{path} is not TOML: {message}")]
    NotToml { path: PathBuf, message: String },
    #[error("unknown key {key} from {source_name}{suggestion}")]
    UnknownKey { key: String, source_name: String, suggestion: String },
    #[error("{key} = {value:?} from {source_name}: {want}")]
    BadValue { key: String, value: String, source_name: String, want: &'static str },
}

/// All values, each with its source.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    values: BTreeMap<String, (String, Source)>,
}

impl Settings {
    /// The defaults alone.
    pub(crate) fn defaults() -> Self {
        let values =
            TABLE.iter().map(|it| (it.key.to_owned(), (it.default.to_owned(), Source::Default))).collect();
        Self { values }
    }

    /// Lays a TOML file over what is there.
    pub(crate) fn file(&mut self, path: &Path) -> Result<(), SettingsError> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| SettingsError::Unreadable { path: path.to_owned(), source })?;
        let table: toml::Table = text.parse().map_err(|error: toml::de::Error| SettingsError::NotToml {
            path: path.to_owned(),
            message: error.to_string(),
        })?;
        let mut flat = Vec::new();
        flatten("", &table, &mut flat);
        for (key, value) in flat {
            self.set(&key, value, Source::File(path.to_owned()))?;
        }
        Ok(())
    }

    /// Lays the environment over it: `TRIBUTARY_EDGE__LISTEN` is `edge.listen`.
    pub(crate) fn environment(
        &mut self,
        variables: impl Iterator<Item = (String, String)>,
    ) -> Result<(), SettingsError> {
        for (name, value) in variables {
            let Some(key) = key_of_variable(&name) else { continue };
            self.set(&key, value, Source::Environment(name))?;
        }
        Ok(())
    }

    /// Lays one value over it. Secrets may come as `KEY_file` with the path of a file that holds them.
    pub(crate) fn set(&mut self, key: &str, value: String, source: Source) -> Result<(), SettingsError> {
        if let Some(secret) = key.strip_suffix("_file").filter(|it| kind_of(it) == Some(Kind::Secret)) {
            let path = PathBuf::from(&value);
            let text = std::fs::read_to_string(&path)
                .map_err(|source| SettingsError::Unreadable { path, source })?;
            return self.set(secret, text.trim_end().to_owned(), source);
        }
        let kind = kind_of(key).ok_or_else(|| unknown(key, &source))?;
        if let Some(want) = complaint(kind, &value) {
            return Err(SettingsError::BadValue {
                key: key.to_owned(),
                value,
                source_name: source.to_string(),
                want,
            });
        }
        self.values.insert(key.to_owned(), (value, source));
        Ok(())
    }

    /// A value; empty where the key is not in the table.
    pub(crate) fn text(&self, key: &str) -> &str {
        debug_assert!(kind_of(key).is_some(), "{key} is not in the table");
        self.values.get(key).map_or("", |(value, _)| value)
    }

    /// A value that may be left empty.
    pub(crate) fn optional(&self, key: &str) -> Option<&str> {
        Some(self.text(key)).filter(|it| !it.is_empty())
    }

    /// A whole number; the table's default was checked by a test, a set value when it was set.
    pub(crate) fn number(&self, key: &str) -> u64 {
        self.text(key).parse().unwrap_or_default()
    }

    pub(crate) fn switch(&self, key: &str) -> bool {
        self.text(key) == "true"
    }

    pub(crate) fn list(&self, key: &str) -> Vec<String> {
        self.text(key).split(',').map(str::trim).filter(|it| !it.is_empty()).map(str::to_owned).collect()
    }

    /// Values passed on below a prefix of [`PASSED_ON`], without the prefix.
    pub(crate) fn passed_on(&self, prefix: &str) -> BTreeMap<String, String> {
        let below =
            self.values.iter().filter_map(|(key, (value, _))| Some((key.strip_prefix(prefix)?, value)));
        below.map(|(key, value)| (key.to_owned(), value.clone())).collect()
    }

    /// Every value as a child process is handed it: by the environment, so that no secret stands in a command line.
    pub(crate) fn to_environment(&self) -> Vec<(String, String)> {
        self.values.iter().map(|(key, (value, _))| (variable_of_key(key), value.clone())).collect()
    }

    /// Rows for people: key, value (secrets masked), source.
    pub(crate) fn rows(&self) -> Vec<[String; 3]> {
        let masked = |key: &str, value: &str| match kind_of(key) {
            Some(Kind::Secret) if !value.is_empty() => "***".to_owned(),
            _ if is_secret_property(key) => "***".to_owned(),
            _ => value.to_owned(),
        };
        self.values
            .iter()
            .map(|(key, (value, source))| [key.clone(), masked(key, value), source.to_string()])
            .collect()
    }
}

/// Passed-on keys that libraries treat as secrets.
fn is_secret_property(key: &str) -> bool {
    PASSED_ON.iter().any(|prefix| key.starts_with(prefix))
        && (key.contains("password") || key.contains("secret"))
}

fn kind_of(key: &str) -> Option<Kind> {
    if PASSED_ON.iter().any(|prefix| key.len() > prefix.len() && key.starts_with(prefix)) {
        return Some(Kind::Text);
    }
    TABLE.iter().find(|it| it.key == key).map(|it| it.kind)
}

/// The flag of a key: `edge.listen` is `--edge-listen`.
pub(crate) fn flag_of_key(key: &str) -> String {
    key.replace(['.', '_'], "-")
}

/// The environment variable of a key.
pub(crate) fn variable_of_key(key: &str) -> String {
    if let Some((prefix, rest)) = PASSED_ON.iter().find_map(|it| Some((it, key.strip_prefix(it)?))) {
        // Property names hold dots and their case matters, so they stay as they are behind the prefix.
        return format!("TRIBUTARY_{}{rest}", prefix.to_ascii_uppercase().replace('.', "__"));
    }
    format!("TRIBUTARY_{}", key.to_ascii_uppercase().replace('.', "__"))
}

/// Names that look like ours but are no setting.
const OTHER_VARIABLES: [&str; 3] = ["TRIBUTARY_CHDB_LIB", "TRIBUTARY_CHILD", "TRIBUTARY_TEST_KAFKA"];

fn key_of_variable(name: &str) -> Option<String> {
    let rest = name.strip_prefix("TRIBUTARY_").filter(|_| !OTHER_VARIABLES.contains(&name))?;
    for prefix in PASSED_ON {
        if let Some(property) = rest.strip_prefix(&prefix.to_ascii_uppercase().replace('.', "__")) {
            return Some(format!("{prefix}{property}"));
        }
    }
    Some(rest.to_ascii_lowercase().replace("__", "."))
}

fn complaint(kind: Kind, value: &str) -> Option<&'static str> {
    let fits = match kind {
        Kind::Text | Kind::Secret | Kind::Path | Kind::List => return None,
        Kind::Number => value.parse::<u64>().is_ok(),
        Kind::Switch => matches!(value, "true" | "false"),
        Kind::Address => value.parse::<std::net::SocketAddr>().is_ok(),
    };
    if fits {
        return None;
    }
    Some(match kind {
        Kind::Number => "a whole number is wanted, such as 4",
        Kind::Switch => "true or false is wanted",
        _ => "an address and port is wanted, such as 127.0.0.1:8080",
    })
}

fn unknown(key: &str, source: &Source) -> SettingsError {
    let near =
        TABLE.iter().map(|it| (distance(key, it.key), it.key)).min().filter(|(distance, _)| *distance <= 3);
    let suggestion = near.map_or_else(
        || "; `tributary up --help` lists all keys".to_owned(),
        |(_, near)| format!("; did you mean {near}?"),
    );
    SettingsError::UnknownKey { key: key.to_owned(), source_name: source.to_string(), suggestion }
}

/// Edits between two short texts (Levenshtein), row by row.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut corner = i;
        let mut left = i + 1;
        let mut next = vec![left];
        for (y, &above) in b.iter().zip(row.iter().skip(1)) {
            left = (left + 1).min(above + 1).min(corner + usize::from(x != *y));
            corner = above;
            next.push(left);
        }
        row = next;
    }
    row.last().copied().unwrap_or_default()
}

fn flatten(prefix: &str, table: &toml::Table, out: &mut Vec<(String, String)>) {
    for (name, value) in table {
        let key = if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
        match value {
            toml::Value::Table(inner) => flatten(&key, inner, out),
            toml::Value::Array(items) => {
                out.push((key, items.iter().map(plain).collect::<Vec<_>>().join(",")));
            }
            other => out.push((key, plain(other))),
        }
    }
}

/// A scalar without TOML's quotes.
fn plain(value: &toml::Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(text: &str) -> Result<Settings, SettingsError> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        let mut settings = Settings::defaults();
        settings.file(file.path()).map(|()| settings)
    }

    #[test]
    fn the_later_layer_wins_and_says_where_it_came_from() {
        let mut settings = file(
            "data = \"/srv/t\"\n[edge]\nlisten = \"127.0.0.1:80\"\nhosts = [\"a.example\", \"b.example\"]\n",
        )
        .unwrap();
        let variables =
            [("TRIBUTARY_EDGE__LISTEN", "127.0.0.1:81"), ("HOME", "/"), ("TRIBUTARY_CHDB_LIB", "x")];
        settings
            .environment(variables.map(|(name, value)| (name.to_owned(), value.to_owned())).into_iter())
            .unwrap();
        settings.set("edge.threads", "3".to_owned(), Source::Flag("--edge-threads".to_owned())).unwrap();

        assert_eq!(settings.text("data"), "/srv/t");
        assert_eq!(settings.text("edge.listen"), "127.0.0.1:81");
        assert_eq!(settings.list("edge.hosts"), ["a.example", "b.example"]);
        assert_eq!(settings.number("edge.threads"), 3);
        let rows = settings.rows();
        let row = |key: &str| rows.iter().find(|it| it[0] == key).unwrap().clone();
        assert_eq!(row("edge.listen")[2], "$TRIBUTARY_EDGE__LISTEN");
        assert_eq!(row("edge.threads")[2], "--edge-threads");
        assert_eq!(row("edge.number")[2], "default");
    }

    #[test]
    fn unknown_keys_are_errors_with_a_suggestion() {
        let error = file("[edge]\nlisen = \"127.0.0.1:80\"\n").unwrap_err().to_string();
        assert!(
            error.contains("unknown key edge.lisen") && error.contains("did you mean edge.listen?"),
            "{error}"
        );
        let mut settings = Settings::defaults();
        let variable = [("TRIBUTARY_EGDE__LISTEN".to_owned(), "x".to_owned())];
        let error = settings.environment(variable.into_iter()).unwrap_err().to_string();
        assert!(error.contains("$TRIBUTARY_EGDE__LISTEN") && error.contains("edge.listen"), "{error}");
    }

    #[test]
    fn values_of_the_wrong_kind_say_what_is_wanted() {
        for (text, want) in [
            ("[edge]\nthreads = -1\n", "a whole number"),
            ("[edge]\nhttps = \"yes\"\n", "true or false"),
            ("[edge]\nlisten = \"8080\"\n", "an address and port"),
            ("[edge\n", "is not TOML"),
        ] {
            let error = file(text).unwrap_err().to_string();
            assert!(error.contains(want), "{error}");
        }
    }

    #[test]
    fn secrets_are_masked_and_may_come_from_a_file() {
        let secret = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(secret.path(), "hunter2\n").unwrap();
        let text = format!(
            "[clickhouse]\npassword_file = {:?}\n[kafka.properties]\n\"sasl.password\" = \"p\"\n",
            secret.path()
        );
        let settings = file(&text).unwrap();
        assert_eq!(settings.text("clickhouse.password"), "hunter2");
        assert!(!format!("{:?}", settings.rows()).contains("hunter2"));
        let row = settings.rows().into_iter().find(|it| it[0] == "kafka.properties.sasl.password").unwrap();
        assert_eq!(row[1], "***");
    }

    #[test]
    fn a_child_reads_back_what_it_is_handed() {
        let settings = file("[edge]\nnumber = 7\n[kafka.properties]\n\"socket.timeout.ms\" = 5\n").unwrap();
        let mut child = Settings::defaults();
        child.environment(settings.to_environment().into_iter()).unwrap();
        assert_eq!(child.number("edge.number"), 7);
        assert_eq!(child.passed_on("kafka.properties.")["socket.timeout.ms"], "5");
    }

    #[test]
    fn the_table_is_sound() {
        for it in TABLE {
            assert!(it.default.is_empty() || complaint(it.kind, it.default).is_none(), "{}", it.key);
            assert_eq!(TABLE.iter().filter(|other| other.key == it.key).count(), 1, "{}", it.key);
            assert!(it.help.len() > 10, "{}", it.key);
        }
    }
}
