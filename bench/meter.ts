/**
 * Stands between clients and a host, hands on what each says, and counts it: requests, and the bytes of both ways with
 * their lines and headers. So what different clients send is counted alike.
 */
import { Agent, createServer, request as ask, type Server } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';

export interface Traffic {
  readonly requests: number;
  readonly bytes: number;
}

export class Meter {
  private readonly server: Server;
  private readonly agent = new Agent({ keepAlive: true });
  private readonly open = new Set<Socket>();
  private requests = 0;
  /** Of connections that are closed. */
  private bytes = 0;

  private constructor(target: string) {
    const { hostname, port, host } = new URL(target);
    this.server = createServer((request, response) => {
      this.requests += 1;
      const { method, url: path } = request;
      const headers = { ...request.headers, host };
      const onward = ask({ agent: this.agent, hostname, port, method, path, headers }, (answer) => {
        response.writeHead(answer.statusCode as number, answer.rawHeaders);
        answer.pipe(response);
      });
      onward.on('error', () => response.destroy());
      response.on('close', () => onward.destroy());
      request.pipe(onward);
    });
    this.server.on('connection', (socket) => {
      this.open.add(socket);
      socket.on('close', () => {
        this.open.delete(socket);
        this.bytes += bytesOf(socket);
      });
    });
  }

  /** @param target address of the host */
  static async before(target: string): Promise<Meter> {
    const meter = new Meter(target);
    await new Promise<void>((resolve) => meter.server.listen(0, '127.0.0.1', resolve));
    return meter;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  /** So far. */
  traffic(): Traffic {
    return { requests: this.requests, bytes: [...this.open].reduce((sum, one) => sum + bytesOf(one), this.bytes) };
  }

  close(): void {
    this.server.close();
    this.server.closeAllConnections();
    this.agent.destroy();
  }
}

function bytesOf({ bytesRead, bytesWritten }: Socket): number {
  return bytesRead + bytesWritten;
}
