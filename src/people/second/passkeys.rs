//! Passkeys of people: added, used, taken away.

use crate::{
    app::App,
    audit::{Event, Recorder},
    ids::{PasskeyId, PersonId},
    people::passkey::{
        Assertion, BadPasskey, Kept, Known, Owner, Purpose, Registration, RelyingParty, Verification, ask::Question,
    },
    secret::NoEntropy,
    store::{
        StoreError, TenantTx,
        second::{self, PasskeyRow},
    },
};

/// So many a person may have.
pub(in crate::people) const MOST: usize = 20;
/// The longest name of one, in characters.
const NAME: usize = 60;

/// What an authenticator is asked for a new passkey: the text of a form.
pub(in crate::people) fn creation(
    app: &App,
    question: &Question,
    owner: &Owner<'_>,
    there: &[PasskeyRow],
) -> Result<Option<String>, NoEntropy> {
    let Some(party) = RelyingParty::of(&app.config.public_url) else { return Ok(None) };
    let challenge = question.set(app)?;
    let options = party.creation("Sallyport", owner, challenge, Verification::Required, &known(there));
    Ok(Some(options.json()))
}

/// What an authenticator is asked to use one of these, or any.
pub(in crate::people) fn request(
    app: &App,
    question: &Question,
    purpose: Purpose,
    there: &[PasskeyRow],
) -> Result<Option<String>, NoEntropy> {
    let Some(party) = RelyingParty::of(&app.config.public_url) else { return Ok(None) };
    Ok(Some(party.request(question.set(app)?, purpose, &known(there)).json()))
}

fn known(there: &[PasskeyRow]) -> Vec<Known<'_>> {
    there.iter().map(|row| Known { credential: &row.credential, transports: &row.transports }).collect()
}

/// Why a passkey is not added.
#[derive(Debug, thiserror::Error)]
pub(in crate::people) enum NotAdded {
    #[error("{0}")]
    Bad(#[from] BadPasskey),
    #[error("the question was another browser's, is over, or was answered before")]
    Question,
    #[error("you have as many as you can have")]
    TooMany,
    #[error("it is known already")]
    Known,
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Adds the passkey that a browser answers with. The transaction is to be rolled back where it is not.
pub(in crate::people) async fn add(
    app: &App,
    tx: &mut TenantTx,
    recorder: &Recorder,
    question: &Question,
    (person, name, answer): (PersonId, &str, &str),
) -> Result<(), NotAdded> {
    let party = RelyingParty::of(&app.config.public_url).ok_or(BadPasskey::Party)?;
    let answer = Registration::read(answer)?;
    let challenge = answer.challenge()?;
    if !question.use_up(app, tx, &challenge).await? {
        return Err(NotAdded::Question);
    }
    let new = answer.verify(&party, &challenge, Verification::Required)?;
    if second::passkeys(tx, person).await?.len() >= MOST {
        return Err(NotAdded::TooMany);
    }
    let row = PasskeyRow {
        id: PasskeyId::new(&app.clock, &app.entropy).map_err(StoreError::from)?,
        person,
        credential: new.credential,
        public_key: new.public_key,
        alg: new.alg.id(),
        sign_count: new.sign_count.into(),
        backed_up: new.backed_up,
        transports: new.transports,
        name: name.chars().filter(|c| !c.is_control()).take(NAME).collect(),
        created_at: app.clock.now(),
        last_used_at: None,
    };
    match second::add_passkey(tx, &row).await {
        Err(error) if error.violated() == Some(second::CREDENTIAL_TAKEN) => return Err(NotAdded::Known),
        result => result?,
    }
    recorder.record(tx, &Event::SecondFactorAdded { person, factor: "passkey" }).await?;
    Ok(())
}

/// Whose passkey answers, once it is known to be right; what it says is kept. None: it is not right.
pub(in crate::people) async fn used(
    app: &App,
    tx: &mut TenantTx,
    question: &Question,
    purpose: Purpose,
    answer: &Assertion,
) -> Result<Option<PersonId>, StoreError> {
    let (Some(party), Ok(challenge)) = (RelyingParty::of(&app.config.public_url), answer.challenge()) else {
        return Ok(None);
    };
    if !question.use_up(app, tx, &challenge).await? {
        return Ok(None);
    }
    let found = second::passkey(tx, answer.credential()).await?;
    let Some(row) = found.filter(|row| question.person.is_none_or(|person| person == row.person)) else {
        return Ok(None);
    };
    let kept = Kept {
        credential: &row.credential,
        public_key: &row.public_key,
        sign_count: u32::try_from(row.sign_count).map_err(StoreError::corrupt)?,
        person: row.person,
    };
    match answer.verify(&party, &challenge, purpose, &kept) {
        Ok(said) => {
            let said = (said.sign_count.into(), said.backed_up);
            second::passkey_used(tx, row.id, said, app.clock.now()).await?;
            Ok(Some(row.person))
        }
        Err(error) => {
            // What a copy would look like is worth a look.
            tracing::warn!(tenant = %question.tenant, person = %row.person, passkey = %row.id, %error, "a passkey is refused");
            Ok(None)
        }
    }
}
