import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { renderVideo } from '../../src/media/encode.js'
import { USER } from '../support/broker.js'
import { TestCamera } from '../support/camera.js'
import { freePort } from '../support/child.js'
import { cli, type Running, start } from '../support/cli.js'
import { eventually } from '../support/ingest.js'
import { sharedBroker, topicPrefix } from '../support/kafka.js'
import { S3Server } from '../support/s3-server.js'

const secret = (): string => randomBytes(12).toString('hex')
/** What must stand in no log, no answer and no list of processes. */
const SECRETS = {
  sasl: USER.password,
  camera: secret(),
  wrongCamera: secret(),
  wrongSasl: secret(),
  webhook: Buffer.from(secret()).toString('base64'),
  hook: secret(),
  token: secret(),
  registry: secret(),
} as const

const closing: (() => Promise<unknown>)[] = []
after(async () => {
  for (const close of closing.reverse()) await close()
})

/** Command lines of all processes of this machine, read again and again until the end. */
function processLists(): { readonly seen: Set<string>; readonly stop: () => void } {
  const seen = new Set<string>()
  const timer = setInterval(async () => {
    for (const pid of await readdir('/proc').catch(() => [])) {
      if (/^\d+$/.test(pid)) seen.add(await readFile(`/proc/${pid}/cmdline`, 'latin1').catch(() => ''))
    }
  }, 200)
  return { seen, stop: () => clearInterval(timer) }
}

