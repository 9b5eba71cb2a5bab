//! What became of a try at the token endpoint. Whatever it is, the transaction commits: a refusal that rolled back would
//! take the revocation, or the count of tries, with it. Only faults roll back.

use super::{TokenError, TokenResponse};
use crate::{app::App, cluster::Ticket, store::TenantTx};

pub(super) enum Verdict {
    Issued(TokenResponse),
    Refused(TokenError),
    /// It ended its family: refused, with this reason, once that is true everywhere.
    Replayed(Ticket, &'static str),
}

impl Verdict {
    /// Commits, and gives the answer.
    pub(super) async fn conclude(self, app: &App, tx: TenantTx) -> Result<TokenResponse, TokenError> {
        tx.commit().await?;
        match self {
            Self::Issued(answer) => Ok(answer),
            Self::Refused(error) => Err(error),
            Self::Replayed(ticket, why) => {
                app.node.settle(ticket).await?;
                Err(TokenError::InvalidGrant(why))
            }
        }
    }
}
