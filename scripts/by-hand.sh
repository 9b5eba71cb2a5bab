# For docs/security-promises.md: a client out of curl, to look at the promises without this project's tests.
#
#     . scripts/by-hand.sh [ISSUER]
#
# is sourced by bash. It registers a client, has a person approve it in a browser, and leaves $CLIENT, $CODE, $TOKEN and
# $REFRESH behind, and these commands, each of which shows the whole answer: call TOOL, redeem, refresh, revoke.
# lock_out and let_in go by $PGHOST and $PGDATABASE, as psql does.

ISSUER=${1:-http://localhost:8080/t/demo}
RESOURCE=$ISSUER/mcp/demo
BACK=http://localhost:1234/ # Nobody listens there: the code is read from the browser's address bar.

call() {
    local version=io.modelcontextprotocol
    curl -si "$RESOURCE" -H "Authorization: Bearer $TOKEN" -H 'Content-Type: application/json' \
        -H 'Accept: application/json, text/event-stream' -H 'MCP-Protocol-Version: 2026-07-28' \
        -H 'Mcp-Method: tools/call' -H "Mcp-Name: $1" \
        -d '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"'"$1"'","_meta":{
             "'$version'/protocolVersion":"2026-07-28","'$version'/clientCapabilities":{},
             "'$version'/clientInfo":{"name":"curl","version":"1"}}}}'
    echo
}

redeem() {
    curl -si "$ISSUER/token" -d grant_type=authorization_code -d code="$CODE" -d client_id="$CLIENT" \
        -d redirect_uri="$BACK" -d code_verifier="$VERIFIER"
    echo
}

refresh() {
    curl -si "$ISSUER/token" -d grant_type=refresh_token -d refresh_token="$REFRESH" -d client_id="$CLIENT"
    echo
}

# The database is there and takes no connection of Sallyport's.
lock_out() {
    psql -U postgres -d postgres -c "alter database $PGDATABASE allow_connections false" \
        -c "select count(pg_terminate_backend(pid)) from pg_stat_activity where datname = '$PGDATABASE'"
}

let_in() {
    psql -U postgres -d postgres -c "alter database $PGDATABASE allow_connections true"
}

revoke() {
    curl -si "$ISSUER/revoke" -d token="$REFRESH" -d client_id="$CLIENT"
    echo
}

CLIENT=$(curl -s "$ISSUER/register" -H 'Content-Type: application/json' -d '{"client_name":"By hand",
    "redirect_uris":["'$BACK'"],"grant_types":["authorization_code","refresh_token"],
    "token_endpoint_auth_method":"none"}' | grep -o 'c_[0-9a-f]\{32\}' | head -n 1)
VERIFIER=$(openssl rand -hex 32)
CHALLENGE=$(printf %s "$VERIFIER" | openssl dgst -sha256 -binary | openssl base64 | tr '+/' '-_' | tr -d =)
echo "Open this, log in and approve. Your browser will end at an address where nobody answers:"
echo "$ISSUER/authorize?response_type=code&client_id=$CLIENT&redirect_uri=$BACK&resource=$RESOURCE&code_challenge=$CHALLENGE&code_challenge_method=S256"
read -r -p "That address, within a minute: " CODE
CODE=${CODE#*code=} CODE=${CODE%%&*}
TOKENS=$(redeem)
TOKEN=$(grep -o 'sp_at_[A-Za-z0-9_-]*' <<<"$TOKENS")
REFRESH=$(grep -o 'sp_rt_[A-Za-z0-9_-]*' <<<"$TOKENS")
if [ -n "$TOKEN" ]; then echo "There is a token: $TOKEN"; else echo "There is no token: $TOKENS"; fi
