/**
 * The API reference: one page without external resources, which renders /openapi.json. Style and script are inline
 * and allowed by their hashes; the script writes text nodes only, so nothing in the document can become markup.
 */
import { createHash } from 'node:crypto';

const STYLE = String.raw`
:root {
  color-scheme: light dark;
  --paper: light-dark(#fbfaf8, #161513);
  --card: light-dark(#ffffff, #1e1d1a);
  --sunken: light-dark(#f4f1ec, #12110f);
  --line: light-dark(#e6e1d8, #34312b);
  --ink: light-dark(#23201b, #ece8e1);
  --soft: light-dark(#6d665b, #a29a8d);
  --accent: light-dark(#a8470f, #f0904e);
  --get: light-dark(#1d6b4f, #63c79f);
  --post: light-dark(#1f5fae, #7fb2ee);
  --put: light-dark(#8a5a00, #e2b354);
  --delete: light-dark(#ad2e2e, #f08a80);
  --mono: ui-monospace, "SF Mono", "Cascadia Code", Menlo, Consolas, monospace;
}
* { box-sizing: border-box; }
html { scroll-padding-top: 5rem; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 15px/1.55 system-ui, "Segoe UI", Roboto, sans-serif; }
code, pre, textarea, .path, .type, .method { font-family: var(--mono); font-size: .87em; }
code { background: var(--sunken); padding: .1em .35em; border-radius: 4px; }
a { color: inherit; text-decoration: none; }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }
header.bar { position: sticky; top: 0; z-index: 2; display: flex; gap: 1rem; align-items: center; padding: .7rem 1.5rem;
  background: color-mix(in srgb, var(--paper) 88%, transparent); backdrop-filter: blur(8px); border-bottom: 1px solid var(--line); }
header.bar h1 { margin: 0; font-size: 1.05rem; letter-spacing: -.01em; white-space: nowrap; }
header.bar h1 span { color: var(--soft); font-weight: 400; margin-left: .4em; }
header.bar input { flex: 1; max-width: 34rem; margin-left: auto; }
header.bar a { color: var(--soft); font-size: .85em; white-space: nowrap; }
.page { display: grid; grid-template-columns: 17rem minmax(0, 1fr); max-width: 78rem; margin: 0 auto; }
nav { position: sticky; top: 3.7rem; align-self: start; max-height: calc(100vh - 3.7rem); overflow: auto; padding: 1.4rem 1rem 3rem 1.5rem; font-size: .88em; }
nav h2 { margin: 1.2rem 0 .3rem; font-size: .78em; text-transform: uppercase; letter-spacing: .08em; color: var(--soft); }
nav a { display: flex; gap: .5em; align-items: baseline; padding: .18rem .5rem; border-radius: 6px; }
nav a:hover { background: var(--sunken); }
nav .method { width: 3.4em; flex: none; font-size: .72em; text-align: right; }
main { padding: 1.6rem 1.5rem 8rem; }
main h2 { margin: 2.6rem 0 .8rem; font-size: 1.25rem; letter-spacing: -.01em; text-transform: capitalize; }
.intro { color: var(--soft); max-width: 44rem; }
.card { background: var(--card); border: 1px solid var(--line); border-radius: 10px; margin: .6rem 0; }
.card > summary { display: flex; flex-wrap: wrap; gap: .3rem .8rem; align-items: baseline; padding: .65rem .9rem; cursor: pointer; list-style: none; }
.card > summary::-webkit-details-marker { display: none; }
.card > summary:hover { background: color-mix(in srgb, var(--sunken) 60%, transparent); border-radius: 10px; }
.card > .inside { padding: .2rem .9rem 1rem; border-top: 1px solid var(--line); }
.method { font-weight: 700; letter-spacing: .02em; }
.get { color: var(--get); } .post { color: var(--post); } .put, .patch { color: var(--put); } .delete { color: var(--delete); }
.path { font-weight: 600; overflow-wrap: anywhere; }
.path i { color: var(--accent); font-style: normal; }
.summary { color: var(--soft); margin-left: auto; text-align: right; }
.chip { font-size: .75em; padding: .05em .6em; border: 1px solid var(--line); border-radius: 99px; color: var(--soft); }
h3 { margin: 1.2rem 0 .4rem; font-size: .8em; text-transform: uppercase; letter-spacing: .07em; color: var(--soft); }
.fields { list-style: none; margin: 0; padding: 0; border-top: 1px solid var(--line); }
.fields > li { padding: .45rem 0; border-bottom: 1px solid var(--line); }
.fields .fields { margin: .4rem 0 0 .2rem; padding-left: .9rem; border-left: 2px solid var(--line); border-top: 0; }
.fields .fields > li:last-child { border-bottom: 0; }
.name { font-family: var(--mono); font-size: .9em; font-weight: 600; }
.type { color: var(--soft); margin-left: .7em; }
div.type { margin: .3rem 0; }
.required { color: var(--accent); font-size: .75em; margin-left: .7em; }
.about { color: var(--soft); font-size: .92em; overflow-wrap: anywhere; }
.about p { margin: .2rem 0; }
.deeper > summary { cursor: pointer; color: var(--accent); font-size: .82em; }
.status { font-family: var(--mono); font-weight: 700; margin-right: .7em; }
.ok { color: var(--get); } .bad { color: var(--delete); }
input, textarea, button, select { font: inherit; color: inherit; }
input, textarea { width: 100%; padding: .4rem .6rem; background: var(--sunken); border: 1px solid var(--line); border-radius: 7px; }
textarea { min-height: 9rem; resize: vertical; line-height: 1.5; }
form.try { display: grid; grid-template-columns: minmax(8rem, 14rem) 1fr; gap: .45rem .8rem; align-items: center; background: var(--paper);
  border: 1px solid var(--line); border-radius: 8px; padding: .8rem; }
form.try label { font-family: var(--mono); font-size: .85em; overflow-wrap: anywhere; }
form.try .wide { grid-column: 1 / -1; }
.buttons { display: flex; gap: .5rem; flex-wrap: wrap; }
button { cursor: pointer; padding: .35rem .95rem; border: 1px solid var(--line); border-radius: 7px; background: var(--card); }
button.send { background: var(--accent); border-color: var(--accent); color: var(--paper); font-weight: 600; }
pre { margin: .3rem 0 0; padding: .7rem .8rem; background: var(--sunken); border-radius: 7px; overflow: auto; max-height: 30rem; white-space: pre-wrap; overflow-wrap: anywhere; }
.hit { background: light-dark(#ffe9a8, #5a4708); border-radius: 4px; }
.nothing { color: var(--soft); padding: 2rem 0; }
[hidden] { display: none !important; }
@media (max-width: 800px) {
  .page { grid-template-columns: minmax(0, 1fr); }
  header.bar { flex-wrap: wrap; }
  header.bar input { order: 1; flex-basis: 100%; max-width: none; }
  header.bar a { margin-left: auto; }
  nav { position: static; max-height: 14rem; margin: .8rem 1.5rem 0; padding: 0 .6rem .6rem; border: 1px solid var(--line); border-radius: 10px; }
  .summary { margin-left: 0; text-align: left; width: 100%; }
  form.try { grid-template-columns: 1fr; }
}
`;

