//! The label on a state directory: which log's state it is, which partition's, in which format.
//!
//! In: what this process is about to work on. Out: a refusal where the directory holds something else. A checkpoint of another log
//! would place this log's positions at random, so it is never opened. Start at [`Label`].

use std::{
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
};

/// The layout of the state directory. A higher one on disk was written by a later build. Since 2, customers have a place of their own, where a
/// build that knows format 1 would not find them.
pub(super) const FORMAT: u32 = 2;

const FILE: &str = "label";
const FILE_BEING_WRITTEN: &str = "label.new";

/// Whose state this is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Label {
    /// `spool`, or the Kafka cluster's id and its topics' ids.
    pub log: String,
    /// The log's partition.
    pub partition: u32,
    /// How many partitions the log has: with another number, keys lie elsewhere.
    pub partitions: u32,
}

/// Why a directory is not this process's state.
#[derive(Debug, thiserror::Error)]
pub enum LabelError {
    /// A later build wrote it.
    #[error(
        "state {path} has format {found}, this build reads {FORMAT}; run the later build, or move the directory away to rebuild it"
    )]
    Newer {
        /// The directory.
        path: PathBuf,
        /// Its format.
        found: u32,
    },
    /// Another log's, or another partition's.
    #[error(
        "state {path} belongs to {found:?}, not to {wanted:?}; point `data` elsewhere, or move the directory away to rebuild it"
    )]
    Foreign {
        /// The directory.
        path: PathBuf,
        /// What its label says.
        found: String,
        /// What was to be opened.
        wanted: String,
    },
    /// There is state without a label, or the label is not text of ours.
    #[error("state {path} has no readable label; move the directory away to rebuild it")]
    Unreadable {
        /// The directory.
        path: PathBuf,
    },
    /// The file system refused.
    #[error("label of state {path} cannot be read or written")]
    Io {
        /// The directory.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
}

impl Label {
    fn to_text(&self, format: u32) -> String {
        format!(
            "format={format}\nlog={}\npartition={}\npartitions={}\n",
            self.log, self.partition, self.partitions
        )
    }
}

/// Compares the directory's label with `label`; writes it where the directory is new, or of an earlier format: what is different there is moved
/// by whoever finds it, and nobody of before may work on it from here on.
pub(super) fn check_or_write(directory: &Path, label: &Label) -> Result<(), LabelError> {
    let failed = |source| LabelError::Io { path: directory.to_path_buf(), source };
    fs::create_dir_all(directory).map_err(failed)?;
    match fs::read_to_string(directory.join(FILE)) {
        Ok(text) => {
            if check(directory, label, &text)? < FORMAT {
                write(directory, &label.to_text(FORMAT)).map_err(failed)?;
            }
            Ok(())
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            if directory.join("state").exists() {
                return Err(LabelError::Unreadable { path: directory.to_path_buf() });
            }
            write(directory, &label.to_text(FORMAT)).map_err(failed)
        }
        Err(error) => Err(failed(error)),
    }
}

/// The directory's format.
fn check(directory: &Path, label: &Label, text: &str) -> Result<u32, LabelError> {
    let path = directory.to_path_buf();
    let format = text.lines().next().and_then(|line| line.strip_prefix("format="));
    match format.and_then(|number| number.parse::<u32>().ok()) {
        None => Err(LabelError::Unreadable { path }),
        Some(found) if found > FORMAT => Err(LabelError::Newer { path, found }),
        Some(found) if text != label.to_text(found) => Err(LabelError::Foreign {
            path,
            found: text.trim_end().replace('\n', ", "),
            wanted: label.to_text(found).trim_end().replace('\n', ", "),
        }),
        Some(found) => Ok(found),
    }
}

/// Whole or not at all: a label cut short by a kill would lock the directory out for ever.
fn write(directory: &Path, text: &str) -> io::Result<()> {
    let new = directory.join(FILE_BEING_WRITTEN);
    let mut file = File::create(&new)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(&new, directory.join(FILE))?;
    File::open(directory)?.sync_all()
}
