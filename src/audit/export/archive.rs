//! An export as one file while it is written: a tar archive without compression.
//!
//! Each file goes out as soon as it is finished, from a directory that is there for that and removed afterwards, so that memory
//! does not grow with the log and whoever waits gets something meanwhile. The manifest comes last: what broke off is no export.

use std::{
    fs::{self, DirBuilder, File},
    io::{self, Read as _},
    os::unix::fs::DirBuilderExt as _,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use tokio::{
    runtime::Handle,
    sync::{
        OwnedSemaphorePermit,
        mpsc::{Receiver, Sender, UnboundedReceiver, channel, unbounded_channel},
        oneshot,
    },
    task::spawn_blocking,
};
use uuid::Uuid;

use super::{Epoch, ExportError, write::write_telling};

/// Of a file that is read at once.
const CHUNK: usize = 64 * 1024;
/// Chunks that wait for whoever takes them.
const AHEAD: usize = 4;
/// Whoever asked for it takes a chunk within so long.
const PATIENCE: Duration = Duration::from_secs(60);
/// A tar archive is made of blocks, and two empty ones end it.
const BLOCK: usize = 512;

/// The archive, piece by piece. An error: it broke off.
pub type Chunks = Receiver<io::Result<Bytes>>;

/// Why an export broke off.
#[derive(Debug, thiserror::Error)]
enum Broken {
    #[error(transparent)]
    Export(#[from] ExportError),
    #[error("whoever asked for it takes no more of it")]
    Gone,
}

/// A directory that nobody else may look into. It is removed with this.
struct Scratch {
    path: PathBuf,
    _turn: OwnedSemaphorePermit,
}

impl Scratch {
    fn make(id: Uuid, turn: OwnedSemaphorePermit) -> io::Result<Self> {
        let path = std::env::temp_dir().join(format!("sallyport-export-{id}"));
        DirBuilder::new().mode(0o700).create(&path)?;
        Ok(Self { path, _turn: turn })
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.path) {
            tracing::warn!(%error, path = ?self.path, "what an export left there is not removed");
        }
    }
}

/// Begins to write an export into a directory of its own and to pack it, all below `name`. `id` is good once; `at` is the time that
/// files get, in seconds since 1970; `turn` is held until all is done.
///
/// # Errors
/// There is no place for temporary files.
pub fn archive(
    (name, at): (String, u64),
    epochs: (Epoch, Vec<Epoch>),
    (id, turn): (Uuid, OwnedSemaphorePermit),
) -> io::Result<Chunks> {
    let scratch = Arc::new(Scratch::make(id, turn)?);
    let (tell, told) = unbounded_channel();
    let (end, ended) = oneshot::channel();
    let (out, chunks) = channel(AHEAD);
    let (into, runtime) = (scratch.clone(), Handle::current());
    // Files are written where that keeps no request waiting.
    spawn_blocking(move || {
        let gone = tell.clone();
        let written = runtime.block_on(async {
            let mut progress = |_, _| ();
            let writing = write_telling(&into.path, epochs, &mut progress, Some(tell));
            tokio::select! {
                written = writing => written.map(drop).map_err(Broken::from),
                () = gone.closed() => Err(Broken::Gone),
            }
        });
        let _ = end.send(written);
    });
    let runtime = Handle::current();
    spawn_blocking(move || {
        let packer = Packer { dir: &scratch.path, name: &name, at, out: &out, runtime: &runtime };
        if let Err(error) = packer.all(told, ended) {
            tracing::warn!(%error, "an export broke off");
            // What is not ended as it should has no manifest, and the stream breaks off where nobody waits for this.
            let _ = out.try_send(Err(error));
        }
    });
    Ok(chunks)
}

struct Packer<'a> {
    dir: &'a Path,
    name: &'a str,
    at: u64,
    out: &'a Sender<io::Result<Bytes>>,
    runtime: &'a Handle,
}

impl Packer<'_> {
    fn all(&self, mut told: UnboundedReceiver<String>, ended: oneshot::Receiver<Result<(), Broken>>) -> io::Result<()> {
        while let Some(file) = told.blocking_recv() {
            self.file(&file)?;
        }
        ended.blocking_recv().map_err(io::Error::other)?.map_err(io::Error::other)?;
        self.send(Bytes::from_static(&[0; 2 * BLOCK]))
    }

    fn file(&self, name: &str) -> io::Result<()> {
        let mut file = File::open(self.dir.join(name))?;
        let size = file.metadata()?.len();
        let mut header = tar::Header::new_ustar();
        header.set_path(format!("{}/{name}", self.name))?;
        header.set_size(size);
        header.set_mode(0o644);
        header.set_mtime(self.at);
        header.set_cksum();
        self.send(Bytes::copy_from_slice(header.as_bytes()))?;
        let mut left = size;
        while left > 0 {
            let mut chunk = vec![0; CHUNK.min(usize::try_from(left).unwrap_or(CHUNK))];
            file.read_exact(&mut chunk)?;
            left -= chunk.len() as u64;
            self.send(chunk.into())?;
        }
        let over = usize::try_from(size % BLOCK as u64).unwrap_or(0);
        if over > 0 {
            self.send(vec![0; BLOCK - over].into())?;
        }
        Ok(())
    }

    fn send(&self, bytes: Bytes) -> io::Result<()> {
        // Others wait for their turn: whoever takes nothing for so long has gone.
        let sent = tokio::time::timeout(PATIENCE, self.out.send(Ok(bytes)));
        match self.runtime.block_on(sent) {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(io::Error::other(Broken::Gone)),
        }
    }
}
