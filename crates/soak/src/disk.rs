//! Small disks that can be filled: a tmpfs, and a ballast that leaves so much of it free as the run wants.
//!
//! In: a folder, a size. Out: [`Disk`]. Needs root and a mount namespace of our own, in which `main` starts us: the mounts go with it. Start at
//! [`Disk::mount`].

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result, ensure};
use rustix::fs::{FallocateFlags, fallocate, statvfs};

/// Steps in which what is free is taken: the last bytes go in the smallest.
const STEPS_BYTES: [u64; 3] = [1 << 20, 64 << 10, 4 << 10];

/// A file system in memory.
#[derive(Debug)]
pub(crate) struct Disk {
    folder: PathBuf,
    ballast: File,
    ballast_bytes: u64,
}

impl Disk {
    /// Makes `folder` a disk of its own.
    pub(crate) fn mount(folder: &Path, mib: u64) -> Result<Self> {
        fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
        let size = format!("size={mib}m,mode=0755");
        let output = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &size, "tmpfs"])
            .arg(folder)
            .output()
            .context("cannot run `mount`")?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "cannot mount a tmpfs, which takes root: {}", said.trim());
        let ballast = File::create(folder.join(".ballast")).context("cannot make the ballast")?;
        Ok(Self { folder: folder.to_owned(), ballast, ballast_bytes: 0 })
    }

    fn free_bytes(&self) -> Result<u64> {
        let stat =
            statvfs(&self.folder).with_context(|| format!("cannot look at {}", self.folder.display()))?;
        Ok(stat.f_bavail * stat.f_frsize)
    }

    /// Takes or gives back space until about `leave_bytes` are free.
    pub(crate) fn leave(&mut self, leave_bytes: u64) -> Result<()> {
        let free_bytes = self.free_bytes()?;
        if free_bytes < leave_bytes {
            self.ballast_bytes = self.ballast_bytes.saturating_sub(leave_bytes - free_bytes);
            return self.ballast.set_len(self.ballast_bytes).context("the ballast cannot shrink");
        }
        for step_bytes in STEPS_BYTES {
            while leave_bytes + step_bytes <= self.free_bytes()? {
                let step = (self.free_bytes()? - leave_bytes) / step_bytes * step_bytes;
                // Somebody else may have taken it meanwhile.
                if fallocate(&self.ballast, FallocateFlags::empty(), self.ballast_bytes, step).is_err() {
                    self.ballast.set_len(self.ballast_bytes).context("the ballast cannot shrink")?;
                    break;
                }
                self.ballast_bytes += step;
            }
        }
        Ok(())
    }

    /// Gives all of the ballast back.
    pub(crate) fn release(&mut self) -> Result<()> {
        self.ballast_bytes = 0;
        self.ballast.set_len(0).context("the ballast cannot shrink")
    }
}
