//! How long an answer may be kept (RFC 9111), within bounds of ours.

use std::time::Duration;

use http::{
    HeaderMap,
    header::{AGE, CACHE_CONTROL},
};

/// However short an answer says it lives: a page that is loaded twice does not ask twice.
const SHORTEST: Duration = Duration::from_secs(60);
/// However long.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);
/// Of an answer that says nothing.
const SILENT: Duration = Duration::from_secs(60 * 60);

/// The time that `headers` give it, from now.
pub(super) fn of(headers: &HeaderMap) -> Duration {
    let lines = headers.get_all(CACHE_CONTROL).iter().filter_map(|line| line.to_str().ok());
    let directives: Vec<String> =
        lines.flat_map(|line| line.split(',')).map(|d| d.trim().to_ascii_lowercase()).collect();
    if directives.iter().any(|d| matches!(d.split('=').next(), Some("no-store" | "no-cache" | "private"))) {
        return SHORTEST;
    }
    let mut ages = directives.iter().filter_map(|d| d.strip_prefix("max-age="));
    let Some(told) = ages.next() else { return SILENT };
    let seconds = |text: &str| text.trim_matches('"').parse::<u64>().unwrap_or(0);
    let age = headers.get(AGE).and_then(|age| age.to_str().ok()).map_or(0, seconds);
    Duration::from_secs(seconds(told).saturating_sub(age)).clamp(SHORTEST, LONGEST)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn fresh(control: Option<&str>, age: Option<&str>) -> u64 {
        let mut headers = HeaderMap::new();
        control.map(|value| headers.insert(CACHE_CONTROL, HeaderValue::from_str(value).unwrap()));
        age.map(|value| headers.insert(AGE, HeaderValue::from_str(value).unwrap()));
        of(&headers).as_secs()
    }

    #[test]
    fn it_is_what_the_answer_says_within_bounds() {
        assert_eq!(fresh(None, None), 3600);
        assert_eq!(fresh(Some("max-age=600"), None), 600);
        assert_eq!(fresh(Some("Public, Max-Age=\"600\""), Some("100")), 500);
        assert_eq!(fresh(Some("max-age=600"), Some("9000")), 60);
        assert_eq!(fresh(Some("max-age=1"), None), 60);
        assert_eq!(fresh(Some("max-age=99999999999999999999"), None), 60, "what cannot be read is nothing");
        assert_eq!(fresh(Some("max-age=9999999"), None), 86_400);
        assert_eq!(fresh(Some("no-store, max-age=600"), None), 60);
        assert_eq!(fresh(Some("private=\"x\""), None), 60);
        assert_eq!(fresh(Some("immutable"), None), 3600);
    }
}
