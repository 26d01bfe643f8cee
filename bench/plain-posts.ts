/**
 * Posts over plain sockets, for whoever sends many more than are answered with a body that matters: Node's own client
 * costs more than the host needs to refuse, and whoever loads a host on its own cores must not be what it waits for.
 */
import net from 'node:net';

/** A connection that is kept, with one request at a time. */
interface Line {
  readonly socket: net.Socket;
  answer: string;
  over: ((status?: number) => void) | undefined;
}

export class PlainPosts {
  private readonly idle: Line[] = [];
  private readonly lines = new Set<Line>();
  private readonly host: string;
  private readonly port: number;
  private readonly head: string;

  /** @param url `http://HOST:PORT`, with the path that is posted to */
  constructor(url: string, headers: Readonly<Record<string, string>>) {
    const { hostname, port, pathname, host } = new URL(url);
    this.host = hostname;
    this.port = Number(port);
    const lines = Object.entries({ host, 'content-type': 'application/json', ...headers });
    this.head = `POST ${pathname} HTTP/1.1\r\n${lines.map(([name, value]) => `${name}: ${value}\r\n`).join('')}`;
  }

  /** Posts a body of plain ASCII; `over` hears the status, or nothing when no whole answer came. */
  send(body: string, over: (status?: number) => void): void {
    const line = this.idle.pop() ?? this.open();
    line.over = over;
    line.socket.write(`${this.head}content-length: ${body.length}\r\n\r\n${body}`);
  }

  close(): void {
    for (const { socket } of this.lines) socket.destroy();
  }

  private open(): Line {
    const socket = net.connect({ host: this.host, port: this.port, noDelay: true });
    const line: Line = { socket, answer: '', over: undefined };
    this.lines.add(line);
    socket.on('data', (chunk: Buffer) => this.read(line, chunk.toString('latin1')));
    socket.on('error', () => socket.destroy());
    socket.on('close', () => {
      this.lines.delete(line);
      const at = this.idle.indexOf(line);
      if (at >= 0) this.idle.splice(at, 1);
      settle(line);
    });
    return line;
  }

  private read(line: Line, text: string): void {
    const answer = (line.answer += text);
    const end = answer.indexOf('\r\n\r\n');
    const length = /\r\ncontent-length: (\d+)\r\n/i.exec(answer)?.[1];
    if (end < 0 || length === undefined || answer.length < end + 4 + Number(length)) return;
    line.answer = '';
    this.idle.push(line);
    settle(line, Number(answer.slice(9, 12)));
  }
}

function settle(line: Line, status?: number): void {
  const { over } = line;
  line.over = undefined;
  over?.(status);
}
