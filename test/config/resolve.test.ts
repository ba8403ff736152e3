import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { originName, resolveConfig, type Sources } from '../../src/config/resolve.js'
import { StanflowError } from '../../src/errors.js'
import { folderWith } from './folder.js'

const sources = (cwd: string, more: Partial<Sources> = {}): Sources => ({ flags: {}, env: {}, cwd, ...more })

async function refusal(promise: Promise<unknown>): Promise<StanflowError> {
  const error = await promise.then(
    () => undefined,
    (thrown: unknown) => thrown,
  )
  assert.ok(error instanceof StanflowError, `refused, with a StanflowError: ${error}`)
  return error
}

test('flags win over the environment, which wins over the file, which wins over defaults', async (t) => {
  const cwd = await folderWith(t, { 'stanflow.yaml': '# night run\nbatch: 2\nframes: 3\ntop: 4\n' })
  const { config, origins } = await resolveConfig(
    sources(cwd, { flags: { batch: '20' }, env: { STANFLOW_BATCH: '30', STANFLOW_FRAMES: '31' } }),
  )
  const seen = (['batch', 'frames', 'top', 'checkpoint'] as const).map((key) => [
    config[key],
    originName(origins[key]),
  ])
  assert.deepEqual(seen, [
    [20, '--batch'],
    [31, 'STANFLOW_FRAMES'],
    [4, 'stanflow.yaml:4'],
    [30, 'default'],
  ])
})

test('an empty variable and an empty file say nothing', async (t) => {
  const cwd = await folderWith(t, { 'stanflow.yaml': '# nothing yet\n' })
  const { origins } = await resolveConfig(sources(cwd, { env: { STANFLOW_BATCH: '' } }))
  assert.equal(origins.batch.kind, 'default')
})

test('a switch that the file turned on can be turned off', async (t) => {
  const cwd = await folderWith(t, { 'stanflow.yaml': 'strict: true\njson: true\n' })
  const { config } = await resolveConfig(
    sources(cwd, { flags: { strict: false }, env: { STANFLOW_JSON: 'off' } }),
  )
  assert.deepEqual([config.strict, config.json], [false, false])
})

test('paths in a file are relative to the file; lists of labels and the default model are no paths', async (t) => {
  const cwd = await folderWith(t, {
    'jobs/night.yaml': 'model: clip\nto: out\nlabels: labels.txt\n',
    'jobs/day.yaml': 'model: default\nlabels: cat, a.txt dog\n',
  })
  const night = await resolveConfig(sources(cwd, { file: 'jobs/night.yaml' }))
  assert.deepEqual(
    [night.config.model, night.config.to, night.config.labels],
    [join(cwd, 'jobs/clip'), join(cwd, 'jobs/out'), join(cwd, 'jobs/labels.txt')],
  )
  assert.equal(night.config.root, undefined, 'what is not said has no value')
  const day = await resolveConfig(sources(cwd, { file: 'jobs/day.yaml' }))
  assert.deepEqual([day.config.model, day.config.labels], ['default', 'cat, a.txt dog'])
})

test('STANFLOW_CONFIG names the file where no flag does, and it must be there', async (t) => {
  const cwd = await folderWith(t, {
    'stanflow.yaml': 'top: 2\n',
    'etc/site.yaml': 'top: 3\n',
    'night.yaml': 'top: 4\n',
  })
  const top = async (named: string, more: Partial<Sources> = {}) => {
    const { config, origins } = await resolveConfig(
      sources(cwd, { env: { STANFLOW_CONFIG: named }, ...more }),
    )
    return [config.top, originName(origins.top)]
  }
  assert.deepEqual(await top('etc/site.yaml'), [3, 'etc/site.yaml:1'])
  assert.deepEqual(await top(join(cwd, 'etc/site.yaml')), [3, `${join(cwd, 'etc/site.yaml')}:1`])
  assert.deepEqual(await top('etc/site.yaml', { file: 'night.yaml' }), [4, 'night.yaml:1'])
  assert.deepEqual(await top(''), [2, 'stanflow.yaml:1'], 'an empty variable says nothing')
  const error = await refusal(top('etc/none.yaml'))
  assert.equal(error.code, 'CONFIG_INVALID')
  assert.match(error.message, /^The configuration file etc\/none\.yaml cannot be read \(ENOENT\)/)
  assert.match(String(error.hint), /STANFLOW_CONFIG/)
})