const SCRIPT = String.raw`
'use strict';
(async function () {
  function el(tag, attributes) {
    const node = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes || {})) {
      if (name.startsWith('on')) node.addEventListener(name.slice(2), value);
      else if (value !== undefined && value !== false) node.setAttribute(name, value === true ? '' : value);
    }
    for (const child of Array.prototype.slice.call(arguments, 2).flat()) {
      if (child !== undefined && child !== null) node.append(child);
    }
    return node;
  }

  // Paragraphs and code spans are all the markdown that descriptions use.
  function prose(text) {
    return String(text || '').split(/\n{2,}/).filter(Boolean).map(function (paragraph) {
      const parts = paragraph.split(/\x60([^\x60]+)\x60/);
      return el('p', {}, parts.map(function (part, i) { return i % 2 ? el('code', {}, part) : part; }));
    });
  }

  const main = document.querySelector('main');
  const nav = document.querySelector('nav');
  const search = document.querySelector('input');
  let api;
  try {
    const response = await fetch('/openapi.json');
    if (!response.ok) throw new Error('status ' + response.status);
    api = await response.json();
  } catch (error) {
    main.append(el('p', { class: 'nothing' }, 'The description at /openapi.json cannot be read: ' + error.message));
    return;
  }

  // ------------------------------------------------------------------------------------------------- schemas

  function resolve(value) {
    let found = value || {};
    while (found.$ref) found = found.$ref.slice(2).split('/').reduce(function (at, key) { return at[key]; }, api);
    return found;
  }
  function variants(schema) { return schema.anyOf || schema.oneOf || schema.allOf; }

  // A recursive schema without an id goes by a made-up name, which says nothing to a reader.
  function nameOf(reference) { return reference.split('/').pop(); }
  function isNamed(name) { return !name.startsWith('__'); }

  function typeName(schema) {
    if (!schema) return 'any';
    if (schema.$ref) return isNamed(nameOf(schema.$ref)) ? nameOf(schema.$ref) : 'any';
    if (schema.const !== undefined) return JSON.stringify(schema.const);
    if (schema.enum) return schema.enum.map(function (value) { return JSON.stringify(value); }).join(' | ');
    if (variants(schema)) return Array.from(new Set(variants(schema).map(typeName))).join(schema.allOf ? ' & ' : ' | ');
    if (schema.type === 'array') return schema.items ? 'array of ' + typeName(schema.items) : 'array';
    if (schema.type === 'object' && !schema.properties && schema.additionalProperties) return 'map of ' + typeName(schema.additionalProperties);
    return [].concat(schema.type || 'any').join(' | ') + (schema.format ? ' (' + schema.format + ')' : '');
  }

  // Names of fields, and choices, within a schema: what somebody who searches may have in mind.
  const known = new Map();
  function wordsOf(schema, above) {
    if (!schema || (above || []).includes(schema)) return '';
    if (schema.$ref && known.has(schema.$ref)) return known.get(schema.$ref);
    const found = resolve(schema);
    const trail = (above || []).concat(schema, found);
    const parts = [].concat(found.enum || [], found.const === undefined ? [] : found.const);
    for (const [name, inside] of Object.entries(found.properties || {})) parts.push(name, wordsOf(inside, trail));
    for (const inside of [found.items, found.additionalProperties].concat(variants(found) || [])) {
      if (typeof inside === 'object') parts.push(wordsOf(inside, trail));
    }
    const words = parts.join(' ');
    if (schema.$ref && !above) known.set(schema.$ref, words);
    return words;
  }
  function schemaIn(holder) { return (Object.values((holder || {}).content || {})[0] || {}).schema; }
  function refusalsOf(response) { return Object.entries((((response.content || {})['application/problem+json']) || {}).examples || {}); }
  // Who calls is said by a token, as the security scheme says.
  const token = { name: 'Authorization', in: 'header', required: false, description: api.components.securitySchemes.bearer.description, schema: { type: 'string' } };
  function parametersOf(operation) { return (operation.parameters || []).map(resolve).concat(token); }

  const LIMITS = { minLength: 'length ≥ #', maxLength: 'length ≤ #', minimum: '≥ #', maximum: '≤ #', exclusiveMinimum: '> #',
    exclusiveMaximum: '< #', minItems: 'items ≥ #', maxItems: 'items ≤ #', pattern: 'matches #' };
  function limits(schema) {
    const found = [];
    for (const [key, text] of Object.entries(LIMITS)) {
      if (schema[key] !== undefined && Math.abs(schema[key]) !== Number.MAX_SAFE_INTEGER) found.push(text.replace('#', function () { return schema[key]; }));
    }
    if (schema.default !== undefined) found.push('default ' + JSON.stringify(schema.default));
    if (schema.examples) found.push('for example ' + schema.examples.map(function (value) { return JSON.stringify(value); }).join(', '));
    return found.join(' · ');
  }

  function about(schema) {
    const text = limits(schema);
    return el('div', { class: 'about' }, prose(schema.description), text ? el('p', {}, text) : null);
  }

  // What lies within a value of this schema, or undefined when its type name says it all.
  function inner(schema, above) {
    const found = resolve(schema);
    if ((above || []).includes(found)) return undefined;
    const trail = (above || []).concat(found);
    if (found.properties && Object.keys(found.properties).length > 0) {
      return function () {
        return el('ul', { class: 'fields' }, Object.entries(found.properties).map(function (entry) {
          return field(entry[0], entry[1], (found.required || []).includes(entry[0]));
        }));
      };
    }
    if (found.type === 'array' && found.items) return inner(found.items, trail);
    if (found.type === 'object' && typeof found.additionalProperties === 'object') return inner(found.additionalProperties, trail);
    const options = variants(found);
    if (options && options.some(function (option) { return inner(option, trail); })) {
      return function () {
        return el('ul', { class: 'fields' }, options.map(function (option) { return field('', option, false); }));
      };
    }
    return undefined;
  }

  // Deeper levels are made when they are opened: schemas may refer to themselves.
  function deeper(schema) {
    const make = inner(schema);
    if (!make) return null;
    const details = el('details', { class: 'deeper' }, el('summary', {}, 'fields'));
    details.addEventListener('toggle', function () { details.append(make()); }, { once: true });
    return details;
  }

  function field(name, schema, required) {
    return el('li', {},
      name ? el('span', { class: 'name' }, name) : null,
      el('span', { class: 'type' }, typeName(schema)),
      required ? el('span', { class: 'required' }, 'required') : null,
      about(Object.assign({}, resolve(schema), schema)),
      deeper(schema));
  }

  function schemaBlock(schema) {
    const make = inner(schema);
    return make ? [el('div', { class: 'type' }, typeName(schema)), make()] : el('ul', { class: 'fields' }, field('', schema, false));
  }

  // A value to start from: what is required, with the first example, default or choice.
  function sample(schema, depth) {
    const found = resolve(schema);
    if (found.examples) return found.examples[0];
    if (found.default !== undefined) return found.default;
    if (found.const !== undefined) return found.const;
    if (found.enum) return found.enum[0];
    if (variants(found)) return sample(variants(found)[0], depth);
    switch ([].concat(found.type)[0]) {
      case 'object': {
        const names = depth > 5 ? [] : Object.keys(found.properties || {}).filter(function (name) { return (found.required || []).includes(name); });
        return Object.fromEntries(names.map(function (name) { return [name, sample(found.properties[name], depth + 1)]; }));
      }
      case 'array': return found.minItems > 0 && depth <= 5 ? [sample(found.items, depth + 1)] : [];
      case 'integer': case 'number': return found.minimum > 0 ? found.minimum : 0;
      case 'boolean': return false;
      case 'null': return null;
      default: return '';
    }
  }

  // ---------------------------------------------------------------------------------------------------- try it

  function tryForm(method, path, operation) {
    const bodySchema = ((operation.requestBody || {}).content || {})['application/json'];
    const fields = parametersOf(operation).map(function (parameter) {
      const example = parameter.example === undefined ? (parameter.schema.examples || [])[0] : parameter.example;
      const kept = parameter.in === 'header' ? sessionStorage.getItem('header ' + parameter.name) : undefined;
      const given = parameter.in === 'path' ? example : undefined;
      const input = el('input', { required: parameter.required, 'aria-label': parameter.name, placeholder: example === undefined ? parameter.in : String(example), spellcheck: 'false' });
      input.value = kept || (given === undefined ? '' : given);
      return { parameter: parameter, input: input, given: given };
    });
    const body = bodySchema && el('textarea', { spellcheck: 'false', 'aria-label': 'body' });
    if (body) body.value = JSON.stringify(bodySchema.example === undefined ? sample(bodySchema.schema, 0) : bodySchema.example, null, 2);
    const output = el('div', { class: 'wide', 'aria-live': 'polite' });
    const stop = el('button', { type: 'button', hidden: true }, 'Stop');

    function request() {
      let url = path;
      const query = new URLSearchParams();
      const headers = {};
      for (const item of fields) {
        const name = item.parameter.name;
        const value = item.input.value;
        if (item.parameter.in === 'path') url = url.replace('{' + name + '}', value.split('/').map(encodeURIComponent).join('/'));
        else if (value !== '' && item.parameter.in === 'query') query.set(name, value);
        else if (item.parameter.in === 'header') {
          // Who one says to be stays the same from form to form; the key and the version of a command do not.
          if (name !== 'Idempotency-Key' && name !== 'If-Match' && value !== item.given) sessionStorage.setItem('header ' + name, value);
          if (value !== '') headers[name] = item.parameter === token ? 'Bearer ' + value.replace(/^bearer +/i, '').trim() : value;
        }
      }
      if (body) headers['Content-Type'] = 'application/json';
      if (String(query)) url += '?' + query;
      return { url: url, headers: headers };
    }

    async function send(event) {
      event.preventDefault();
      const sent = request();
      const abort = new AbortController();
      const status = el('div', {}, 'Waiting …');
      const text = el('pre', { hidden: true });
      output.replaceChildren(status, text);
      stop.hidden = false;
      stop.onclick = function () { abort.abort(); };
      const started = performance.now();
      try {
        const response = await fetch(sent.url, { method: method, headers: sent.headers, body: body && body.value, signal: abort.signal });
        const kept = ['etag', 'location', 'retry-after'].filter(function (name) { return response.headers.has(name); })
          .map(function (name) { return name + ': ' + response.headers.get(name); });
        status.replaceChildren(
          el('span', { class: 'status ' + (response.ok ? 'ok' : 'bad') }, response.status),
          el('span', { class: 'about' }, [Math.round(performance.now() - started) + ' ms'].concat(kept).join(' · ')));
        const reader = response.body ? response.body.pipeThrough(new TextDecoderStream()).getReader() : undefined;
        for (let part = reader && await reader.read(); part && !part.done; part = await reader.read()) {
          text.hidden = false;
          text.append(part.value);
        }
        if (/json/.test(response.headers.get('content-type'))) text.textContent = JSON.stringify(JSON.parse(text.textContent), null, 2);
      } catch (error) {
        if (!abort.signal.aborted) status.textContent = error.message;
      } finally {
        stop.hidden = true;
      }
    }

    function quote(text) { return "'" + text.replaceAll("'", "'\\''") + "'"; }
    function copyCurl(event) {
      const sent = request();
      const parts = ['curl -X ' + method.toUpperCase() + ' ' + quote(location.origin + sent.url)];
      for (const [name, value] of Object.entries(sent.headers)) parts.push('-H ' + quote(name + ': ' + value));
      if (body) parts.push('-d ' + quote(body.value));
      navigator.clipboard.writeText(parts.join(' \\\n  '));
      event.target.textContent = 'Copied';
      setTimeout(function () { event.target.textContent = 'Copy as curl'; }, 1200);
    }

    return el('form', { class: 'try', onsubmit: send },
      fields.map(function (item) { return [el('label', {}, item.parameter.name), item.input]; }).flat(),
      body ? el('div', { class: 'wide' }, body) : null,
      el('div', { class: 'buttons wide' }, el('button', { class: 'send' }, 'Send'), stop, el('button', { type: 'button', onclick: copyCurl }, 'Copy as curl')),
      output);
  }

  // ------------------------------------------------------------------------------------------------ operations

  function pathName(path) {
    return el('span', { class: 'path' }, path.split(/(\{[^}]+\})/).map(function (part, i) { return i % 2 ? el('i', {}, part) : part; }));
  }

  function responseItem(status, response) {
    const resolved = resolve(response);
    const refusals = refusalsOf(resolved);
    // Problems all have one form, which the schemas show: what tells them apart is their type.
    const content = status < 400 ? Object.entries(resolved.content || {})[0] : undefined;
    return el('li', {},
      el('span', { class: 'status ' + (status < 400 ? 'ok' : 'bad') }, status), refusals.length ? 'Refused' : resolved.description,
      content ? el('span', { class: 'type' }, content[0] === 'application/json' ? typeName(content[1].schema) : content[0]) : null,
      content ? deeper(content[1].schema) : null,
      refusals.length ? el('details', { class: 'deeper' }, el('summary', {}, refusals.length === 1 ? 'one type' : refusals.length + ' types'),
        el('ul', { class: 'fields' }, refusals.map(function (refusal) {
          return el('li', {}, el('span', { class: 'name' }, refusal[0]), el('div', { class: 'about' }, prose(refusal[1].summary)));
        }))) : null);
  }

  function operationInside(method, path, operation) {
    const parameters = parametersOf(operation);
    const body = ((operation.requestBody || {}).content || {})['application/json'];
    return [
      el('div', { class: 'about' }, prose(operation.description)),
      parameters.length ? [el('h3', {}, 'Parameters'), el('ul', { class: 'fields' }, parameters.map(function (parameter) {
        return el('li', {},
          el('span', { class: 'name' }, parameter.name), el('span', { class: 'type' }, parameter.in + ' · ' + typeName(parameter.schema)),
          parameter.required ? el('span', { class: 'required' }, 'required') : null,
          about(Object.assign({}, resolve(parameter.schema), { description: parameter.description || resolve(parameter.schema).description })));
      }))] : [],
      body ? [el('h3', {}, 'Body'), schemaBlock(body.schema)].flat() : [],
      el('h3', {}, 'Answers'),
      el('ul', { class: 'fields' }, Object.entries(operation.responses).map(function (entry) { return responseItem(entry[0], entry[1]); })),
      el('h3', {}, 'Try it'),
      tryForm(method, path, operation),
    ].flat();
  }

  function card(id, summary, inside) {
    const holder = el('div', { class: 'inside' });
    const details = el('details', { class: 'card', id: id }, summary, holder);
    details.addEventListener('toggle', function () {
      holder.append.apply(holder, inside());
      mark(holder);
    }, { once: true });
    return details;
  }

  document.title = api.info.title + ' API';
  document.querySelector('h1').append(api.info.title, el('span', {}, api.info.version));
  main.append(el('div', { class: 'intro' }, prose(api.info.description)));

  // Everything that can be searched: its text, and what is shown or hidden with it.
  const items = [];
  const groups = new Map();
  function groupOf(tag, description) {
    if (!groups.has(tag)) {
      const group = { section: el('section', {}, el('h2', {}, tag), el('div', { class: 'intro' }, prose(description))), list: el('div', {}, el('h2', {}, tag)) };
      groups.set(tag, group);
      main.append(group.section);
      nav.append(group.list);
    }
    return groups.get(tag);
  }
  function addItem(tag, details, link, text) {
    const group = groupOf(tag);
    group.section.append(details);
    group.list.append(link);
    items.push({ group: group, nodes: [details, link], text: text.toLowerCase() });
  }

  for (const tag of api.tags) groupOf(tag.name, tag.description);
  for (const [path, methods] of Object.entries(api.paths)) {
    for (const [method, operation] of Object.entries(methods)) {
      const id = operation.operationId;
      const summary = el('summary', {},
        el('span', { class: 'method ' + method }, method.toUpperCase()), pathName(path),
        el('span', { class: 'chip', title: 'The level that the caller needs' }, operation['x-needs-level']),
        operation['x-work'] === 'new' ? el('span', { class: 'chip', title: 'A host that is late refuses it first' }, 'new work') : undefined,
        el('span', { class: 'summary' }, operation.summary));
      const link = el('a', { href: '#' + id }, el('span', { class: 'method ' + method }, method.toUpperCase()), el('span', {}, operation.summary));
      addItem(operation.tags[0] || 'other', card(id, summary, function () { return operationInside(method, path, operation); }), link,
        [method, path, id, operation.summary, operation.description, operation.tags.join(' '),
          parametersOf(operation).map(function (parameter) { return parameter.name; }).join(' '),
          wordsOf(schemaIn(operation.requestBody)),
          Object.keys(operation.responses).join(' '),
          Object.values(operation.responses).map(resolve).map(function (response) {
            return refusalsOf(response).map(function (refusal) { return refusal[0]; }).join(' ') || wordsOf(schemaIn(response));
          }).join(' ')].join(' '));
    }
  }
  for (const [name, schema] of Object.entries(api.components.schemas)) {
    if (!isNamed(name)) continue;
    const id = 'schema-' + name;
    const summary = el('summary', {}, el('span', { class: 'path' }, name), el('span', { class: 'summary' }, String(schema.description || '').split('\n')[0]));
    addItem('Schemas', card(id, summary, function () { return [schemaBlock(schema)].flat(); }), el('a', { href: '#' + id }, name), name + ' ' + (schema.description || '') + ' ' + wordsOf(schema));
  }
  const nothing = el('p', { class: 'nothing', hidden: true }, 'Nothing matches.');
  main.append(nothing);

  // A problem is looked for by its whole type too, as an answer carries it.
  function wordsSought() {
    return search.value.toLowerCase().split(/\s+/).map(function (word) { return word.replace(/^.*\/problems\//, ''); }).filter(Boolean);
  }
  // Names and statuses that were looked for stand out, and what hides them is opened.
  function mark(within) {
    const words = wordsSought();
    for (const node of within.querySelectorAll('.name, .status')) {
      const hit = words.some(function (word) { return word.length > 2 && node.textContent.toLowerCase().includes(word); });
      node.classList.toggle('hit', hit);
      const around = hit && node.closest('details.deeper');
      if (around) around.open = true;
    }
  }
  function filter() {
    const words = wordsSought();
    const shown = new Set();
    for (const item of items) {
      const visible = words.every(function (word) { return item.text.includes(word); });
      for (const node of item.nodes) node.hidden = !visible;
      if (visible) shown.add(item.group);
    }
    for (const group of groups.values()) group.section.hidden = group.list.hidden = !shown.has(group);
    nothing.hidden = shown.size > 0;
    mark(main);
  }
  function open() {
    const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (!target || target.tagName !== 'DETAILS') return;
    if (target.hidden) {
      search.value = '';
      filter();
    }
    target.open = true;
    target.scrollIntoView();
  }
  search.addEventListener('input', filter);
  addEventListener('hashchange', open);
  addEventListener('keydown', function (event) {
    if (event.key === '/' && !/INPUT|TEXTAREA/.test(document.activeElement.tagName)) { event.preventDefault(); search.focus(); }
  });
  open();
})();
`;

const HTML = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>API</title>
<link rel="icon" href="data:,">
<style>${STYLE}</style>
</head>
<body>
<header class="bar"><h1></h1><input type="search" placeholder="Search  ( / )" aria-label="Search"><a href="/openapi.json">openapi.json</a></header>
<div class="page"><nav aria-label="Operations"></nav><main></main></div>
<script>${SCRIPT}</script>
</body>
</html>
`;

function hash(text: string): string {
  return `'sha256-${createHash('sha256').update(text).digest('base64')}'`;
}

/** The page and the content security policy that lets only its own style and script run. */
export const DOCS_PAGE = {
  html: HTML,
  contentSecurityPolicy: [
    "default-src 'none'",
    `style-src ${hash(STYLE)}`,
    `script-src ${hash(SCRIPT)}`,
    "connect-src 'self'",
    'img-src data:',
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; '),
} as const;
