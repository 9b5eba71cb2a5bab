//! The tenant's own settings: its name, and who may register clients. What is not here is in the file of `sallyport apply`.

use axum::response::Response;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    body::{Body, Check, Findings, whole},
    caller::{Caller, tagged},
    precondition::{Seen, changed},
    problem::Problem,
};
use crate::{
    apply::edit::{Edit, TenantForm, fingerprint},
    ids::Slug,
    tenants::{LoginPolicy, RegistrationRule, SecondFactor, Settings},
};

/// Who may register clients.
#[derive(Clone, Copy, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum Registration {
    /// Any program, within limits.
    Open,
    /// Any program, but it waits for an administrator.
    Approval,
    /// Only with an initial access token.
    InitialAccessToken,
    /// Only software that somebody vouches for.
    SoftwareStatement,
    /// No program: administrators write clients down.
    Off,
}

/// Who shows a second factor at login.
#[derive(Clone, Copy, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum Factor {
    /// Whoever has one.
    Optional,
    /// Whoever has one, and everybody who sees the console.
    Administrators,
    Everybody,
}

/// The settings that can be edited one by one.
#[derive(Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct TenantSettings {
    /// The tenant's name, on every page.
    #[schema(min_length = 1, max_length = 100)]
    name: String,
    registration: Registration,
    /// Registered clients at most; null: the usual number.
    #[serde(default, deserialize_with = "whole")]
    #[schema(format = Int64, minimum = 0, maximum = 4294967295u64)]
    max_registered_clients: Option<u32>,
    /// For how many days an unused one is kept; null: the usual time.
    #[serde(default, deserialize_with = "whole")]
    #[schema(minimum = 1, maximum = 3650)]
    unused_client_days: Option<u16>,
    /// The server that is meant where a request names none.
    #[schema(pattern = "^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$")]
    default_server: Option<String>,
    second_factor: Factor,
    /// Whether passwords are taken; if not, people come through identity providers alone.
    passwords: bool,
    /// Hours that a login lasts; null: as many as the configuration says, which is the most in any case.
    #[serde(default, deserialize_with = "whole")]
    #[schema(minimum = 1, maximum = 720)]
    session_hours: Option<u16>,
}

impl Check for TenantSettings {
    fn check(&self, findings: &mut Findings) {
        findings.length("name", &self.name, 1, 100);
        if self.unused_client_days.is_some_and(|days| !(1..=3650).contains(&days)) {
            findings.add("unused_client_days", "must be 1 to 3650");
        }
        if self.session_hours.is_some_and(|hours| !(1..=720).contains(&hours)) {
            findings.add("session_hours", "must be 1 to 720");
        }
        if self.default_server.as_deref().is_some_and(|slug| Slug::parse(slug).is_err()) {
            findings.add("default_server", "must be a server's name in addresses");
        }
    }
}

impl TenantSettings {
    fn of(name: &str, settings: &Settings) -> Self {
        Self {
            name: name.to_owned(),
            registration: match settings.registration {
                RegistrationRule::Open => Registration::Open,
                RegistrationRule::Approval => Registration::Approval,
                RegistrationRule::InitialAccessToken => Registration::InitialAccessToken,
                RegistrationRule::SoftwareStatement => Registration::SoftwareStatement,
                RegistrationRule::Off => Registration::Off,
            },
            max_registered_clients: settings.max_registered_clients,
            unused_client_days: settings.unused_client_days,
            default_server: settings.default_server.as_ref().map(ToString::to_string),
            second_factor: match settings.login.second_factor {
                SecondFactor::Optional => Factor::Optional,
                SecondFactor::Administrators => Factor::Administrators,
                SecondFactor::Everybody => Factor::Everybody,
            },
            passwords: settings.login.passwords,
            session_hours: settings.login.session_hours,
        }
    }

    fn form(self) -> TenantForm {
        TenantForm {
            name: self.name,
            registration: match self.registration {
                Registration::Open => RegistrationRule::Open,
                Registration::Approval => RegistrationRule::Approval,
                Registration::InitialAccessToken => RegistrationRule::InitialAccessToken,
                Registration::SoftwareStatement => RegistrationRule::SoftwareStatement,
                Registration::Off => RegistrationRule::Off,
            },
            max_registered_clients: self.max_registered_clients,
            unused_client_days: self.unused_client_days,
            default_server: self.default_server.and_then(|slug| Slug::parse(&slug).ok()),
            login: LoginPolicy {
                second_factor: match self.second_factor {
                    Factor::Optional => SecondFactor::Optional,
                    Factor::Administrators => SecondFactor::Administrators,
                    Factor::Everybody => SecondFactor::Everybody,
                },
                passwords: self.passwords,
                session_hours: self.session_hours,
            },
        }
    }
}

/// Whether a form says anything else of programs than what is so.
fn has_programs(form: &TenantForm, settings: &Settings) -> bool {
    form.registration != settings.registration
        || form.max_registered_clients != settings.max_registered_clients
        || form.unused_client_days != settings.unused_client_days
        || form.default_server.is_some()
}

/// Shows the settings.
#[utoipa::path(get, path = "/api/admin/v1/tenants/{tenant}/settings", tag = "settings",
    responses((status = OK, description = "The settings.", body = TenantSettings, headers(("ETag" = String)))))]
pub(super) async fn show_settings(caller: Caller) -> Result<Response, Problem> {
    let tenant = &caller.tenant;
    let tag = fingerprint(&tenant.name, &tenant.settings);
    Ok(tagged(StatusCode::OK, TenantSettings::of(&tenant.name, &tenant.settings), &tag))
}

/// Changes the settings: all of those that are here.
#[utoipa::path(put, path = "/api/admin/v1/tenants/{tenant}/settings", tag = "settings", params(Seen), request_body = TenantSettings,
    responses((status = OK, description = "The settings as they are now.", body = TenantSettings, headers(("ETag" = String)))))]
pub(super) async fn edit_settings(
    caller: Caller,
    seen: Seen,
    Body(body): Body<TenantSettings>,
) -> Result<Response, Problem> {
    let tenant = &caller.tenant;
    // What is edited is what was seen: the rest of it is kept from there.
    if fingerprint(&tenant.name, &tenant.settings) != seen.tag {
        return Err(changed(&caller.request_id));
    }
    let form = body.form();
    if tenant.platform && has_programs(&form, &tenant.settings) {
        return Err(caller.refused("Nothing was changed: the platform's administrators have no programs there."));
    }
    let settings = form.onto(&tenant.settings);
    let (name, view) = (form.name.clone(), TenantSettings::of(&form.name, &settings));
    let tag = fingerprint(&name, &settings);
    caller.edit(Edit::Tenant { seen: seen.tag, name, settings: Box::new(settings) }).await?;
    Ok(tagged(StatusCode::OK, view, &tag))
}
