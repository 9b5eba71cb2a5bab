//! The first request, without a token: it must be answered with the way in (RFC 9728 §5.1, RFC 6750 §3).

use std::io::Write;

use reqwest::header;

use super::{
    Stop, Trial,
    challenge::{self, Challenge},
    http::Answer,
    report::Step,
    rules, talk,
};

impl<W: Write> Trial<'_, W> {
    /// Calls without a token.
    pub(super) async fn knock(&mut self) -> Result<Option<Challenge>, Stop> {
        let mut step = Step::new("Call without token");
        let request = talk::initialize(self.http, self.options.url.url());
        let answer = match self.http.send_until(request, talk::is_complete).await {
            Ok(answer) => answer,
            Err(failed) => {
                step.broke(failed.rule, failed.why);
                self.report.end(step);
                return Err(Stop);
            }
        };
        step.got(format!(
            "{}{}",
            answer.status.as_u16(),
            if answer.status == 401 { String::new() } else { answer.said() }
        ));
        let challenge = match answer.status.as_u16() {
            401 => read(&mut step, &answer),
            status => {
                let what = match status {
                    200..=299 => "it lets everybody in".to_owned(),
                    300..=399 => format!("it redirects to \"{}\"", answer.header(header::LOCATION)),
                    404 | 405 => "there is perhaps no MCP server at this address".to_owned(),
                    _ => "clients do not take that for an invitation to log in".to_owned(),
                };
                step.broke(&rules::NO_LOGIN, format!("A call without a token is answered {status}, not 401: {what}."));
                None
            }
        };
        if let Some(challenge) = &challenge {
            let names =
                ["resource_metadata", "scope", "error"].into_iter().filter(|name| challenge.get(name).is_some());
            let names: Vec<&str> = names.collect();
            let with = if names.is_empty() { String::new() } else { format!(" with {}", names.join(", ")) };
            step.got(format!("401, {}{with}", challenge.scheme));
            named(&mut step, challenge);
        }
        self.report.end(step);
        Ok(challenge)
    }
}

/// The Bearer challenge of an answer, by the grammar or by a search; says which.
pub(super) fn read(step: &mut Step, answer: &Answer) -> Option<Challenge> {
    let lines = answer.headers.get_all(header::WWW_AUTHENTICATE).iter();
    let lines: Vec<String> = lines.map(|line| String::from_utf8_lossy(line.as_bytes()).into_owned()).collect();
    let header = lines.join(", ");
    if header.trim().is_empty() {
        step.broke(&rules::NO_CHALLENGE, format!("The {} has no WWW-Authenticate.", answer.status.as_u16()));
        return None;
    }
    match challenge::strict(&header) {
        Ok(all) => {
            let bearer = all.iter().position(Challenge::is_bearer);
            match bearer {
                Some(0) => {}
                Some(_) => step.broke(&rules::BEARER_NOT_FIRST, "Another challenge stands before Bearer."),
                None => step.broke(&rules::NOT_BEARER, format!("No challenge is Bearer: \"{header}\".")),
            }
            bearer.and_then(|at| all.get(at)).cloned()
        }
        Err(why) => {
            let found = challenge::lenient(&header);
            let only = found
                .get("resource_metadata")
                .map_or(String::new(), |_| " A search for patterns still finds resource_metadata in it.".to_owned());
            step.broke(
                &rules::MALFORMED_CHALLENGE,
                format!("WWW-Authenticate is malformed, {why}: \"{header}\".{only}"),
            );
            Some(found)
        }
    }
}

/// What a first challenge should name.
fn named(step: &mut Step, challenge: &Challenge) {
    if challenge.get("resource_metadata").is_none() {
        step.broke(&rules::NO_RESOURCE_METADATA, "The challenge has no resource_metadata.");
    }
    if challenge.get("scope").is_none() {
        step.broke(&rules::NO_SCOPE_IN_CHALLENGE, "The challenge does not name the scopes to ask for.");
    }
}
