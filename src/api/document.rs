//! The document that describes the API (OpenAPI 3.1), made from the handlers.

use std::sync::LazyLock;

use axum::response::{IntoResponse, Response};
use http::{
    Method, StatusCode,
    header::{CACHE_CONTROL, CONTENT_TYPE},
};
use utoipa::{
    Modify, OpenApi,
    openapi::{
        Content, Ref, RefOr, Required, ResponseBuilder,
        path::{Operation, Parameter, ParameterBuilder, ParameterIn, PathItem},
        schema::{KnownFormat, ObjectBuilder, SchemaFormat, Type},
        security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme},
    },
};

use super::{
    audit, checkpoints, clients, grants, keys, people,
    problem::{MEDIA_TYPE, ProblemBody},
    providers, rights, servers, settings, tenants,
};
use crate::{
    access::may,
    app::routes::{Guard, Route},
};

/// The name of the one way to come in.
const TOKEN: &str = "token";

static TEXT: LazyLock<String> = LazyLock::new(|| {
    let mut text = document().to_pretty_json().unwrap_or_default();
    text.push('\n');
    text
});

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Sallyport admin API",
        version = "1",
        description = "What administrators do in Sallyport's console, for programs. A token acts for a person, and never beyond what \
                       that person may do at the time. See docs/admin-api.md.",
        license(name = "Apache-2.0", identifier = "Apache-2.0")
    ),
    paths(
        openapi,
        tenants::list_tenants,
        tenants::create_tenant,
        tenants::show_tenant,
        tenants::edit_tenant,
        tenants::remove_tenant,
        tenants::enable_tenant,
        tenants::disable_tenant,
        tenants::make_administrator_link,
        clients::list_clients,
        clients::show_client,
        clients::remove_client,
        clients::approve_client,
        clients::suspend_client,
        clients::resume_client,
        grants::list_grants,
        grants::revoke_many,
        grants::show_grant,
        grants::revoke_grant,
        people::list_people,
        people::invite_person,
        people::show_person,
        people::set_roles,
        people::make_link,
        people::disable_person,
        people::enable_person,
        people::end_sessions,
        people::reset_factors,
        providers::list_providers,
        providers::create_provider,
        providers::show_provider,
        providers::edit_provider,
        providers::remove_provider,
        providers::enable_provider,
        providers::disable_provider,
        providers::probe_provider,
        servers::list_servers,
        servers::create_server,
        servers::show_server,
        servers::edit_server,
        servers::remove_server,
        servers::enable_server,
        servers::disable_server,
        settings::show_settings,
        settings::edit_settings,
        keys::list_keys,
        keys::rotate_keys,
        audit::list_events,
        audit::show_event,
        checkpoints::export_log,
        checkpoints::list_checkpoints,
        checkpoints::show_checkpoint,
    ),
    components(schemas(ProblemBody)),
    modifiers(&Common)
)]
struct Document;

/// The document.
pub fn document() -> utoipa::openapi::OpenApi {
    Document::openapi()
}

/// This document.
#[utoipa::path(get, path = "/api/admin/v1/openapi.json", tag = "document",
    responses((status = OK, description = "OpenAPI 3.1.", body = Object)))]
pub(super) async fn openapi() -> Response {
    let headers = [(CONTENT_TYPE, "application/json"), (CACHE_CONTROL, "public, max-age=300")];
    (headers, TEXT.as_str()).into_response()
}

/// What operations have in common: what stands in the path, the token, the right that it needs, and problems.
struct Common;

impl Modify for Common {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let scheme = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).bearer_format("sp_ap_…");
        let scheme = scheme.description(Some("`sallyport api-token create` makes one.")).build();
        let components = document.components.get_or_insert_default();
        components.add_security_scheme(TOKEN, SecurityScheme::Http(scheme));
        for route in super::routes() {
            let item = document.paths.paths.get_mut(route.path);
            if let Some(operation) = item.and_then(|item| operation(item, &route.method)) {
                complete(operation, &route);
            }
        }
    }
}

fn operation<'a>(item: &'a mut PathItem, method: &Method) -> Option<&'a mut Operation> {
    let operation = match *method {
        Method::GET => &mut item.get,
        Method::POST => &mut item.post,
        Method::PUT => &mut item.put,
        Method::DELETE => &mut item.delete,
        _ => return None,
    };
    operation.as_mut()
}

