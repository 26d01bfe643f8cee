/** Mail over SMTP. */
import type { Transporter } from 'nodemailer';
import type { Mail, MailAnswer, MailMessage } from '../../app/engine/ports';

export interface SmtpSettings {
  readonly host: string;
  readonly port: number;
  /** `tls` from the first byte, `starttls` or nothing, or `none` for a server on this machine. */
  readonly security: 'tls' | 'starttls' | 'none';
  readonly auth?: { readonly user: string; readonly pass: string };
  /** The mailbox that the mail comes from. */
  readonly from: string;
}

const TIMEOUT_MS = 10_000;

export class SmtpMail implements Mail {
  private transport: Promise<Transporter> | undefined;

  constructor(private readonly settings: SmtpSettings) {}

  async send({ to, subject, text, html, messageId }: MailMessage): Promise<MailAnswer> {
    this.transport ??= this.connect();
    const transport = await this.transport;
    try {
      await transport.sendMail({
        from: this.settings.from,
        // As an object, it is one address, whatever it holds.
        to: { name: '', address: to },
        subject,
        text,
        html,
        messageId,
        // RFC 3834: no out-of-office note shall answer.
        headers: { 'Auto-Submitted': 'auto-generated' },
      });
      return { ok: true };
    } catch (error) {
      const { code = 'unknown', responseCode } = error as { code?: string; responseCode?: number };
      const permanent =
        (code === 'EENVELOPE' || code === 'EMESSAGE') && responseCode !== undefined && responseCode >= 500;
      return {
        ok: false,
        error: `the mail server did not take it: ${code}${responseCode === undefined ? '' : ` ${responseCode}`}`,
        permanent,
      };
    }
  }

  /** The library is loaded with the first mail: a cold start need not wait for it. */
  private async connect(): Promise<Transporter> {
    const { createTransport } = await import('nodemailer');
    const { host, port, security, auth } = this.settings;
    return createTransport({
      host,
      port,
      auth,
      secure: security === 'tls',
      requireTLS: security === 'starttls',
      ignoreTLS: security === 'none',
      connectionTimeout: TIMEOUT_MS,
      greetingTimeout: TIMEOUT_MS,
      socketTimeout: TIMEOUT_MS,
      dnsTimeout: TIMEOUT_MS,
      disableFileAccess: true,
      disableUrlAccess: true,
    });
  }
}
