/**
 * A2A (Agent2Agent), revisions 1.0 and 0.3: a peer that sends a message has a task of the market. Each operation is a
 * request of a route: by the peer's own token, under its limits and the policy.
 */
import { createHash } from 'node:crypto';
import type { HttpRequest } from '@azure/functions';
import type { Level, Principal } from '../../../domain/kernel/principal';
import { type Revision, REVISIONS, signedCard } from '../../edge/a2a/card';
import { A2aError } from '../../edge/a2a/errors';
import type { Peer } from '../../edge/a2a/peer';
import { answerRest, restFailure } from '../../edge/a2a/rest';
import { answerRpc, rpcFailure, type RpcRequest, rpcRequestOf } from '../../edge/a2a/server';
import type { Envelope } from '../../edge/entrance';
import { parseJson } from '../../edge/json';
import { messageBytes } from '../../edge/message';
import { checkOrigin } from '../../edge/origin';
import { Problem } from '../../edge/problem';
import { DEFAULT_BODY_LIMIT, doorRoute, openRoute } from '../../edge/route';
import { A2A_DOOR, insufficient, publicUrl, runtime } from '../../runtime';

/** Bytes of a request: a task, and what is said around it. */
const MAX_BODY = DEFAULT_BODY_LIMIT + 100_000;

/** For so long a peer may keep the card, in seconds. */
const CARD_SECONDS = 300;

openRoute('a2aCard', '/.well-known/agent-card.json', async (request) => {
  const { identity } = (await runtime()).colony;
  const revision = /^0\.3(\.|$)/.test(namedRevision(request)) ? '0.3' : '1.0';
  const body = JSON.stringify(await signedCard(publicUrl(), revision, (payload) => identity.attest(payload)));
  const etag = `"${createHash('sha256').update(body).digest('base64url')}"`;
  const headers = {
    'content-type': 'application/json',
    'cache-control': `public, max-age=${CARD_SECONDS}`,
    'x-content-type-options': 'nosniff',
    vary: 'a2a-version',
    etag,
  };
  const known = request.headers.get('if-none-match')?.split(',') ?? [];
  if (known.some((tag) => [etag, '*'].includes(tag.trim().replace(/^W\//, '')))) return { status: 304, headers };
  return { status: 200, headers, body };
});

const check = ({ header }: Envelope) => checkOrigin(header, publicUrl());

doorRoute('a2a', A2A_DOOR, ['POST'], check, async (request, caller) => {
  let id: RpcRequest['id'];
  try {
    const message = await bodyOf(request);
    const asked = rpcRequestOf(message);
    ({ id } = asked);
    return await answerRpc(peerOf(request, caller), revisionOf(request), asked);
  } catch (error) {
    return rpcFailure(id, error);
  }
});

doorRoute('a2aRest', `${A2A_DOOR}/{*path}`, ['GET', 'POST', 'DELETE'], check, async (request, caller) => {
  try {
    const revision = revisionOf(request);
    if (revision !== '1.0')
      throw new A2aError('VERSION_NOT_SUPPORTED', 'Send A2A-Version: 1.0 here; 0.3 is spoken by JSON-RPC alone.');
    const path = (request.params['path'] ?? '').replace(/\/$/, '');
    return await answerRest(peerOf(request, caller), path, () => bodyOf(request));
  } catch (error) {
    return restFailure(error);
  }
});

function peerOf(request: HttpRequest, caller: Principal): Peer {
  const needs = (level: Level) => insufficient(caller, level, A2A_DOOR);
  return { caller, request, url: publicUrl(), insufficient: needs };
}

/** What a request says of its revision, by its header or its query. */
function namedRevision({ headers, query }: HttpRequest): string {
  return headers.get('a2a-version')?.trim() || (query.get('A2A-Version') ?? '');
}

/** Which revision a request is of: 0.3 where it says nothing. */
function revisionOf(request: HttpRequest): Revision {
  const named = namedRevision(request) || REVISIONS[0];
  const revision = REVISIONS.find((one) => named === one || named.startsWith(`${one}.`));
  if (revision !== undefined) return revision;
  throw new A2aError('VERSION_NOT_SUPPORTED', `A2A-Version must be one of ${REVISIONS.join(', ')}.`);
}

/** The body of a request, parsed. */
async function bodyOf(request: HttpRequest): Promise<unknown> {
  const [type = ''] = (request.headers.get('content-type') ?? '').toLowerCase().split(';');
  if (!['application/json', 'application/a2a+json'].includes(type.trim()))
    throw new A2aError('CONTENT_TYPE_NOT_SUPPORTED', 'The body must be sent as content-type: application/json.');
  const bytes = await messageBytes(request, MAX_BODY);
  try {
    return parseJson(bytes);
  } catch (error) {
    throw error instanceof Problem ? new A2aError('PARSE_ERROR', error.message) : error;
  }
}
