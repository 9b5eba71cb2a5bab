//! AWS Signature Version 4, as object stores of many makers take it.

use aws_lc_rs::{
    digest::{SHA256, digest},
    hmac::{HMAC_SHA256, Key, Tag, sign},
};

use crate::secret::{SecretText, hex};

/// Who signs, and for which service where.
#[derive(Debug)]
pub struct Credentials<'a> {
    /// The id of the access key.
    pub access_key: &'a str,
    /// Its secret.
    pub secret: &'a SecretText,
    /// The region, `us-east-1`.
    pub region: &'a str,
    /// The service, `s3`.
    pub service: &'a str,
}

/// What is signed.
#[derive(Debug)]
pub struct Signed<'a> {
    /// The method.
    pub method: &'a str,
    /// The path as it is sent, encoded.
    pub path: &'a str,
    /// The query, encoded, in the order of its names.
    pub query: &'a str,
    /// Headers, in any order: names in lower case, values without space around them. `host` and `x-amz-date` are among them.
    pub headers: &'a [(&'a str, String)],
    /// SHA-256 of the body in hexadecimal.
    pub payload: &'a str,
    /// `20130524T000000Z`
    pub time: &'a str,
}

/// The value of the header `authorization`.
pub fn authorization(credentials: &Credentials<'_>, signed: &Signed<'_>) -> String {
    let mut headers: Vec<&(&str, String)> = signed.headers.iter().collect();
    headers.sort();
    let lines: String = headers.iter().map(|(name, value)| format!("{name}:{value}\n")).collect();
    let names = headers.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(";");
    let Signed { method, path, query, payload, time, .. } = signed;
    let request = format!("{method}\n{path}\n{query}\n{lines}\n{names}\n{payload}");

    let day = time.get(..8).unwrap_or_default();
    let scope = format!("{day}/{}/{}/aws4_request", credentials.region, credentials.service);
    let request = hex(digest(&SHA256, request.as_bytes()).as_ref());
    let to_sign = format!("AWS4-HMAC-SHA256\n{time}\n{scope}\n{request}");

    let secret = zeroize::Zeroizing::new(format!("AWS4{}", credentials.secret.expose()));
    let mut key = keyed(secret.as_bytes(), day);
    for part in [credentials.region, credentials.service, "aws4_request"] {
        key = keyed(key.as_ref(), part);
    }
    let signature = hex(keyed(key.as_ref(), &to_sign).as_ref());
    let access_key = credentials.access_key;
    format!("AWS4-HMAC-SHA256 Credential={access_key}/{scope}, SignedHeaders={names}, Signature={signature}")
}

fn keyed(key: &[u8], text: &str) -> Tag {
    sign(&Key::new(HMAC_SHA256, key), text.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// SHA-256 of nothing.
    const EMPTY: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    /// The examples of "Signature Calculations for the Authorization Header" in the reference of Amazon S3.
    #[track_caller]
    fn s3((method, path, query): (&str, &str, &str), headers: &[(&str, &str)], payload: &str, signature: &str) {
        let secret = SecretText::new("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY".to_owned());
        let credentials =
            Credentials { access_key: "AKIAIOSFODNN7EXAMPLE", secret: &secret, region: "us-east-1", service: "s3" };
        let mut headers: Vec<(&str, String)> =
            headers.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
        headers.push(("host", "examplebucket.s3.amazonaws.com".to_owned()));
        headers.push(("x-amz-date", "20130524T000000Z".to_owned()));
        headers.push(("x-amz-content-sha256", payload.to_owned()));
        let signed = Signed { method, path, query, headers: &headers, payload, time: "20130524T000000Z" };
        let header = authorization(&credentials, &signed);
        assert!(header.ends_with(&format!("Signature={signature}")), "{header}");
    }

    #[test]
    fn signatures_are_those_of_the_published_examples() {
        s3(
            ("GET", "/test.txt", ""),
            &[("range", "bytes=0-9")],
            EMPTY,
            "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41",
        );
        s3(
            ("PUT", "/test%24file.text", ""),
            &[("date", "Fri, 24 May 2013 00:00:00 GMT"), ("x-amz-storage-class", "REDUCED_REDUNDANCY")],
            "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072",
            "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd",
        );
        s3(("GET", "/", "lifecycle="), &[], EMPTY, "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543");
        s3(
            ("GET", "/", "max-keys=2&prefix=J"),
            &[],
            EMPTY,
            "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7",
        );
    }

    /// `get-vanilla` of the test suite of Signature Version 4.
    #[test]
    fn the_whole_header_is_that_of_the_test_suite() {
        let secret = SecretText::new("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY".to_owned());
        let credentials =
            Credentials { access_key: "AKIDEXAMPLE", secret: &secret, region: "us-east-1", service: "service" };
        let headers = [("x-amz-date", "20150830T123600Z".to_owned()), ("host", "example.amazonaws.com".to_owned())];
        let time = "20150830T123600Z";
        let signed = Signed { method: "GET", path: "/", query: "", headers: &headers, payload: EMPTY, time };
        assert_eq!(
            authorization(&credentials, &signed),
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, \
             SignedHeaders=host;x-amz-date, Signature=5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"
        );
    }
}
