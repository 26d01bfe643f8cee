/**
 * Part of the build on Azure, on the copy that was uploaded: the packages of the profile azure, which are optional
 * elsewhere, become required ones in package.json, so that pruning what is for development leaves them.
 */
import { readFileSync, writeFileSync } from 'node:fs';

const file = 'package.json';
const { peerDependencies, devDependencies, dependencies, ...rest } = JSON.parse(readFileSync(file, 'utf8'));
delete rest.peerDependenciesMeta;
const development = Object.fromEntries(Object.entries(devDependencies).filter(([name]) => !(name in peerDependencies)));
writeFileSync(
  file,
  `${JSON.stringify({ ...rest, dependencies: { ...dependencies, ...peerDependencies }, devDependencies: development }, null, 2)}\n`,
);
