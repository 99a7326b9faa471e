import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import type { Plugin } from 'vite';

const kCompressible = /\.(?:js|css|html|svg|json|webmanifest)$/;
// Below this a response fits one packet anyway.
const kMinimumBytes = 1024;

function* files(folder: string): Generator<string> {
  for (const name of readdirSync(folder)) {
    const path = join(folder, name);
    if (statSync(path).isDirectory()) yield* files(path);
    else yield path;
  }
}

/** Writes NAME.gz beside every text file, so that the server never compresses at run time. */
export function gzip(): Plugin {
  let out = '';
  return {
    name: 'loopcast-gzip',
    apply: 'build',
    configResolved(config) {
      out = join(config.root, config.build.outDir);
    },
    closeBundle() {
      for (const path of files(out)) {
        if (!kCompressible.test(path)) continue;
        const bytes = readFileSync(path);
        if (bytes.length >= kMinimumBytes) writeFileSync(`${path}.gz`, gzipSync(bytes, { level: 9 }));
      }
    },
  };
}
