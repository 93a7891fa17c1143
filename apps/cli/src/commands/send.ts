import { readFile } from 'node:fs/promises';
import { text } from 'node:stream/consumers';
import { DEFAULTS, loadOptions } from '@perdure/config';
import type { Command } from 'commander';
import { addConfigOptions, complain, sourcesOf } from '../config-flags.ts';
import { type EventInput, sendEvent } from './send-event.ts';

const ABOUT = `
Prints the ID that the server gave the event. Examples:
  perdure send shop/order.placed '{"order": "A-1"}'
  perdure send shop/order.placed --file order.json --url https://perdure.example.com --event-key k1
  jq .order order.json | perdure send shop/order.placed -`;

interface SendFlags {
  file?: string;
  id?: string;
}

export function addSendCommand(program: Command): void {
  const command = program
    .command('send')
    .description('send an event to a running server')
    .argument('<name>', 'name of the event')
    .argument('[json]', 'its data, an object; - reads it from standard input')
    .option('-f, --file <path>', 'read the data from a file')
    .option('--id <id>', 'ID of your own: the same one starts the same function once a day');
  addConfigOptions(command, 'send');
  command.addHelpText('after', ABOUT).action(async (name: string, json: string | undefined, flags: SendFlags) => {
    process.exitCode = await send(command, name, json, flags);
  });
}

/** Answers the exit status. */
async function send(command: Command, name: string, json: string | undefined, flags: SendFlags): Promise<number> {
  const loaded = loadOptions(sourcesOf('send', command));
  complain({ problems: loaded.ok ? [] : loaded.problems, notices: loaded.notices });
  if (!loaded.ok) return 1;
  const data = await readData(json, flags.file);
  if (!data.ok) return fail(data.message);
  const event: EventInput = {
    name,
    ...(data.data !== undefined && { data: data.data }),
    ...(flags.id !== undefined && { id: flags.id }),
  };
  const { url = DEFAULTS.url, 'event-key': eventKeys = [] } = loaded.values;
  const sent = await sendEvent({ url, eventKey: eventKeys[0], event });
  if (!sent.ok) return fail(sent.message);
  for (const id of sent.ids) console.log(id);
  return 0;
}

function fail(message: string): number {
  console.error(`Error: ${message}`);
  return 1;
}

type ReadData = { ok: true; data?: Record<string, unknown> } | { ok: false; message: string };

async function readData(json: string | undefined, file: string | undefined): Promise<ReadData> {
  if (json !== undefined && file !== undefined)
    return { ok: false, message: 'give the data once: as text or as --file' };
  try {
    if (file !== undefined) return parseData(await readFile(file, 'utf8'), file);
    if (json === '-') return parseData(await text(process.stdin), 'standard input');
  } catch (error) {
    return { ok: false, message: `the data cannot be read: ${error instanceof Error ? error.message : String(error)}` };
  }
  return json === undefined ? { ok: true } : parseData(json, 'the argument');
}

function parseData(json: string, where: string): ReadData {
  let data: unknown;
  try {
    data = JSON.parse(json);
  } catch (error) {
    return { ok: false, message: `the data in ${where} is no JSON: ${error instanceof Error ? error.message : ''}` };
  }
  if (typeof data === 'object' && data !== null && !Array.isArray(data)) return { ok: true, data: { ...data } };
  return { ok: false, message: `the data in ${where} must be a JSON object, such as {"order": "A-1"}` };
}
