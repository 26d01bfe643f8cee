#!/usr/bin/env node
'use strict';
/**
 * The command line of a checkout: compiles it when that was never done, and runs it on the Node that the project
 * installs when the caller's own is too old (no node:sqlite).
 */
const { spawn, spawnSync } = require('node:child_process');
const { existsSync } = require('node:fs');
const Module = require('node:module');
const path = require('node:path');

const ROOT = path.resolve(__dirname, '..');
const CLI = path.join(ROOT, 'dist/cli/main.js');
const WINDOWS = process.platform === 'win32';

if (!existsSync(CLI)) build();
if (Module.isBuiltin('node:sqlite')) {
  process.argv[1] = CLI;
  Module.runMain();
} else {
  runOn(installedNode());
}

function build() {
  process.stderr.write('building once, which takes up to a minute…\n');
  const { status, error, stdout, stderr } = spawnSync('npm', ['run', '--silent', 'build'], {
    cwd: ROOT,
    encoding: 'utf8',
    shell: WINDOWS,
  });
  if (status === 0 && existsSync(CLI)) return;
  const why = error?.message ?? `${stdout}${stderr}`.trim();
  if (why !== '') process.stderr.write(`${why}\n`);
  const advice = existsSync(path.join(ROOT, 'node_modules'))
    ? ''
    : ' The dependencies are not installed: run `npm ci` first.';
  fail(status === 0 ? `the build made no ${path.relative(ROOT, CLI)}` : `the build failed.${advice}`);
}

/** The Node of the npm package `node`. */
function installedNode() {
  try {
    const node = path.join(path.dirname(require.resolve('node/package.json')), 'bin', WINDOWS ? 'node.exe' : 'node');
    if (existsSync(node)) return node;
  } catch {
    // Not installed.
  }
  return fail(
    `needs Node 22.13 or later (this is ${process.version}); \`npm ci\` in the checkout installs one beside it`,
  );
}

/** The channel tells the child when this process is gone, however that went: it ends too (`cli/tether.ts`). */
function runOn(node) {
  const env = { ...process.env, FORMICARY_TETHERED: '1' };
  const child = spawn(node, [CLI, ...process.argv.slice(2)], { stdio: ['inherit', 'inherit', 'inherit', 'ipc'], env });
  // A terminal sends Ctrl+C to both; a second one would mean "at once".
  process.on('SIGINT', () => process.stdin.isTTY || child.kill('SIGINT'));
  for (const signal of ['SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
  child.on('error', (error) => fail(error.message));
  child.on('exit', (code, signal) => {
    if (signal === null) process.exit(code);
    process.removeAllListeners(signal);
    process.kill(process.pid, signal);
  });
}

function fail(message) {
  process.stderr.write(`formicary: ${message}\n`);
  process.exit(1);
}
