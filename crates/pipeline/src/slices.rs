//! The touch store's slices as files: appended to, cut after a crash, dropped whole.
//!
//! In: numbers and bytes. Out: files `touches/0000000042.touches`. Which bytes count is the checkpoint's business: what lies behind its
//! number is cut off at the next start. Not here: what the bytes mean (`attribution`). Start at [`FileSlices::open`].

use std::{
    cell::RefCell,
    collections::BTreeMap,
    fs::{self, File, OpenOptions},
    io,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
};

use attribution::{SliceError, Slices};

/// Files held open at a time. Beyond it the oldest slice is closed; reading it opens it again, some microseconds dearer.
const OPEN_FILES_MAX: usize = 128;
const SUFFIX: &str = ".touches";

/// Slices in one folder.
#[derive(Debug)]
pub struct FileSlices {
    folder: PathBuf,
    open: RefCell<BTreeMap<u64, Opened>>,
}

/// An open slice. Its length is kept, since only this process writes it.
#[derive(Debug, Clone)]
struct Opened {
    file: std::sync::Arc<File>,
    bytes: u64,
    /// Appended to since the last sync.
    unsynced: bool,
}

impl FileSlices {
    /// The slices in `folder`, which is made where it is missing.
    pub fn open(folder: &Path) -> io::Result<Self> {
        fs::create_dir_all(folder)?;
        Ok(Self { folder: folder.to_path_buf(), open: RefCell::default() })
    }

    /// Brings everything appended to the disk, for checkpoints that must survive a power cut.
    pub fn sync(&self) -> Result<(), SliceError> {
        for (slice, opened) in &mut *self.open.borrow_mut() {
            if std::mem::take(&mut opened.unsynced) {
                opened.file.sync_data().map_err(failed(*slice, "sync"))?;
            }
        }
        Ok(())
    }

    fn path(&self, slice: u64) -> PathBuf {
        self.folder.join(format!("{slice:010}{SUFFIX}"))
    }

    fn opened(&self, slice: u64, action: &'static str) -> Result<Opened, SliceError> {
        if let Some(opened) = self.open.borrow().get(&slice) {
            return Ok(opened.clone());
        }
        let path = self.path(slice);
        let file = OpenOptions::new().read(true).write(true).open(path).map_err(failed(slice, action))?;
        self.keep(slice, file, action)
    }

    fn keep(&self, slice: u64, file: File, action: &'static str) -> Result<Opened, SliceError> {
        let bytes = file.metadata().map_err(failed(slice, action))?.len();
        let opened = Opened { file: file.into(), bytes, unsynced: false };
        let mut open = self.open.borrow_mut();
        if open.len() >= OPEN_FILES_MAX
            && let Some((oldest, closed)) = open.pop_first()
            && closed.unsynced
        {
            closed.file.sync_data().map_err(failed(oldest, "sync"))?;
        }
        open.insert(slice, opened.clone());
        Ok(opened)
    }

    fn note(&self, slice: u64, bytes: u64) {
        if let Some(opened) = self.open.borrow_mut().get_mut(&slice) {
            (opened.bytes, opened.unsynced) = (bytes, true);
        }
    }
}

fn failed(slice: u64, action: &'static str) -> impl FnOnce(io::Error) -> SliceError {
    move |error| SliceError { slice, action, source: error.into() }
}

impl Slices for FileSlices {
    fn list(&self) -> Result<Vec<u64>, SliceError> {
        let mut slices = Vec::new();
        for entry in fs::read_dir(&self.folder).map_err(failed(0, "list"))? {
            let name = entry.map_err(failed(0, "list"))?.file_name();
            let number = name.to_str().and_then(|it| it.strip_suffix(SUFFIX));
            slices.extend(number.and_then(|it| it.parse::<u64>().ok()));
        }
        slices.sort_unstable();
        Ok(slices)
    }

    fn create(&mut self, slice: u64) -> Result<(), SliceError> {
        self.open.borrow_mut().remove(&slice);
        let mut options = OpenOptions::new();
        let options = options.read(true).write(true).create(true).truncate(true);
        let file = options.open(self.path(slice)).map_err(failed(slice, "create"))?;
        self.keep(slice, file, "create").map(drop)
    }

