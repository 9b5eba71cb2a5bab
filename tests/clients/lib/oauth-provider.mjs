// What both SDKs ask of an application: a place to keep registration, tokens and discovery, here in memory.
import { randomBytes } from 'node:crypto';

/** An `OAuthClientProvider` for a public client; the browser is not opened but its address kept. */
export class MemoryProvider {
  /** Where the SDK wants to send the person, the last time it did. */
  authorizationUrl;
  #redirectUrl;
  #name;
  #report;
  #client;
  #tokens;
  #verifier;
  #discovery;
  #state;

  constructor({ redirectUrl, name, report }) {
    this.#redirectUrl = redirectUrl;
    this.#name = name;
    this.#report = report;
  }

  get redirectUrl() {
    return this.#redirectUrl;
  }

  get clientMetadata() {
    return {
      client_name: this.#name,
      redirect_uris: [this.#redirectUrl],
      grant_types: ['authorization_code', 'refresh_token'],
      response_types: ['code'],
      token_endpoint_auth_method: 'none',
    };
  }

  state() {
    this.#state = randomBytes(16).toString('base64url');
    return this.#state;
  }

  /** The state that the last authorization request carried. */
  get lastState() {
    return this.#state;
  }

  clientInformation() {
    return this.#client;
  }

  saveClientInformation(client) {
    this.#client = client;
  }

  tokens() {
    return this.#tokens;
  }

  saveTokens(tokens) {
    this.#report.secret(tokens.access_token);
    this.#report.secret(tokens.refresh_token);
    this.#tokens = tokens;
  }

  redirectToAuthorization(url) {
    this.authorizationUrl = url;
  }

  saveCodeVerifier(verifier) {
    this.#report.secret(verifier);
    this.#verifier = verifier;
  }

  codeVerifier() {
    return this.#verifier;
  }

  saveDiscoveryState(state) {
    this.#discovery = state;
  }

  discoveryState() {
    return this.#discovery;
  }

  invalidateCredentials(what) {
    if (what === 'all' || what === 'client') this.#client = undefined;
    if (what === 'all' || what === 'tokens') this.#tokens = undefined;
    if (what === 'all' || what === 'verifier') this.#verifier = undefined;
    if (what === 'all' || what === 'discovery') this.#discovery = undefined;
  }
}
