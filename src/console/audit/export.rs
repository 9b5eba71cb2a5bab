//! A copy of the log that others can check, as a download.

use axum::response::Response;
use http::StatusCode;

use crate::{
    audit::{
        download::{self, Exports, NotTaken},
        export::Period,
    },
    console::{Desk, deed::Wrong},
    http::{
        attachment::archive,
        form::{Form, FormError},
        pages::console::{AskPage, Input, Way},
        trouble::Trouble,
    },
};

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

/// `POST …/audit/-/export`: `from`, `to`. Answers with the archive.
pub(in crate::console) async fn export(desk: Desk, form: Result<Form, FormError>) -> Result<Response, Trouble> {
    let form = desk.form(form)?;
    let (from, to) = (desk.one(&form, "from")?.trim(), desk.one(&form, "to")?.trim());
    let page = question(&desk, from, to);
    let period = match Period::of_days(from, to) {
        Ok(period) => period,
        Err((field, why)) => {
            return Ok(desk.ask_marked(page, StatusCode::BAD_REQUEST, vec![Wrong::new(field, why)]));
        }
    };
    let app = &desk.visit.app;
    let exports = Exports { store: &app.store, keyring: &app.keyring, turns: &app.exports };
    match download::take(exports, &desk.visit.tenant, (&desk.recorder(), desk.session.person), period).await {
        Ok((name, chunks)) => Ok(archive(&name, chunks)),
        Err(error @ (NotTaken::Busy | NotTaken::NothingSigned)) => {
            Ok(desk.ask_again(page, StatusCode::CONFLICT, error))
        }
        Err(error) => Err(desk.visit.fault(error)),
    }
}