    fn append(&mut self, slice: u64, bytes: &[u8]) -> Result<(), SliceError> {
        let opened = self.opened(slice, "append")?;
        opened.file.write_all_at(bytes, opened.bytes).map_err(failed(slice, "append"))?;
        self.note(slice, opened.bytes + bytes.len() as u64);
        Ok(())
    }

    fn read_at(&self, slice: u64, offset: u64, into: &mut [u8]) -> Result<(), SliceError> {
        let opened = self.opened(slice, "read")?;
        opened.file.read_exact_at(into, offset).map_err(failed(slice, "read"))
    }

    fn len(&self, slice: u64) -> Result<u64, SliceError> {
        Ok(self.opened(slice, "length")?.bytes)
    }

    fn truncate(&mut self, slice: u64, bytes: u64) -> Result<(), SliceError> {
        let opened = self.opened(slice, "truncate")?;
        opened.file.set_len(bytes).map_err(failed(slice, "truncate"))?;
        self.note(slice, bytes);
        Ok(())
    }

    fn remove(&mut self, slice: u64) -> Result<(), SliceError> {
        self.open.borrow_mut().remove(&slice);
        match fs::remove_file(self.path(slice)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(failed(slice, "remove")(error)),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use attribution::MemorySlices;
    use proptest::{collection::vec, prelude::*};

    use super::*;

    /// What may be done to slices; the numbers are small so that they meet.
    #[derive(Debug, Clone)]
    enum Step {
        Create(u64),
        Append(u64, Vec<u8>),
        Read(u64, u64, usize),
        Truncate(u64, u64),
        Remove(u64),
        Reopen,
    }

    fn step() -> impl Strategy<Value = Step> {
        let slice = 0..4_u64;
        prop_oneof![
            slice.clone().prop_map(Step::Create),
            (slice.clone(), vec(any::<u8>(), 0..40)).prop_map(|(slice, bytes)| Step::Append(slice, bytes)),
            (slice.clone(), 0..60_u64, 1..60_usize).prop_map(|(slice, at, len)| Step::Read(slice, at, len)),
            (slice.clone(), 0..20_u64).prop_map(|(slice, bytes)| Step::Truncate(slice, bytes)),
            slice.prop_map(Step::Remove),
            Just(Step::Reopen),
        ]
    }

    /// What a step shows: success and bytes, or only that it failed.
    fn shown<S: Slices>(slices: &mut S, step: &Step) -> Option<Vec<u8>> {
        let done = match step {
            Step::Create(slice) => slices.create(*slice).map(|()| Vec::new()),
            Step::Append(slice, bytes) => slices.append(*slice, bytes).map(|()| Vec::new()),
            Step::Read(slice, at, len) => {
                let mut bytes = vec![0; *len];
                slices.read_at(*slice, *at, &mut bytes).map(|()| bytes)
            }
            Step::Truncate(slice, bytes) => match slices.len(*slice) {
                Ok(len) if *bytes <= len => slices.truncate(*slice, *bytes).map(|()| Vec::new()),
                other => other.map(|_| Vec::new()),
            },
            Step::Remove(slice) => slices.remove(*slice).map(|()| Vec::new()),
            Step::Reopen => Ok(Vec::new()),
        };
        done.ok()
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]
        #[test]
        fn files_behave_as_memory_does(steps in vec(step(), 0..40)) {
            let folder = tempfile::tempdir().expect("a folder");
            let mut files = FileSlices::open(folder.path()).expect("opens");
            let mut memory = MemorySlices::default();
            for step in &steps {
                if matches!(step, Step::Reopen) {
                    files = FileSlices::open(folder.path()).expect("opens");
                }
                prop_assert_eq!(shown(&mut files, step), shown(&mut memory, step), "{:?}", step);
            }
            prop_assert_eq!(files.list().expect("a list"), memory.list().expect("a list"));
            files.sync().expect("synced");
        }
    }

    #[test]
    fn files_beyond_the_limit_are_closed_and_found_again() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut files = FileSlices::open(folder.path()).expect("opens");
        let last = OPEN_FILES_MAX as u64 + 5;
        for slice in 0..=last {
            files.create(slice).expect("created");
            files.append(slice, &slice.to_be_bytes()).expect("appended");
        }
        assert_eq!(files.open.borrow().len(), OPEN_FILES_MAX);
        for slice in 0..=last {
            let mut bytes = [0; 8];
            files.read_at(slice, 0, &mut bytes).expect("read");
            assert_eq!(u64::from_be_bytes(bytes), slice);
        }
    }
}
