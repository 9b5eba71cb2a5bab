//! What processes use, as the kernel counts it.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

/// A process with all that descend from it.
#[derive(Debug)]
pub(crate) struct Tree(Vec<PathBuf>);

impl Tree {
    /// The tree as it is now.
    pub(crate) fn of(root: u32) -> Self {
        let parents: Vec<(u32, u32)> = entries(Path::new("/proc")).filter_map(|id| Some((id, parent(id)?))).collect();
        let mut tree = vec![root];
        let mut at = 0;
        while let Some(parent) = tree.get(at).copied() {
            tree.extend(parents.iter().filter(|(_, of)| *of == parent).map(|(id, _)| *id));
            at += 1;
        }
        Self(tree.into_iter().map(|id| PathBuf::from(format!("/proc/{id}"))).collect())
    }

    /// The processor time of all threads that live.
    pub(crate) fn processor(&self) -> Duration {
        let threads = self.0.iter().flat_map(|process| {
            let threads = process.join("task");
            entries(&threads).map(move |id| threads.join(id.to_string()))
        });
        let nanos = threads.filter_map(|thread| {
            // Time on a processor, time waiting for one, turns.
            fs::read_to_string(thread.join("schedstat")).ok()?.split(' ').next()?.parse::<u64>().ok()
        });
        Duration::from_nanos(nanos.sum())
    }

    /// Memory in MiB: own pages, and a share of those that several processes have.
    pub(crate) fn memory(&self) -> f64 {
        let kib = self.0.iter().filter_map(|process| {
            let text = fs::read_to_string(process.join("smaps_rollup")).ok()?;
            let line = text.lines().find_map(|line| line.strip_prefix("Pss:"))?;
            line.trim().strip_suffix(" kB")?.parse::<f64>().ok()
        });
        kib.sum::<f64>() / 1024.0
    }
}

fn entries(directory: &Path) -> impl Iterator<Item = u32> + use<> {
    // A process may be gone by now.
    let names = fs::read_dir(directory).into_iter().flatten().flatten();
    names.filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}

fn parent(id: u32) -> Option<u32> {
    let stat = fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    // The name in brackets may have anything in it, so what follows is counted from its end: state, parent.
    stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()
}