fn complete(operation: &mut Operation, route: &Route) {
    let Guard::Api(page, action) = route.guard else {
        operation.security = Some(Vec::new());
        return;
    };
    let fresh = may(&[crate::access::Role::Administrator], page, action).is_ok_and(|rule| rule.fresh);
    let star = if fresh { ", which no `*` covers" } else { "" };
    let right = format!("Needs the right `{}`{star}.", rights::word(page, action));
    operation.description = Some(match operation.description.take() {
        Some(text) => format!("{text}\n\n{right}"),
        None => right,
    });
    operation.security = Some(vec![SecurityRequirement::new(TOKEN, Vec::<String>::new())]);
    let mut parameters = in_path(route.path);
    parameters.append(operation.parameters.get_or_insert_default());
    let has = |parameters: &[Parameter], place: &ParameterIn| parameters.iter().any(|one| one.parameter_in == *place);
    let mut problems = vec![
        (StatusCode::UNAUTHORIZED, "There is no good token."),
        (StatusCode::FORBIDDEN, "The token, or the person for whom it acts, does not go so far."),
        (StatusCode::NOT_FOUND, "There is nothing of this name or id."),
        (StatusCode::SERVICE_UNAVAILABLE, "A fault of the server. Try again."),
    ];
    if operation.request_body.is_some() || has(&parameters, &ParameterIn::Query) {
        problems.push((StatusCode::BAD_REQUEST, "The request is not as it is described here."));
    }
    if operation.request_body.is_some() {
        problems.push((StatusCode::PAYLOAD_TOO_LARGE, "The body has more than 256 KiB."));
        problems.push((StatusCode::UNSUPPORTED_MEDIA_TYPE, "The body is not said to be JSON."));
        problems.push((StatusCode::UNPROCESSABLE_ENTITY, "It is as described here, and yet cannot be."));
    }
    if route.method != Method::GET {
        problems.push((StatusCode::CONFLICT, "It does not go with how things are."));
    }
    if has(&parameters, &ParameterIn::Header) {
        problems.push((StatusCode::PRECONDITION_FAILED, "It was changed since it was looked at."));
        problems.push((StatusCode::PRECONDITION_REQUIRED, "There is no `If-Match`."));
        problems.push((StatusCode::UNPROCESSABLE_ENTITY, "It is as described here, and yet cannot be."));
    }
    operation.parameters = Some(parameters);
    for (status, words) in problems {
        let schema = Ref::from_schema_name("Problem");
        let response =
            ResponseBuilder::new().description(words).content(MEDIA_TYPE, Content::new(Some(RefOr::Ref(schema))));
        operation.responses.responses.insert(status.as_u16().to_string(), response.build().into());
    }
}

/// What stands in braces in a path.
fn in_path(path: &str) -> Vec<Parameter> {
    let text = || ObjectBuilder::new().schema_type(Type::String);
    let slug = || text().pattern(Some("^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$"));
    let of = |name: &str, words: &str, schema: ObjectBuilder| {
        let parameter = ParameterBuilder::new().name(name).parameter_in(ParameterIn::Path).required(Required::True);
        parameter.description(Some(words)).schema(Some(schema)).build()
    };
    let mut parameters = Vec::new();
    if path.contains("{tenant}") {
        parameters.push(of("tenant", "The tenant, by its name in addresses.", slug()));
    }
    if path.contains("/clients/{id}") {
        let schema = text().min_length(Some(1)).max_length(Some(2000));
        parameters.push(of("id", "The `client_id`; of one that is an address percent-encoded whole.", schema));
    } else if path.contains("/servers/{id}") {
        parameters.push(of("id", "The server's name in addresses.", slug()));
    } else if path.contains("/providers/{id}") {
        parameters.push(of("id", "The provider's name in addresses.", slug()));
    } else if path.contains("/checkpoints/{id}") {
        let schema = text().pattern(Some("^[0-9]{1,9}-[0-9]{1,18}-[0-9a-f]{12}$"));
        parameters.push(of("id", "The checkpoint's `id` in the list.", schema));
    } else if path.contains("{id}") {
        parameters.push(of("id", "Its id.", text().format(Some(SchemaFormat::KnownFormat(KnownFormat::Uuid)))));
    }
    parameters
}
