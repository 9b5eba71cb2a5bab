//! What `sallyport dev` wrote down of its last start.

use std::{io::ErrorKind, path::Path};

use serde::Deserialize;
use url::Url;

use super::{
    listen::{Listen, ListenAddress},
    problems::ConfigErrors,
};

/// The part of `dev.json` that says where it listened.
#[derive(Deserialize)]
struct DevJson {
    issuer: Url,
}

/// Where `sallyport dev` listened last; its default place if it was never ready.
pub(super) fn last_listen(data_dir: &Path) -> Result<Listen, ConfigErrors> {
    let file = data_dir.join("dev.json");
    let wrong = |message: String| ConfigErrors::one(file.display().to_string(), message);
    let port = match std::fs::read(&file) {
        Err(error) if error.kind() == ErrorKind::NotFound => 8080,
        Err(error) => return Err(wrong(format!("cannot read: {error}"))),
        Ok(text) => {
            let dev: Result<DevJson, _> = serde_json::from_slice(&text);
            dev.map_err(|error| wrong(format!("is not what `sallyport dev` writes: {error}")))?
                .issuer
                .port_or_known_default()
                .ok_or_else(|| wrong("its issuer has no port".to_owned()))?
        }
    };
    Ok(Listen::on(ListenAddress::Localhost(port)))
}
