/** Ends this process with the one that has started it, where that one asks for it (`bin/formicary.js`). */

/** To be called once, at the start. */
export function endWithParent(): void {
  const { FORMICARY_TETHERED } = process.env;
  delete process.env['FORMICARY_TETHERED'];
  if (FORMICARY_TETHERED !== '1' || !process.connected) return;
  // As if it was asked to: a host stops in order.
  process.once('disconnect', () => process.kill(process.pid, 'SIGTERM'));
  process.channel?.unref();
}
