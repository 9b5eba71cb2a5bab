//! Recovery codes: kept on paper, each good once, for whoever loses the rest.

use zeroize::Zeroizing;

use crate::{
    audit::{Event, Recorder},
    ids::{PersonId, TenantId},
    keys::{Keyring, Stored},
    secret::Letters,
    store::{StoreError, TenantTx, second},
};

const LABEL: &str = "recovery code";
/// How many a person gets at a time.
const CODES: usize = 10;

/// Twelve letters of twenty, which are 51 bits: guesses are counted.
pub struct RecoveryCode(Letters<12>);

impl RecoveryCode {
    /// Reads what somebody typed.
    pub fn parse(text: &str) -> Option<Self> {
        Letters::parse(text).map(Self)
    }

    /// As it is shown, once: `BCDF-GHJK-LMNP`.
    pub fn show(&self) -> Zeroizing<String> {
        Zeroizing::new(self.0.show())
    }

    fn stored(&self, keyring: &Keyring, tenant: TenantId, person: PersonId) -> Stored {
        keyring.store_keyed(LABEL, &[tenant.0.as_bytes(), person.0.as_bytes(), self.0.bytes()])
    }

    /// What the store may keep of it: a hash under each pepper.
    pub(super) fn lookup(&self, keyring: &Keyring, tenant: TenantId, person: PersonId) -> Vec<[u8; 32]> {
        keyring.keyed_by_any(LABEL, &[tenant.0.as_bytes(), person.0.as_bytes(), self.0.bytes()])
    }
}

/// Gives a person new ones, to be shown once. Those of before work no more.
///
/// # Errors
/// A fault of ours.
pub async fn renew(
    tx: &mut TenantTx,
    (recorder, keyring): (&Recorder, &Keyring),
    person: PersonId,
) -> Result<Vec<RecoveryCode>, StoreError> {
    let tenant = tx.tenant();
    let codes: Result<Vec<_>, _> = (0..CODES).map(|_| Letters::generate(&recorder.entropy).map(RecoveryCode)).collect();
    let codes = codes?;
    let stored: Vec<Stored> = codes.iter().map(|code| code.stored(keyring, tenant, person)).collect();
    second::add_recovery_codes(tx, person, &stored, recorder.clock.now()).await?;
    recorder.record(tx, &Event::RecoveryRenewed { person }).await?;
    Ok(codes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::Entropy;

    #[test]
    fn codes_are_read_as_people_type_them() {
        let code = RecoveryCode(Letters::generate(&Entropy::system()).unwrap());
        let shown = code.show();
        assert_eq!(shown.len(), 14);
        for typed in [shown.to_string(), shown.to_lowercase(), shown.replace('-', " "), shown.replace('-', "")] {
            assert!(RecoveryCode::parse(&typed).unwrap().0 == code.0, "{typed}");
        }
        let longer = format!("{}B", *shown);
        for bad in ["", "BCDF", "BCDF-GHJK-LMNA", "ＢCDF-GHJK-LMNP", &longer, &" ".repeat(1000)] {
            assert!(RecoveryCode::parse(bad).is_none(), "{bad:?}");
        }
    }
}
