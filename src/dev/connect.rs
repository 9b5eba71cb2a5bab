//! How to connect a real client, and what else to know of a running development installation.

use std::{io::Write, path::Path};

use serde_json::json;

use super::{people::Person, ready::Addresses, story::Story};

/// The name that clients know the server by.
const NAME: &str = "sallyport-demo";

/// Tells it.
pub(super) fn tell<W: Write>(story: &mut Story<W>, addresses: &Addresses, people: &[Person], data_dir: &Path) {
    let url = addresses.resource.as_str();
    story.heading("Connect a client", "");
    story.gap();
    story.command("MCP URL", &[url]);
    let add = format!("claude mcp add --transport http {NAME} {url}");
    story.command("Claude Code", &[&add, &format!("claude mcp login {NAME}")]);
    let second = format!("  --server-url {url}");
    story.command(
        "MCP Inspector, under Node.js 22.19 or newer",
        &["npx @modelcontextprotocol/inspector@2 --transport http \\", &second],
    );
    let vs_code = json!({"servers": {NAME: {"type": "http", "url": url}}});
    story.command("VS Code, in .vscode/mcp.json", &[&vs_code.to_string()]);
    let cursor = json!({"mcpServers": {NAME: {"url": url}}});
    story.command("Cursor, in .cursor/mcp.json", &[&cursor.to_string()]);
    story.gap();

    story.heading("Log in as", "the client opens a browser");
    story.gap();
    let width = people.iter().map(|person| person.username.chars().count()).max().unwrap_or(0);
    for person in people {
        let roles = person.roles.join(", ");
        story.line(&format!("    {:width$}  {}  {roles}", person.username, person.password.expose()));
    }
    story.gap();

    story.heading("Good to know", "");
    story.gap();
    story.labelled("Data", &format!("{} holds everything; remove it to start afresh", data_dir.display()));
    story.labelled(
        "File",
        &format!("{} holds what is above, for scripts, while this runs", data_dir.join("dev.json").display()),
    );
    let own =
        format!("put it behind this one: sallyport apply FILE --data-dir {}, see docs/apply.md", data_dir.display());
    story.labelled("A server", &own);
    story.labelled("Upstream", &format!("{} takes no token but Sallyport's own, of tenant demo", addresses.upstream));
    story.labelled("Console", &format!("{}, as admin", addresses.console));
    story.labelled("Platform", &format!("{}, as admin: there tenants are made", addresses.platform));
    story.gap();
    story.good(&format!("Serving at {}. Ctrl-C stops everything.", addresses.base));
}
