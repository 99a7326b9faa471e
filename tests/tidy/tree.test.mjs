// Rules of the source tree that a reader would otherwise have to remember.
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'

const root = join(import.meta.dirname ?? new URL('.', import.meta.url).pathname, '../..')
const tracked = execFileSync('git', ['ls-files', '-co', '--exclude-standard'], { cwd: root, encoding: 'utf8' })
  .split('\n')
  .filter((f) => f && existsSync(join(root, f)))
const read = (file) => readFileSync(join(root, file), 'utf8')
const cpp = tracked.filter((f) => /^(src|tests|bench)\/.*\.(cc|h)$/.test(f))

// Lines of the files that match, as "file:line: text".
function grep(files, pattern) {
  return files.flatMap((file) =>
    read(file)
      .split('\n')
      .flatMap((line, i) => (pattern.test(line.replace(/\/\/.*$/, '')) ? [`${file}:${i + 1}: ${line.trim()}`] : [])),
  )
}

test('the core has no clock, socket, thread, lock, file or callback', () => {
  const core = cpp.filter((f) => /^src\/(base|wire|rtc|sfu|app)\//.test(f) && !f.endsWith('_test.cc'))
  const forbidden =
    /::now\(|sleep_for|sleep_until|\bgettimeofday\(|\bclock_gettime\(|\btime\(nullptr\)|std::(mutex|thread|function|shared_ptr|condition_variable|async)\b|#include <(thread|mutex|condition_variable|future|fstream|filesystem|sys\/socket\.h|sys\/epoll\.h|unistd\.h|fcntl\.h|chrono)>/
  assert.deepEqual(grep(core, forbidden), [])
})

test('unit and simulation tests do not sleep', () => {
  const tests = cpp.filter((f) => f.endsWith('_test.cc') || f.startsWith('tests/sim/'))
  assert.deepEqual(grep(tests, /sleep_for|sleep_until|\b(u|nano)?sleep\(/), [])
})

// GCC 12 destroys such a temporary twice, or uses it when it is gone (src/http/task.h).
test('no awaited call takes a braced temporary, or stands in a conditional expression', () => {
  const found = cpp.flatMap((file) => {
    const text = read(file).replace(/\/\/.*$/gm, '').replace(/"(\\.|[^"\\])*"/g, '""');
    return [...text.matchAll(/[^;{}]*\bco_await\s[^;]*;/g)]
      .map(([statement]) => statement)
      .filter((s) => /co_await\s[^;]*[(,]\s*[\w:<>]*\{[^}]/.test(s) && !/co_await[^;]*\[[^\]]*\]/.test(s) || /\?[^;]*co_await/.test(s))
      .map((s) => `${file}: ${s.trim().replace(/\s+/g, ' ').slice(0, 120)}`);
  });
  assert.deepEqual(found, []);
})

// GCC 12 ends its life before the last expression of the loop, which then reads what is no more.
test('no variable stands in the condition of a for', () => {
  assert.deepEqual(grep(cpp, /\bfor \([^;]*;\s*(const )?auto\b/), []);
})

test('every C++ file is formatted', () => {
  const out = execFileSync('clang-format-16', ['--dry-run', '--Werror', ...cpp], { cwd: root, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })
  assert.equal(out, '')
})

test('headers are guarded and files stay readable', () => {
  const unguarded = cpp.filter((f) => f.endsWith('.h') && !read(f).includes('#pragma once'))
  assert.deepEqual(unguarded, [])
  const code = tracked.filter((f) => /^(src|tests|bench|web\/src)\/.*\.(cc|h|ts|vue|mjs)$/.test(f))
  const long = code.filter((f) => read(f).split('\n').length > 600)
  assert.deepEqual(long, [])
})

test('nothing is owed or switched off', () => {
  const code = tracked.filter((f) => /^(src|tests|bench|web\/src)\/.*\.(cc|h|ts|vue|mjs)$/.test(f) && !f.startsWith('tests/tidy/'))
  const owed = code.flatMap((file) =>
    read(file).split('\n').flatMap((line, i) => (/\b(TODO|FIXME|XXX)\b|DISABLED_|\b(it|test|describe)\.(skip|only)\(/.test(line) ? [`${file}:${i + 1}`] : [])),
  )
  assert.deepEqual(owed, [])
})

test('lock files name no registry', () => {
  for (const file of tracked.filter((f) => f.endsWith('package-lock.json')))
    assert.ok(!read(file).includes('"resolved"'), file)
})

test('every fuzz target has a corpus', () => {
  for (const file of tracked.filter((f) => /^tests\/fuzz\/.*_fuzz\.cc$/.test(f))) {
    const name = file.replace(/^tests\/fuzz\/(.*)_fuzz\.cc$/, '$1')
    assert.ok(tracked.some((f) => f.startsWith(`tests/fuzz/corpus/${name}/`)), `${name} has no corpus`)
  }
})

// By suite and name (`Suite.Name`, a star for the rest), by file, or by the sentence that a test of Node.js is named by, or the
// beginning of it.
test('every test that a manual names is there', () => {
  const texts = tracked.filter((f) => /^(docs\/[A-Z]+\.md|[A-Z]+\.md|tests\/README\.md)$/.test(f))
  const units = cpp.flatMap((f) => [...read(f).matchAll(/^TEST(?:_F|_P)?\((\w+), (\w+)\)/gm)].map(([, suite, name]) => `${suite}.${name}`))
  const scripts = tracked.filter((f) => /^tests\/(integration|e2e)\/.*\.mjs$/.test(f))
  const sentences = scripts.map(read).join('\n')
  const there = (name) => {
    if (/^[A-Z]\w*\.[A-Z*][\w*]*$/.test(name)) {
      const pattern = new RegExp(`^${name.replaceAll('.', '\\.').replaceAll('*', '\\w*')}$`)
      return units.some((unit) => pattern.test(unit))
    }
    if (/^[a-z_]+\.test\.mjs$/.test(name)) return scripts.some((f) => f.endsWith(`/${name}`))
    // Four words and more, and no other signs: not a command, a type or a path.
    if (/^[A-Za-z]+[,:]?( [A-Za-z]+[,:]?){3,}$/.test(name)) return sentences.includes(`'${name}`)
    return true
  }
  const missing = texts.flatMap((text) =>
    [...read(text).replace(/\s*\n\s*/g, ' ').matchAll(/`([^`]+)`/g)].map(([, name]) => name).filter((name) => !there(name)).map((name) => `${text}: ${name}`))
  assert.deepEqual(missing, [])
})
