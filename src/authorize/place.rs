//! Where a request of the consent page stands: an interaction of this browser, and a person who is logged in for it.

use axum::response::Response;
use http::StatusCode;
use time::OffsetDateTime;

use super::{
    consent::{self, Approval, Earlier},
    interaction::{self, Interaction},
    page::{self, View},
    respond::{self, Answer},
    trouble,
};
use crate::{
    audit::{Event, Refused},
    http::{form::Form, trouble::Trouble, visit::Visit},
    people::{self, Session},
    policy::{Scope, ScopeSet},
    secret::{Handle, HandleKind},
    store::StoreError,
};

/// All that must be there before a consent page is shown or answered.
pub(super) struct Place<'v> {
    pub(super) visit: &'v Visit,
    pub(super) interaction: Interaction,
    pub(super) session: Session,
    handle: Handle,
}

impl<'v> Place<'v> {
    /// Finds it. Without a login that fits, the inner error is the way to the login page.
    pub(super) async fn find(visit: &'v Visit, form: &Form) -> Result<Result<Self, Response>, Trouble> {
        let expired = || {
            visit.refused(Refused::Authorization("interaction"));
            trouble::expired(visit, StatusCode::BAD_REQUEST)
        };
        let given = form.one("interaction").ok().flatten();
        let handle = given.and_then(|text| Handle::parse(HandleKind::Interaction, text).ok()).ok_or_else(expired)?;
        let found = interaction::find(&visit.app, &visit.tenant, &handle, &visit.browser).await;
        let interaction = found.map_err(|error| visit.fault(error))?.ok_or_else(expired)?;
        let session = people::current(visit).await.map_err(|error| visit.fault(error))?;
        match session.filter(|session| interaction.belongs_to(session.id)) {
            Some(session) => Ok(Ok(Self { visit, interaction, session, handle })),
            None => Ok(Err(visit.see_other(&format!("{}?interaction={}", visit.path("login"), handle.expose()))?)),
        }
    }

    /// What the client asks for.
    pub(super) fn asked(&self) -> Result<ScopeSet, Trouble> {
        let scopes = self.interaction.row.scopes.iter().map(|scope| Scope::new(scope)).collect::<Result<_, _>>();
        scopes.map_err(|error| self.visit.fault(error))
    }

    /// What the person allowed before.
    pub(super) async fn earlier(&self) -> Result<Earlier, Trouble> {
        let earlier = consent::earlier(self.visit, &self.interaction, self.session.person).await;
        earlier.map_err(|error| self.visit.fault(error))
    }

    /// Writes down that the page was shown.
    pub(super) async fn note_shown(&self, asked: &ScopeSet) -> Result<(), Trouble> {
        let shown = Event::ConsentShown {
            person: self.session.person,
            client: self.interaction.client.id.clone(),
            server: self.interaction.server.id,
            scopes: asked.iter().map(ToString::to_string).collect(),
        };
        let write = async {
            let mut tx = self.visit.app.store.tenant_tx(self.visit.tenant.id).await?;
            self.visit.recorder().record(&mut tx, &shown).await?;
            tx.commit().await
        };
        write.await.map_err(|error: StoreError| self.visit.fault(error))
    }

    /// The consent page.
    pub(super) fn page(
        &self,
        earlier: &Earlier,
        ticked: &ScopeSet,
        error: Option<String>,
    ) -> Result<Response, Trouble> {
        let view = View { session: &self.session, handle: self.handle.expose(), earlier, ticked, error };
        Ok(self.visit.page(StatusCode::OK, page::consent(self.visit, &self.interaction, view)))
    }

    /// What the person allows, or allowed before until then.
    pub(super) fn approval<'a>(&self, scopes: &'a ScopeSet, earlier_until: Option<OffsetDateTime>) -> Approval<'a> {
        Approval { person: self.session.person, auth_time: self.session.auth_time, scopes, earlier_until }
    }

    /// Approves, and sends the code to the client.
    pub(super) async fn approve(&self, approval: &Approval<'_>) -> Result<Response, Trouble> {
        let code = consent::approve(self.visit, &self.interaction, approval).await;
        let code = code.map_err(|error| self.visit.fault(error))?;
        let code = code.ok_or_else(|| trouble::expired(self.visit, StatusCode::CONFLICT))?;
        self.send(&Answer::Code(&code))
    }

    /// Sends the browser back to the client.
    pub(super) fn send(&self, answer: &Answer<'_>) -> Result<Response, Trouble> {
        let Interaction { client, redirect, row, .. } = &self.interaction;
        respond::send(self.visit, client.name(), redirect, row.state.as_deref(), answer)
    }
}
