//! A bucket with object lock: each checkpoint becomes an object that cannot be removed or changed before its time.

use aws_lc_rs::digest::{SHA256, digest};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use time::{Duration, OffsetDateTime, UtcOffset, format_description::BorrowedFormatItem, macros::format_description};
use url::Url;

use super::{
    DeliverError,
    remote::Web,
    sigv4::{Credentials, Signed, authorization},
};
use crate::{
    audit::log::Checkpoint,
    config::Bucket,
    secret::{SecretText, hex},
};

const BASIC: &[BorrowedFormatItem<'_>] = format_description!("[year][month][day]T[hour][minute][second]Z");
const EXTENDED: &[BorrowedFormatItem<'_>] = format_description!("[year]-[month]-[day]T[hour]:[minute]:[second]Z");

/// A bucket, by the address of its path.
#[derive(Debug)]
pub(super) struct S3 {
    web: Web,
    bucket: Bucket,
    secret: SecretText,
}

impl S3 {
    pub(super) fn new(web: Web, bucket: &Bucket, secret: Option<SecretText>) -> Self {
        // Configuration without a secret is refused before.
        let secret = secret.unwrap_or_else(|| SecretText::new(String::new()));
        Self { web, bucket: bucket.clone(), secret }
    }

    /// Writes the object `<origin>/<size>`.
    pub(super) async fn put(
        &self,
        checkpoint: &Checkpoint,
        note: &str,
        now: OffsetDateTime,
    ) -> Result<(), DeliverError> {
        let odd = |_| DeliverError::Odd("it cannot be addressed".to_owned());
        let base = self.web.url.as_str().trim_end_matches('/');
        let url = format!("{base}/{}/{}", encoded(checkpoint.origin.as_str()), checkpoint.size);
        let url = Url::parse(&url).map_err(|_| DeliverError::Odd("it cannot be addressed".to_owned()))?;
        let headers = self.headers(&url, note, now);
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            // The client says which host it is.
            if name != "host" {
                let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| odd(()))?;
                map.insert(name, HeaderValue::from_str(&value).map_err(|_| odd(()))?);
            }
        }
        self.web.send(Method::PUT, url, map, note.to_owned().into()).await?.success()?;
        Ok(())
    }

    fn headers(&self, url: &Url, note: &str, now: OffsetDateTime) -> Vec<(&'static str, String)> {
        let sum = digest(&SHA256, note.as_bytes());
        let payload = hex(sum.as_ref());
        let now = now.to_offset(UtcOffset::UTC);
        let written = |at: OffsetDateTime, form| at.format(form).unwrap_or_default();
        let time = written(now, BASIC);
        let until = now.checked_add(Duration::days(self.bucket.retain_days.into())).unwrap_or(now);
        let host = match (url.host_str(), url.port()) {
            (Some(host), Some(port)) => format!("{host}:{port}"),
            (host, _) => host.unwrap_or_default().to_owned(),
        };
        let mut headers = vec![
            ("content-type", "text/plain; charset=utf-8".to_owned()),
            ("host", host),
            ("x-amz-checksum-sha256", STANDARD.encode(sum)),
            ("x-amz-content-sha256", payload.clone()),
            ("x-amz-date", time.clone()),
            ("x-amz-object-lock-mode", "COMPLIANCE".to_owned()),
            ("x-amz-object-lock-retain-until-date", written(until, EXTENDED)),
        ];
        let credentials = Credentials {
            access_key: &self.bucket.access_key,
            secret: &self.secret,
            region: &self.bucket.region,
            service: "s3",
        };
        let (path, payload, time) = (url.path(), &payload, &time);
        let signed = Signed { method: "PUT", path, query: "", headers: &headers, payload, time };
        headers.push(("authorization", authorization(&credentials, &signed)));
        headers
    }
}

/// As signatures want paths: what is not unreserved (RFC 3986 §2.3) is encoded, but for the slash.
fn encoded(path: &str) -> String {
    path.bytes().fold(String::new(), |mut out, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
        out
    })
}
