/** The commands of docs/receipts.md, run in their order against a fresh host, print what the page shows. */
import { cpSync } from 'node:fs';
import { join } from 'node:path';
import { Formicary } from '../../client/client';
import { walkPage } from './walk';

test('every command prints what the page shows', () =>
  walkPage(
    'docs/receipts.md',
    ['npx formicary verify', 'npx formicary proof', 'python3 tools/verify.py receipts.jsonl'],
    async (url, folder) => {
      cpSync(join(__dirname, '../../tools'), join(folder, 'tools'), { recursive: true });
      const client = new Formicary({ url });
      await client.tasks.post({ id: 'audited', task_type: 'report' });
      client.close();
    },
  ));
