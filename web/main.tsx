/** The window: a client of the API in a browser, with a person's token and no rights of its own. */
import './styles/base.css';
import './styles/shell.css';
import './styles/parts.css';
import './styles/panes.css';
import { render } from 'preact';
import { watchKeys } from './lib/keys';
import { watchAddress } from './lib/route';
import { me, resume } from './lib/session';
import { setTheme, theme } from './lib/settings';
import { Shell } from './shell/shell';
import { SignIn } from './shell/sign-in';

function Window() {
  // Until it is known whether a key was kept, neither is shown: it takes some milliseconds.
  if (me.value === undefined) return null;
  return me.value === null ? <SignIn /> : <Shell />;
}

setTheme(theme());
watchAddress();
watchKeys();
void resume();
render(<Window />, document.getElementById('window') as HTMLElement);