test('an invalid value is refused in the name of who gave it', async (t) => {
  const cwd = await folderWith(t, { 'stanflow.yaml': 'top: 1\n\nframes: 65\n' })
  const file = await refusal(resolveConfig(sources(cwd)))
  assert.equal(file.code, 'CONFIG_INVALID')
  assert.equal(file.message, 'stanflow.yaml:3: frames must be a whole number from 1 to 64, not 65.')

  const frames = { STANFLOW_FRAMES: '12.5' }
  const env = await refusal(resolveConfig(sources(cwd, { env: frames })))
  assert.equal(env.code, 'CONFIG_INVALID')
  assert.match(env.message, /^STANFLOW_FRAMES must be .*, not "12\.5"\.$/)

  const flag = await refusal(resolveConfig(sources(cwd, { flags: { frames: '0' }, env: frames })))
  assert.equal(flag.code, 'USAGE_INVALID')
  assert.match(flag.message, /^--frames must be .*, not "0"\.$/)
})

test('values of the wrong kind are refused', async (t) => {
  const cwd = await folderWith(t)
  const wrong = {
    batch: ['', 'many', '-1', '1e2', '0x10'],
    window: ['0', '-2s', '4 weeks', 's', '2d'],
    prompts: ['a video', ''],
    strict: ['maybe'],
    structure: ['STAN'],
    labels: ['  '],
  }
  for (const [key, values] of Object.entries(wrong)) {
    for (const value of values) {
      const error = await refusal(resolveConfig(sources(cwd, { flags: { [key]: value } })))
      assert.ok(error.message.startsWith(`--${key} must be `), `${key}=${value}: ${error.message}`)
    }
  }
})

test('durations are seconds, however they are written', async (t) => {
  const cwd = await folderWith(t)
  const seconds = async (checkpoint: unknown) =>
    (await resolveConfig(sources(cwd, { flags: { checkpoint } }))).config.checkpoint
  const written = ['2', '2s', '500ms', '1m', '1h', ' 1.5 s ', '.5', 7, '33ms']
  assert.deepEqual(await Promise.all(written.map(seconds)), [2, 2, 0.5, 60, 3600, 1.5, 0.5, 7, 0.033])
})

test('several prompts in one variable stand between bars or on lines', async (t) => {
  const cwd = await folderWith(t)
  for (const text of ['a photo of {} | {}', 'a photo of {}\n{}\n']) {
    const { config } = await resolveConfig(sources(cwd, { env: { STANFLOW_PROMPTS: text } }))
    assert.deepEqual(config.prompts, ['a photo of {}', '{}'])
  }
})

test('an unknown key is refused with its line and the key that was meant', async (t) => {
  const cwd = await folderWith(t, { 'stanflow.yaml': 'top: 1\nconcurency: 4\n' })
  const error = await refusal(resolveConfig(sources(cwd)))
  assert.equal(error.message, 'stanflow.yaml:2: there is no setting "concurency".')
  assert.equal(error.hint, 'Did you mean "concurrency"?')
  const other = await folderWith(t, { 'stanflow.yaml': 'kafka: localhost\n' })
  assert.match((await refusal(resolveConfig(sources(other)))).hint, /^The keys are: model, /)
})

test('a mistyped choice is refused with the one that was meant', async (t) => {
  const cwd = await folderWith(t)
  const error = await refusal(resolveConfig(sources(cwd, { flags: { reader: 'ffmpg' } })))
  assert.equal(error.hint, 'Did you mean "ffmpeg"?')
})

test('a file that is no configuration is refused with its name, and its line where there is one', async (t) => {
  const broken = {
    'top: 1\nbatch: [2\n': /^stanflow\.yaml:\d: /,
    'top: 1\ntop: 2\n': /^stanflow\.yaml:2: /,
    '- top\n': /^stanflow\.yaml must hold /,
    'just a sentence\n': /^stanflow\.yaml must hold /,
    'branch:\n': /^stanflow\.yaml:1: branch must be .*, not empty\.$/,
  }
  for (const [text, message] of Object.entries(broken)) {
    const error = await refusal(resolveConfig(sources(await folderWith(t, { 'stanflow.yaml': text }))))
    assert.equal(error.code, 'CONFIG_INVALID')
    assert.match(error.message, message)
  }
})

test('a file that was named must be there', async (t) => {
  const cwd = await folderWith(t)
  const error = await refusal(resolveConfig(sources(cwd, { file: 'night.yaml' })))
  assert.equal(error.message, 'The configuration file night.yaml cannot be read (ENOENT).')
})
