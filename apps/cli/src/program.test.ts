import type { Command } from 'commander';
import { expect, test } from 'vitest';
import { headingOf } from './option-headings.ts';
import { createProgram } from './program.ts';

function commandsBelow(command: Command): Command[] {
  return command.commands.flatMap((below) => [below, ...commandsBelow(below)]);
}

test('every command has a help that says what it is for', () => {
  const commands = commandsBelow(createProgram()).filter((command) => command.name() !== 'alpha');

  expect(commands.map((command) => command.name())).toEqual(
    expect.arrayContaining(['dev', 'start', 'serve', 'send', 'migrate', 'doctor', 'healthcheck', 'version']),
  );
  for (const command of commands) expect(command.description(), command.name()).toMatch(/^[a-z].*[^.]$/);
});

test('every option of a server stands under a heading of its own', () => {
  const serve = createProgram().commands.find((command) => command.name() === 'serve');
  const names = (serve?.options ?? []).filter(({ hidden }) => !hidden).map(({ long }) => long?.slice(2) ?? '');

  expect(names.filter((name) => headingOf(name as never) === 'Options:')).toEqual(['config']);
});

test('healthcheck is where scripts for other servers look for it', () => {
  const alpha = createProgram().commands.find((command) => command.name() === 'alpha');
  const [doctor] = alpha?.commands ?? [];

  expect(doctor?.aliases()).toEqual(['dr']);
  expect(doctor?.commands.map((command) => command.name())).toEqual(['healthcheck']);
  expect(createProgram().helpInformation()).not.toContain('alpha');
});
