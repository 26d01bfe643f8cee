/** Causes and effects around a task, once somebody wants to see them. */
import { useState } from 'preact/hooks';
import type { receipts } from '../../contract/audit/receipts';
import { call } from '../lib/api';
import { useLoad } from '../lib/load';
import { CausalTree } from '../parts/causal-tree';
import { Section } from '../parts/facts';
import { Shown } from '../parts/outcome';
import { texts } from '../texts';

const { tasks: words } = texts;

export function Effects({ id }: { readonly id: string }) {
  const [open, setOpen] = useState(false);
  return (
    <Section title={words.effects}>
      {open ? (
        <Tree id={id} />
      ) : (
        <button type="button" onClick={() => setOpen(true)}>
          {words.effects}
        </button>
      )}
    </Section>
  );
}

function Tree({ id }: { readonly id: string }) {
  const loaded = useLoad(id, (signal) => call<typeof receipts.why>('GET /v1/why', { query: { id } }, { signal }));
  return <Shown of={loaded}>{(chain) => <CausalTree chain={chain} />}</Shown>;
}
