import { createHash } from 'node:crypto';
import { dirname, join, relative, resolve } from 'node:path';

import ts from 'typescript';
import { LuaLibImportKind, LuaTarget, Transpiler } from 'typescript-to-lua';

/** A library of Redis Functions, ready for FUNCTION LOAD. */
export interface CompiledLibrary {
  /** Name of the library and of its one function. It ends in a hash of the code, so that two versions run side by side. */
  name: string;
  code: string;
}

const SOURCES = resolve(import.meta.dirname, '../../..');
const NUMBERS = join(SOURCES, 'operations/numbers.ts');
const LUA_NUMBERS = join(SOURCES, 'drivers/redis/lua/numbers.ts');
/** Digits of the content hash in names. */
const HASH_LENGTH = 12;

const OPTIONS = {
  target: ts.ScriptTarget.ESNext,
  module: ts.ModuleKind.ESNext,
  moduleResolution: ts.ModuleResolutionKind.Bundler,
  strict: true,
  skipLibCheck: true,
  noEmitOnError: false,
  types: [],
  rootDir: SOURCES,
  outDir: '/lua',
  luaTarget: LuaTarget.Lua51,
  luaLibImport: LuaLibImportKind.RequireMinimal,
  noImplicitSelf: true,
  noHeader: true,
  removeComments: true,
};

/**
 * Compiles the module `entry`, which exports `run(keys, args)`, and what it imports to one library. Throws with every
 * diagnostic when TypeScriptToLua refuses something, or when a module outside this package is imported for more than
 * its types.
 */
export function compileLibrary(entry: string): CompiledLibrary {
  const modules = translate(resolve(entry));
  const body = bundle(moduleName(resolve(entry)), modules);
  const hash = createHash('sha256').update(body).digest('hex').slice(0, HASH_LENGTH);
  const name = `perdure_${hash}`;
  return { name, code: `#!lua name=${name}\nlocal NAME = '${name}'\n${body}` };
}

/** As `require` has it: the path from the sources, dots for slashes. */
function moduleName(path: string): string {
  return relative(SOURCES, path).replace(/\.ts$/, '').replaceAll('/', '.');
}

/** Lua of each module by its name. */
function translate(entry: string): Map<string, string> {
  const program = ts.createProgram({ rootNames: [entry], options: OPTIONS, host: hostOfSources() });
  const modules = new Map<string, string>();
  const sourceFiles = program.getSourceFiles().filter((file) => isOurs(file.fileName));
  const { diagnostics } = new Transpiler().emit({
    program,
    sourceFiles,
    writeFile: (path, code) =>
      modules.set(
        relative('/lua', path)
          .replace(/\.lua$/, '')
          .replaceAll('/', '.'),
        code,
      ),
  });
  if (diagnostics.length > 0) throw new Error(ts.formatDiagnostics(diagnostics, FORMAT));
  return new Map([...modules].map(([name, code]) => [name, withLocalFunctions(code)]));
}

/**
 * Makes a module's exported functions locals, too, as which it calls them itself: TypeScriptToLua has it look them up in the
 * table of its exports each time, which took a tenth of the time of operations. The name of an exported function means
 * nothing else wherever it is called, so that it can be replaced as text.
 */
function withLocalFunctions(code: string): string {
  const names = [...code.matchAll(/^function ____exports\.(\w+)\(/gm)].map(([, name = '']) => name);
  if (names.length === 0) return code;
  const own = new RegExp(`\\b____exports\\.(${names.join('|')})\\b`, 'g');
  const exported = names.map((name) => `____exports.${name} = ${name}\n`).join('');
  return code
    .replace(own, '$1')
    .replace('local ____exports = {}\n', `local ____exports = {}\nlocal ${names.join(', ')}\n`)
    .replace(/return ____exports\n$/, `${exported}return ____exports\n`);
}

function isOurs(path: string): boolean {
  const inside = relative(SOURCES, path);
  return inside.startsWith('operations/') || inside.startsWith('drivers/redis/');
}

/**
 * Reads sources as TypeScriptToLua wants them: imports without an extension, and the numbers' Lua twin in their place.
 */
function hostOfSources(): ts.CompilerHost {
  const host = ts.createCompilerHost(OPTIONS);
  return {
    ...host,
    getSourceFile: (path, version) => {
      const text = host.readFile(resolve(path) === NUMBERS ? LUA_NUMBERS : path);
      return text === undefined ? undefined : ts.createSourceFile(path, withoutExtensions(text), version, true);
    },
  };
}

function withoutExtensions(text: string): string {
  return text.replace(/(\bfrom '\.[^']*)\.ts'/g, "$1'");
}

/**
 * One chunk out of the modules that `entry` needs. While a library loads, Redis forbids almost every global, `require` and
 * `string` included: the chunk has a `require` of its own, and modules are run by the first call.
 */
function bundle(entry: string, modules: Map<string, string>): string {
  const needed = new Set<string>();
  const visit = (name: string) => {
    if (needed.has(name)) return;
    needed.add(name);
    const code = modules.get(name);
    if (code === undefined) throw new Error(`operations must not import the module ${name}, other than for types`);
    for (const [, required = ''] of code.matchAll(/\brequire\("([^"]+)"\)/g)) visit(required);
  };
  visit(entry);
  // Sorted, so that the hash depends on the sources alone.
  const parts = [...needed].toSorted().map((name) => `modules["${name}"] = function()\n${modules.get(name)}end\n`);
  return `${PRELUDE}${parts.join('')}${registration(entry)}`;
}

const PRELUDE = `local modules, loaded = {}, {}
local function require(name)
  if loaded[name] == nil then loaded[name] = modules[name]() or true end
  return loaded[name]
end
`;

function registration(entry: string): string {
  return `local run
redis.register_function(NAME, function(keys, args)
  if run == nil then run = require("${entry}").run end
  return run(keys, args)
end)
`;
}

const FORMAT: ts.FormatDiagnosticsHost = {
  getCanonicalFileName: (path) => path,
  getCurrentDirectory: () => dirname(SOURCES),
  getNewLine: () => '\n',
};
