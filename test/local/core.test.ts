import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { loadApp } from '../../local/app-loader';
import * as core from '../../local/core';

const http = { bindings: { trigger: { type: 'httpTrigger', name: 'trigger', direction: 'in' as const } } };

describe('the functions core', () => {
  test('keeps what is registered, until it is disposed of', () => {
    const callback = (): void => {};
    const disposable = core.registerFunction({ name: 'one', ...http }, callback);
    core.registerFunction({ name: 'two', ...http }, callback);
    expect(core.registrations().map(({ name }) => name)).toEqual(['one', 'two']);
    expect(core.registrations()[0]).toMatchObject({ callback, bindings: http.bindings });
    disposable.dispose();
    expect(core.registrations().map(({ name }) => name)).toEqual(['two']);
  });

  test('refuses a name that is taken, whatever its case', () => {
    expect(() => core.registerFunction({ name: 'TWO', ...http }, () => {})).toThrow('already registered');
  });

  test('marks its refusal of unknown hooks as the library expects', () => {
    expect(() => core.registerHook('log', () => {})).toThrow(
      expect.objectContaining({ name: 'RangeError', isAzureFunctionsSystemError: true }),
    );
  });

  test('a hook can be taken back', () => {
    const disposable = core.registerHook('appStart', () => {});
    expect(core.hooksOf('appStart')).toHaveLength(1);
    core.Disposable.from(disposable).dispose();
    expect(core.hooksOf('appStart')).toHaveLength(0);
  });
});

describe('loading an app', () => {
  const directory = mkdtempSync(path.join(tmpdir(), 'formicary-app-'));
  afterAll(() => rmSync(directory, { recursive: true }));
  const write = (name: string, content: string): void => writeFileSync(path.join(directory, name), content);

  test('says when there is nothing to load', async () => {
    write('package.json', '{}');
    await expect(loadApp(directory)).rejects.toThrow('no "main"');
    write('package.json', '{"main":"dist/{a,b}/*.js"}');
    await expect(loadApp(directory)).rejects.toThrow('no file in');
  });

  test('names the file that can not be loaded', async () => {
    write('package.json', '{"main":"bad.js"}');
    write('bad.js', 'throw new Error("no luck");');
    await expect(loadApp(directory)).rejects.toThrow(`${path.join(directory, 'bad.js')}: no luck`);
  });

  test('loads the files in order, then registrations are final', async () => {
    write('package.json', '{"main":"{a,b}.js"}');
    write('b.js', 'globalThis.loadedFiles.push("b");');
    write('a.js', 'globalThis.loadedFiles = ["a"];');
    const app = await loadApp(directory);
    expect((globalThis as unknown as { loadedFiles: string[] }).loadedFiles).toEqual(['a', 'b']);
    expect(app.registrations.map(({ name }) => name)).toEqual(['two']);
    expect(() => core.registerFunction({ name: 'late', ...http }, () => {})).toThrow('after the app has started');
  });
});
