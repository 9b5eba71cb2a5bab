//! A copy of the log that others can check, as a download.

use std::time::Duration;

use axum::{
    body::Body,
    response::{IntoResponse, Response},
};
use http::{
    StatusCode,
    header::{CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS},
};
use tokio::sync::OwnedSemaphorePermit;

use crate::{
    audit::{
        Event,
        export::{Chunks, Database, Epoch, NoLog, Period, archive, moment},
    },
    console::Desk,
    http::{
        form::{Form, FormError},
        pages::console::{AskPage, Input, Way},
        trouble::Trouble,
    },
    ids,
};

/// For the end of an export that is just ending.
const PATIENCE: Duration = Duration::from_secs(2);

fn question(desk: &Desk, from: &str, to: &str) -> AskPage {
    let lead = "You get an archive (.tar) that anybody can check without this server: unpack it, and run sallyport audit verify on the \
                directory. The log says that you took it.";
    let inputs = vec![
        Input::date("from", "From", "Empty: from the beginning. Of a part you get some entries around it, too.", from),
        Input::date("to", "To", "All of that day (UTC). Empty: to the newest checkpoint.", to),
    ];
    AskPage { inputs, ..desk.ask("Export the log", lead, "Export", Way::new("Audit log", desk.at("audit"))) }
}

/// `GET …/audit/-/export`
pub(in crate::console) async fn ask(desk: Desk) -> Result<Response, Trouble> {
    let page = question(&desk, "", "");
    Ok(desk.visit.page(StatusCode::OK, page))
}

fn period(from: &str, to: &str) -> Result<Period, &'static str> {
    let day = |text: &str, days| (!text.is_empty()).then(|| moment(text, days)).transpose();
    let period = Period { from: day(from, 0)?, to: day(to, 1)? };
    match (period.from, period.to) {
        (Some(from), Some(to)) if from >= to => Err("the first day comes after the last"),
        _ => Ok(period),
    }
}

/// `POST …/audit/-/export`: `from`, `to`. Answers with the archive.
pub(in crate::console) async fn export(desk: Desk, form: Result<Form, FormError>) -> Result<Response, Trouble> {
    let form = desk.form(form)?;
    let (from, to) = (desk.one(&form, "from")?.trim(), desk.one(&form, "to")?.trim());
    let page = question(&desk, from, to);
    let period = match period(from, to) {
        Ok(period) => period,
        Err(why) => return Ok(desk.ask_again(page, StatusCode::BAD_REQUEST, why)),
    };
    let app = &desk.visit.app;
    let Ok(Ok(turn)) = tokio::time::timeout(PATIENCE, app.exports.clone().acquire_owned()).await else {
        let why = "somebody exports a log right now: wait until that is done, and try again";
        return Ok(desk.ask_again(page, StatusCode::CONFLICT, why));
    };
    let keys = app.keyring.checkpoint_keys();
    let epochs = match Database::epochs(&app.store, desk.visit.tenant.id, &keys, period).await {
        Ok(epochs) => epochs,
        Err(NoLog::NoCheckpoint) => {
            let why = "nothing of the log is signed yet: that is done within seconds, try again";
            return Ok(desk.ask_again(page, StatusCode::CONFLICT, why));
        }
        Err(error) => return Err(desk.visit.fault(error)),
    };
    // Before anything is sent.
    let event = taken(&desk, &epochs, period);
    let mut tx = desk.tx().await?;
    desk.recorder().record(&mut tx, &event).await.map_err(|error| desk.visit.fault(error))?;
    tx.commit().await.map_err(|error| desk.visit.fault(error))?;
    let name = format!("{}-audit", desk.visit.tenant.slug);
    let chunks = begin(&desk, &name, epochs, turn)?;
    let headers = [
        (CONTENT_TYPE, "application/x-tar".to_owned()),
        (CONTENT_DISPOSITION, format!("attachment; filename=\"{name}.tar\"")),
        (CACHE_CONTROL, "no-store".to_owned()),
        (X_CONTENT_TYPE_OPTIONS, "nosniff".to_owned()),
    ];
    let chunks =
        futures_util::stream::unfold(chunks, async |mut chunks| chunks.recv().await.map(|chunk| (chunk, chunks)));
    Ok((headers, Body::from_stream(chunks)).into_response())
}

fn taken(desk: &Desk, (current, previous): &(Epoch, Vec<Epoch>), period: Period) -> Event {
    let all = previous.iter().chain([current]);
    Event::AuditExported {
        person: desk.session.person,
        origin: current.head.checkpoint.origin.to_string(),
        entries: all.filter_map(|epoch| epoch.head.extent.included()).map(|range| range.count()).sum(),
        from: period.from,
        to: period.to,
    }
}

fn begin(desk: &Desk, name: &str, epochs: (Epoch, Vec<Epoch>), turn: OwnedSemaphorePermit) -> Result<Chunks, Trouble> {
    let app = &desk.visit.app;
    let id = ids::new_uuid(&app.clock, &app.entropy).map_err(|error| desk.visit.fault(error))?;
    let at = u64::try_from(app.clock.now().unix_timestamp()).unwrap_or_default();
    archive((name.to_owned(), at), epochs, (id, turn)).map_err(|error| desk.visit.fault(error))
}
