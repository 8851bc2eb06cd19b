//! The few file system calls a spool writer makes, and a way to make each of them fail.
//!
//! In: a call. Out: what the kernel answers, or what a script says instead. The script is for tests and for `sim`: the
//! same writer runs on both. Not here: what the writer does about a failure (`writer`). Start at [`Disk`].

use std::{
    fs::{self, File, OpenOptions},
    io,
    os::unix::fs::FileExt,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
};

use rustix::{
    fs::{FallocateFlags, fallocate},
    io::Errno,
};

use units::planted::{Bug, planted};

mod blackout;

use blackout::Synced;

/// Where a writer's calls go.
#[derive(Debug, Clone, Default)]
pub enum Disk {
    /// To the kernel.
    #[default]
    Real,
    /// To the kernel, but for the calls a script makes fail.
    Scripted(Arc<Script>),
}

/// The calls that can be made to fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Call {
    /// Creation of a segment file.
    Create,
    /// Reservation of its space.
    Allocate,
    /// A write of frames.
    Write,
    /// `fdatasync` of a segment.
    SyncData,
    /// `fsync` of a folder.
    SyncDir,
    /// Renaming of a file.
    Rename,
    /// Creation of a folder.
    MakeDir,
}

/// What happens instead of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The call fails and does nothing.
    Fail(i32),
    /// A write takes this many bytes only.
    Short(usize),
    /// This process is killed by SIGKILL: after a write of this many bytes, before any other call. A test's child process asks for it.
    Kill(usize),
}

/// Faults waiting for their call. Each is used once, in the order given.
#[derive(Debug, Default)]
pub struct Script {
    faults: Mutex<Vec<(Call, Fault)>>,
    /// In place of syncs: what would be safe. `None` where the kernel syncs.
    synced: Option<Mutex<Synced>>,
}

impl Script {
    /// A disk whose power can be cut. Its syncs are remembered here and cost nothing.
    #[must_use]
    pub fn with_power_to_cut() -> Self {
        Self { faults: Mutex::default(), synced: Some(Mutex::default()) }
    }

    /// Leaves below `folder` what was synced through this disk, and of the rest what `survives`. Nobody may have files open there.
    pub fn cut_power(&self, folder: &Path, mut survives: impl FnMut() -> bool) -> io::Result<()> {
        self.synced(|it| it.cut(folder, &mut survives))
    }

    fn synced(&self, act: impl FnOnce(&mut Synced) -> io::Result<()>) -> io::Result<()> {
        let Some(synced) = &self.synced else { return Ok(()) };
        act(&mut synced.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Lets the next call of this kind go wrong.
    pub fn push(&self, call: Call, fault: Fault) {
        self.faults.lock().unwrap_or_else(PoisonError::into_inner).push((call, fault));
    }

    /// Faults that no call has met yet.
    #[must_use]
    pub fn remaining(&self) -> usize {
        self.faults.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// Forgets the faults that no call has met: the disk is well again.
    pub fn clear(&self) {
        self.faults.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    fn take(&self, call: Call) -> Option<Fault> {
        let mut faults = self.faults.lock().unwrap_or_else(PoisonError::into_inner);
        let index = faults.iter().position(|(of, _)| *of == call)?;
        Some(faults.remove(index).1)
    }
}

impl Disk {
    /// A disk that follows a script.
    #[must_use]
    pub fn scripted(script: &Arc<Script>) -> Self {
        Self::Scripted(Arc::clone(script))
    }

    pub(super) fn make_dir(&self, path: &Path) -> io::Result<()> {
        self.check(Call::MakeDir)?;
        fs::create_dir(path)
    }

    pub(super) fn create(&self, path: &Path) -> io::Result<File> {
        self.check(Call::Create)?;
        OpenOptions::new().read(true).write(true).create_new(true).open(path)
    }

    /// Reserves space, so that a full disk is met when a segment is made and not in the middle of one.
    pub(super) fn allocate(&self, file: &File, bytes: u64) -> io::Result<()> {
        self.check(Call::Allocate)?;
        match fallocate(file, FallocateFlags::empty(), 0, bytes) {
            // Such file systems get a file with holes; a write into it may then still find the disk full.
            Err(Errno::OPNOTSUPP | Errno::NOSYS) => file.set_len(bytes),
            result => Ok(result?),
        }
    }

    /// Writes all of `bytes`. On error also tells how many of them were written.
    pub(super) fn write_all_at(
        &self,
        file: &File,
        bytes: &[u8],
        offset: u64,
    ) -> Result<(), (usize, io::Error)> {
        let mut written = 0;
        while let Some(rest) = bytes.get(written..).filter(|rest| !rest.is_empty()) {
            match self.write_at(file, rest, offset + written as u64) {
                Ok(0) => return Err((written, io::ErrorKind::WriteZero.into())),
                Ok(count) => written += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err((written, error)),
            }
        }
        Ok(())
    }

    fn write_at(&self, file: &File, bytes: &[u8], offset: u64) -> io::Result<usize> {
        match self {
            Self::Real => file.write_at(bytes, offset),
            Self::Scripted(script) => match script.take(Call::Write) {
                Some(Fault::Fail(errno)) => Err(io::Error::from_raw_os_error(errno)),
                Some(Fault::Short(count)) => file.write_at(bytes.get(..count).unwrap_or(bytes), offset),
                Some(Fault::Kill(count)) => {
                    let written = file.write_at(bytes.get(..count).unwrap_or(bytes), offset);
                    die().and(written)
                }
                None => file.write_at(bytes, offset),
            },
        }
    }

    pub(super) fn sync_data(&self, file: &File) -> io::Result<()> {
        self.check(Call::SyncData)?;
        match self {
            Self::Scripted(script) if script.synced.is_some() => script.synced(|it| it.file(file)),
            Self::Real | Self::Scripted(_) => file.sync_data(),
        }
    }

    /// Makes a folder's entries survive a power cut.
    pub(super) fn sync_dir(&self, path: &Path) -> io::Result<()> {
        self.check(Call::SyncDir)?;
        if planted(Bug::SkipDirSync) {
            return Ok(());
        }
        match self {
            Self::Scripted(script) if script.synced.is_some() => script.synced(|it| it.folder(path)),
            Self::Real | Self::Scripted(_) => File::open(path)?.sync_all(),
        }
    }

    pub(super) fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.check(Call::Rename)?;
        fs::rename(from, to)
    }

    /// Whether a sync means what the script says, whatever the file system below makes of it.
    pub(super) fn keeps_by_script(&self) -> bool {
        matches!(self, Self::Scripted(script) if script.synced.is_some())
    }

    fn check(&self, call: Call) -> io::Result<()> {
        let fault = match self {
            Self::Real => None,
            Self::Scripted(script) => script.take(call),
        };
        match fault {
            Some(Fault::Fail(errno)) => Err(io::Error::from_raw_os_error(errno)),
            Some(Fault::Kill(_)) => die(),
            Some(Fault::Short(_)) | None => Ok(()),
        }
    }
}

/// The kernel does not come back from this; what a test sees that it did is an error.
fn die() -> io::Result<()> {
    rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL)?;
    Err(io::Error::other("killed"))
}
