//! `[log]`

use std::fmt;

use tracing_subscriber::EnvFilter;

use super::reader::Reader;

/// Where to and how much. Logs go to standard error.
#[derive(Clone, Debug)]
pub struct Log {
    /// One JSON object a line, or lines for people.
    pub format: LogFormat,
    /// Directives of tracing: `info`, `warn,sallyport=debug`. Checked, so that it parses.
    pub filter: String,
}

/// The shape of a log line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// One JSON object a line.
    Json,
    /// Lines for people.
    Human,
}

impl LogFormat {
    fn parse(text: &str) -> Result<Self, &'static str> {
        match text {
            "json" => Ok(Self::Json),
            "human" => Ok(Self::Human),
            _ => Err("must be json or human"),
        }
    }
}

impl fmt::Display for LogFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Json => "json",
            Self::Human => "human",
        })
    }
}

impl Log {
    pub(super) fn read(reader: &mut Reader) -> Self {
        let filter = |text: &str| match EnvFilter::try_new(text) {
            Ok(_) => Ok(text.to_owned()),
            Err(error) => Err(format!("must be like info or warn,sallyport=debug: {error}")),
        };
        Self {
            format: reader.value("log.format", LogFormat::Json, LogFormat::parse),
            filter: reader.value("log.filter", "info".to_owned(), filter),
        }
    }
}
