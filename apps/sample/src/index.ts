export type { SampleMessage } from './sample-message.ts';

/** The file to run as a child process with an IPC channel; it tells what happens as `SampleMessage`s. */
export const sampleMainUrl: URL = new URL('./main.js', import.meta.url);
