/**
 * Loaded before a program that the bootstrap runs in the foreground. The IPC channel between them carries nothing: it
 * closes when the bootstrap is gone, however it went. Then this whole process group is killed, as hard as the bootstrap
 * was: a server that lived on would hold the port and the data folder against the next start.
 */
process.once('disconnect', () => process.kill(-process.pid, 'SIGKILL'));
process.channel?.unref();
