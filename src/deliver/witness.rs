//! C2SP witnesses (tlog-witness): whoever has cosigned a checkpoint cosigns none that does not go on from it.

use http::{HeaderMap, Method};
use url::Url;

use super::{DeliverError, remote::Web};
use crate::{
    app::App,
    audit::{log::WitnessKey, sequencer::with_tiles},
    ids::TenantId,
    store::audit_ship::Place,
};

/// How often a witness may say that it knows something else than it is taken to know.
const TRIES: usize = 3;

/// A witness.
#[derive(Debug)]
pub(super) struct Witness {
    pub web: Web,
    pub key: WitnessKey,
}

impl Witness {
    /// Asks for a cosignature of a checkpoint; the key and the line that it holds by.
    pub(super) async fn ask(
        &self,
        app: &App,
        log: TenantId,
        (from, to): (Place, Place),
        note: &str,
    ) -> Result<(String, String), DeliverError> {
        let base = self.web.url.as_str().trim_end_matches('/');
        let url = Url::parse(&format!("{base}/add-checkpoint"));
        let url = url.map_err(|_| DeliverError::Odd("it cannot be addressed".to_owned()))?;
        let mut old = if from.epoch == to.epoch { from.next } else { 0 };
        for _ in 0..TRIES {
            let body = request(app, log, to, old, note).await?;
            let answer = self.web.send(Method::POST, url.clone(), HeaderMap::new(), body.into()).await?;
            match answer.status {
                200 => return self.cosignature(note, &answer.body),
                409 => old = known(&answer.body, to.next)?,
                404 => return Err(DeliverError::Refused("it does not know the log".to_owned())),
                status => return Err(DeliverError::Refused(format!("status {status}"))),
            }
        }
        Err(DeliverError::Odd("it says something else each time of what it knows".to_owned()))
    }

    fn cosignature(&self, note: &str, answer: &[u8]) -> Result<(String, String), DeliverError> {
        let answer = String::from_utf8_lossy(answer);
        let line = answer.lines().find(|line| self.key.signed(note, line).is_some());
        let line = line.ok_or_else(|| DeliverError::Odd("it holds no cosignature by its key".to_owned()))?;
        Ok((self.key.to_string(), line.to_owned()))
    }
}

/// How many entries it knows, where it is not what it was taken to know.
fn known(answer: &[u8], size: u64) -> Result<u64, DeliverError> {
    let text = std::str::from_utf8(answer).unwrap_or_default().trim();
    let known: u64 = text.parse().map_err(|_| DeliverError::Odd("it does not say what it knows".to_owned()))?;
    if known > size {
        let what = format!("it has cosigned {known} entries, and the newest checkpoint here has {size}");
        return Err(DeliverError::Refused(format!("{what}: was the database set back?")));
    }
    Ok(known)
}

async fn request(app: &App, log: TenantId, to: Place, old: u64, note: &str) -> Result<String, DeliverError> {
    let mut body = format!("old {old}\n");
    // Everything goes on from nothing, and from itself.
    if old > 0 && old < to.next {
        let mut tx = app.store.tenant_tx(log).await?;
        let proof = with_tiles(&mut tx, (to.epoch, to.next), |tiles| tiles.consistency(old, to.next)).await?;
        tx.commit().await?;
        for hash in proof {
            body.push_str(&format!("{hash}\n"));
        }
    }
    body.push('\n');
    body.push_str(note);
    Ok(body)
}
