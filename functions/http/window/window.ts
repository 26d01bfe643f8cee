/**
 * The window at its addresses: `/window/…` is one page, whose links can be shared; `/assets/…` is what it loads. At `/`
 * the documentation's routes answer with it, since no function can have the root as its own.
 */
import { Problem } from '../../edge/problem';
import { openRoute } from '../../edge/route';
import { windowFile, windowPage } from '../../edge/window';

openRoute('window', '/window/{*pane}', (request) => {
  const page = windowPage(request);
  if (page === undefined) throw Problem.of('not-found', 'The window was not built: npm run build makes it.');
  return page;
});

openRoute('windowFiles', '/assets/{file}', (request) => {
  const file = windowFile(request, request.params['file'] ?? '');
  if (file === undefined) throw Problem.of('not-found', 'The window has no such file: load its page again.');
  return file;
});
