/** Lets answers stream on the Functions host. Importing this file is enough; it runs once. */
import { app } from '@azure/functions';

app.setup({ enableHttpStream: true });
