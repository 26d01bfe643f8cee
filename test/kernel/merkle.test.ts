import { LogReader, LogWriter, type Pages } from '../../domain/audit/log-pages';
import { sha256 } from '../../domain/kernel/commit';
import { digestOf, GrowingTree, leafHash, nodeHash, rootFromPath, rootOf } from '../../domain/kernel/merkle';

/** Vectors of Certificate Transparency's reference: eight leaves, and the roots over the first so many of them. */
const LEAVES = ['', '00', '10', '2021', '3031', '40414243', '5051525354555657', '606162636465666768696a6b6c6d6e6f'].map(
  (hex) => Buffer.from(hex, 'hex'),
);
const ROOTS = [
  'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
  '6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d',
  'fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125',
  'aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77',
  'd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7',
  '4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4',
  '76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef',
  'ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c',
  '5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328',
];
const hashOfBytes = (bytes: Buffer) => digestOf(Buffer.concat([Buffer.from([0]), bytes]));

class MemoryPages implements Pages {
  readonly pages = new Map<string, Buffer>();
  async put(bytes: Buffer): Promise<string> {
    const reference = `sha256:${digestOf(bytes).toString('hex')}`;
    this.pages.set(reference, bytes);
    return reference;
  }
  async get(reference: string): Promise<Buffer> {
    return this.pages.get(reference) as Buffer;
  }
}

test.each(ROOTS.map((root, size) => [size, root] as const))('the root over %d leaves', (size, root) => {
  const hashes = LEAVES.slice(0, size).map(hashOfBytes);
  expect(rootOf(hashes).toString('hex')).toBe(root);
  const tree = new GrowingTree();
  for (const each of hashes) tree.push(each);
  expect(tree.root.toString('hex')).toBe(root);
});

test('a leaf that is made of two nodes is not taken for the node above them', () => {
  const [left, right] = [leafHash('a'), leafHash('b')];
  const confused = Buffer.concat([left, right]);
  expect(hashOfBytes(confused)).not.toEqual(nodeHash(left, right));
});

test('pages lead to the roots and the proofs that the whole tree has, however they were added', async () => {
  const pages = new MemoryPages();
  const tree = new GrowingTree();
  let root = { size: 0, pages: [] as readonly (string | null)[] };
  const steps = [1, 254, 1, 1, 255, 300, 5, 65_000, 100];
  for (const step of steps) {
    const writer = await LogWriter.open(pages, root);
    for (let i = 0; i < step; i += 1) {
      const entry = `commit a/b/c@${tree.size} ${sha256(String(tree.size))}`;
      tree.push(leafHash(entry));
      await writer.add(entry);
    }
    const finished = await writer.finish();
    expect(finished.root).toEqual(tree.root);
    root = finished;
    const reader = new LogReader(pages, root);
    for (const index of new Set([0, 1, 255, 256, 511, 65_535, 65_536, root.size - 2, root.size - 1])) {
      if (index < 0 || index >= root.size) continue;
      const entry = await reader.entry(index);
      expect(entry).toContain(`@${index} `);
      expect(rootFromPath(leafHash(entry), index, root.size, await reader.path(index))).toEqual(tree.root);
      expect(rootFromPath(leafHash(`${entry} `), index, root.size, await reader.path(index))).not.toEqual(tree.root);
    }
  }
  expect(root.size).toBe(65_917);
});

test('what is added costs what is added', async () => {
  const pages = new MemoryPages();
  let root = { size: 0, pages: [] as readonly (string | null)[] };
  const extend = async (entries: number) => {
    const before = pages.pages.size;
    const writer = await LogWriter.open(pages, root);
    for (let i = 0; i < entries; i += 1) await writer.add(`commit a/b/c@${root.size + i} ${sha256('x')}`);
    root = await writer.finish();
    return pages.pages.size - before;
  };
  await extend(70_000);
  expect(await extend(10)).toBeLessThanOrEqual(4);
  expect(await extend(600)).toBeLessThanOrEqual(7);
});
