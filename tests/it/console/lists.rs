//! Lists go by their address.

use crate::{
    console::clients::administrator,
    harness::{app::TestApp, flow::Flow},
};

async fn names(app: &TestApp, names: &[&str], tenant: &crate::harness::app::TestTenant) {
    for name in names {
        let id = Flow::new(app, tenant).client().await.id;
        let rename = "update client set name = $2 where id = $1";
        sqlx::query(rename).bind(id).bind(name).execute(&app.db.owner).await.unwrap();
    }
}

fn order(page: &str, names: &[&str]) -> Vec<usize> {
    names
        .iter()
        .map(|name| page.find(&format!("<bdi>{name}</bdi>")).unwrap_or_else(|| panic!("{name}: {page}")))
        .collect()
}

#[tokio::test]
async fn a_list_is_searched_sorted_and_paged_by_its_address() {
    let app = TestApp::start().await;
    let (tenant, browser) = administrator(&app).await;
    names(&app, &["Beta", "alpha", "100%_sure"], &tenant).await;
    let get = async |query: &str| browser.get(&format!("/console/t/acme/clients?{query}")).await.body;
    let page = get("sort=name").await;
    assert!(order(&page, &["100%_sure", "alpha", "Beta"]).is_sorted(), "{page}");
    let page = get("sort=-name").await;
    assert!(order(&page, &["Beta", "alpha", "100%_sure"]).is_sorted(), "{page}");
    // Signs that mean something to `like` are signs here.
    let page = get("q=%25_").await;
    assert!(page.contains("100%_sure") && !page.contains("alpha"), "{page}");
    assert!(get("q=%5C").await.contains("Nothing here fits"));
    // What means nothing is the first part of all.
    for odd in ["sort=nothing", "page=-1", "page=x", "page=99999999999999999999", "status=odd", "sort="] {
        assert!(get(odd).await.contains("Clients"), "{odd}");
    }
    assert!(get("page=2").await.contains("Previous"));
    let fifty: Vec<String> = (0..52).map(|at| format!("Client {at:02}")).collect();
    names(&app, &fifty.iter().map(String::as_str).collect::<Vec<_>>(), &tenant).await;
    let page = get("q=client&sort=name").await;
    assert!(page.contains("<bdi>Client 49</bdi>") && !page.contains("<bdi>Client 50</bdi>"), "{page}");
    let next = "/console/t/acme/clients?q=client&#38;sort=name&#38;page=2";
    assert!(page.contains(next) || page.contains(&next.replace("&#38;", "&amp;")), "{page}");
    let page = get("q=client&sort=name&page=2").await;
    assert!(page.contains("<bdi>Client 51</bdi>") && page.contains("51 to 52"), "{page}");
}
