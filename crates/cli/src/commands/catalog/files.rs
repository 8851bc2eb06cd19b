//! The files of a catalog, with the secrets that they name put in, and how their errors are told.
//!
//! In: a file or folder. Out: texts by name. Secrets named by file are looked for beside the file that names them. Start at [`Files::read`].

use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use catalog::{Catalog, CatalogError, SecretSource, TEXT_BYTES_MAX, merge_text, parse, resolve_secrets};
use serde_json::json;

use crate::output::Output;

/// One catalog's files.
#[derive(Debug)]
pub(in crate::commands) struct Files {
    files: Vec<File>,
}

#[derive(Debug)]
struct File {
    /// As the user would find it: in errors.
    shown: String,
    /// Without the folder: in the log, which must not depend on where somebody stood.
    name: String,
    /// As it is on disk.
    text: String,
    /// With secrets; or the errors of fetching them.
    resolved: Result<String, Vec<CatalogError>>,
}

impl Files {
    /// Reads a file, or all `*.toml` files of a folder by name.
    pub(in crate::commands) fn read(path: &Path) -> anyhow::Result<Self> {
        let paths = if path.is_dir() { of_folder(path)? } else { vec![path.to_owned()] };
        let mut files = Vec::new();
        for path in paths {
            files.push(File::read(&path)?);
        }
        Ok(Self { files })
    }

    /// The catalog, or everything that is wrong with it.
    pub(in crate::commands) fn parse(&self) -> Result<Catalog, Vec<CatalogError>> {
        let mut errors = Vec::new();
        let mut texts = Vec::new();
        for file in &self.files {
            match &file.resolved {
                Ok(text) => texts.push((file.shown.as_str(), text.as_str())),
                Err(unresolved) => {
                    // The rest of the file is judged too, but for what is known to be missing.
                    errors.extend(unresolved.iter().cloned());
                    texts.push((file.shown.as_str(), file.text.as_str()));
                }
            }
        }
        match parse(&texts) {
            Ok(catalog) if errors.is_empty() => Ok(catalog),
            Ok(_) => Err(errors),
            Err(found) => {
                let is_told = |it: &CatalogError| {
                    it.code == catalog::ErrorCode::UnresolvedSecret
                        && errors.iter().any(|told| (&told.file, told.line) == (&it.file, it.line))
                };
                let new: Vec<_> = found.into_iter().filter(|it| !is_told(it)).collect();
                errors.extend(new);
                Err(errors)
            }
        }
    }

    /// The one text that is logged.
    pub(in crate::commands) fn merged(&self) -> String {
        let resolved = |file: &File| file.resolved.as_ref().map_or_else(|_| file.text.clone(), Clone::clone);
        let texts: Vec<(&str, String)> =
            self.files.iter().map(|it| (it.name.as_str(), resolved(it))).collect();
        let texts: Vec<(&str, &str)> = texts.iter().map(|(name, text)| (*name, text.as_str())).collect();
        merge_text(&texts)
    }
}

impl File {
    fn read(path: &Path) -> anyhow::Result<Self> {
        let bytes = std::fs::metadata(path).with_context(|| format!("cannot read {}", path.display()))?.len();
        if TEXT_BYTES_MAX as u64 <= bytes {
            bail!("{} has {bytes} bytes, a catalog has at most {TEXT_BYTES_MAX}", path.display());
        }
        let text =
            std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        let folder = path.parent().unwrap_or(Path::new(""));
        let mut fetch = |source: SecretSource<'_>| match source {
            SecretSource::File(name) => {
                std::fs::read_to_string(folder.join(name)).map_err(|error| error.to_string())
            }
            SecretSource::Environment(name) => std::env::vars()
                .find(|(known, _)| known == name)
                .map(|(_, value)| value)
                .ok_or_else(|| "the variable is not set".to_owned()),
        };
        let shown = path.display().to_string();
        let resolved = resolve_secrets(&shown, &text, &mut fetch);
        let name = path.file_name().map_or_else(|| shown.clone(), |it| it.to_string_lossy().into_owned());
        Ok(Self { shown, name, text, resolved })
    }
}

fn of_folder(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let unreadable = || format!("cannot read {}", folder.display());
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(folder).with_context(unreadable)? {
        let path = entry.with_context(unreadable)?.path();
        if path.extension().is_some_and(|it| it == "toml") && path.is_file() {
            paths.push(path);
        }
    }
    paths.sort();
    if paths.is_empty() {
        bail!("{} holds no *.toml file", folder.display());
    }
    Ok(paths)
}

/// Tells every error, one a line.
pub(in crate::commands) fn report(errors: &[CatalogError], output: Output) {
    for it in errors {
        let CatalogError { file, line, message, advice, code } = it;
        output.text(&format!("{file}:{line}: {}: {message}; {advice}", code.as_str()));
        output.event(&json!({
            "event": "error", "file": file, "line": line, "code": code.as_str(), "message": message, "advice": advice,
        }));
    }
    let noun = if errors.len() == 1 { "error" } else { "errors" };
    output.say(&format!("{} {noun}; nothing was changed", errors.len()));
    output.event(&json!({"event": "checked", "errors": errors.len()}));
}
