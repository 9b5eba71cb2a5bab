//! The kill switch: all grants of a client, a person, a server, or of everybody.

use axum::response::Response;
use http::StatusCode;
use uuid::Uuid;

use super::{AskPage, Cell, Desk, Fact, Form, FormError, Selection, SheetPage, Trouble, Way, kill_switch, rows};
use crate::{
    console::deed::Wrong,
    http::pages::console::{Input, InputKind, Opt},
    ids::{ClientId, PersonId},
    store::{StoreError, TenantTx, clients, people},
};

/// What is to be revoked, as the form says it.
struct Chosen {
    client: String,
    person: String,
    server: String,
    selection: Selection,
    /// What people call the client, the person and the server.
    names: [String; 3],
}

/// Reads what was chosen. What is no id of anything here chooses nothing, so it must not pass for "everything".
async fn chosen(desk: &Desk, tx: &mut TenantTx, form: &Form) -> Result<Chosen, Trouble> {
    let (client, person, server) = (desk.one(form, "client")?, desk.one(form, "person")?, desk.one(form, "server")?);
    let fault = |error: StoreError| desk.visit.fault(error);
    let mut selection = Selection::default();
    let mut names = [const { String::new() }; 3];
    let [client_name, person_name, server_name] = &mut names;
    if !client.is_empty() {
        let id = ClientId::parse(client).map_err(|_| desk.nothing("client"))?;
        let known = clients::find(tx, &id).await.map_err(fault)?;
        let known = known.ok_or_else(|| desk.nothing("client"))?;
        known.name().clone_into(client_name);
        selection.client = Some(known.id);
    }
    if !person.is_empty() {
        let id = PersonId(Uuid::parse_str(person).map_err(|_| desk.nothing("person"))?);
        let known = people::by_id(tx, id).await.map_err(fault)?;
        let known = known.ok_or_else(|| desk.nothing("person"))?;
        known.username.clone_into(person_name);
        selection.person = Some(known.id);
    }
    if !server.is_empty() {
        let known = desk.visit.tenant.server(server).ok_or_else(|| desk.nothing("server"))?;
        known.name.clone_into(server_name);
        selection.server = Some(known.id);
    }
    let own = str::to_owned;
    Ok(Chosen { client: own(client), person: own(person), server: own(server), selection, names })
}

async fn question(desk: &Desk, tx: &mut TenantTx, chosen: &Chosen) -> Result<(AskPage, i64), Trouble> {
    let extent = rows::extent(tx, &chosen.selection, desk.visit.app.clock.now()).await;
    let extent = extent.map_err(|error| desk.visit.fault(error))?;
    let everything = [&chosen.client, &chosen.person, &chosen.server].into_iter().all(String::is_empty);
    let title = match (extent.grants, everything) {
        (1, _) => "Revoke 1 grant?".to_owned(),
        (n, true) => format!("Revoke all {n} grants of everybody?"),
        (n, false) => format!("Revoke {n} grants?"),
    };
    let verb =
        if extent.grants == 1 { "Revoke 1 grant".to_owned() } else { format!("Revoke {} grants", extent.grants) };
    let lead = "Every token under these grants is refused on every node once this is done. Whoever still needs access is asked again.";
    let all = |name: &str| Cell::Text(if name.is_empty() { "all" } else { name }.to_owned());
    let [client, person, server] = &chosen.names;
    let facts = vec![
        Fact::new("Client", all(client)),
        Fact::new("Person", all(person)),
        Fact::new("Server", all(server)),
        Fact::new("Grants", Cell::Number(extent.grants)),
        Fact::new("Installations", Cell::Number(extent.families)),
        Fact::new("People and machines", Cell::Number(extent.subjects)),
        Fact::new("Clients", Cell::Number(extent.clients)),
    ];
    let hidden = vec![("client".to_owned(), chosen.client.clone()), ("person".to_owned(), chosen.person.clone())];
    let server = |slug: &str, label: String| Opt { value: slug.to_owned(), label, chosen: slug == chosen.server };
    let servers = desk.visit.tenant.servers.values().map(|known| server(known.slug.as_str(), known.name.clone()));
    let options = std::iter::once(server("", "All servers".to_owned())).chain(servers).collect();
    let count = Input::text("count", "How many", &format!("Type {} to say that you mean it.", extent.grants), "");
    let mut choice = Input::select("server", "Server", "To choose another one, open the page of that server.", &[], "");
    choice.kind = InputKind::Select(options);
    let page = AskPage {
        facts,
        hidden,
        inputs: vec![choice, count],
        danger: true,
        ..desk.ask(&title, lead, &verb, Way::new("Grants", desk.at("grants")))
    };
    Ok((page, extent.grants))
}

/// `GET …/revoke?client=&person=&server=`
pub(in crate::console) async fn ask_revoke_all(desk: Desk) -> Result<Response, Trouble> {
    let query = desk.visit.query()?;
    let mut tx = desk.tx().await?;
    let chosen = chosen(&desk, &mut tx, &query).await?;
    let (page, grants) = question(&desk, &mut tx, &chosen).await?;
    if grants == 0 {
        return Ok(desk.visit.page(StatusCode::OK, nothing_left(&desk)));
    }
    Ok(desk.visit.page(StatusCode::OK, page))
}

/// Where nothing of what was chosen is in force, there is nothing to ask.
fn nothing_left(desk: &Desk) -> SheetPage {
    SheetPage {
        frame: desk.frame(),
        back: Way::new("Grants", desk.at("grants")),
        title: "There is nothing to revoke".to_owned(),
        state: Cell::Nothing,
        lead:
            "No grant of this kind is in force. What was revoked before stays so, and is listed with those that ended."
                .to_owned(),
        facts: Vec::new(),
        sections: Vec::new(),
        actions: vec![Way::new("Grants that ended", desk.at("grants?state=ended"))],
        danger: Vec::new(),
    }
}

/// `POST …/revoke`: `client`, `person`, `server`, and `count`: how many the question said.
pub(in crate::console) async fn revoke_all(desk: Desk, form: Result<Form, FormError>) -> Result<Response, Trouble> {
    let form = desk.form(form)?;
    let mut tx = desk.tx().await?;
    let chosen = chosen(&desk, &mut tx, &form).await?;
    let (page, grants) = question(&desk, &mut tx, &chosen).await?;
    tx.commit().await.map_err(|error| desk.visit.fault(error))?;
    if grants == 0 {
        return Ok(desk.visit.page(StatusCode::CONFLICT, nothing_left(&desk)));
    }
    if desk.one(&form, "count")?.trim() != grants.to_string() {
        let error = format!("that is not how many there are: it would be {grants} now, so nothing was revoked");
        return Ok(desk.ask_marked(page, StatusCode::CONFLICT, vec![Wrong::new("count", error)]));
    }
    let began = tokio::time::Instant::now();
    let of = [(desk.visit.tenant.id, chosen.selection)];
    let (revoked, ticket) = kill_switch::revoke(&desk.visit.app.store, &desk.recorder(), &of)
        .await
        .map_err(|error| desk.visit.fault(error))?;
    let ms = desk.settled(ticket, began).await?;
    desk.done(&desk.at("grants"), "revoked", revoked.grants, ms)
}
