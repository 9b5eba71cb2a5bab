//! Configuration.

mod files;
mod listen;
mod load;
mod manual;
mod public_url;
mod ship;

use sallyport::config::{Config, ConfigErrors, Environment};

use crate::harness::scratch::Scratch;

/// Loads `toml` with `variables` over it.
fn load(toml: &str, variables: &[(&str, &str)]) -> Result<Config, ConfigErrors> {
    let scratch = Scratch::new();
    let file = scratch.write("sallyport.toml", toml);
    Config::load(Some(&file), &variables.iter().copied().collect())
}

/// The problems that loading reports, one a line.
fn problems(toml: &str, variables: &[(&str, &str)]) -> String {
    load(toml, variables).unwrap_err().to_string()
}

/// Loads with nothing set but what must be.
fn minimal(variables: &[(&str, &str)]) -> Config {
    let environment: Environment =
        variables.iter().copied().chain([("SALLYPORT_PUBLIC_URL", "https://mcp.example.com")]).collect();
    Config::load(None, &environment).unwrap()
}
