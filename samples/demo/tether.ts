/** Loaded into a child process with --require: it ends when its parent is gone, however that went. */
process.once('disconnect', () => process.exit(1));