test('all pipelines at work, at debug level, tell no secret: not in logs, answers or lists of processes', async () => {
  const lists = processLists()
  closing.push(async () => lists.stop())
  const dir = await mkdtemp(join(tmpdir(), 'stanflow-secrets-'))
  closing.push(() => rm(dir, { recursive: true, force: true }))
  const { sasl } = await sharedBroker()
  const s3 = await S3Server.start()
  closing.push(() => s3.stop())
  const bucket = await s3.bucket()
  const camera = await TestCamera.start({ size: '320x180', user: `viewer:${SECRETS.camera}` })
  closing.push(() => camera.stop())
  const prefix = topicPrefix()
  const env: NodeJS.ProcessEnv = {
    ...s3.env,
    ...{
      STANFLOW_BROKERS: sasl,
      STANFLOW_PREFIX: prefix,
      STANFLOW_SASL: 'plain',
      STANFLOW_SASL_USERNAME: USER.username,
    },
    ...{
      STANFLOW_SASL_PASSWORD: SECRETS.sasl,
      STANFLOW_LOG_LEVEL: 'debug',
      STANFLOW_ACCESS_TOKEN: SECRETS.token,
    },
    ...{
      STANFLOW_WEBHOOK_SECRET: `whsec_${SECRETS.webhook}`,
      CAMERA: SECRETS.camera,
      WRONG: SECRETS.wrongCamera,
    },
    STANFLOW_WEBHOOK_PRIVATE: 'true',
    // Nobody listens there: the receiver's address is spoken of, with its key left out.
    STANFLOW_WEBHOOK: `http://127.0.0.1:${await freePort()}/in?key=${SECRETS.hook}`,
  }
  const said: string[] = []
  const once = async (args: readonly string[], more: NodeJS.ProcessEnv = {}): Promise<number | null> => {
    const { code, stdout, stderr } = await cli(args, { cwd: dir, env: { ...env, ...more } })
    said.push(stdout, stderr)
    return code
  }
  const video = join(dir, 'a.mp4')
  await renderVideo(video, { filter: 'testsrc2=size=96x72:rate=10:duration=1', codec: 'h264' })
  const url = camera.url.replace('rtsp://', '')
  const list = [
    { id: 'right', url: camera.url, username: 'viewer', 'password-env': 'CAMERA' },
    { id: 'wrong', url: camera.url, username: 'viewer', 'password-env': 'WRONG' },
    { id: 'within', url: `rtsp://viewer:${SECRETS.camera}@${url}` },
  ]
  await writeFile(
    join(dir, 'cameras.yaml'),
    JSON.stringify({ labels: ['a', 'b'], window: 2, stride: 1, cameras: list }),
  )

  assert.equal(await once(['topics', 'create', '--partitions', '1']), 0)
  assert.equal(await once(['submit', video]), 0)
  assert.equal(await once(['config', 'print']), 0)
  assert.equal(await once(['doctor']).then((code) => typeof code), 'number')
  // What goes wrong is told, and tells no more than that.
  assert.notEqual(await once(['submit', video], { STANFLOW_SASL_PASSWORD: SECRETS.wrongSasl }), 0)
  assert.notEqual(
    await once(['topics', 'create', '--partitions', '1'], {
      STANFLOW_REGISTRY: `http://user:${SECRETS.registry}@127.0.0.1:1/x`,
    }),
    0,
  )

  const kafka = `kafka://${sasl}`
  const jobs: Readonly<Record<string, readonly string[]>> = {
    consume: ['consume', '--frames', '4', '--labels', 'a, b'],
    archive: ['archive', '--to', `s3://${bucket}/archive`, '--roll-time', '1s'],
    ingest: ['ingest', '--cameras', 'cameras.yaml', '--to', kafka, '--frames', '4'],
    alerts: ['alerts', '--from', 'beginning'],
    index: ['index', '--from', kafka, '--to', join(dir, 'index')],
    serve: ['serve', '--port', '0'],
  }
  const running = new Map<string, Running>()
  const heard = new Map<string, string>()
  for (const [name, args] of Object.entries(jobs)) {
    const one = start(args, { cwd: dir, env })
    running.set(name, one)
    for (const stream of [one.child.stdout, one.child.stderr]) {
      stream?.on('data', (chunk: Buffer) => heard.set(name, (heard.get(name) ?? '') + chunk.toString()))
    }
    closing.push(async () => void one.child.kill('SIGKILL'))
  }
  /** That each came to speak of what it could give away. */
  const signs: readonly (readonly [string, RegExp])[] = [
    ['consume', /"input done"/],
    ['ingest', /"camera-up"/],
    ['ingest', /CAMERA_AUTH/],
    ['alerts', /WEBHOOK|tried again|attempt/i],
    ['index', /"ready"/],
    ['archive', /"ready"/],
    ['serve', /http:\/\//],
  ]
  const missing = () => signs.filter(([name, sign]) => !sign.test(heard.get(name) ?? ''))
  await eventually(
    () => missing().length === 0,
    180,
    () =>
      missing()
        .map(([name, sign]) => `${name} ${sign}: ${heard.get(name)?.slice(-1500)}`)
        .join('\n'),
  )
  for (const { child } of running.values()) child.kill('SIGTERM')
  for (const { finished } of running.values()) {
    const { stdout, stderr } = await finished
    said.push(stdout, stderr)
  }
  lists.stop()

  // What is no secret is found where secrets are looked for.
  assert.ok(said.some((text) => text.includes(prefix)))
  assert.ok([...lists.seen].some((line) => line.includes('cameras.yaml')))
  assert.ok(
    [...lists.seen].some((line) => line.includes('ffmpeg')),
    'and ffmpeg among them',
  )
  // Camera servers of the tests are given their users so.
  const lines = [...lists.seen].filter((line) => !/camera\.py|versitygw|java/.test(line))
  const s3Secret = s3.env.AWS_SECRET_ACCESS_KEY as string
  for (const [name, value] of Object.entries({ ...SECRETS, s3: s3Secret })) {
    const told = said.flatMap((text) => text.split('\n')).find((line) => line.includes(value))
    assert.equal(told, undefined, `${name} is told: ${told?.slice(0, 300)}`)
    const listed = lines.find((line) => line.includes(value))
    assert.equal(
      listed,
      undefined,
      `${name} is in the list of processes: ${listed?.replaceAll('\0', ' ').slice(0, 300)}`,
    )
  }
})
