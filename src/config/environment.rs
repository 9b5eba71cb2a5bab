//! The process environment, taken once.

use std::collections::BTreeMap;

/// Every variable of ours begins with this.
pub(super) const PREFIX: &str = "SALLYPORT_";
/// The text of a key file.
pub(super) const KEYS: &str = "SALLYPORT_KEYS";
/// The configuration file, where the command line names none.
const CONFIG: &str = "SALLYPORT_CONFIG";

/// The `SALLYPORT_*` variables. No `Debug`: some hold secrets.
#[derive(Clone, Default)]
pub struct Environment(BTreeMap<String, String>);

impl Environment {
    /// The variables of this process.
    ///
    /// What is no UTF-8 is kept with replacement characters: it fails the check of whatever it was meant for.
    pub fn of_process() -> Self {
        let text = |value: std::ffi::OsString| value.to_string_lossy().into_owned();
        std::env::vars_os().map(|(name, value)| (text(name), text(value))).collect()
    }

    /// The configuration file named by `SALLYPORT_CONFIG`.
    pub fn config_file(&self) -> Option<&str> {
        self.0.get(CONFIG).map(String::as_str)
    }

    /// Whether no variable of it is a setting.
    pub fn says_nothing(&self) -> bool {
        self.keys().is_none() && self.settings().next().is_none()
    }

    pub(super) fn keys(&self) -> Option<&str> {
        self.0.get(KEYS).map(String::as_str)
    }

    /// Setting names and values. What is no setting keeps its variable's name.
    pub(super) fn settings(&self) -> impl Iterator<Item = (String, &str)> {
        self.0.iter().filter(|(name, _)| is_setting(name)).map(|(name, value)| (setting_of(name), value.as_str()))
    }
}

impl<N: Into<String>, V: Into<String>> FromIterator<(N, V)> for Environment {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(variables: I) -> Self {
        let ours = |(name, value): (N, V)| (name.into(), value.into());
        Self(variables.into_iter().map(ours).filter(|(name, _)| name.starts_with(PREFIX)).collect())
    }
}

/// The variable of a setting.
pub(super) fn variable_of(setting: &str) -> String {
    format!("{PREFIX}{}", setting.replace('.', "__").to_uppercase())
}

fn setting_of(variable: &str) -> String {
    variable.trim_start_matches(PREFIX).replace("__", ".").to_lowercase()
}

/// Kubernetes gives every container variables of this shape when a Service is called "sallyport".
fn is_setting(variable: &str) -> bool {
    let name = variable.trim_start_matches(PREFIX);
    let of_kubernetes = name == "PORT" || name.starts_with("PORT_") || name.starts_with("SERVICE_");
    !of_kubernetes && variable != CONFIG && variable != KEYS
}
