/**
 * Has the library of the app decode what triggers hand over, as under the worker; to be imported by tests that load no
 * app.
 */
import { app } from '@azure/functions';

jest.mock('@azure/functions-core', () => jest.requireActual<object>('../../local/core'), { virtual: true });

// The library shows itself when the first function is registered.
app.timer('first', { schedule: '0 0 0 1 1 *', handler() {} });
