#!/usr/bin/env -S node --max-semi-space-size=4
// A nursery of 4 MB: with Node's own of 16 what lives for a request fills 150 MB more before it is swept, for no less work.
// Old syntax and no static imports: an old Node must be able to read this file, and to say that it is too old.
const neededMajor = 22
const neededMinor = 22
const parts = process.versions.node.split('.')
const major = Number(parts[0])
const minor = Number(parts[1])

if (major < neededMajor || (major === neededMajor && minor < neededMinor)) {
  process.stderr.write(
    'callsift needs Node ' +
      neededMajor +
      '.' +
      neededMinor +
      ' or newer; this is Node ' +
      process.versions.node +
      '.\n' +
      'Install a newer one from https://nodejs.org, or run `npx --yes node@24 ' +
      process.argv[1] +
      '`.\n' +
      'In a clone of the sources, `npm run demo` and `npm start` bring their own.\n',
  )
  process.exitCode = 78
} else {
  // What passes through the router is garbage a moment later: in a nursery that has grown to 48 MB, uploads would stand in memory until it
  // is full. It only grows, so this comes first.
  if (process.argv[2] === 'router')
    process.getBuiltinModule('node:v8').setFlagsFromString('--semi-space-growth-factor=1')
  // What was compiled once need not be compiled at every start: a quarter of it. The folder lies inside the program's own and is as
  // trusted as its code; where it cannot be written, nothing is kept, and nothing is said.
  if (/\.js$/.test(import.meta.url)) {
    const folder = process.getBuiltinModule('node:url').fileURLToPath(new URL('../code-cache', import.meta.url))
    process.getBuiltinModule('node:module').enableCompileCache(folder)
  }
  import('./cli/main.ts').then((main) => main.runCommandLine(process.argv))
}
