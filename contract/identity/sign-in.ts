/** What the page of the window is told of an issuer at which people can sign in. All of it is public. */
export interface SignIn {
  /** Of the settings; with the directory, where there are several. */
  readonly name: string;
  readonly issuer: string;
  /** Of the client without a secret that is registered there for the window. */
  readonly client_id: string;
  /** Words parted by spaces. */
  readonly scope: string;
  /** What the token is to be for (RFC 8707), where the issuer wants to be told. */
  readonly resource?: string;
}
