//! Which form of answer is wanted (RFC 9110 §12.5.1).

use http::{HeaderMap, header::ACCEPT};

/// A form of answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// `application/json`, RFC 7662. Also where nothing that is known here is asked for.
    Json,
    /// `application/token-introspection+jwt`, RFC 9701.
    Envelope,
    /// `application/jwt`.
    Jwt,
}

/// What a range of media types means to us. A wildcard means JSON, and gives way to what is named.
fn wanted(range: &str) -> Option<(Form, bool)> {
    let is = |name: &str| range.eq_ignore_ascii_case(name);
    if is("application/jwt") {
        Some((Form::Jwt, true))
    } else if is("application/token-introspection+jwt") {
        Some((Form::Envelope, true))
    } else if is("application/json") {
        Some((Form::Json, true))
    } else if is("*/*") || is("application/*") {
        Some((Form::Json, false))
    } else {
        None
    }
}

/// The form that the request wants most: the highest `q`, then what is named, then what comes first.
pub(super) fn form(headers: &HeaderMap) -> Form {
    let texts = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let mut best = (0, false, Form::Json);
    for element in texts.flat_map(|text| text.split(',')) {
        let mut parts = element.split(';').map(str::trim);
        let Some((form, named)) = parts.next().and_then(wanted) else { continue };
        let Some(quality) = quality(parts) else { continue };
        if (quality, named) > (best.0, best.1) && quality > 0 {
            best = (quality, named, form);
        }
    }
    best.2
}

/// `q` in thousandths, 1000 where it is not given. None where it is no number.
fn quality<'a>(parameters: impl Iterator<Item = &'a str>) -> Option<u16> {
    for parameter in parameters {
        let Some((name, value)) = parameter.split_once('=') else { continue };
        if !name.trim().eq_ignore_ascii_case("q") {
            continue;
        }
        let (whole, fraction) = value.trim().split_once('.').unwrap_or((value.trim(), ""));
        let digits = fraction.len() <= 3 && fraction.bytes().all(|byte| byte.is_ascii_digit());
        let fraction = format!("{fraction:0<3}").parse::<u16>().ok().filter(|_| digits)?;
        return match whole {
            "0" => Some(fraction),
            "1" if fraction == 0 => Some(1000),
            _ => None,
        };
    }
    Some(1000)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use proptest::prelude::*;

    use super::*;

    fn asked(lines: &[&str]) -> Form {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(ACCEPT, HeaderValue::from_str(line).unwrap());
        }
        form(&headers)
    }

    #[test]
    fn the_best_known_form_is_chosen() {
        use Form::{Envelope, Json, Jwt};
        for (lines, form) in [
            (&[][..], Json),
            (&["*/*"], Json),
            (&["application/json"], Json),
            (&["application/jwt"], Jwt),
            (&["APPLICATION/JWT"], Jwt),
            (&["application/jwt; charset=utf-8"], Jwt),
            (&["application/token-introspection+jwt"], Envelope),
            (&["application/jwt, */*"], Jwt),
            (&["*/*, application/jwt"], Jwt),
            (&["application/jwt;q=0.5, */*"], Json),
            (&["application/jwt;q=0.5, application/json;q=0.4"], Jwt),
            (&["application/json;q=0.4", "application/jwt;q=0.5"], Jwt),
            (&["application/jwt;q=0"], Json),
            (&["application/jwt;q=0.000, application/token-introspection+jwt;q=0.001"], Envelope),
            (&["application/json, application/jwt"], Json),
            (&["application/jwt, application/json"], Jwt),
            (&["application/jwt;q=2"], Json),
            (&["application/jwt;q=-1"], Json),
            (&["application/jwt;q=0.5555"], Json),
            (&["application/jwt;q="], Json),
            (&["text/html, image/png"], Json),
            (&["application/*;q=0.9, application/jwt;q=0.8"], Json),
            (&["application/jwtx"], Json),
            (&["jwt"], Json),
            (&[",,;;=,"], Json),
        ] {
            assert_eq!(asked(lines), form, "{lines:?}");
        }
    }

    proptest! {
        #[test]
        fn anything_is_read(text in "[ -~]{0,80}") {
            asked(&[&text]);
        }

        #[test]
        fn what_is_not_asked_for_is_not_given(text in "[a-z/;,=*. 0-9]{0,60}") {
            prop_assume!(!text.contains("jwt"));
            prop_assert_eq!(asked(&[&text]), Form::Json);
        }
    }
}
